"""Hellinger distance of occupation histograms: analytic distances, its floor, and what it can and cannot see."""

import numpy as np
import pytest
from jump_cases import DT, SWITCH, THREE, irregular_paths, paths, ratchet

from dysyr.core.dataset import make_dataset
from dysyr.evaluation.hellinger import HellingerMeasure, hellinger, self_distance
from dysyr.evaluation.label_panel import LabelPanel
from dysyr.evaluation.rate_context import Chain, RateContext
from dysyr.reconstruction.jump_em.model import JumpModel


def labels(x, **more):
    return make_dataset(x[..., None], label=x, **({"dt": DT} | more))


def context(data, q, initial=None, truth=None, **changes):
    n = len(q)
    start = np.full(n, 1 / n) if initial is None else initial
    model = JumpModel(q, start, 0.1 * np.abs(q), states=[str(i) for i in range(n)], dt=DT)
    panel = LabelPanel.from_data(data, n_states=n)
    return RateContext(panel=panel, names=model.state_names, model=model, truth=truth, **changes)


def test_distances_of_known_distributions():
    assert hellinger(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(1.0)
    assert hellinger(np.array([0.3, 0.7]), np.array([0.3, 0.7])) == 0.0
    p, q = np.array([0.5, 0.5]), np.array([0.9, 0.1])
    assert hellinger(p, q) == pytest.approx(np.sqrt(1 - np.sqrt(p * q).sum()), rel=1e-12)


@pytest.mark.parametrize(("n", "n_paths", "published"), [(6, 1000, 0.035), (6, 200, 0.079), (3, 500, None)])
def test_self_distance_is_that_of_two_samples(n, n_paths, published):
    rng = np.random.default_rng(0)
    p = np.full(n, 1 / n)
    pairs = rng.multinomial(n_paths, p, size=(2, 4000)) / n_paths
    rms = np.sqrt((hellinger(pairs[0], pairs[1]) ** 2).mean())
    assert self_distance(n, n_paths, n_paths) == pytest.approx(rms, rel=0.03)
    assert self_distance(n, n_paths, n_paths) == pytest.approx(np.sqrt((n - 1) / (4 * n_paths)), rel=1e-12)
    assert self_distance(n, n_paths) == pytest.approx(np.sqrt((hellinger(pairs[0], p) ** 2).mean()), rel=0.03)
    if published:
        assert self_distance(n, n_paths, n_paths) == pytest.approx(published, abs=6e-4)


def test_distribution_over_time_is_that_of_two_states_seen_through_noise():
    a, b, noise = SWITCH[0, 1], SWITCH[1, 0], 0.1
    panel = LabelPanel.from_data(labels(paths(SWITCH, n_paths=5, n=8)), n_states=2)
    t = DT * np.arange(8)
    p1 = a / (a + b) + (0.2 - a / (a + b)) * np.exp(-(a + b) * t)
    seen = Chain(SWITCH, np.array([0.8, 0.2]), noise).reports(panel)
    np.testing.assert_allclose(seen[:, 1], (1 - noise) * p1 + noise * (1 - p1), rtol=1e-12)
    later = Chain(SWITCH, np.array([0.8, 0.2])).after(0.7).initial
    assert later[1] == pytest.approx(a / (a + b) + (0.2 - a / (a + b)) * np.exp(-(a + b) * 0.7), rel=1e-12)


def test_floors_of_the_true_chain_and_of_halves_agree_with_the_formula():
    q = ratchet(1.0)
    data = labels(paths(q, n_paths=400, n=12, seed=1))
    truth = Chain(q, np.full(6, 1 / 6))
    known = HellingerMeasure().compute(context(data, q, truth=truth))
    halves = HellingerMeasure().compute(context(data, q))
    assert known.settings["floor"] == "paths of the true chain"
    assert "halves" in halves.settings["floor"]
    assert known.floor == pytest.approx(self_distance(6, 400), rel=0.1)
    assert halves.floor == pytest.approx(known.floor, rel=0.15)
    assert known.value <= known.floor_range[1] * 1.05
    assert 0 < known.stderr < known.value


def test_wrong_rates_and_a_wrong_start_score_worse_than_the_truth():
    start = np.array([1.0, 0.0, 0.0])
    x = paths(THREE, n_paths=1000, n=30, seed=2)
    x = x[x[:, 0] == 0]
    data = labels(x)

    def score(q, initial):
        return HellingerMeasure().compute(context(data, q, initial)).value

    best = score(THREE, start)
    assert score(1.5 * THREE, start) > 1.2 * best
    assert score(THREE, np.full(3, 1 / 3)) > 1.5 * best
    controls = HellingerMeasure().compute(context(data, THREE, start)).controls
    assert min(controls.values()) > 1.5 * best


def test_the_order_of_stationary_labels_is_not_seen():
    q = ratchet(1.0)
    data = labels(paths(q, n_paths=300, n=60)[:, 40:])
    pi = np.array([0.30119, 0.13654, 0.06227, 0.20030, 0.15914, 0.14057])
    found = HellingerMeasure().compute(context(data, q, pi / pi.sum()))
    assert found.controls["time_shuffled"] == pytest.approx(found.value, rel=0.3)


def test_irregular_times_are_compared_in_windows_with_one_sample_of_each_path():
    clocks, states = irregular_paths(THREE, n_paths=60, n=25, seed=3)
    data = make_dataset([row[:, None] for row in states], time=clocks, label=states)
    panel = LabelPanel.from_data(data, n_states=3)
    assert panel.dt is None
    assert len(panel.instants) >= 10
    for rows, _ in panel.instants:
        assert len(np.unique(rows)) == len(rows)
    assert (np.diff(panel.instant_times) > 0).all()
    found = HellingerMeasure().compute(context(data, THREE))
    assert found.value < 2 * self_distance(3, 60)
    assert np.isnan(found.dt)


def test_free_runs_are_a_histogram_of_their_own():
    q = ratchet(1.0)
    panel = LabelPanel.from_data(labels(paths(q, n_paths=200, n=12, seed=1)), n_states=6)
    runs = LabelPanel.from_data(labels(paths(q, n_paths=50, n=12, seed=2)), n_states=6)
    found = HellingerMeasure().compute(RateContext(panel=panel, names=tuple("abcdef"), runs=runs))
    assert found.settings["analytic_floor"] == pytest.approx(self_distance(6, 200, 50))
    assert found.floor == pytest.approx(self_distance(6, 200, 50), rel=0.2)
    assert found.value < 1.4 * found.floor


def test_a_single_path_has_no_floor_and_says_so():
    found = HellingerMeasure().compute(context(labels(paths(SWITCH, n_paths=1, n=100)), SWITCH))
    assert found.floor is None
    assert found.stderr is None
    assert found.status == "no floor: one path"


def test_a_thinned_panel_has_the_same_instants():
    x = paths(THREE, n_paths=20, n=130)
    mask = np.random.default_rng(0).random((*x.shape, 1)) > 0.2
    panel = LabelPanel.from_data(labels(x, mask=mask), n_states=3)
    thin = panel.thinned()
    np.testing.assert_array_equal(thin.histograms(), panel.histograms())
    np.testing.assert_allclose(thin.instant_times, panel.instant_times)
    whole = LabelPanel.from_data(labels(x), n_states=3)
    assert whole.thinned().labels.shape == (20, 50)
    np.testing.assert_array_equal(whole.thinned().histograms(), whole.histograms())


def test_missing_labels_are_left_out():
    x = paths(SWITCH, n_paths=40, n=20)
    mask = np.ones((*x.shape, 1), dtype=bool)
    mask[3, 4:7] = False
    panel = LabelPanel.from_data(labels(x, mask=mask), n_states=2)
    assert panel.n_labels == 40 * 20 - 3
    assert panel.grid[3, 4] == -1
    np.testing.assert_allclose(panel.lags, [DT, 4 * DT], rtol=1e-5)
    np.testing.assert_allclose(panel.clock[3, :5], DT * np.array([0, 1, 2, 3, 7]))
