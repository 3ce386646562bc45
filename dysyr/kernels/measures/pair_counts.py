"""Correlation sums: how many pairs of points lie within each of many radii, in one pass over a tree of boxes.

    N(r) = #{ i < j : j - i > w, |x_i - x_j| <= r }

Two boxes whose pairs are all nearer, or all farther, than a radius are settled for it by their corners; what is left
are pairs of leaves and the few radii between their least and greatest distance, which are compared point by point.
So large radii cost few boxes and small ones few pairs, and no choice between algorithms is needed.

Counts are exact: distances are float64, sums run over the coordinates in their order without fused multiply-add, and
a pair counts where the rounded distance is at most r. Rounding is monotone, so the boxes agree with their points.

The slow twin is ``pair_counts_reference.py``.
"""

import math
import numbers

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels.jit import jit
from dysyr.kernels.measures.pair_tree import LEAF, build_tree

EXACT = {"nsz"}
"""Fast-math flags of these kernels: no fused multiply-add, which would round distances in another way than NumPy."""

PAIRS_PER_CALL = 10_000_000
STACK = 1024
LARGEST = 1e150
"""Bound on coordinates: squared distances stay finite below it."""


def pair_counts(points, radii, *, theiler=0):
    """Number of pairs of points within each radius, pairs that are close in time left out.

        N(r) = #{ i < j : j - i > w, |x_i - x_j| <= r }

    Args:
        points: (n, dim) float32 or float64, finite, in the order of time; distances are taken in float64.
        radii: (k,) ascending, not negative, in the units of the points.
        theiler: w, samples.

    Returns:
        (k,) int64.

    Raises:
        InputError: shapes or types do not fit, values that are not finite or too large to square, radii that do not
            ascend, a window that is negative or no whole number.

    Reference: grassberger1983, theiler1986
    """
    points, radii = checked_points(points), _checked_radii(radii)
    check_size(points)
    check_window(theiler, least=0)
    limits = np.array([largest_square(radius) for radius in radii])
    counts = count_pairs(build_tree(points), limits)
    if theiler > 0:
        counts -= _near_counts(np.ascontiguousarray(points.T), limits, min(theiler, len(points) - 1))
    return counts


