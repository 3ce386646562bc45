"""Points per cell of a regular partition of state space, for two clouds at once: the counts behind D_stsp.

Up to four variables (and as many cells as memory takes lightly) every cell has a counter; beyond that the numbers of
the occupied cells are sorted and equal ones counted, so that the cost depends on the points and not on the cells.

The slow twin is ``count_cells`` of ``dysyr.core.attractor_distance``.
"""

import numbers

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels.jit import jit

MOST_COUNTERS = 1_000_000
LARGEST_KEY = 2**62
BLOCK = 256
OUTSIDE = -(2.0**30)
"""Place of a coordinate out of range: makes the number of a cell negative, whatever the other coordinates."""


def count_cells(truth, generated, low, high, n_bins):
    """Points of two clouds in each cell that either occupies.

        cell of x: floor(k (x - low) / (high - low)) per variable, in range if 0 <= cell < k

    Args:
        truth: (n, dim) float64, all within range.
        generated: (m, dim) float64; may hold NaN and inf, which are out of range.
        low: (dim,) lower ends of the partition.
        high: (dim,) upper ends.
        n_bins: k, cells per variable.

    Returns:
        counts of the truth and counts of the generated points, both (occupied cells,) int64, cells in ascending order
        with the first variable most significant.

    Raises:
        InputError: shapes that do not fit, no variables, no cells, or ends that do not ascend.
    """
    truth, generated, low, high = (np.ascontiguousarray(a, dtype=np.float64) for a in (truth, generated, low, high))
    dim = truth.shape[-1] if truth.ndim else 0
    if not truth.ndim == generated.ndim == 2 or not generated.shape[1:] == low.shape == high.shape == (dim,):
        shapes = ", ".join(str(a.shape) for a in (truth, generated, low, high))
        raise InputError("clouds and partition do not fit together", got=shapes, expected="(n, d), (m, d), (d,), (d,)")
    if not isinstance(n_bins, numbers.Integral) or n_bins < 1 or dim == 0:
        got = f"n_bins={n_bins} in {dim} variables"
        raise InputError("a partition needs cells", got=got, expected="at least 1, a whole number, and 1 variable")
    if not (np.isfinite(high - low) & (high > low)).all():
        raise InputError("the ends of a partition do not ascend", got=f"low={low}, high={high}")
    n_bins = int(n_bins)
    width = high - low
    if float(n_bins) ** dim <= MOST_COUNTERS:
        few = max(len(truth), len(generated)) < 2**15
        counters = np.zeros((n_bins**dim, 2), dtype=np.int16 if few else np.int32)
        _add_points(truth.reshape(-1), low, width, n_bins, 0, counters)
        _add_points(generated.reshape(-1), low, width, n_bins, 1, counters)
        return _occupied(counters, counters.reshape(-1).view(np.int32 if few else np.int64))
    keys = _sparse_keys(np.concatenate([truth, generated]), low, width, n_bins)
    marks = np.concatenate([2 * keys[: len(truth)], 2 * keys[len(truth) :] + 1])
    marks = marks[marks >= 0]
    marks.sort()
    return _count_sorted(marks)


def _sparse_keys(points, low, width, n_bins):
    """One int64 per point that orders and tells apart the cells, or -1 out of range.

    Where the product of the cells leaves the whole numbers, keys so far are first replaced by their ranks.
    """
    n, dim = points.shape
    keys, span = np.zeros(n, dtype=np.int64), 1
    for d in range(dim):
        if span > LARGEST_KEY // n_bins:
            known, keys = np.unique(keys, return_inverse=True)
            if len(known) and known[0] < 0:
                keys -= 1
            span = len(known)
        _append_variable(points, low[d], width[d], d, n_bins, keys)
        span *= n_bins
    return keys


@jit
def _append_variable(points, low, width, d, n_bins, keys):
    bins = float(n_bins)
    for i in range(points.shape[0]):
        position = np.floor(bins * ((points[i, d] - low) / width))
        if keys[i] >= 0 and 0 <= position < bins:
            keys[i] = keys[i] * n_bins + np.int64(position)
        else:
            keys[i] = -1


@jit
def _add_points(x, low, width, n_bins, column, counters):
    """Count points given as one flat array, in blocks small enough for the first-level cache."""
    dim, bins = low.size, float(n_bins)
    size = BLOCK * dim
    lows, widths = np.empty(size), np.empty(size)
    for j in range(size):
        lows[j], widths[j] = low[j % dim], width[j % dim]
    places, cells = np.empty(size, dtype=np.int32), np.empty(BLOCK, dtype=np.int64)
    for start in range(0, x.size, size):
        part = x[start : start + size]
        for j in range(part.size):
            position = np.floor(bins * ((part[j] - lows[j]) / widths[j]))
            places[j] = np.int32(position if (0.0 <= position) & (position < bins) else OUTSIDE)
        n = part.size // dim
        cells[:] = 0
        for d in range(dim):
            coordinate = places[d::dim]
            for i in range(n):
                cells[i] = cells[i] * n_bins + coordinate[i]
        for i in range(n):
            if cells[i] >= 0:
                counters[cells[i], column] += 1


@jit
def _occupied(counters, pairs):
    """Counts of the cells that hold anything; pairs are the same counters, both of a cell as one number."""
    n_occupied = 0
    for cell in range(pairs.size):
        n_occupied += pairs[cell] != 0
    # one place more, since each cell is written where the next occupied one will be: no branch to foresee
    u, v = np.empty(n_occupied + 1, dtype=np.int64), np.empty(n_occupied + 1, dtype=np.int64)
    k = 0
    for cell in range(pairs.size):
        u[k], v[k] = counters[cell, 0], counters[cell, 1]
        k += pairs[cell] != 0
    return u[:n_occupied], v[:n_occupied]


@jit
def _count_sorted(marks):
    """Counts per cell of sorted marks, twice the cell's key and one more for a generated point."""
    n_occupied = 0
    for i in range(marks.size):
        n_occupied += i == 0 or marks[i] >> 1 != marks[i - 1] >> 1
    u, v = np.zeros(n_occupied, dtype=np.int64), np.zeros(n_occupied, dtype=np.int64)
    k = -1
    for i in range(marks.size):
        if i == 0 or marks[i] >> 1 != marks[i - 1] >> 1:
            k += 1
        if marks[i] & 1:
            v[k] += 1
        else:
            u[k] += 1
    return u, v
