"""Scores of generated windows: split by series, floors near zero, controls far away."""

import tracemalloc

import numpy as np
import pytest

from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError
from dysyr.evaluation import judged_scores
from dysyr.evaluation.judged_scores import DiscriminativeMeasure, PredictiveMeasure
from dysyr.evaluation.window_context import WindowContext
from dysyr.evaluation.window_distances import WINDOW_DISTANCES, autocorrelation_distance, marginal_distance
from dysyr.evaluation.window_set import WindowSet, window_controls


def sines(n, seed):
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, (n, 1, 2))
    return np.sin(0.7 * np.arange(16)[:, None] + phase)


def context(generated, n=300):
    truth = WindowSet.from_data(make_dataset(sines(n, 0), dt=1.0), 16)
    return WindowContext(truth=truth, generated=generated, dt=1.0, names=("a", "b"), n_judges=2)


def test_windows_of_different_series_share_no_sample():
    x = np.arange(1000.0)[:, None]
    x[500:510] = np.nan
    found = WindowSet.from_data(make_dataset(x, dt=1.0, mask=True), 12)
    assert len(np.unique(found.series)) >= 19
    one, other = found.parted(0.2, np.random.default_rng(0))
    assert not set(one.x.ravel()) & set(other.x.ravel())
    assert not set(one.series) & set(other.series)
    assert len(np.unique(other.series)) == pytest.approx(0.2 * len(np.unique(found.series)), abs=1)
    assert np.isfinite(found.x).all()
    np.testing.assert_array_equal(np.diff(found.x[:, :, 0], axis=1), 1.0)


def test_windows_of_a_long_record_are_not_copied_before_some_are_chosen():
    data = make_dataset(np.random.default_rng(0).normal(size=(200_000, 3)), dt=1.0)
    tracemalloc.start()
    try:
        WindowSet.from_data(data, 64)
        assert tracemalloc.get_traced_memory()[1] < 5 * data["x"].nbytes
    finally:
        tracemalloc.stop()


def test_trajectories_are_series_and_many_windows_are_thinned():
    found = WindowSet.from_data(make_dataset(sines(5000, 0), dt=1.0), 16)
    assert len(found.x) == len(np.unique(found.series)) == 4000
    few = WindowSet.from_data(make_dataset(sines(30, 0), dt=1.0), 15)
    assert np.unique(few.series, return_counts=True)[1].tolist() == [2] * 30


def test_too_few_series_are_refused():
    with pytest.raises(InputError, match="too few series"):
        WindowSet.from_data(make_dataset(np.arange(100.0), dt=1.0), 24)


def test_controls_keep_what_they_say():
    x = sines(400, 0)
    controls = window_controls(x, 0)
    np.testing.assert_allclose(np.sort(controls["time_shuffled"], axis=1), np.sort(x, axis=1))
    assert abs(controls["gaussian"].std() - x.std()) < 0.02
    decay, rng = np.empty((2000, 30, 1)), np.random.default_rng(1)
    decay[:, 0, 0] = rng.normal(size=2000)
    for t in range(1, 30):
        decay[:, t] = 0.8 * decay[:, t - 1] + 0.3 * rng.normal(size=(2000, 1))
    again = window_controls(decay, 0)["autoregression"]
    np.testing.assert_allclose(again.std(axis=0), decay.std(axis=0), rtol=0.1)
    np.testing.assert_allclose(
        (again[:, 10:-1] * again[:, 11:]).mean(), (decay[:, 10:-1] * decay[:, 11:]).mean(), rtol=0.1
    )


def test_a_perfect_generator_scores_as_the_floor_and_controls_do_not(monkeypatch):
    monkeypatch.setattr(judged_scores, "N_ITERATIONS", 150)
    measure = DiscriminativeMeasure().compute(context(sines(300, 5)))
    assert measure.value < 0.12
    assert measure.floor < 0.2
    assert measure.controls["time_shuffled"] > 0.3
    assert measure.controls["gaussian"] > 0.3
    assert set(measure.controls) == {"time_shuffled", "gaussian", "autoregression"}
    assert len(measure.runs) == 2
    assert DiscriminativeMeasure().compute(context(sines(300, 5))).runs == measure.runs


def test_a_wrong_generator_is_told_apart(monkeypatch):
    monkeypatch.setattr(judged_scores, "N_ITERATIONS", 150)
    wrong = sines(300, 5)[:, ::-1] * [1.0, 0.5]
    assert DiscriminativeMeasure().compute(context(wrong)).value > 0.3


def test_prediction_learned_on_windows_of_the_same_law_is_as_good(monkeypatch):
    monkeypatch.setattr(judged_scores, "N_ITERATIONS", 150)
    true, generated = (np.repeat(sines(300, seed)[:, :, :1], 2, axis=2) for seed in (0, 5))
    truth = WindowSet(true, np.arange(300))
    linked = WindowContext(truth=truth, generated=generated, dt=1.0, names=("a", "b"), n_judges=2)
    measure = PredictiveMeasure().compute(linked)
    assert measure.value < 1.5 * measure.floor
    assert measure.controls["time_shuffled"] > 3 * measure.floor
    assert measure.settings["value_over_floor"] == pytest.approx(measure.value / measure.floor)


