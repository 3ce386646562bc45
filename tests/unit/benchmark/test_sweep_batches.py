"""Seeds of the PLRNN family in a sweep: fitted side by side, with the results of each alone."""

import json

import numpy as np
import pandas as pd
import pytest

import dysyr
from dysyr.benchmark import sweep_run
from dysyr.benchmark.sweep_file import read_sweep
from dysyr.benchmark.sweep_run import batches_of, run_batch, run_sweep
from dysyr.reconstruction.plrnn.search import Search

FILE = """
title = "Batches"
seeds = [0, 1, 2]
[system]
name = "lorenz63"
[simulate]
n_steps = 300
test = { n_steps = 200 }
[evaluate]
measures = ["prediction_error"]
n_runs = 2
[[reconstructor]]
method = "shplrnn"
hidden_dim = [4, 5]
n_updates = 6
n_checks = 2
n_refinements = 2
sequence_length = 12
max_restarts = 0
[[reconstructor]]
method = "linearar"
order = 1
ridge = 0.0
"""
ONE = FILE.replace("[4, 5]", "4").split('[[reconstructor]]\nmethod = "linearar"')[0]


@pytest.fixture
def read(tmp_path):
    def reading(text=ONE):
        (tmp_path / "batches.toml").write_text(text)
        return read_sweep(tmp_path / "batches.toml")

    return reading


@pytest.fixture
def run(read, tmp_path):
    """Run the sweep of one setting in this process; returns its folder."""

    def running(name="out", text=ONE, **options):
        run_sweep(read(text), tmp_path / name, workers=0, say=lambda text: None, **options)
        return tmp_path / name

    return running


def scores(out):
    """{seed: content of metrics.json}."""
    files = [json.loads(path.read_text()) for path in sorted(out.rglob("metrics.json"))]
    return {one["provenance"]["seed"]: one for one in files}


def sizes(batches):
    return [(batch[0].label, [task.seed for task in batch]) for batch in batches]


def test_seeds_of_a_setting_are_one_batch(read):
    sweep = read(FILE)
    batches = sizes(batches_of(sweep, sweep.tasks(), 0))
    assert batches == [
        ("shplrnn-hidden_dim_4", [0, 1, 2]), ("shplrnn-hidden_dim_5", [0, 1, 2]),
        ("linearar", [0]), ("linearar", [1]), ("linearar", [2]),
    ]  # fmt: skip
    some = [task for task in sweep.tasks() if task.seed != 1]
    assert sizes(batches_of(sweep, some, 0))[0] == ("shplrnn-hidden_dim_4", [0, 2])


@pytest.mark.parametrize(
    ("n_settings", "workers", "expected"), [(2, 1, [2, 1]), (2, 2, [1, 1, 1]), (8, 2, [3]), (4, 2, [2, 1]), (4, 1, [3])]
)
def test_every_worker_gets_four_batches_where_there_are_seeds_for_them(read, n_settings, workers, expected):
    sweep = read(ONE.replace("hidden_dim = 4", f"hidden_dim = {list(range(4, 4 + n_settings))}"))
    batches = batches_of(sweep, sweep.tasks(), workers)
    assert [len(batch) for batch in batches if batch[0].label in ("shplrnn-hidden_dim_4", "shplrnn")] == expected
    assert sorted(task.folder for batch in batches for task in batch) == sorted(task.folder for task in sweep.tasks())


