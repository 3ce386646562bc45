"""Hidden paths drawn given what was seen, against expectations, sums over all paths and rejection."""

import numpy as np
import pytest
import scipy.linalg
from jump_cases import THREE, ratchet

from dysyr.kernels import rate_reference as twin
from dysyr.kernels.rate_integrals import panel_expectations
from dysyr.kernels.rate_paths import sample_jumps, sample_states


@pytest.mark.parametrize("q", [THREE, ratchet(1.0), np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0], [0.0, 0.0, 0.0]])])
def test_drawn_jumps_and_times_have_their_expectations(q):
    """Within five standard errors of the exact integrals, for each pair of states, at a short and a long lag."""
    n, repeats = len(q), 2000
    for lag in (0.1, 2.5):
        p = scipy.linalg.expm(q * lag)
        for a, b in [(0, 0), (0, 1), (1, n - 1)]:
            counts = np.zeros((1, n, n))
            counts[0, a, b] = repeats
            jumps, times = sample_jumps(q, [lag], counts, seed=3, sweep=7)
            _, s = panel_expectations(q, np.array([lag]), counts)
            assert p[a, b] > 0 and times.sum() == pytest.approx(lag * repeats, rel=1e-9)
            np.testing.assert_allclose(times, np.diag(s), atol=5 * lag / 2 * np.sqrt(repeats))
            expected = np.maximum(q, 0) * s
            off = ~np.eye(n, dtype=bool)
            spread = 5 * np.sqrt(np.maximum(expected, 1e-9) * (2 + lag)) + 1e-9
            assert (np.abs(jumps - expected)[off] < spread[off]).all()


def test_drawn_jumps_have_the_law_of_paths_that_happen_to_end_there():
    """Numbers of jumps of single paths against those of rejection, chi-square, 1 in 1e5 fails."""
    from scipy.stats import chi2_contingency

    rng, lag = np.random.default_rng(5), 1.5
    counts = np.zeros((1, 3, 3))
    counts[0, 0, 2] = 1
    drawn = [sample_jumps(THREE, [lag], counts, seed=1, sweep=k) for k in range(1500)]
    known = [twin.conditioned_jumps(THREE, lag, 0, 2, rng) for _ in range(1500)]
    numbers = [np.bincount([min(int(j.sum()), 5) for j, _ in each], minlength=6)[1:] for each in (drawn, known)]
    assert chi2_contingency(np.array(numbers))[1] > 1e-5
    for state in range(3):
        first, second = (np.array([t[state] for _, t in each]) for each in (drawn, known))
        error = np.hypot(first.std(), second.std()) / np.sqrt(1500)
        assert abs(first.mean() - second.mean()) < 4.5 * error
        assert abs(first.std() - second.std()) < 4.5 * error


def test_drawn_states_are_those_of_all_paths_by_their_probability():
    rng = np.random.default_rng(2)
    offsets, index = np.array([0, 4, 7]), np.array([-1, 0, 1, 0, -1, 1, 1])
    p = np.stack([scipy.linalg.expm(THREE * lag) for lag in (0.3, 1.0)])
    e, start = rng.random((7, 3)), np.array([0.5, 0.2, 0.3])
    _, pairs, states = twin.smooth_paths(offsets, index, p, e, start)
    n = 2000
    drawn = np.array([sample_states(offsets, index, p, e, start, seed=9, sweep=k) for k in range(n)])
    shares = np.stack([(drawn == s).mean(axis=0) for s in range(3)], axis=1)
    np.testing.assert_allclose(shares, states, atol=5 * 0.5 / np.sqrt(n))
    found = np.zeros_like(pairs)
    for k in np.flatnonzero(index >= 0):
        np.add.at(found[index[k]], (drawn[:, k - 1], drawn[:, k]), 1 / n)
    np.testing.assert_allclose(found, pairs, atol=5 * np.sqrt(4) * 0.5 / np.sqrt(n))


def test_draws_depend_on_seed_and_sweep_only():
    counts = np.ones((1, 3, 3))
    one, same, later, other = (
        sample_jumps(THREE, [0.5], counts, seed=seed, sweep=sweep)[1]
        for seed, sweep in ((1, 1), (1, 1), (1, 2), (2, 1))
    )
    np.testing.assert_array_equal(one, same)
    assert (one != later).any() and (one != other).any()


def test_the_impossible_is_not_drawn():
    one_way = np.array([[-1.0, 1.0], [0.0, 0.0]])
    counts = np.array([[[0, 0], [1, 0]]])
    assert sample_jumps(one_way, [1.0], counts, seed=0, sweep=0) is None
    e = np.array([[0.0, 1.0], [1.0, 0.0]])
    p = scipy.linalg.expm(one_way)[None]
    assert sample_states([0, 2], [-1, 0], p, e, [0.5, 0.5], seed=0, sweep=0) is None
