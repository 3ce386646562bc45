import networkx as nx
import numpy as np
import pytest
from scipy.special import digamma
from symbol_sequences import GOLDEN, SHIFTS, chain, encoding, logistic, walk

from dysyr.core.errors import NotConverged
from dysyr.encoding import spectral_radius as radius_module
from dysyr.encoding.entropy import grassberger, markov_rate, miller_madow, plain_entropy
from dysyr.encoding.spectral_radius import spectral_radius


@pytest.mark.parametrize("name", ["full", "golden"])
def test_finite_type_shifts_have_their_entropy_at_block_length_one(name, rng):
    graph, expected = SHIFTS[name]
    tops = encoding(walk(graph, 50_000, rng)).topological_entropies
    np.testing.assert_allclose(tops.graph[:-1], expected, atol=1e-12)
    assert np.isnan(tops.graph[-1])
    assert (tops.growth >= expected - 1e-12).all()


def test_number_of_words_of_the_golden_mean_shift_is_a_fibonacci_number(rng):
    tops = encoding(walk(SHIFTS["golden"][0], 50_000, rng)).topological_entropies
    assert tops.n_words.tolist() == [2, 3, 5, 8, 13, 21, 34, 55, 89, 144]


def test_even_shift_comes_down_to_its_entropy(rng):
    code = encoding(walk(SHIFTS["even"][0], 200_000, rng), max_word=14)
    bounds = code.topological_entropies.graph[:-1]
    assert (np.diff(bounds) <= 1e-12).all()
    assert (bounds > GOLDEN).all()
    assert bounds[0] == pytest.approx(np.log(2))
    assert bounds[-1] - GOLDEN < 0.003


def test_even_shift_graph_entropy_by_the_zeros_of_its_polynomial(rng):
    """With words of length 2n known, runs of 2n - 1 zeros and more are free; n = 1: 101 is forbidden alone."""
    code = encoding(walk(SHIFTS["even"][0], 100_000, rng))
    largest = max(np.roots([1, -2, 1, -1]).real)
    assert code.topological_entropies.graph[1] == pytest.approx(np.log(largest), abs=1e-12)


def test_logistic_map_has_entropy_ln_2():
    code = encoding(logistic(100_000))
    assert code.topological_entropy == pytest.approx(np.log(2), abs=1e-12)
    assert code.metric_entropy == pytest.approx(np.log(2), abs=3e-3)
    assert code.markov_rate == pytest.approx(np.log(2), abs=1e-3)


def test_words_that_were_missed_bring_the_bound_below_the_entropy(rng):
    code = encoding(rng.integers(0, 2, 300), max_word=12)
    tops = code.topological_entropies
    assert np.nanmin(tops.graph) < 0.9 * np.log(2)
    assert tops.n_once[-1] > 0.5 * tops.n_words[-1]
    assert code.sampled_length < 9
    assert code.topological_entropy == pytest.approx(np.log(2), abs=0.05)


def test_graphs_that_are_the_path_of_the_orbit_get_no_bound(rng):
    tops = encoding(rng.integers(0, 6, 5_000)).topological_entropies
    assert np.isfinite(tops.graph[:3]).all()
    assert np.isnan(tops.graph[5:]).all()


@pytest.mark.parametrize("n", [5, 40, 400])
def test_spectral_radius_is_that_of_the_dense_matrix(n, rng):
    graph = nx.gnp_random_graph(n, 3 / n, seed=7, directed=True)
    sources, targets = np.array(graph.edges).T
    expected = np.abs(np.linalg.eigvals(nx.to_numpy_array(graph, nodelist=range(n)))).max()
    assert spectral_radius(sources, targets, n) == pytest.approx(expected, rel=1e-9)


def test_spectral_radius_of_cycles_paths_and_parallel_edges():
    assert spectral_radius([0, 1, 2], [1, 2, 0], 3) == 1.0
    assert spectral_radius([0, 1], [1, 2], 3) == 0.0
    assert spectral_radius([0, 0, 0], [0, 0, 0], 1) == pytest.approx(3.0)


def test_a_radius_that_is_not_found_is_said(monkeypatch):
    monkeypatch.setattr(radius_module, "MAX_RESTARTS", 1)
    n = 20_000
    sources, targets = np.r_[np.arange(n), 0], np.r_[np.arange(1, n), 0, n // 2]
    with pytest.raises(NotConverged, match="20000 nodes, 20001 edges"):
        spectral_radius(sources, targets, n)


@pytest.mark.parametrize("estimate, bias", [(miller_madow, 0.01), (grassberger, 0.002)])
def test_corrections_remove_most_of_the_bias(estimate, bias, rng):
    """100 draws from 32 equal cells, on average over many repetitions; the plain estimate is 0.16 too low."""
    samples = [np.unique(rng.integers(0, 32, 100), return_counts=True)[1] for _ in range(2_000)]
    plain = np.mean([plain_entropy(c) for c in samples]) - np.log(32)
    corrected = np.mean([estimate(c) for c in samples]) - np.log(32)
    assert plain < -0.15
    assert abs(corrected) < 0.02 + bias


def test_grassberger_by_hand():
    """G(1) = psi(1) - ln 2 and G(2) = G(1) + 2 (the recurrence of the paper)."""
    g1 = digamma(1.0) - np.log(2)
    assert grassberger(np.array([1, 1])) == pytest.approx(np.log(2) - g1)
    assert grassberger(np.array([2, 1])) == pytest.approx(np.log(3) - (2 * (g1 + 2) + g1) / 3)


def test_entropy_rates_of_a_markov_chain_are_flat_after_one_step(rng):
    p = np.array([[0.9, 0.1, 0.0], [0.0, 0.7, 0.3], [0.5, 0.0, 0.5]])
    pi = np.linalg.matrix_power(p, 200)[0]
    exact = -(pi[:, None] * p * np.log(np.where(p > 0, p, 1))).sum()
    code = encoding(chain(p, 100_000, rng))
    assert markov_rate(p, pi) == pytest.approx(exact)
    assert code.markov_rate == pytest.approx(exact, abs=0.01)
    np.testing.assert_allclose(code.entropy_rates[1:6], exact, atol=0.01)
    assert code.entropy_rates[0] == pytest.approx(plain_entropy(pi), abs=0.01)


def test_a_shuffle_keeps_visits_and_loses_the_rate(rng):
    s = walk(SHIFTS["golden"][0], 50_000, rng)
    code, control = encoding(s), encoding(rng.permutation(s))
    np.testing.assert_array_equal(code.visits, control.visits)
    assert control.metric_entropy == pytest.approx(code.entropy_rates[0], abs=0.01)
    assert control.metric_entropy > code.metric_entropy + 0.1
    assert control.topological_entropy > code.topological_entropy + 0.1
