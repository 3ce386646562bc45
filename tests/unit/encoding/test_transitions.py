import numpy as np
import pytest
from symbol_sequences import chain, encoding

from dysyr.encoding.transitions import (
    jackknife_stderr,
    markov_stderr,
    row_stochastic,
    stationary_distribution,
    transition_counts,
)

P = np.array([[0.8, 0.2, 0.0], [0.1, 0.6, 0.3], [0.5, 0.0, 0.5]])


def test_counts_of_consecutive_steps_with_self_transitions():
    counts = transition_counts([np.array([0, 0, 1]), np.array([1]), np.array([1, 1, 0])], 2)
    assert counts.tolist() == [[1, 1], [1, 1]]


def test_symbols_seen_only_last_have_a_row_of_zeros():
    code = encoding([5, 5, 5, 7])
    assert code.transition_matrix.tolist() == [[2 / 3, 1 / 3], [0.0, 0.0]]
    assert np.isnan(code.transition_stderr[1]).all()
    assert code.stationary.tolist() == [1.0, 0.0]


def markov(s):
    return markov_stderr(transition_counts([s], 3))


def jackknife(s):
    return jackknife_stderr([s], 3)


@pytest.mark.parametrize("stderr", [markov, jackknife])
def test_standard_errors_of_a_markov_chain_are_the_spread_over_repetitions(stderr, rng):
    runs = [chain(P, 2_000, rng) for _ in range(150)]
    spread = np.std([row_stochastic(transition_counts([s], 3)) for s in runs], axis=0)
    claimed = np.mean([stderr(s) for s in runs], axis=0)
    np.testing.assert_allclose(claimed[P > 0], spread[P > 0], rtol=0.25)


def test_blocks_see_memory_that_a_markov_chain_does_not(rng):
    """Two coins that are exchanged every 200 throws or so: successive throws are not independent given the last."""
    coin = np.repeat(rng.random(100) < 0.5, 200)
    s = (rng.random(len(coin)) < np.where(coin, 0.8, 0.2)).astype(int)
    s[:2] = [0, 1]
    ratio = jackknife_stderr([s], 2) / markov_stderr(transition_counts([s], 2))
    assert (ratio > 1.5).all()


def test_stationary_distribution_is_the_left_eigenvector(rng):
    counts = np.rint(1e6 * P).astype(int)
    pi = stationary_distribution(counts)
    np.testing.assert_allclose(pi @ P, pi, atol=1e-12)
    assert pi.sum() == pytest.approx(1)


def test_closed_classes_keep_the_share_that_reaches_them():
    """0 goes to {1} with 1/4 and to {2, 3} with 3/4; a third of all visits begin in each part."""
    counts = np.array([[0, 1, 3, 0], [0, 4, 0, 0], [0, 0, 0, 2], [0, 0, 2, 0]])
    np.testing.assert_allclose(stationary_distribution(counts), [0, 5 / 12, 7 / 24, 7 / 24], atol=1e-12)


def test_edges_of_the_graph():
    code = encoding([3, 3, 3, 4, 3])
    assert code.graph_edges()[0]["probability"] == pytest.approx(2 / 3)
    assert [(e["source"], e["target"], e["count"]) for e in code.graph_edges()] == [(0, 0, 2), (0, 1, 1), (1, 0, 1)]
    assert code.adjacency.tolist() == [[True, True], [True, False]]


def test_ten_steps_are_left_out_one_at_a_time():
    s = np.array([0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1])
    whole = row_stochastic(transition_counts([s], 2))
    rest = []
    for t in range(10):
        pairs = [s[i : i + 2] for i in range(10) if i != t]
        rest.append(row_stochastic(transition_counts(pairs, 2)))
    np.testing.assert_allclose(jackknife_stderr([s], 2), np.sqrt(0.9 * np.square(np.array(rest) - whole).sum(axis=0)))
