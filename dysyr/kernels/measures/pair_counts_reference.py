"""Slow twin of ``pair_counts.py`` and ``distance_ranks.py``: all distances at once, in NumPy."""

import numpy as np


def distances(points, *, theiler=0):
    """Distances of all pairs i < j with j - i > w: (pairs,) float64, coordinates summed in their order."""
    points = np.asarray(points, dtype=np.float64)
    i, j = np.triu_indices(len(points), k=theiler + 1)
    squares = np.zeros(len(i))
    for coordinate in points.T:
        squares += (coordinate[i] - coordinate[j]) ** 2
    return np.sqrt(squares)


def pair_counts(points, radii, *, theiler=0):
    """Number of pairs within each radius."""
    found = distances(points, theiler=theiler)
    return np.array([(found <= radius).sum() for radius in radii])
