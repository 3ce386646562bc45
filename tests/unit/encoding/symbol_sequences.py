"""Symbol sequences whose words and entropies are known, for the tests of this folder."""

import numpy as np

from dysyr.encoding.encoding import Encoding
from dysyr.encoding.relabelling import by_visits

GOLDEN = np.log((1 + np.sqrt(5)) / 2)
SHIFTS = {
    "full": ([{0: 0, 1: 0}], np.log(2)),
    "golden": ([{0: 0, 1: 1}, {0: 0}], GOLDEN),
    "even": ([{1: 0, 0: 1}, {0: 0}], GOLDEN),
}


def walk(graph, n, rng, weight=0.5):
    """n symbols along a random walk; graph[state] is {symbol: next state}, at most two per state."""
    state, out, draws = 0, np.empty(n, dtype=np.int64), rng.random(n)
    for t in range(n):
        symbols = list(graph[state])
        out[t] = symbols[0] if len(symbols) == 1 or draws[t] < weight else symbols[1]
        state = graph[state][out[t]]
    return out


def chain(matrix, n, rng):
    """n symbols of a Markov chain."""
    edges = np.cumsum(matrix, axis=1)
    state, out, draws = 0, np.empty(n, dtype=np.int64), rng.random(n)
    for t in range(n):
        state = min(np.searchsorted(edges[state], draws[t], side="right"), len(matrix) - 1)
        out[t] = state
    return out


def logistic(n, r=4.0, cut=0.5, x=0.3):
    """n symbols of the logistic map, 1 right of the cut."""
    out = np.empty(n, dtype=np.int64)
    for t in range(n):
        out[t] = x > cut
        x = r * x * (1 - x)
    return out


def encoding(*stretches, dt=1.0, max_word=10, source=None):
    """Encoding of label sequences, one per stretch."""
    symbols, original = by_visits([np.asarray(s) for s in stretches], 1_000)
    names = tuple(str(label) for label in original[:, 0])
    n = len(stretches)
    return Encoding(symbols, (0.0,) * n, tuple(range(n)), dt, names, None, max_word, source or {})
