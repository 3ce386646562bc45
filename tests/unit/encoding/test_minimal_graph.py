import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from symbol_sequences import GOLDEN, SHIFTS, chain, encoding, logistic, walk

from dysyr.core.errors import InputError
from dysyr.encoding.deterministic_graph import accepted_words, essential, merged, read_words
from dysyr.encoding.futures import same_distribution, same_support
from dysyr.encoding.minimal_graph import minimal_graph
from dysyr.encoding.words import count_words


@pytest.mark.parametrize("name, n_states", [("full", 1), ("golden", 2), ("even", 2)])
@pytest.mark.parametrize("weight", [0.5, 0.65])
def test_shannon_covers(name, n_states, weight, rng):
    graph, entropy = SHIFTS[name]
    found = minimal_graph(encoding(walk(graph, 100_000, rng, weight), max_word=8).word_tables)
    assert found.n_states == n_states
    assert found.exact
    assert found.n_accepted == found.n_observed
    assert found.rejected == 0
    assert found.topological_entropy == pytest.approx(entropy, abs=1e-9)
    edges = zip(found.source, found.target, found.symbol, strict=True)
    ours = nx.MultiDiGraph([(s, t, {"symbol": a}) for s, t, a in edges])
    cover = nx.MultiDiGraph([(s, t, {"symbol": a}) for s, row in enumerate(graph) for a, t in row.items()])
    assert any(nx.is_isomorphic(_renamed(ours, order), cover, edge_match=_same_symbols) for order in ((0, 1), (1, 0)))


def _renamed(graph, order):
    """The graph with symbol a called order[a]: codes number symbols by visits."""
    return nx.MultiDiGraph([(s, t, {"symbol": order[d["symbol"]]}) for s, t, d in graph.edges(data=True)])


def _same_symbols(one, other):
    return sorted(d["symbol"] for d in one.values()) == sorted(d["symbol"] for d in other.values())


def test_causal_states_of_the_even_process(rng):
    """Statistical complexity H(2/3, 1/3) and rate 2/3 ln 2 (Crutchfield and Feldman)."""
    found = minimal_graph(encoding(walk(SHIFTS["even"][0], 200_000, rng)).word_tables, kind="probabilistic")
    assert found.n_states == 2
    assert found.entropy_rate == pytest.approx(2 / 3 * np.log(2), abs=3e-3)
    assert found.statistical_complexity == pytest.approx(np.log(3) - 2 / 3 * np.log(2), abs=3e-3)


def test_same_words_with_other_probabilities_are_told_apart_only_probabilistically(rng):
    """A chain of full support: every word occurs, but the next symbol depends on the present one."""
    tables = encoding(chain(np.array([[0.8, 0.2], [0.4, 0.6]]), 100_000, rng)).word_tables
    topological, probabilistic = minimal_graph(tables), minimal_graph(tables, kind="probabilistic")
    assert topological.n_states == 1
    assert probabilistic.n_states == 2
    np.testing.assert_allclose(np.sort(probabilistic.probability), [0.2, 0.4, 0.6, 0.8], atol=0.01)


def test_logistic_map_with_another_cut_is_presented_to_all_but_few_words():
    """r = 3.9, cut at 0.37: no full shift; the graph accepts what occurs and little more."""
    code = encoding(logistic(100_000, r=3.9, cut=0.37), max_word=14)
    found = code.minimal_graph
    assert found.rejected == 0
    assert found.n_accepted < 1.1 * found.n_observed
    assert found.topological_entropy == pytest.approx(code.topological_entropies.graph[11], abs=0.01)


def test_symbols_that_last_longer_than_futures_end_in_a_graph_of_finite_type():
    """Runs of 40 zeros and of 30 or 60 ones: words of length 10 cannot tell how long a run has lasted.

    With memory 5 all that is known is that inner runs have at least 5 symbols: 2 + 18 + 20 words of length 10 with one,
    two and three runs.
    """
    s = np.concatenate([np.r_[np.zeros(40), np.ones(30 * k)] for k in (1, 2, 2, 1, 1, 1, 2) * 30]).astype(int)
    found = encoding(s).minimal_graph
    assert found.memory == 5
    assert not found.exact
    assert found.rejected == 0
    assert found.n_accepted == 40


def test_data_that_end_in_a_symbol_of_their_own_keep_the_rest(rng):
    s = np.r_[walk(SHIFTS["golden"][0], 20_000, rng), 7]
    found = encoding(s).minimal_graph
    assert found.memory is None
    assert found.topological_entropy == pytest.approx(GOLDEN, abs=1e-9)


def test_futures_are_held_impossible_only_where_chance_does_not_explain_their_absence():
    """(1/2)^c against 0.001 / 2 futures: 10 occurrences may be chance, 11 may not."""
    for c, same in ((10, True), (11, False)):
        seen, unseen = np.array([1_000 - c, c]), np.array([1_000, 0])
        assert same_support(seen, unseen, 1e-3) is same
        assert same_support(unseen, seen, 1e-3) is same


def test_distributions_are_compared_at_the_level_of_the_test(rng):
    p = rng.dirichlet(np.ones(6))
    pairs = [(rng.multinomial(400, p), rng.multinomial(900, p)) for _ in range(2_000)]
    rejected = np.mean([not same_distribution(a, b, 0.05, 0.0) for a, b in pairs])
    assert 0.03 < rejected < 0.07
    a, b = np.array([520, 480]), np.array([480, 520])
    assert same_distribution(a * 100, b * 100, 0.05, 0.041)
    assert not same_distribution(a * 100, b * 100, 0.05, 0.039)


def test_a_periodic_sequence_is_a_cycle():
    found = encoding(np.tile([0, 0, 1], 2_000)).minimal_graph
    assert (found.n_states, len(found.source)) == (3, 3)
    assert found.topological_entropy == 0
    assert found.entropy_rate == 0
    np.testing.assert_allclose(found.stationary, 1 / 3, atol=1e-3)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1), st.integers(0, 4)), max_size=10))
def test_merging_keeps_the_language(triples):
    edges = {(s, a): t for s, a, t in triples}
    keep = essential(5, edges)
    groups = merged(keep, edges)
    if not keep:
        return
    whole, small = (_table(edges, names) for names in ({s: s for s in keep}, groups))
    for length in range(1, 7):
        assert accepted_words(whole, length) == accepted_words(small, length)
    assert len(small) <= len(whole)


def _table(edges, names):
    states = sorted(set(names.values()))
    follow = np.full((len(states), 2), -1)
    for (s, a), t in edges.items():
        if s in names and t in names:
            follow[states.index(names[s]), a] = states.index(names[t])
    return follow


def test_reading_words_by_brute_force(rng):
    follow = np.array([[0, 1], [2, -1], [1, 0]])
    tables = count_words([rng.integers(0, 2, 300)], 2, 6)

    def reads(state, word):
        for symbol in word:
            state = follow[state, symbol] if state >= 0 else -1
        return state

    readable, _ = read_words(follow, tables)
    expected = [any(reads(s, w) >= 0 for s in range(3)) for w in tables[-1].words]
    assert readable.tolist() == expected
    assert not all(expected)


def test_kinds_and_lengths_are_checked(rng):
    tables = encoding(rng.integers(0, 2, 1_000)).word_tables
    with pytest.raises(InputError, match="unknown kind of graph: 'causal'"):
        minimal_graph(tables, kind="causal")
    with pytest.raises(InputError, match="past=8, future=5; at least 1 each, and together at most 10"):
        minimal_graph(tables, past=8, future=5)
