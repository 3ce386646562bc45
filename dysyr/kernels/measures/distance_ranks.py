"""The k-th smallest distance between the points of a cloud, without a list of all distances.

The count of pairs within a squared distance s is a staircase in s. Fifteen cuts through the interval that holds the
wanted step narrow it to a fifteenth or less per pass; when few pairs are left in it, they are listed and sorted.

The slow twin sorts the distances of ``pair_counts_reference.py``.
"""

import math
import numbers

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels.jit import jit
from dysyr.kernels.measures.pair_counts import (
    EXACT,
    PAIRS_PER_CALL,
    STACK,
    bounds,
    check_size,
    checked_points,
    count_pairs,
)
from dysyr.kernels.measures.pair_tree import LEAF, build_tree

CUTS = 15
OCTAVES = 2
LISTED = 20_000


def distances_at_ranks(points, ranks):
    """Distances of given ranks among all pairs, exactly.

        d_(k): the (k + 1)-th smallest of |x_i - x_j|, i < j

    Args:
        points: (n, dim) float32 or float64, finite; distances are taken in float64.
        ranks: whole numbers from 0 to n (n - 1) / 2 - 1.

    Returns:
        (ranks,) float64, in the units of the points.

    Raises:
        InputError: points that do not fit or are too large to square, or a rank that is no pair's.
    """
    points = checked_points(points)
    check_size(points)
    total = len(points) * (len(points) - 1) // 2
    for rank in ranks:
        if not isinstance(rank, numbers.Integral) or not 0 <= rank < total:
            expected = f"a whole number from 0 to {total - 1}" if total else "at least two points"
            raise InputError("no pair of points has this rank", got=str(rank), expected=expected)
    tree = build_tree(points)
    found, below, values = [], 0, np.empty(0)
    for rank in ranks:
        if not below <= rank < below + len(values):
            below, values = _neighbourhood(tree, total, int(rank))
        found.append(math.sqrt(values[rank - below]))
    return np.array(found)


def quantile_distance(points, share):
    """Quantile of the distances of all pairs, as ``numpy.quantile`` has it.

    Args:
        points: (n, dim) float32 or float64, finite, at least two.
        share: between 0 and 1.

    Returns:
        float, in the units of the points.

    Raises:
        InputError: points that do not fit or are fewer than two, or a share outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise InputError("a quantile is a share of the pairs", got=repr(share), expected="0 to 1")
    n = len(points)
    if n < 2:
        raise InputError("a distance takes two points", got=str(n))
    position = (n * (n - 1) // 2 - 1) * share
    rank = math.floor(position)
    low, high = distances_at_ranks(points, [rank, math.ceil(position)])
    return float(np.quantile([low, high], position - rank))


def _neighbourhood(tree, total, rank):
    """Sorted squared distances around a rank, and the rank of the first of them."""
    low, below = -1.0, 0
    high, upto = bounds(tree.low, tree.high, 0, 0)[1], total
    while upto - below > LISTED:
        cuts = _cuts(low, high)
        if len(cuts) == 0:
            return below, np.broadcast_to(high, upto - below)
        counts = count_pairs(tree, cuts)
        after = int(np.searchsorted(counts, rank, side="right"))
        if after > 0:
            low, below = cuts[after - 1], int(counts[after - 1])
        if after < len(cuts):
            high, upto = cuts[after], int(counts[after])
    values = np.empty(upto - below)
    stack = np.zeros((STACK, 2), dtype=np.int64)
    depth, n_found = 1, 0
    while depth:
        depth, n_found = _list(tree, low, high, stack, depth, PAIRS_PER_CALL, values, n_found)
    return below, np.sort(values)


def _cuts(low, high):
    """Squared distances strictly between two others: powers of four down from the upper one, or evenly spaced."""
    if low < 0:
        cuts = np.append(0.0, high * 2.0 ** -(2.0 * OCTAVES * np.arange(CUTS, 0, -1)))
    else:
        cuts = np.linspace(low, high, CUTS + 2)[1:-1]
    return np.unique(cuts[(cuts > low) & (cuts < high)])


@jit(fastmath=EXACT)
def _list(tree, low, high, stack, depth, budget, values, n_found):
    """List the squared distances in (low, high] of pairs of nodes from the stack, until the budget is spent."""
    x = tree.x
    while depth and budget > 0:
        depth -= 1
        a, b = stack[depth]
        least, most = bounds(tree.low, tree.high, a, b)
        budget -= 1
        if most <= low or least > high:
            continue
        children_a, children_b = tree.child[a], tree.child[b]
        if children_a < 0 and children_b < 0:
            budget -= LEAF * LEAF
            stop_a, stop_b = tree.first[a] + tree.count[a], tree.first[b] + tree.count[b]
            for i in range(tree.first[a], stop_a):
                for j in range(i + 1 if a == b else tree.first[b], stop_b):
                    square = 0.0
                    for d in range(x.shape[0]):
                        square += (x[d, i] - x[d, j]) * (x[d, i] - x[d, j])
                    if low < square <= high:
                        values[n_found] = square
                        n_found += 1
        elif a == b:
            stack[depth] = children_a, children_a
            stack[depth + 1] = children_a, children_a + 1
            stack[depth + 2] = children_a + 1, children_a + 1
            depth += 3
        elif tree.count[a] > tree.count[b]:
            stack[depth] = children_a, b
            stack[depth + 1] = children_a + 1, b
            depth += 2
        else:
            stack[depth] = a, children_b
            stack[depth + 1] = a, children_b + 1
            depth += 2
    return depth, n_found
