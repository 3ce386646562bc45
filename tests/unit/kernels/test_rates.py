"""Pairs, expected times and jumps, and hidden states of a chain, against slow twins and closed forms."""

import numpy as np
import pytest
import scipy.linalg
from jump_cases import ratchet

from dysyr.core.errors import InputError
from dysyr.kernels import rate_reference as twin
from dysyr.kernels.rate_hidden_states import smooth_paths
from dysyr.kernels.rate_integrals import (
    fast_transition_matrices,
    panel_expectations,
    rate_gradient,
    transition_matrices,
)
from dysyr.kernels.rate_pairs import count_pairs, group_lags

RING = np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0], [1.0, 0.0, -1.0]])
CHAIN = np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0], [0.0, 0.0, 0.0]])
"""Two steps of equal rate into an absorbing state: a Jordan block."""


def random_rates(rng, n):
    q = rng.exponential(size=(n, n))
    np.fill_diagonal(q, 0.0)
    return q - np.diag(q.sum(axis=1))


def generators():
    rng = np.random.default_rng(3)
    near = CHAIN + 1e-9 * np.array([[0.0, 0.0, 0.0], [0.0, -1.0, 1.0], [0.0, 0.0, 0.0]])
    return {"random": random_rates(rng, 5), "ring": RING, "defective": CHAIN, "near-defective": near,
            "degenerate": ratchet(0.0), "near-degenerate": ratchet(1e-3),
            "stiff": np.diag([1.0, 1e4]) @ np.array([[-1.0, 1.0], [1.0, -1.0]])}  # fmt: skip


def pairs_of(q, lags, rng):
    """Random counts of pairs that are possible."""
    return rng.integers(0, 9, (len(lags), *q.shape)) * (transition_matrices(q, lags) > 0)


@pytest.mark.parametrize("q", generators().values(), ids=generators())
def test_transition_matrices_are_exponentials(q):
    lags = np.array([0.0, 0.01, 0.7, 5.0, 30.0])
    for maker in (transition_matrices, fast_transition_matrices):
        for p, lag in zip(maker(q, lags), lags, strict=True):
            np.testing.assert_allclose(p, scipy.linalg.expm(q * lag), atol=1e-10)
            np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-14)


def test_small_probabilities_keep_their_digits():
    p = transition_matrices(CHAIN, [1e-8])[0]
    assert p[0, 2] == pytest.approx(0.5e-16, rel=1e-7)


def test_a_long_lag_gives_the_stationary_rows():
    p = transition_matrices(RING, [1e5])[0]
    np.testing.assert_allclose(p, 1 / 3, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "method"),
    [*((name, method) for name in ("random", "ring", "degenerate", "near-degenerate")
       for method in ("auto", "block", "spectral")),
     *((name, method) for name in ("defective", "near-defective") for method in ("auto", "block"))],
)  # fmt: skip
def test_expectations_are_those_of_quadrature(name, method):
    q, rng = generators()[name], np.random.default_rng(0)
    lags = np.array([0.1, 0.35, 0.8, 1.7, 2.0])
    counts = pairs_of(q, lags, rng)
    value, s = panel_expectations(q, lags, counts, method=method)
    expected, integral = twin.panel_expectations(q, lags, counts)
    assert value == pytest.approx(expected, rel=1e-11)
    np.testing.assert_allclose(s, integral, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", list(generators()))
def test_times_in_states_add_up_to_the_time_observed(name):
    q, rng = generators()[name], np.random.default_rng(1)
    lags = np.array([0.05, 0.4, 0.9, 1.3, 2.2, 3.0])
    counts = pairs_of(q, lags, rng)
    _, s = panel_expectations(q, lags, counts)
    assert np.trace(s) == pytest.approx((lags * counts.sum(axis=(1, 2))).sum(), rel=1e-10)


def test_expected_jumps_of_two_states_in_closed_form():
    """Between two visits to state 0 of a symmetric switch: even numbers of jumps of a Poisson process."""
    a, lag = 0.7, 1.9
    q = a * np.array([[-1.0, 1.0], [1.0, -1.0]])
    counts = np.array([[[1.0, 0.0], [0.0, 0.0]]])
    value, s = panel_expectations(q, [lag], counts)
    assert value == pytest.approx(np.log((1 + np.exp(-2 * a * lag)) / 2), rel=1e-13)
    jumps = (q * s)[0, 1] + (q * s)[1, 0]
    assert jumps == pytest.approx(a * lag * np.tanh(a * lag), rel=1e-12)


def test_gradient_is_that_of_the_likelihood():
    q, rng = random_rates(np.random.default_rng(2), 4), np.random.default_rng(5)
    lags = np.array([0.2, 0.5, 1.1, 1.2, 1.9])
    counts = pairs_of(q, lags, rng)
    free = ~np.eye(4, dtype=bool)
    gradient = rate_gradient(panel_expectations(q, lags, counts)[1], free)
    for i, j in np.argwhere(free):
        h = np.zeros_like(q)
        h[i, j], h[i, i] = 1e-6, -1e-6
        up, down = (panel_expectations(q + sign * h, lags, counts)[0] for sign in (1, -1))
        assert gradient[i, j] == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-5)
    assert (np.diag(gradient) == 0).all()


