"""Cycles of graphs against all words, one by one."""

import itertools

import numpy as np
import pytest

from dysyr.encoding.graph_walks import n_closed_walks, primitive_cycles


@pytest.mark.parametrize("length", [1, 2, 3, 4, 6])
def test_primitive_cycles_are_all_there_are(length, rng):
    adjacency = rng.uniform(size=(4, 4)) < 0.6
    closed = [
        word for word in itertools.product(range(4), repeat=length)
        if all(adjacency[word[i], word[(i + 1) % length]] for i in range(length))
    ]  # fmt: skip
    expected = [word for word in closed if all(word < word[j:] + word[:j] for j in range(1, length))]
    assert [tuple(word) for word in primitive_cycles(adjacency, length).tolist()] == expected
    assert n_closed_walks(adjacency, length) == len(closed)


def test_graph_without_cycles():
    assert primitive_cycles(np.triu(np.ones((3, 3), dtype=bool), 1), 2).shape == (0, 2)


def test_more_walks_than_there_are_numbers_are_infinitely_many():
    for graph in (np.ones((3, 3), dtype=bool), np.eye(3, dtype=bool) | (np.arange(3) < 2)):
        assert n_closed_walks(graph, 2_000) == np.inf
