import sys

import numpy as np
import pytest

import dysyr
from dysyr.benchmark import free_run_stage
from dysyr.benchmark.forecasting import METHODS
from dysyr.core.dataset import make_dataset

TINY = {
    "n_updates": 30, "n_rollout_updates": 2, "n_checks": 2, "d_model": 8, "d_state": 4, "head_dim": 8, "n_layers": 1,
    "dim": 1, "batch_size": 8, "rollout_batch_size": 8,
}  # fmt: skip


def test_divergence_of_runs():
    x = np.random.default_rng(0).normal(size=(4000, 2))
    same, outside = free_run_stage.divergence_of_runs(x, x)
    assert same == pytest.approx(0, abs=1e-12) and outside == 0
    lost = np.where(np.arange(4000)[:, None] % 2, x, np.nan)
    worse, outside = free_run_stage.divergence_of_runs(x, lost)
    assert worse > 0.5 and outside == 50


@pytest.fixture
def small(monkeypatch):
    t = 0.1 * np.arange(2000)

    def training(name, noise, seed):
        x = np.column_stack([np.sin(t + seed), np.cos(t + seed), np.sin(2 * t)])
        return make_dataset(x, dt=free_run_stage.sampling_interval(name), names=["x", "y", "z"])

    def test(name, noise, *, seed=1):
        x = np.stack([np.column_stack([np.sin(t + k + seed), np.cos(t + k), np.sin(2 * t)])[:360] for k in range(4)])
        return x[:, :30], x[:, 30:]

    sizes = {"N_RUNS": 3, "N_FREE": 1000, "HORIZON": 330}
    for name, value in {**sizes, "training_data": training, "test_data": test}.items():
        monkeypatch.setattr(free_run_stage, name, value)
    free_run_stage.long_truth.cache_clear()
    yield
    free_run_stage.long_truth.cache_clear()


def test_long_truth_joins_trajectories(small):
    found = free_run_stage.long_truth("lorenz63", 7)
    assert found.shape == (3000, 3)
    np.testing.assert_array_equal(found[:2000, 0], np.sin(0.1 * np.arange(2000) + 7))
    np.testing.assert_array_equal(found[2000:, 0], np.sin(0.1 * np.arange(1000) + 8))


def test_components_are_those_of_the_standardised_truth(small):
    truth = free_run_stage.long_truth("lorenz63", free_run_stage.REFERENCE_SEED)
    spread = free_run_stage.components("lorenz63", truth)
    covariance = np.cov(spread.T, ddof=0)
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=1e-9)
    assert (np.diff(np.diag(covariance)) < 0).all()
    assert np.trace(covariance) == pytest.approx(3)


def test_a_seed_and_its_table(small, tmp_path, monkeypatch):
    monkeypatch.setitem(free_run_stage.RECIPES, "tiny", (TINY, TINY | {"n_updates": 32, "n_rollout_updates": 0}))
    monkeypatch.setitem(free_run_stage.RIVALS, ("lorenz63", "tiny"), ("linearar",))
    tasks = {tmp_path / "lorenz63_0.json": ("lorenz63", 0, "tiny")}
    (records,) = free_run_stage.run_kept(free_run_stage.run_seed, tasks)
    variants = ["truth", "first stage", "both stages", "first stage alone, as long", "linearar"]
    assert [record["variant"] for record in records] == variants
    assert records[2]["history"]["chosen"] and records[2]["parameters"] > 0
    assert records[1]["d_stsp_runs"] != records[2]["d_stsp_runs"]
    assert free_run_stage.run_kept(None, tasks) == [records]
    lines = free_run_stage.table(records).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == variants
    assert f"| {records[2]['parameters']:,} |" in lines[4]
    assert [line.count("–") for line in lines[2:]] == [2, 1, 0, 0, 0]
    assert free_run_stage.page(records).startswith("## lorenz63\n\n| | VPT")


def test_rivals_are_those_of_the_table_of_forecasts():
    assert {label for labels in free_run_stage.RIVALS.values() for label in labels} <= set(METHODS)
    assert {recipe for _, recipe in free_run_stage.RIVALS} <= set(free_run_stage.RECIPES)


def test_gains_count_seeds():
    def record(variant, seed, value):
        measures = {"d_stsp_runs": 1 / value, "d_stsp_raw": 1 / value, "vpt": value, "valid_time": 5 - value}
        return {"variant": variant, "seed": seed, **measures}

    records = [record("first stage", 0, 1.0), record("both stages", 0, 2.0)]
    records += [record("first stage", 1, 1.0), record("both stages", 1, 0.5), record("both stages", 2, 1.0)]
    text = free_run_stage.gains(records, "first stage")
    assert "VPT, nominal: better in 1 of 2 seeds, mean change +0.25 (standard error 0.75)" in text
    assert "D_stsp, free runs: better in 1 of 2 seeds, mean change +0.25 (standard error 0.75)" in text


def test_recipes_have_their_own_records(tmp_path, monkeypatch, capsys):
    asked = []

    def run(*task):
        asked.append(task)
        variants = ("first stage", "both stages", "first stage alone, as long")
        return [{"variant": v, "seed": task[1], "system": task[0], **dict.fromkeys(free_run_stage.COLUMNS, 1.0)}
                for v in variants]  # fmt: skip

    monkeypatch.setattr(free_run_stage, "run_seed", run)
    command = ["free_run_stage", "-o", str(tmp_path), "--systems", "lorenz63", "--seeds", "1"]
    monkeypatch.setattr(sys, "argv", command)
    free_run_stage.main()
    monkeypatch.setattr(sys, "argv", [*command, "--recipe", "small", "--write", str(tmp_path / "page.md")])
    free_run_stage.main()
    assert asked == [("lorenz63", 0, "default"), ("lorenz63", 0, "small")]
    assert {place.name for place in tmp_path.iterdir()} == {"lorenz63_0.json", "lorenz63_small_0.json", "page.md"}
    assert "| first stage alone, as long | 1 (0) |" in (tmp_path / "page.md").read_text()
    for recipe, width in (("default", 64), ("small", 16), ("short", 64)):
        changes, longer = free_run_stage.RECIPES[recipe]
        assert [dysyr.PhyxMamba(**arguments).d_model for arguments in (changes, longer)] == [width, width]
        assert longer["n_rollout_updates"] == 0 and longer["n_updates"] > dysyr.PhyxMamba(**changes).n_updates
