"""Sweeps: what a file expands to, that finished tasks stay, what failures leave, and the table."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import dysyr
from dysyr.benchmark import sweep_run, sweep_trials
from dysyr.benchmark.sweep_claim import claim
from dysyr.benchmark.sweep_file import Sweep, Task, read_sweep
from dysyr.benchmark.sweep_run import read_sweep_folder, run_sweep, run_task, write_results
from dysyr.benchmark.sweep_trials import VICTIMS, page, run_on_own_scheduler, run_with_kills, table
from dysyr.cli import app
from dysyr.core.errors import FormatError

FILE = """
title = "Channels"
seeds = [0, 1]
[system]
name = ["two_state_channel", "three_state_channel"]
[simulate]
n_steps = 40
n_trajectories = 20
test = { n_trajectories = 20 }
[evaluate]
measures = ["rate_error", "hellinger"]
[[reconstructor]]
method = "jumpem"
estimator = ["em", "map"]
[[reconstructor]]
method = "jumpfoundation"
label = "network"
"""


CALM = FILE.replace('["two_state_channel", "three_state_channel"]', '"two_state_channel"')
CALM = CALM.replace("n_trajectories = 20\ntest", "n_trajectories = [20, 30]\ntest")
"""The same size without a state that is seldom left, of which fits would warn."""


@pytest.fixture
def read(tmp_path):
    def reading(text=FILE):
        (tmp_path / "channels.toml").write_text(text)
        return read_sweep(tmp_path / "channels.toml")

    return reading


@pytest.fixture
def quick(monkeypatch):
    """Fits and evaluations that take no time; returns the list of tasks that ran."""
    ran = []

    def fit_and_score(reconstructor, data, experiment, folder, *, label, say, fitted=None):
        ran.append((experiment.system["name"], label, reconstructor.seed))
        value = 0.1 * len(label) + reconstructor.seed
        scores = {
            "format": 1, "label": label, "verdict": "wrong rates", "why": [],
            "measures": {"d_stsp": {"kind": "distance", "value": value, "floor": 0.05, "ceiling": 9.0}},
            "provenance": {"seed": reconstructor.seed, "fit_seconds": 2.0},
        }  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").write_text(json.dumps(scores))
        return scores, None

    monkeypatch.setattr(sweep_run, "fit_and_score", fit_and_score)
    monkeypatch.setattr(sweep_run, "make_data", lambda experiment: None)
    return ran


def test_lists_are_expanded(read):
    sweep = read()
    assert list(sweep.conditions) == ["two_state_channel", "three_state_channel"]
    labels = [table["label"] for table in sweep.conditions["two_state_channel"].reconstructors]
    assert labels == ["jumpem-estimator_em", "jumpem-estimator_map", "network"]
    tasks = sweep.tasks()
    assert len(tasks) == 2 * 3 * 2
    assert [task.seed for task in tasks[:6]] == [0] * 6, "the first seed of everything comes first"
    made = sweep.reconstructor(Task(condition="two_state_channel", label="jumpem-estimator_em", seed=1))
    assert (made.estimator, made.seed) == ("em", 1)
    assert sweep.conditions["two_state_channel"].evaluate["measures"] == ["rate_error", "hellinger"]


def test_numbers_in_tables_are_combined(read):
    text = FILE.replace("n_steps = 40", "n_steps = [40, 80]\nlabel_noise = [0.0, 0.05]")
    sweep = read(text)
    assert len(sweep.conditions) == 8
    one = sweep.conditions["three_state_channel-n_steps_80-label_noise_0.05"]
    assert (one.system["name"], one.simulate["n_steps"]) == ("three_state_channel", 80)
    assert one.simulate["label_noise"] == 0.05
    assert one.simulate["test"] == {"n_trajectories": 20}
    assert sweep.settings["two_state_channel-n_steps_40-label_noise_0"]["simulate.n_steps"] == 40


@pytest.mark.parametrize("name", ["sweep.toml", "quick_sweep.toml"])
def test_the_examples_are_valid(name):
    sweep = read_sweep(Path(__file__).parents[3] / "examples" / name)
    assert len(sweep.tasks()) == 4 * 4 * 5


def test_a_sweep_survives_its_own_file(read):
    sweep = read()
    again = Sweep.from_dict(json.loads(json.dumps(sweep.to_dict())))
    assert again == sweep


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"three_state_channel"]', '"two_state_channel"]', "two conditions of the sweep have one name"),
        ('["em", "map"]', '["em", "em"]', "labels of"),
        ('["em", "map"]', "[]", "nothing to sweep over in reconstructor.estimator: an empty list"),
        ("n_steps = 40", "n_steps = []", "nothing to sweep over in simulate.n_steps"),
        ("estimator =", "estimatr =", "estimatr"),
        ('method = "jumpfoundation"', 'method = "nonsense"', "nonsense"),
        ("[simulate]", "[simulation]", "simulation"),
        ("seeds = [0, 1]", "seeds = [0, 0]", "different whole numbers"),
    ],
)
def test_bad_files_say_what_is_wrong(read, old, new, message):
    with pytest.raises(dysyr.InputError, match=message):
        read(FILE.replace(old, new))


def test_a_file_that_is_no_toml(read, tmp_path):
    with pytest.raises(dysyr.FormatError, match="cannot read the sweep file"):
        read("title = ")
    with pytest.raises(dysyr.FormatError, match="No such file"):
        read_sweep(tmp_path / "nothing.toml")


def test_a_task_from_data_to_scores(read, tmp_path):
    sweep = read()
    out = tmp_path / "out"
    claim(out, sweep)
    task = Task(condition="two_state_channel", label="jumpem-estimator_map", seed=1)
    assert run_task(out, task) in ("indistinguishable at this length", "plausible rates", "wrong rates")
    scores = json.loads((out / task.folder / "metrics.json").read_text())
    assert scores["provenance"]["seed"] == 1
    assert scores["provenance"]["fit_seconds"] > 0
    assert dysyr.load(out / task.folder).estimator == "map"
    table = xr.load_dataset(write_results(sweep, out).parent / "table.nc")
    assert float(table["rate_error"].squeeze()) == scores["measures"]["rate_error"]["value"]


def test_finished_tasks_are_not_repeated(read, tmp_path, quick):
    said, out = [], tmp_path / "out"
    page = run_sweep(read(), out, workers=0, say=said.append)
    assert len(quick) == len(set(quick)) == 12
    assert "12 tasks, 12 of them to do" in said[0]
    first = (out / "table.csv").read_bytes()
    (out / "runs/two_state_channel/network/seed-1/metrics.json").unlink()
    run_sweep(read(), out, workers=0, say=said.append)
    assert quick[12:] == [("two_state_channel", "network", 1)]
    assert (out / "table.csv").read_bytes() == first
    text = page.read_text()
    assert "Mean rank over 2 data sets" in text
    assert "12 runs over 2 data sets, none of them failed" in text


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]", b'{"format": 1, "measures": {}}'])
def test_damaged_scores_of_a_task_are_told(read, tmp_path, quick, content):
    out = tmp_path / "out"
    run_sweep(read(), out, workers=0, say=print)
    (out / "runs/two_state_channel/network/seed-1/metrics.json").write_bytes(content)
    for again in (lambda: write_results(read(), out), lambda: run_sweep(read(), out, workers=0, retry_failed=True)):
        with pytest.raises(FormatError, match="a task of the sweep: .*seed-1/metrics.json.* delete it and run"):
            again()


def test_a_sweep_may_grow_but_not_change(read, tmp_path, quick):
    out = tmp_path / "out"
    run_sweep(read(), out, workers=0, say=quick.append)
    run_sweep(read(FILE.replace("seeds = [0, 1]", "seeds = [0, 1, 2]")), out, workers=0, say=lambda text: None)
    assert len([task for task in quick if isinstance(task, tuple)]) == 18
    with pytest.raises(dysyr.DysyrError, match="holds another sweep: other simulate of two_state_channel"):
        run_sweep(read(FILE.replace("n_steps = 40", "n_steps = 41")), out, workers=0)
    with pytest.raises(dysyr.DysyrError, match="other network"):
        run_sweep(read(FILE + "outside = 'network'\n"), out, workers=0)


def test_a_method_that_was_left_out_in_between_is_remembered(read, tmp_path, quick):
    """Its finished tasks lie there under its label, and are those of its first settings."""
    out, method = tmp_path / "out", '[[reconstructor]]\nmethod = "jumpfoundation"\nlabel = "network"\n'
    run_sweep(read(), out, workers=0, say=lambda text: None)
    run_sweep(read(FILE.replace(method, "")), out, workers=0, say=lambda text: None)
    with pytest.raises(dysyr.DysyrError, match="holds another sweep: other network of two_state_channel"):
        run_sweep(read(FILE + "outside = 'network'\n"), out, workers=0)
    n = len(quick)
    run_sweep(read(), out, workers=0, say=lambda text: None)
    assert len(quick) == n == 12


@pytest.mark.parametrize("what", ["data", "system"])
def test_files_that_were_edited_are_other_data(read, tmp_path, monkeypatch, what):
    monkeypatch.setattr(sweep_run, "run_batch", lambda out, batch: ["done"])
    monkeypatch.setattr(sweep_run, "_why", lambda out, task: "")
    monkeypatch.setattr(sweep_run, "write_results", lambda sweep, out: out)
    tables = {"data": '[data]\npath = "one.csv"', "system": '[system]\nname = "one.toml"\n[simulate]\nn_steps = 90'}
    file, methods = tmp_path / f"one.{'csv' if what == 'data' else 'toml'}", '[[reconstructor]]\nmethod = "linearar"\n'
    text = f"seeds = [0]\n{tables[what]}\n{methods}"
    with pytest.raises(dysyr.InputError, match=f"no such file: {file.name}"):
        run_sweep(read(text), tmp_path / "out", workers=0)
    assert not (tmp_path / "out").exists()
    file.write_text("a")
    run_sweep(read(text), tmp_path / "out", workers=0, say=lambda text: None)
    run_sweep(read(text), tmp_path / "out", workers=0, say=lambda text: None)
    file.write_text("b")
    with pytest.raises(dysyr.DysyrError, match=f"a sweep of other data: changed since: {file.name}: choose another -o"):
        run_sweep(read(text.replace("[0]", "[0, 1]")), tmp_path / "out", workers=0)


def test_a_file_that_has_gone_is_missed_where_tasks_are_left(read, tmp_path):
    file = tmp_path / "one.csv"
    file.write_text("x\n" + "\n".join(str(math.sin(0.3 * k)) for k in range(400)))
    text = 'seeds = [0]\n[data]\npath = "one.csv"\ndt = 0.3\n[[reconstructor]]\nmethod = "linearar"\n'
    run_sweep(read(text), tmp_path / "out", workers=0, say=lambda text: None)
    file.unlink()
    assert run_sweep(read(text), tmp_path / "out", workers=0, say=lambda text: None).exists(), "all is done"
    with pytest.raises(dysyr.InputError, match="no such file: one.csv"):
        run_sweep(read(text.replace("[0]", "[0, 1]")), tmp_path / "out", workers=0)


def test_data_that_do_not_suit_are_a_failure_and_not_the_end(read, tmp_path):
    text = FILE.replace("n_steps = 40", "n_steps = 1").replace('"two_state_channel", ', "")
    said, out = [], tmp_path / "out"
    page = run_sweep(read(text.replace("seeds = [0, 1]", "seeds = [0]")), out, workers=0, say=said.append)
    assert "network, seed 0: failed, no path has two neighbouring samples: 17 paths of a single sample" in said[-1]
    assert "3 runs over 1 data sets, 3 of them failed" in page.read_text()
    table = xr.load_dataset(out / "table.nc")
    assert (table["verdict"] == "failed").all()
    assert all(text for text in table["why"].values.ravel())


def test_failures_of_workers_are_tried_again_on_demand(read, tmp_path, quick):
    out, sweep = tmp_path / "out", read()
    run_sweep(sweep, out, workers=0, say=lambda text: None)
    dead, unfit = sweep.tasks()[:2]
    sweep_run._write_failure(out, dead, "2 workers died over it", final=False)
    sweep_run._write_failure(out, unfit, "too few samples", final=True)
    n = len(quick)
    run_sweep(sweep, out, workers=0, say=lambda text: None)
    assert len(quick) == n
    run_sweep(sweep, out, workers=0, retry_failed=True, say=lambda text: None)
    assert quick[n:] == [(dead.condition, dead.label, dead.seed)]


def test_a_folder_without_a_sweep(tmp_path, read):
    with pytest.raises(dysyr.FormatError, match="holds no sweep"):
        read_sweep_folder(tmp_path)
    (tmp_path / "sweep.json").write_text('{"conditions": {"a": {}}}')
    with pytest.raises(dysyr.FormatError, match="holds no sweep"):
        read_sweep_folder(tmp_path)
    with pytest.raises(dysyr.DysyrError, match="no task of the sweep is finished"):
        write_results(read(), tmp_path / "other")


def test_without_dask(read, tmp_path, monkeypatch):
    import builtins

    real = builtins.__import__

    def refusing(name, *args, **kwargs):
        if name.split(".")[0] in ("dask", "distributed"):
            raise ImportError(f"No module named '{name}'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refusing)
    with pytest.raises(dysyr.DysyrError, match="need Dask"):
        run_sweep(read(), tmp_path / "out", say=lambda text: None)


def test_missing_numbers_are_nan(read, tmp_path, quick):
    out = tmp_path / "out"
    run_sweep(read(), out, workers=0, say=lambda text: None)
    sweep_run._write_failure(out, read().tasks()[0], "no", final=True)
    write_results(read(), out)
    table = xr.load_dataset(out / "table.nc")
    assert table["d_stsp"].dims == ("condition", "method", "seed")
    assert int(np.isnan(table["d_stsp"]).sum()) == 1
    assert float(table["d_stsp_floor"].max()) == 0.05


def test_the_commands(tmp_path):
    short = FILE.replace("seeds = [0, 1]", "seeds = [0]").replace(', "three_state_channel"', "")
    (tmp_path / "channels.toml").write_text(short)
    out, page = tmp_path / "out", tmp_path / "page.html"
    runner = CliRunner()
    done = runner.invoke(app, ["sweep", str(tmp_path / "channels.toml"), "-o", str(out), "--workers", "0"])
    assert done.exit_code == 0, done.output
    assert "3 tasks, 3 of them to do" in done.output
    assert done.output.strip().endswith("report.html")
    done = runner.invoke(app, ["report", str(out), "-o", str(page)])
    assert done.exit_code == 0, done.output
    assert page.read_text() == (out / "report.html").read_text()
    done = runner.invoke(app, ["report", str(out), "-o", str(page), "--truth", "lorenz63"])
    assert done.exit_code == 2
    assert "is not for a sweep" in done.output
    done = runner.invoke(app, ["report", str(out / "runs"), "-o", str(page)])
    assert done.exit_code == 1
    assert "is not a run" in done.output


@pytest.fixture
def calm(tmp_path, read):
    """A sweep file, and the table that it gives in one process."""
    pytest.importorskip("distributed")
    run_sweep(read(CALM), tmp_path / "whole", workers=0, say=lambda text: None)
    return tmp_path / "channels.toml", table(tmp_path / "whole")


@pytest.mark.slow
def test_killed_at_any_time_it_ends_with_the_same_table(calm, tmp_path):
    file, whole = calm
    kills = run_with_kills(file, tmp_path / "killed", 4, np.random.default_rng(1))
    assert {who for _, who in kills} == set(VICTIMS)
    assert table(tmp_path / "killed") == whole


@pytest.mark.slow
def test_on_a_scheduler_of_ones_own(calm, tmp_path):
    file, whole = calm
    run_on_own_scheduler(file, tmp_path / "own")
    assert table(tmp_path / "own") == whole


def test_a_sweep_that_ends_before_the_kill_is_an_error(read, tmp_path, monkeypatch):
    read(CALM)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    monkeypatch.setattr(sweep_trials, "start", lambda file, out, *options: ended)
    with pytest.raises(dysyr.DysyrError, match="ended before it was killed: 0 finished tasks"):
        run_with_kills(tmp_path / "channels.toml", tmp_path / "out", 2, np.random.default_rng(0))


def test_the_page_of_trials_tells_of_a_table_that_differs(read):
    seconds = {"one worker": 100.0, "two workers": 50.0, "killed 1 times": 70.0}
    text = page("the command", read(), seconds, [(3, "a worker")], {"two workers": True, "killed 1 times": False})
    assert "12 tasks: 2 data sets, 3 methods, 2 seeds" in text
    assert "| one worker | 100 | – |" in text
    assert "| two workers | 50 | yes |" in text
    assert "| killed 1 times | 70 | NO |" in text
    assert "2.00 times as many" in text
    assert "| 3 | a worker |" in text
