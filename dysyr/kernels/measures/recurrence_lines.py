"""Lengths of the lines of a recurrence plot, counted line by line without the plot.

    R_ij = [ |x_i - x_j| <= r ],  |i - j| >= w

A diagonal of the upper triangle, and then a row, is compared in one vector loop into a mask of bytes; unbroken runs
are read from it eight samples at a time where nothing recurs. Memory grows with the number of points, not with its
square. Distances are rounded as in ``pair_counts.py``, so lines are exact.

The slow twin is ``recurrence_lines_reference.py``.
"""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels.jit import jit
from dysyr.kernels.measures.pair_counts import (
    EXACT,
    PAIRS_PER_CALL,
    check_window,
    checked_points,
    largest_square,
    squares_between,
)


def recurrence_lines(points, threshold, *, theiler=1):
    """How many diagonal and vertical lines of each length a recurrence plot has.

    Args:
        points: (n, dim) float32 or float64, finite, in the order of time; distances are taken in float64.
        threshold: radius of recurrence, in the units of the points; not negative.
        theiler: w, pairs with |i - j| < w are left out; at least 1, since the main diagonal always recurs.

    Returns:
        (n + 1,) int64 diagonals of each length on one side of the main diagonal, and (n + 1,) int64 verticals of each
        length in the whole plot.

    Raises:
        InputError: points, threshold or window that do not fit.

    Reference: marwan2007
    """
    points = checked_points(points)
    if not threshold >= 0:
        raise InputError("a radius of recurrence is not negative", got=repr(threshold))
    check_window(theiler, least=1)
    n = len(points)
    x, limit = np.ascontiguousarray(points.T), largest_square(threshold)
    diagonals, verticals = np.zeros(n + 1, dtype=np.int64), np.zeros(n + 1, dtype=np.int64)
    per_call = max(PAIRS_PER_CALL // n, 1)
    for first in range(theiler, n, per_call):
        _diagonals(x, limit, first, min(first + per_call, n), diagonals)
    for first in range(0, n, per_call):
        _verticals(x, limit, theiler, first, min(first + per_call, n), verticals)
    return diagonals, verticals


@jit(fastmath=EXACT)
def _diagonals(x, limit, start, stop, lines):
    n = x.shape[1]
    squares, words = np.empty(n), np.empty(n // 8 + 2, dtype=np.uint64)
    close = words.view(np.uint8)
    for offset in range(start, stop):
        m = n - offset
        squares_between(x, offset, squares)
        for i in range(m):
            close[i] = squares[i] <= limit
        _count_runs(words, close, m, lines)


@jit(fastmath=EXACT)
def _verticals(x, limit, theiler, start, stop, lines):
    dim, n = x.shape
    squares, words = np.empty(n), np.empty(n // 8 + 2, dtype=np.uint64)
    close = words.view(np.uint8)
    for i in range(start, stop):
        for d in range(dim):
            own, others = x[d, i], x[d]
            for j in range(n):
                gap = own - others[j]
                squares[j] = gap * gap if d == 0 else squares[j] + gap * gap
        for j in range(n):
            close[j] = squares[j] <= limit
        for j in range(max(i - theiler + 1, 0), min(i + theiler, n)):
            close[j] = 0
        _count_runs(words, close, n, lines)


@jit
def _count_runs(words, close, m, lines):
    """Add the runs of ones among the first m bytes to the histogram of lengths; words are the same bytes by eight."""
    n_words = m // 8 + 1
    for i in range(m, 8 * n_words):
        close[i] = 0
    length = 0
    for w in range(n_words):
        if words[w] == 0:
            if length:
                lines[length] += 1
                length = 0
            continue
        for i in range(8 * w, 8 * w + 8):
            if close[i]:
                length += 1
            elif length:
                lines[length] += 1
                length = 0
