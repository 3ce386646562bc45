"""Experiment files are checked, and experiments are finished exactly once."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import dysyr
from dysyr import experiment as running
from dysyr.core.errors import DysyrError, FormatError, InputError, NotConverged
from dysyr.core.settings_text import parse_settings
from dysyr.experiment import build_reconstructor, read_experiment, run_experiment
from dysyr.experiment_data import make_data
from dysyr.reporting.metrics_file import read_metrics

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SMALL = """
title = "A circle"
seeds = [0, 1]
[data]
path = "circle.csv"
[[reconstructor]]
method = "shplrnn"
hidden_dim = 6
n_updates = 10
n_checks = 1
max_restarts = 0
sequence_length = 20
[evaluate]
measures = ["d_stsp", "d_h"]
n_runs = 10
n_contexts = 4
"""


@pytest.fixture
def small(tmp_path):
    """Path of an experiment that takes a second."""
    t = 0.1 * np.arange(500)
    table = np.stack([t, np.sin(t), np.cos(t)], axis=1)
    np.savetxt(tmp_path / "circle.csv", table, delimiter=",", header="time,a,b", comments="", fmt="%.8f")
    (tmp_path / "small.toml").write_text(SMALL)
    return tmp_path / "small.toml"


def written(tmp_path, text):
    path = tmp_path / "e.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "path", sorted({*EXAMPLES.glob("*.toml")} - {*EXAMPLES.glob("*sweep.toml")}), ids=lambda p: p.stem
)
def test_the_examples_are_valid(path):
    experiment = read_experiment(path)
    for table in experiment.reconstructors:
        arguments = {key: value for key, value in table.items() if key not in ("method", "label")}
        build_reconstructor(table["method"], arguments)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("seed = 3\n", "did you mean 'seeds'"),
        ('[system]\nname = "lorenz63"\n[data]\npath = "a.csv"\n', "exactly one"),
        ("title = 'x'\n", "exactly one"),
        ('[data]\npth = "a.csv"\n', "did you mean 'path'"),
        ("[data]\ndt = 0.1\n", "neither name nor path"),
        ('[data]\npath = "a.csv"\n', "at least one table"),
        ('[data]\npath = "a.csv"\n[[reconstructor]]\nhidden_dim = 3\n', "without method"),
        ('[system]\nname = "henon"\n[simulate]\nsteps = 3\n[[reconstructor]]\nmethod = "shplrnn"\n', "n_steps"),
        ('[system]\nname = "henon"\n[simulate.test]\nnoise = 3\n', "'noise'"),
        ('[data]\npath = "a"\n[split]\ntest = 1.5\n', "between 0 and 1"),
        ('[data]\npath = "a"\n[split]\ntest = 0.6\nvalidation = 0.6\n', "between 0 and 1"),
        ('seeds = [0, 0]\n[data]\npath = "a"\n', "different whole numbers"),
        ('seeds = 3\n[data]\npath = "a"\n', "whole numbers"),
        ('[data]\npath = "a"\n[evaluate]\nn_run = 3\n', "did you mean 'n_runs'"),
        ('[data]\npath = "a"\n[evaluate]\nmeasures = ["d_stp"]\n', "measure .*d_stp.*did you mean 'd_stsp'"),
        ('[data]\npath = "a"\n[evaluate]\nmeasures = [3]\n', "measures of .evaluate. .*a list of names"),
        ('[data]\npath = "a"\nembed = 3\n', "true, false or a table"),
        ('[data]\npath = "a"\n[[reconstructor]]\nmethod="shplrnn"\n[[reconstructor]]\nmethod="shplrnn"\n', "labels"),
        ('[data]\npath = "a"\n[[reconstructor]]\nmethod="shplrnn"\nlabel="../../x"\n', "labels"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path, text, match):
    with pytest.raises(InputError, match=match):
        read_experiment(written(tmp_path, text))


@pytest.mark.parametrize("text", ["a = ", "\x00", "[system\n"])
def test_what_is_not_toml_is_refused(tmp_path, text):
    with pytest.raises(FormatError, match=r"e\.toml"):
        read_experiment(written(tmp_path, text))
    with pytest.raises(FormatError, match="absent"):
        read_experiment(tmp_path / "absent.toml")


def test_settings_override_entries(small):
    settings = parse_settings(["seeds=[4]", "reconstructor.hidden_dim=9", "split.test=0.5", "data=other.csv"])
    experiment = read_experiment(small, settings)
    assert experiment.seeds == (4,)
    assert experiment.reconstructors[0]["hidden_dim"] == 9
    assert experiment.split == {"test": 0.5}
    assert experiment.data == {"path": str(Path("other.csv").absolute())}
    assert read_experiment(EXAMPLES / "ecg.toml", {"data": "copy.npz"}).data["name"] == "ecg"
    assert "name" not in read_experiment(EXAMPLES / "ecg.toml", {"data": "other.npy"}).data
    with pytest.raises(InputError, match="did you mean 'simulate'"):
        read_experiment(small, {"simulte.n_steps": 3})


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.5", 0.5), ("true", True), ("[1, 2]", [1, 2]), ('"a"', "a"), ("plain text", "plain text"),
     ("1e-3", 1e-3), ("", ""), ("a\nb = 3", "a\nb = 3")],
)  # fmt: skip
def test_values_are_read_as_toml_or_text(text, value):
    assert parse_settings([f"key={text}"]) == {"key": value.strip() if isinstance(value, str) else value}


def test_a_setting_given_twice_is_refused():
    with pytest.raises(InputError, match="twice"):
        parse_settings(["a=1", "a=2"])


def test_the_parts_of_the_data_share_no_sample(small):
    data = make_data(read_experiment(small))
    a = np.concatenate([part["x"].values[0] for part in (data.train, data.validation, data.test)])
    np.testing.assert_allclose(a, np.loadtxt(small.parent / "circle.csv", delimiter=",", skiprows=1)[:, 1:])


def test_embedding_is_chosen_on_the_training_data_and_used_for_all(small):
    x = np.loadtxt(small.parent / "circle.csv", delimiter=",", skiprows=1)[:, 1]
    np.save(small.parent / "x.npy", x)
    overrides = {"data.path": str(small.parent / "x.npy"), "data.dt": "1/10", "data.embed": True}
    data = make_data(read_experiment(small, overrides))
    embeddings = [json.loads(part.attrs["embedding"]) for part in (data.train, data.validation, data.test)]
    assert len({(e["dim"], e["delay"]) for e in embeddings}) == 1
    assert data.observed.sizes["state"] == 1
    assert data.train.attrs["dt"] == pytest.approx(0.1)


def test_simulated_test_data_are_independent_and_clean(tmp_path):
    text = (
        '[system]\nname = "henon"\nparameters = { a = 1.3 }\n'
        "[simulate]\nn_steps = 300\nobservation_noise = 0.1\nseed = 5\n[simulate.test]\nobservation_noise = 0.0\n"
        '[[reconstructor]]\nmethod = "shplrnn"\n'
    )
    data = make_data(read_experiment(written(tmp_path, text)))
    clean = dysyr.simulate(dysyr.load_system("henon", a=1.3), n_steps=300, seed=6)
    np.testing.assert_array_equal(data.test["x"], clean["x"])
    assert data.train.sizes["time"] + data.validation.sizes["time"] == 300
    assert data.reference is None


def test_a_system_of_ones_own_gets_independent_truths_for_its_floors(tmp_path):
    system = dysyr.System.map({"x": "r*x*(1 - x)"}, parameters={"r": 3.9}, initial_state={"x": 0.3}, name="mine")
    system.to_file(tmp_path / "mine.toml")
    text = '[system]\nname = "mine.toml"\n[simulate]\nn_steps = 200\n[[reconstructor]]\nmethod = "shplrnn"\n'
    data = make_data(read_experiment(written(tmp_path, text)))
    assert data.reference.sizes["trajectory"] == 20
    assert not np.isin(data.reference["x"].values[:, -1], data.test["x"].values).any()


def test_test_data_of_their_own_take_the_place_of_a_share(small):
    table = np.loadtxt(small.parent / "circle.csv", delimiter=",", skiprows=1)[:, 1:]
    np.save(small.parent / "train.npy", table[:300])
    np.save(small.parent / "test.npy", table[300:])
    parts = {f"data.{key}": str(small.parent / f"{name}.npy") for key, name in (("path", "train"), ("test", "test"))}
    data = make_data(read_experiment(small, {"split.test": 0.3, "data.dt": 0.1, **parts}))
    np.testing.assert_array_equal(data.test["x"].values[0], table[300:])
    assert data.train.sizes["time"] + data.validation.sizes["time"] == 300


@pytest.mark.slow
def test_an_interrupted_experiment_goes_on_with_the_same_bits(small, tmp_path):
    def command(out):
        words = ["run", str(small), "-o", str(out), "--set", "seeds=[0]", "--set", "reconstructor.n_updates=20000"]
        return [sys.executable, "-m", "dysyr", *words, "--set", "reconstructor.n_checks=200"]

    stopped = subprocess.Popen(command(tmp_path / "a"), stderr=subprocess.PIPE, text=True)
    checkpoint = tmp_path / "a" / "shplrnn" / "seed-0" / "checkpoint.safetensors"
    while stopped.poll() is None and not checkpoint.exists():
        time.sleep(0.05)
    stopped.send_signal(signal.SIGINT)
    _, err = stopped.communicate()
    assert stopped.returncode == 130 and err.endswith("dysyr: interrupted\n")
    assert not (tmp_path / "a" / "report.html").exists()
    weights = []
    for name in ("a", "b"):
        subprocess.run(command(tmp_path / name), check=True, capture_output=True)
        weights.append((tmp_path / name / "shplrnn" / "seed-0" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_an_experiment_is_finished_once_and_then_kept(small, tmp_path, monkeypatch):
    out, said = tmp_path / "out", []
    first = run_experiment(read_experiment(small), out, say=said.append)
    assert {path.name for path in out.iterdir()} == {
        "data", "experiment.json", "metrics.json", "report.html", "shplrnn",
    }  # fmt: skip
    assert [row.label for row in first.comparison.rows] == ["shplrnn"]
    assert len(first.comparison.rows[0].cards) == 2
    chosen = first.to_dict()["chosen_seed"]["shplrnn"]
    criteria = [
        read_metrics(out / "shplrnn" / f"seed-{seed}" / "metrics.json")["validation_criterion"] for seed in (0, 1)
    ]
    assert criteria[chosen] == min(criteria)
    assert "2 models were trained" in (out / "report.html").read_text()

    monkeypatch.setattr(dysyr.SHPLRNN, "fit", lambda *args, **kwargs: pytest.fail("fitted again"))
    second = run_experiment(read_experiment(small), out, say=said.append)
    assert second.comparison.to_dict() == first.comparison.to_dict()
    assert sum("kept" in line for line in said) == 2

    with pytest.raises(DysyrError, match="other arguments"):
        run_experiment(read_experiment(small, {"reconstructor.hidden_dim": 7}), out, say=said.append)
    with pytest.raises(DysyrError, match="holds another experiment: other split"):
        run_experiment(read_experiment(small, {"split.test": 0.5}), out, say=said.append)


def test_a_failed_seed_is_counted_and_the_others_go_on(small, tmp_path, monkeypatch):
    fit = dysyr.SHPLRNN.fit

    def failing(self, *args, **kwargs):
        if self.seed == 0:
            raise NotConverged("no update gave a finite model")
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(dysyr.SHPLRNN, "fit", failing)
    result = run_experiment(read_experiment(small), tmp_path / "out", say=lambda text: None)
    assert result.comparison.rows[0].n_failed >= 1
    assert result.comparison.rows[0].verdicts["failed"] == 1
    assert result.to_dict()["chosen_seed"] == {"shplrnn": 1}
    with pytest.raises(DysyrError, match="every fit failed: no update gave a finite model"):
        run_experiment(read_experiment(small, {"seeds": [0]}), tmp_path / "alone", say=lambda text: None)


def test_a_wrong_argument_is_refused_before_anything_is_computed(small, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "make_data", lambda experiment: pytest.fail("worked first"))
    with pytest.raises(InputError, match="did you mean 'hidden_dim'"):
        run_experiment(read_experiment(small, {"reconstructor.hiden_dim": 7}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_test_data_that_cannot_judge_windows_are_refused_before_a_fit(small, tmp_path, monkeypatch):
    monkeypatch.setattr(dysyr.KoopmanVAE, "fit", lambda *args, **kwargs: pytest.fail("fitted first"))
    table = np.genfromtxt(small.parent / "circle.csv", delimiter=",", names=True)
    table["a"][::10] = np.nan
    np.savetxt(small.parent / "circle.csv", table, delimiter=",", header="time,a,b", comments="")
    start = SMALL.index("[[reconstructor]]")
    text = SMALL[:start] + 'mask = true\n[[reconstructor]]\nmethod = "koopmanvae"\nwindow = 24\n'
    small.write_text(text)
    with pytest.raises(InputError, match="0 with a complete window.*24 that follow one another and miss nothing"):
        run_experiment(read_experiment(small), tmp_path / "out", say=lambda text: None)
    small.write_text(text.replace("window = 24", "window = 5"))
    with pytest.raises(pytest.fail.Exception, match="fitted first"):
        run_experiment(read_experiment(small), tmp_path / "other", say=lambda text: None)


def test_a_folder_with_other_things_is_left_alone(small, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(DysyrError, match="not empty"):
        run_experiment(read_experiment(small), tmp_path / "out", say=lambda text: None)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_recordings_below_each_other_in_one_table(small):
    table = np.loadtxt(small.parent / "circle.csv", delimiter=",", skiprows=1)
    rows = np.column_stack([np.arange(500) // 250, table])
    np.savetxt(small.parent / "long.csv", rows, delimiter=",", header="rat,time,a,b", comments="", fmt="%.8f")
    given = {"data": str(small.parent / "long.csv"), "data.test": str(small.parent / "long.csv")}
    made = make_data(read_experiment(small, given | {"data.trajectory": "rat"}))
    assert made.test["x"].shape == (2, 250, 2)
    assert made.train.sizes["trajectory"] + made.validation.sizes["trajectory"] == 4
    with pytest.raises(InputError, match=r"trajectory of \[data\] .*: 3; a text"):
        read_experiment(small, {"data.trajectory": 3})