def test_the_result_is_that_of_seeds_alone(run, monkeypatch):
    calls, together = [], sweep_run.fit_seeds
    monkeypatch.setattr(
        sweep_run, "fit_seeds", lambda made, *rest, **o: calls.append(len(made)) or together(made, *rest, **o)
    )
    joint = run("joint")
    assert calls == [3]
    monkeypatch.setattr(sweep_run, "batches_of", lambda sweep, tasks, workers: [(task,) for task in tasks])
    alone = run("alone")
    assert calls == [3]
    models = sorted(path.relative_to(joint) for path in joint.rglob("model.safetensors"))
    assert len(models) == 3
    assert all((joint / path).read_bytes() == (alone / path).read_bytes() for path in models)
    tables = [pd.read_csv(out / "table.csv") for out in (joint, alone)]
    assert all((table["fit_seconds"] > 0).all() for table in tables)
    pd.testing.assert_frame_equal(*(table.drop(columns="fit_seconds") for table in tables), check_exact=True)
    assert {len(set(out.rglob("metrics.json"))) for out in (joint, alone)} == {3}, "one record per seed"


@pytest.mark.parametrize(
    ("error", "final"),
    [(dysyr.NotConverged("no"), True), (dysyr.InputError("no"), True), (np.linalg.LinAlgError("no"), False)],
)
def test_a_seed_that_fails_leaves_the_others(run, monkeypatch, error, final):
    judge = Search.judge

    def judged(self, losses, bar=None):
        if self.seed == 1:
            raise error
        judge(self, losses, bar)

    monkeypatch.setattr(Search, "judge", judged)
    found = scores(run())
    assert [found[seed]["verdict"] == "failed" for seed in range(3)] == [False, True, False]
    assert "no" in found[1]["why"][0]["text"]
    assert found[1]["provenance"].get("final", True) is final
    monkeypatch.setattr(Search, "judge", judge)
    again = scores(run(retry_failed=True))
    assert (again[1]["verdict"] == "failed") is final
    assert [again[seed] == found[seed] for seed in (0, 2)] == [True, True]


def test_an_evaluation_that_fails_leaves_the_others(run, monkeypatch):
    original = sweep_run.fit_and_score

    def failing(reconstructor, *rest, **options):
        if reconstructor.seed == 0:
            raise ZeroDivisionError("nothing")
        return original(reconstructor, *rest, **options)

    monkeypatch.setattr(sweep_run, "fit_and_score", failing)
    found = scores(run())
    assert found[0]["why"][0]["text"].startswith("ZeroDivisionError: nothing")
    assert [found[seed]["verdict"] == "failed" for seed in (1, 2)] == [False, False]


def test_a_batch_that_is_given_to_another_worker_repeats_nothing(read, run, monkeypatch, tmp_path):
    out, original, fitted = tmp_path / "out", sweep_run.fit_and_score, []

    def killed(reconstructor, *rest, **options):
        if reconstructor.seed == 1:
            raise KeyboardInterrupt
        return original(reconstructor, *rest, **options)

    monkeypatch.setattr(sweep_run, "fit_and_score", killed)
    with pytest.raises(KeyboardInterrupt):
        run()
    before = scores(out)
    assert list(before) == [0]
    monkeypatch.setattr(sweep_run, "fit_and_score", original)
    monkeypatch.setattr(sweep_run, "fit_seeds", lambda *rest, **options: fitted.append(rest))
    verdicts = run_batch(out, tuple(read().tasks()))
    assert not fitted, "all runs are there"
    after = scores(out)
    assert after[0] == before[0] and list(after) == [0, 1, 2]
    assert verdicts == [after[seed]["verdict"] for seed in range(3)]


def test_data_that_suit_no_seed(run):
    found = scores(run(text=ONE.replace("n_steps = 300", "n_steps = 12")))
    assert [one["verdict"] for one in found.values()] == ["failed"] * 3


def test_a_run_that_cannot_be_saved(run, monkeypatch):
    save = dysyr.SHPLRNN.save

    def saving(self, path):
        if self.seed == 2:
            raise dysyr.DysyrError("the disk is full")
        save(self, path)

    monkeypatch.setattr(dysyr.SHPLRNN, "save", saving)
    found = scores(run())
    assert [one["verdict"] == "failed" for one in found.values()] == [False, False, True]
    assert "the disk is full" in found[2]["why"][0]["text"]
