"""The command that searches for arguments: from a file to a run, and one line for what is typed wrongly."""

import json

import numpy as np
import pytest

import dysyr
from dysyr.core.settings_text import parse_values


@pytest.fixture
def series(tmp_path):
    """A table with a circle and a little noise."""
    t = 0.3 * np.arange(240)
    x = np.column_stack([t, np.cos(t), np.sin(t)])
    x[:, 1:] += 0.01 * np.random.default_rng(0).normal(size=(240, 2))
    path = tmp_path / "circle.csv"
    np.savetxt(path, x, delimiter=",", header="time,x,y", comments="")
    return path


def test_from_a_table_to_a_run_that_can_be_judged(run, series, tmp_path):
    out = tmp_path / "tuned"
    words = ("tune", "linearar", series, "-o", out, "--set", "order=1,3", "--set", "ridge=[0.0, 100]", "--workers", 0)
    code, said, error = run(*words, "--set", "validation_fraction=0.3")
    assert (code, error) == (0, "")
    assert "rung 1/1: 4 candidates at the full length, 4 of them to do" in said
    assert "validation_fraction=0.3" in said.splitlines()[-1]
    best = json.loads((out / "best" / "config.json").read_text())["parameters"]
    assert best["ridge"] == 0.0
    code, said, _ = run("evaluate", out / "best", "--truth", series, "--measures", "prediction_error", "--json")
    assert code == 0
    assert "prediction_error" in json.loads(said)["measures"]
    code, said, _ = run(*words, "--set", "validation_fraction=0.3")
    assert "4 candidates at the full length, 0 of them to do" in said


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("linearr", "--set", "order=1,2"), 2, "dysyr has no method 'linearr'"),
        (("linearar", "--set", "ordr=1,2"), 1, "LinearAR has no argument 'ordr'"),
        (("linearar", "--set", "ordr=1"), 2, "LinearAR has no argument 'ordr'"),
        (("linearar", "--set", "order"), 2, "cannot read a setting: 'order'"),
        (("linearar", "--set", "order=1"), 1, "there is nothing to choose among"),
        (("linearar",), 1, "there is nothing to choose among"),
        (("linearar", "--set", "order="), 1, "the values of 'order'"),
        (("linearar", "--set", "order=2,2"), 1, "a value of 'order' is given twice"),
        (("linearar", "--set", "order=1,2", "--rungs", 2), 1, "LinearAR has no length of training"),
        (("linearar", "--set", "order=1,2", "--held", 2), 1, "held_fraction: 2.0"),
        (("linearar", "--set", "order=1,2", "--seeds", 2), 1, "LinearAR uses no seed"),
        (("gru", "--set", "hidden_dim=4,8,16,32", "--reduction", 1), 1, "reduction: 1"),
        (("gru", "--set", "n_updates=1,2,3,4"), 1, "'n_updates' is what a search by halving shortens"),
        (("linearar", "--set", "order=500,600"), 1, "every candidate that came so far failed"),
    ],
)
def test_what_is_typed_wrongly_is_one_line(run, series, tmp_path, words, code, message):
    method, *rest = words
    got, _, error = run("tune", method, series, "-o", tmp_path / "tuned", "--workers", 0, *rest)
    assert got == code
    assert error.count("\n") == 1
    assert error.startswith("dysyr: ") and message in error


def test_no_data_and_no_place(run, series, tmp_path):
    code, _, error = run("tune", "linearar", tmp_path / "no.csv", "-o", tmp_path / "tuned", "--set", "order=1,2")
    assert code == 1 and error.count("\n") == 1
    code, _, error = run("tune", "linearar", series, "-o", series / "tuned", "--set", "order=1,2")
    assert code == 1 and error.count("\n") == 1
    code, _, error = run("tune", "linearar", series, "-o", series, "--set", "order=1,2", "--workers", 0)
    assert code == 1 and error.count("\n") == 1


def test_recordings_below_each_other_in_one_table(run, series, tmp_path):
    rows = [f"{i // 120},{line}" for i, line in enumerate(series.read_text().split()[1:])]
    path = tmp_path / "long.csv"
    path.write_text("rat,time,x,y\n" + "\n".join(rows) + "\n")
    out = tmp_path / "tuned"
    code, _, error = run(
        "tune", "linearar", path, "-o", out, "--set", "order=1,3", "--trajectory", "rat", "--workers", 0
    )
    assert (code, error) == (0, "")
    assert dysyr.load(out / "best").n_features_in_ == 2


def test_seed_and_validation_data(run, series, tmp_path):
    out = tmp_path / "tuned"
    words = (
        "--set",
        "n_units=10,20",
        "--set",
        "spectral_radius=0.9",
        "--set",
        "input_scaling=0.5",
        "--set",
        "leak=1.0",
    )
    code, _, error = run(
        "tune", "reservoircomputer", series, "-o", out, *words, "--set", "jitter=0.0", "--seed", 3, "--workers", 0,
        "--validation", series, "--seeds", 2,
    )  # fmt: skip
    assert (code, error) == (0, "")
    assert json.loads((out / "best" / "config.json").read_text())["parameters"]["seed"] in (3, 4)
    assert len(list((out / "evaluations").iterdir())) == 4
    assert (out / "data" / "validation.nc").exists()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("3,5,10", [3, 5, 10]),
        ("1e-2, 1e-3", [0.01, 0.001]),
        ("[3, 5]", [3, 5]),
        ("adaptive,annealed", ["adaptive", "annealed"]),
        ("'a,b','c'", ["a,b", "c"]),
        ("auto,3", ["auto", 3]),
        ("true", [True]),
        ("[[1, 2], [3]]", [[1, 2], [3]]),
        ("[1, 2], [3]", [[1, 2], [3]]),
        ("", []),
    ],
)
def test_values_of_a_setting(text, values):
    assert parse_values(text) == values
