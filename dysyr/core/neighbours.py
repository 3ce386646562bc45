"""Neighbours in state space that are not neighbours in time."""

import numpy as np
from scipy.spatial import cKDTree

from dysyr.core.errors import InputError


def nearest_neighbours(points, positions, queries, *, theiler, n_neighbours=1, p=2):
    """Nearest neighbours of some points among all, closer ones in time left out.

    Args:
        points: (n, dim) states.
        positions: (n,) whole numbers, the sample number of each point; the two points of a pair are at least
            ``theiler + 1`` apart in them. Points of different segments need positions far apart.
        queries: (q,) indices of the points whose neighbours are wanted.
        theiler: Theiler window in samples.
        n_neighbours: how many neighbours.
        p: 2 for the Euclidean distance, ``numpy.inf`` for the maximum norm.

    Returns:
        (distances, indices), each (q, n_neighbours), nearest first; where there are too few admissible
        points the distance is inf and the index -1.

    Raises:
        InputError: fewer than two points.

    Reference: theiler1986
    """
    n = len(points)
    if n < 2:
        raise InputError("too few points to have neighbours", got=f"{n}")
    tree = cKDTree(points)
    distances = np.full((len(queries), n_neighbours), np.inf)
    indices = np.full((len(queries), n_neighbours), -1)
    open_rows = np.arange(len(queries))
    size = min(n_neighbours + 8, n)
    while len(open_rows):
        at = queries[open_rows]
        found_distance, found = tree.query(points[at], k=size, p=p)
        apart = np.abs(positions[found] - positions[at][:, None]) > theiler
        rank = np.cumsum(apart, axis=1) - 1
        enough = apart.sum(axis=1) >= n_neighbours
        row, column = np.nonzero(apart & (rank < n_neighbours))
        distances[open_rows[row], rank[row, column]] = found_distance[row, column]
        indices[open_rows[row], rank[row, column]] = found[row, column]
        if size == n:
            break
        open_rows = open_rows[~enough]
        size = min(4 * size, n)
    return distances, indices


def positions_of(lengths, theiler):
    """Sample numbers for points of several segments, so far apart that no Theiler window joins them.

    Args:
        lengths: number of points of each segment.
        theiler: Theiler window in samples.

    Returns:
        (sum of lengths,) int64.
    """
    starts = np.concatenate([[0], np.cumsum(np.asarray(lengths) + theiler + 1)[:-1]])
    return np.concatenate([start + np.arange(n) for start, n in zip(starts, lengths, strict=True)]).astype(
        np.int64
    )