def test_an_impossible_pair_has_no_likelihood():
    counts = np.zeros((1, 3, 3))
    counts[0, 2, 0] = 1
    assert panel_expectations(CHAIN, [1.0], counts)[0] == -np.inf


def test_unlikely_pairs_among_many_lags_do_not_spoil_the_sum():
    q = random_rates(np.random.default_rng(4), 3)
    lags = np.concatenate([[1e-9], np.linspace(0.5, 2, 8)])
    counts = np.ones((9, 3, 3))
    value, s = panel_expectations(q, lags, counts)
    expected, integral = panel_expectations(q, lags, counts, method="block")
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(s, integral, rtol=1e-9)


def paths(rng, n_states=3, lengths=(5, 1, 4)):
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    times = np.concatenate([np.cumsum(rng.choice([0.1, 0.2, 0.5], n)) for n in lengths])
    return rng.integers(0, n_states, offsets[-1]), times, offsets


def test_pairs_are_those_counted_one_by_one(rng):
    labels, times, offsets = paths(rng, lengths=(50, 1, 30, 2))
    lags, index = group_lags(times, offsets)
    counts = count_pairs(labels, index, len(lags), 3)
    tables = twin.count_pairs(labels, times, offsets, 3)
    assert len(lags) == len(tables) == 3
    for lag, table in zip(lags, counts, strict=True):
        np.testing.assert_array_equal(table, tables[round(lag, 9)])
    assert counts.sum() == len(labels) - 4


def test_nearly_equal_lags_are_one_and_a_step_rounds_them():
    times = np.array([0.0, 1.0, 2.0 + 1e-9, 3.0 + 1e-9, 5.01])
    lags, index = group_lags(times, [0, 5])
    np.testing.assert_allclose(lags, [1.0, 2.01], atol=1e-8)
    np.testing.assert_array_equal(index, [-1, 0, 0, 0, 1])
    np.testing.assert_allclose(group_lags(times, [0, 5], step=1.0)[0], [1.0, 2.0])


def test_a_ladder_of_close_lags_is_not_one_group():
    lags = 1 + 0.8e-6 * np.arange(10)
    found, _ = group_lags(np.concatenate([[0.0], np.cumsum(lags)]), [0, 11])
    assert len(found) == 5


def test_single_points_have_no_lag():
    lags, index = group_lags([3.0, 1.0], [0, 1, 2])
    assert len(lags) == 0
    assert count_pairs([0, 1], index, 0, 2).shape == (0, 2, 2)


def test_times_that_do_not_increase_and_labels_that_are_no_states():
    with pytest.raises(InputError, match="time does not increase: 1 after 2"):
        group_lags([0.0, 2.0, 1.0], [0, 3])
    with pytest.raises(InputError, match="a label is not a state: labels from -1 to 1; whole numbers from 0 to 1"):
        count_pairs(np.array([0, -1, 1]), np.array([-1, 0, 0]), 1, 2)


def test_smoothing_is_a_sum_over_hidden_paths(rng):
    labels, times, offsets = paths(rng)
    lags, index = group_lags(times, offsets)
    p = transition_matrices(random_rates(rng, 3), lags)
    emissions = rng.uniform(0.1, 1, (len(labels), 3))
    initial = np.array([0.5, 0.3, 0.2])
    got = smooth_paths(offsets, index, p, emissions, initial)
    expected = twin.smooth_paths(offsets, index, p, emissions, initial)
    assert got[0] == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(got[1], expected[1], rtol=1e-11)
    np.testing.assert_allclose(got[2], expected[2], rtol=1e-11)


def test_smoothing_in_pieces_is_the_same(rng, monkeypatch):
    from dysyr.kernels import rate_hidden_states

    labels, times, offsets = paths(rng, lengths=(7, 3, 9, 1))
    lags, index = group_lags(times, offsets)
    p, emissions = transition_matrices(RING, lags), rng.uniform(0.1, 1, (len(labels), 3))
    whole = smooth_paths(offsets, index, p, emissions, np.ones(3) / 3)
    monkeypatch.setattr(rate_hidden_states, "SAMPLES_PER_CALL", 8)
    pieces = smooth_paths(offsets, index, p, emissions, np.ones(3) / 3)
    assert pieces[0] == pytest.approx(whole[0], rel=1e-14)
    for a, b in zip(pieces[1:], whole[1:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


def test_what_cannot_be_seen_has_no_likelihood():
    value, _, _ = smooth_paths([0, 2], [-1, 0], np.eye(2)[None], np.eye(2), np.array([1.0, 0.0]))
    assert value == -np.inf
