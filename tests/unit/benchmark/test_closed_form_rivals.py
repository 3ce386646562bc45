"""Scores, rows and pages of the methods in closed form."""

import json

import numpy as np
import pytest

from dysyr.benchmark import closed_form_rivals as rivals
from dysyr.core.dataset import make_dataset
from dysyr.reconstruction.linear_ar import LinearAR


@pytest.fixture
def small(monkeypatch):
    for name, value in {"N_TRAIN": 300, "N_CONTEXTS": 4, "LONGEST": 2, "N_RUNS": 2, "RUN": 300}.items():
        monkeypatch.setattr(rivals, name, value)


def test_the_true_system_keeps_up_and_noise_ends_it_early(small):
    clean, noisy = (rivals.true_system("Lorenz 1963", noise) for noise in (0.0, 0.05))
    assert clean["valid_time"] == pytest.approx(2, abs=0.05)
    assert 0.3 < noisy["valid_time"] < 2
    assert clean["failed"] == 0
    assert clean["d_stsp"] == noisy["d_stsp"] > 0


def test_contexts_are_noisy_and_truth_follows_them(small):
    contexts, truth, free = rivals.test_data("Lorenz 1963", 0.05)
    exact, same, _ = rivals.test_data("Lorenz 1963", 0.0)
    np.testing.assert_array_equal(truth, same)
    assert 0.03 < ((contexts - exact) / exact.std(axis=(0, 1))).std() < 0.08
    assert contexts.shape == (4, 30, 3)
    assert free.shape == (2, 300, 3)
    again = rivals.APART - 30
    np.testing.assert_array_equal(truth[0, again : again + 30], exact[1])


def test_rossler_from_a_noisy_state_may_diverge(small, monkeypatch):
    monkeypatch.setattr(rivals, "N_CONTEXTS", 30)
    assert 0 < rivals.true_system("Rössler", 0.3)["valid_time"] < 1.5


def test_a_cell_and_a_fit_that_fails(small):
    row = rivals.cell("Lorenz 1963", 0.0, 0, lambda seed: LinearAR(order=2, ridge=1e-6, seed=seed))
    assert set(row) == {"valid_time", "d_stsp", "failed", "seconds", "parameters"}
    assert row["parameters"] == 2 * 9 + 3
    assert 0 < row["valid_time"] < 1
    failed = rivals.cell("Lorenz 1963", 0.0, 0, lambda seed: LinearAR(order=0))
    assert "cannot use this order" in failed["failure"]


def test_valid_time_is_in_lyapunov_times():
    free = np.random.default_rng(0).normal(size=(1, 5000, 1))
    sd = free.std()
    predicted = np.array([[0.1, 0.2, 0.5, 0.0], [0.0, np.nan, 0.0, 0.0]])[..., None] * sd
    assert rivals.valid_time(predicted, np.zeros((2, 4, 1)), free, 0.5, 3.0) == pytest.approx(1.5 * (2 + 1) / 2)


def test_runs_that_are_no_chaotic_orbit_are_counted():
    free = np.random.default_rng(0).normal(size=(3, 400, 1))
    good = {"finite": True, "fixed_point": False, "cycle": None}
    statuses = [good, {**good, "finite": False}, {**good, "cycle": 2.0}]
    runs = make_dataset(free + 0.01, dt=1.0, attrs={"status": json.dumps(statuses)})
    scores = rivals.free_scores(runs, free)
    assert scores["failed"] == pytest.approx(2 / 3)
    assert 0 < scores["d_stsp"] < 0.5


def test_finished_results_are_not_repeated(tmp_path):
    made = []

    def compute():
        made.append(1)
        return {"number": len(made)}

    for words in (("Lorenz 1996, five", "a"), ("Lorenz 1996, five", "a"), ("Lorenz 1996, five", "b")):
        rivals.kept(tmp_path / "out", words, compute)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "lorenz_1996_five-a.json", "lorenz_1996_five-b.json"
    ]  # fmt: skip
    assert rivals.kept(tmp_path / "out", ("Lorenz 1996, five", "a"), compute) == {"number": 1}


def test_tables_say_what_failed():
    def row(value, parameters=7):
        return {"valid_time": value, "d_stsp": 2 * value, "failed": 0.5, "seconds": 1.0, "parameters": parameters}

    records = [{"one": row(1.0), "two": {"failure": "x"}}, {"one": row(3.0), "two": {"failure": "x"}},
               {"one": row(2.0), "two": {"failure": "x"}}]  # fmt: skip
    text = rivals.table(("one", "two"), records, row(9.0, 0)).splitlines()
    assert text[2] == "| one | **2** [1, 3] | **4** [2, 6] | 50% | 1.0 | 7 | 0 |"
    assert text[3] == "| two |  |  |  |  |  | 3 |"
    assert text[4] == "| true system | 9.00 | 18 | 50% | | | |"
    names = {**rivals.GENERAL, **rivals.TRUE_TERMS}
    results = {("Rössler", 0.05): ([{name: row(1.0) for name in names}], row(2.0, 0))}
    page = rivals.page(results, "command")
    assert "## Rössler, 5% noise" in page
    apart = page.split("With the true terms among the candidates")[1]
    assert "| SINDy, weak |" in apart
    assert "ReservoirComputer" not in apart
    assert "Written by `command`" in page
