"""Cycles of a transition graph as words of its vertices, one for each rotation class."""

import numpy as np


def n_closed_walks(adjacency, length):
    """Number of closed walks of a length, trace(A^length), as a float; infinite beyond 1e308."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.trace(np.linalg.matrix_power(adjacency.astype(np.float64), length))
    return float(found) if np.isfinite(found) else np.inf


def primitive_cycles(adjacency, length):
    """All primitive closed walks of a graph, each in its least rotation.

    Walks are built from their least vertex on and kept only while they can still return to it.

    Args:
        adjacency: (n, n) bool.
        length: number of steps.

    Returns:
        (n_walks, length) indices of vertices, in lexicographic order.
    """
    n = len(adjacency)
    reach = [np.eye(n, dtype=bool)]
    for _ in range(length):
        reach.append((adjacency.astype(np.float32) @ reach[-1].astype(np.float32)) > 0)
    walks = np.flatnonzero(np.diag(reach[length]))[:, None]
    for step in range(1, length):
        grown, following = np.nonzero(adjacency[walks[:, -1]] & reach[length - step].T[walks[:, 0]])
        walks = np.column_stack([walks[grown], following])
        walks = walks[walks[:, 0] <= walks[:, -1]]
    for j in range(1, length):
        walks = walks[_less(walks, np.roll(walks, -j, axis=1))]
    return walks[np.lexsort(walks.T[::-1])]


def _less(a, b):
    """Row by row, whether a comes before b in lexicographic order."""
    differs = a != b
    first = differs.argmax(axis=1)[:, None]
    return np.take_along_axis(a < b, first, axis=1)[:, 0] & differs.any(axis=1)