def _near_counts(x, limits, theiler):
    near = np.zeros(len(limits), dtype=np.int64)
    offsets = max(PAIRS_PER_CALL // (x.shape[1] * (len(limits) + x.shape[0])), 1)
    for first in range(1, theiler + 1, offsets):
        _count_near(x, limits, first, min(first + offsets - 1, theiler), near)
    return near


def checked_points(points):
    """Points as a C-contiguous float64 array, after a look at their shape, type and values."""
    points = np.asarray(points)
    if points.ndim != 2 or points.shape[0] < 1 or points.shape[1] < 1:
        raise InputError("points are not a table", got=f"shape {points.shape}", expected="(points, n_variables)")
    if points.dtype not in (np.float32, np.float64):
        raise InputError("points are of the wrong type", got=str(points.dtype), expected="float32 or float64")
    points = np.ascontiguousarray(points, dtype=np.float64)
    if not np.isfinite(points).all():
        got = f"{int((~np.isfinite(points)).sum())} values that are not"
        raise InputError("points are not finite", got=got, do="leave missing samples out")
    return points


def check_size(points):
    """Refuse points some of whose squared distances would be infinite."""
    largest = float(np.abs(points).max())
    if largest > LARGEST:
        raise InputError(
            "points are too large for squared distances", got=f"{largest:.3g}", expected=f"at most {LARGEST:g}",
            do="choose a larger unit",
        )  # fmt: skip


def check_window(theiler, *, least):
    """Refuse a Theiler window that is no whole number of samples or smaller than the least."""
    if not isinstance(theiler, numbers.Integral) or theiler < least:
        raise InputError(
            "not a Theiler window", got=f"theiler={theiler}", expected=f"a whole number of samples, at least {least}"
        )


def largest_square(radius):
    """Largest float64 whose rounded square root is at most the radius: |x - y| <= r without a root per pair."""
    radius = float(radius)
    square = radius * radius
    while math.sqrt(square) > radius:
        square = math.nextafter(square, 0.0)
    while math.sqrt(above := math.nextafter(square, math.inf)) <= radius and above > square:
        square = above
    return square


def count_pairs(tree, limits):
    """Pairs of different points of a tree within squared distances.

    Args:
        tree: Tree.
        limits: (k,) ascending squared distances, see :func:`largest_square`.

    Returns:
        (k,) int64 numbers of pairs with a squared distance of at most each limit.
    """
    k = len(limits)
    changes, counts = np.zeros(k + 1, dtype=np.int64), np.zeros(k, dtype=np.int64)
    stack = np.zeros((STACK, 4), dtype=np.int64)
    stack[0] = 0, 0, 0, k
    depth = 1
    while depth:
        depth = _count(tree, limits, stack, depth, PAIRS_PER_CALL, changes, counts)
    return counts + np.cumsum(changes[:-1])


@jit(fastmath=EXACT)
def _count(tree, limits, stack, depth, budget, changes, counts):
    """Settle pairs of nodes (a, b, first and last radius that is open) from the stack; returns what is left of it.

    Pairs within all radii from some on enter ``changes``, whose running sum counts them; the others ``counts``.
    """
    squares = np.empty(LEAF)
    while depth and budget > 0:
        depth -= 1
        a, b, start, stop = stack[depth]
        least, most = bounds(tree.low, tree.high, a, b)
        old_stop = stop
        while stop > start and limits[stop - 1] >= most:
            stop -= 1
        n_a, n_b = tree.count[a], tree.count[b]
        n_pairs = n_a * (n_a - 1) // 2 if a == b else n_a * n_b
        changes[stop] += n_pairs
        changes[old_stop] -= n_pairs
        while start < stop and limits[start] < least:
            start += 1
        if start == stop:
            continue
        children_a, children_b = tree.child[a], tree.child[b]
        if children_a < 0 and children_b < 0:
            _compare(
                tree.x, tree.first[a], n_a, tree.first[b], a == b, tree.low[b], tree.high[b], limits, start, stop,
                squares, counts,
            )  # fmt: skip
            budget -= LEAF * LEAF
        elif a == b:
            stack[depth] = children_a, children_a, start, stop
            stack[depth + 1] = children_a, children_a + 1, start, stop
            stack[depth + 2] = children_a + 1, children_a + 1, start, stop
            depth += 3
        elif n_a > n_b:
            stack[depth] = children_a, b, start, stop
            stack[depth + 1] = children_a + 1, b, start, stop
            depth += 2
        else:
            stack[depth] = a, children_b, start, stop
            stack[depth + 1] = a, children_b + 1, start, stop
            depth += 2
        budget -= 1
    return depth


@jit(fastmath=EXACT)
def bounds(low, high, a, b):
    """Least and greatest squared distance of a point of box a and a point of box b."""
    least, most = 0.0, 0.0
    for d in range(low.shape[1]):
        gap = max(low[a, d] - high[b, d], low[b, d] - high[a, d], 0.0)
        span = max(high[a, d] - low[b, d], high[b, d] - low[a, d])
        least += gap * gap
        most += span * span
    return least, most


@jit(fastmath=EXACT)
def _compare(x, first_a, n_a, first_b, same, low, high, limits, start, stop, squares, counts):
    """Compare each point of leaf a with all 64 of leaf b for the radii start..stop - 1."""
    for i in range(first_a, first_a + n_a):
        least = 0.0
        for d in range(x.shape[0]):
            gap = max(x[d, i] - high[d], low[d] - x[d, i], 0.0)
            least += gap * gap
        if limits[stop - 1] < least:
            continue
        first = start
        while limits[first] < least:
            first += 1
        own, other = x[0, i], x[0, first_b : first_b + LEAF]
        for j in range(LEAF):
            squares[j] = (own - other[j]) * (own - other[j])
        for d in range(1, x.shape[0]):
            own, other = x[d, i], x[d, first_b : first_b + LEAF]
            for j in range(LEAF):
                squares[j] += (own - other[j]) * (own - other[j])
        if same:
            for j in range(i - first_a + 1):
                squares[j] = np.inf
        for r in range(stop - 1, first - 1, -1):
            within, limit = 0, limits[r]
            for j in range(LEAF):
                within += squares[j] <= limit
            if within == 0:
                break
            counts[r] += within


@jit(fastmath=EXACT)
def _count_near(x, limits, first_offset, last_offset, counts):
    """Count the pairs first_offset to last_offset samples apart; x (dim, n)."""
    dim, n = x.shape
    squares = np.empty(n)
    for offset in range(first_offset, last_offset + 1):
        m = n - offset
        squares_between(x, offset, squares)
        for r in range(limits.size - 1, -1, -1):
            within, limit = 0, limits[r]
            for i in range(m):
                within += squares[i] <= limit
            if within == 0:
                break
            counts[r] += within


@jit(fastmath=EXACT)
def squares_between(x, offset, squares):
    """squares[i] = |x_i - x_{i + offset}|^2; x (dim, n)."""
    dim, n = x.shape
    m = n - offset
    for d in range(dim):
        early, late = x[d, :m], x[d, offset : offset + m]
        for i in range(m):
            gap = late[i] - early[i]
            squares[i] = gap * gap if d == 0 else squares[i] + gap * gap


def _checked_radii(radii):
    radii = np.asarray(radii, dtype=np.float64)
    if radii.ndim != 1 or len(radii) == 0:
        raise InputError("radii are not a list", got=f"shape {radii.shape}", expected="(k,), at least one radius")
    if not (radii >= 0).all() or (np.diff(radii) < 0).any():
        raise InputError("radii do not ascend from zero", got=np.array2string(radii, threshold=8), do="sort them")
    return radii
