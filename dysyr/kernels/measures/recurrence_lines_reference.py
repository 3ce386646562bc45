"""Slow twin of ``recurrence_lines.py``: the whole plot as a matrix, in NumPy."""

import numpy as np


def recurrence_lines(points, threshold, *, theiler=1):
    """How many diagonal and vertical lines of each length the plot has."""
    points = np.asarray(points, dtype=np.float64)
    n = len(points)
    squares = np.zeros((n, n))
    for coordinate in points.T:
        squares += np.subtract.outer(coordinate, coordinate) ** 2
    close = np.sqrt(squares) <= threshold
    close[np.abs(np.subtract.outer(np.arange(n), np.arange(n))) < theiler] = False
    diagonals = _run_lengths([np.diagonal(close, k) for k in range(theiler, n)])
    verticals = _run_lengths(list(close))
    return np.bincount(diagonals, minlength=n + 1), np.bincount(verticals, minlength=n + 1)


def _run_lengths(rows):
    """Lengths of the unbroken runs of True in each row."""
    lengths = [np.empty(0, dtype=np.int64)]
    for row in rows:
        padded = np.zeros(len(row) + 2, dtype=np.int8)
        padded[1:-1] = row
        edges = np.diff(padded)
        lengths.append(np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1))
    return np.concatenate(lengths)