def test_distances_have_their_analytic_values():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(500, 8, 1)), 2 + rng.normal(size=(700, 8, 1))
    assert marginal_distance(x, y, np.ones(1)) == pytest.approx(2.0, abs=0.1)
    assert marginal_distance(x, y, np.full(1, 4.0)) == pytest.approx(0.5, abs=0.03)
    wave = np.cos(np.pi / 4 * np.arange(16)[None, :, None] + rng.uniform(0, 2 * np.pi, (5000, 1, 1)))
    noise = rng.normal(size=(5000, 16, 1))
    wanted = np.sqrt(np.mean(np.cos(np.pi / 4 * np.arange(1, 9)) ** 2))
    assert autocorrelation_distance(wave, noise) == pytest.approx(wanted, abs=0.02)


def test_distances_of_a_perfect_generator_lie_near_the_floor():
    for measure in WINDOW_DISTANCES:
        found = measure.compute(context(sines(300, 5)))
        assert found.value < 3 * found.floor
        assert found.stderr > 0
    assert WINDOW_DISTANCES[1].compute(context(sines(300, 5))).controls["time_shuffled"] > 0.3


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="generated windows do not fit the truth"):
        context(sines(20, 0)[:, :10])
    broken = sines(20, 0)
    broken[3, 2, 1] = np.nan
    with pytest.raises(InputError, match="not finite"):
        context(broken)


def slow(n, seed):
    """Random walks whose levels are spread over fifty times their steps, as prices are."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 10, (n, 1, 2)) + 0.2 * np.cumsum(rng.normal(size=(n, 16, 2)), axis=1)


def test_the_judge_sees_changes_and_the_published_one_does_not(monkeypatch):
    monkeypatch.setattr(judged_scores, "N_ITERATIONS", 100)
    monkeypatch.setattr(judged_scores, "N_PUBLISHED", 100)
    truth = WindowSet(slow(400, 0), np.arange(400))
    prices = WindowContext(truth=truth, generated=slow(400, 1), dt=1.0, names=("a", "b"), n_judges=1)
    ours, values, published = (DiscriminativeMeasure(judge=j).compute(prices) for j in judged_scores.NAMES)
    assert ours.controls["time_shuffled"] > 0.35
    assert values.controls["time_shuffled"] < 0.15
    assert published.controls["time_shuffled"] < 0.15
    assert ours.value < 0.15
    assert [m.name for m in (ours, values, published)] == list(judged_scores.NAMES.values())
    assert "4 units, values and changes, standardised" in ours.settings["judge"]
    assert "4 units, values, standardised" in values.settings["judge"]
    assert "1 units, values in the range of the truth" in published.settings["judge"]


def test_the_published_judge_splits_windows_though_they_overlap():
    found = WindowSet.from_data(make_dataset(np.arange(600.0)[:, None], dt=1.0), 12)
    overlapping = WindowContext(truth=found, generated=found.x, dt=1.0, names=("a",))
    own, tested = (DiscriminativeMeasure(judge="published")._trial(overlapping, found.x, 0)[i] for i in (0, 2))
    assert set(own.ravel()) & set(tested.ravel())
    own, tested = (DiscriminativeMeasure()._trial(overlapping, found.x, 0)[i] for i in (0, 2))
    assert not set(own.ravel()) & set(tested.ravel())


def test_values_and_changes_have_unit_variance_in_the_training():
    first, second, test, _ = judged_scores.standardised((slow(50, 0), slow(70, 1), slow(9, 2), slow(9, 3)))
    rows = np.concatenate([first, second]).reshape(-1, 4)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(rows.std(axis=0), 1, rtol=1e-12)
    x = slow(9, 2)
    kept = np.diff(x, axis=1)
    np.testing.assert_allclose(np.corrcoef(test[:, 1:, 2].ravel(), kept[..., 0].ravel())[0, 1], 1.0)
    np.testing.assert_array_equal(test[:, 0, 2:], test[:, 1, 2:])
    values = judged_scores.standardised((slow(50, 0), slow(70, 1), x, x), changes=False)
    np.testing.assert_allclose(values[2], test[..., :2])
    still = judged_scores.standardised([np.ones((3, 5, 1))] * 4)
    assert (still[0] == 0).all()


def test_series_that_differ_do_not_count_against_a_generator(monkeypatch):
    """Series at levels of their own: those of the test are taken for generated, from whatever generator."""
    monkeypatch.setattr(judged_scores, "N_ITERATIONS", 60)
    rng = np.random.default_rng(0)
    levels = np.repeat(rng.uniform(0, 10, (12, 1, 1)), 30, axis=0)
    x = levels + 0.1 * rng.normal(size=(360, 8, 1))
    context = WindowContext(
        truth=WindowSet(x, np.repeat(np.arange(12), 30)), generated=x, dt=1.0, names=("a",), n_judges=2
    )
    measure = DiscriminativeMeasure().compute(context)
    assert measure.value < 0.05
    assert measure.settings["accuracy"] < 0.45
    assert measure.settings["accuracy_of_truth"] == pytest.approx(measure.settings["accuracy"], abs=0.1)
