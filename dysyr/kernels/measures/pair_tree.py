"""A k-d tree whose leaves hold 64 points each, stored by coordinate, so that leaves are compared in vector loops."""

from collections import namedtuple

import numpy as np

from dysyr.kernels.jit import jit

LEAF = 64
"""Points of a leaf; the last one is filled up with points at infinity."""

Tree = namedtuple("Tree", "x low high first count child")
"""Points x (dim, points, padded) in the order of the leaves; per node its box low, high (node, dim), its first point,
its number of points, and its first child (the second follows), or -1 for a leaf. Node 0 is the root."""


def build_tree(points):
    """Sort points into leaves of 64 by halving the widest side of each box.

    Args:
        points: (n, dim) float64, finite, n >= 1.

    Returns:
        Tree.
    """
    n, dim = points.shape
    n_leaves = -(-n // LEAF)
    x = np.full((dim, n_leaves * LEAF), np.inf)
    x[:, :n] = points.T
    n_nodes = 2 * n_leaves - 1
    low, high = np.empty((n_nodes, dim)), np.empty((n_nodes, dim))
    first, count, child = (np.empty(n_nodes, dtype=np.int64) for _ in range(3))
    _sort(x, n, low, high, first, count, child)
    return Tree(x, low, high, first, count, child)


@jit
def _sort(x, n, low, high, first, count, child):
    dim = x.shape[0]
    first[0], count[0] = 0, n
    made = 1
    for node in range(low.shape[0]):
        start, stop = first[node], first[node] + count[node]
        widest, width = 0, -1.0
        for d in range(dim):
            least, most = x[d, start], x[d, start]
            for i in range(start, stop):
                least, most = min(least, x[d, i]), max(most, x[d, i])
            low[node, d], high[node, d] = least, most
            if most - least > width:
                widest, width = d, most - least
        n_leaves = -(-count[node] // LEAF)
        if n_leaves == 1:
            child[node] = -1
            continue
        middle = start + (n_leaves // 2) * LEAF
        _select(x, widest, start, stop - 1, middle)
        child[node] = made
        first[made], count[made] = start, middle - start
        first[made + 1], count[made + 1] = middle, stop - middle
        made += 2


@jit
def _select(x, axis, left, right, k):
    """Order the points left..right so that none before k is above, and none after it below, point k on an axis."""
    while left < right:
        a, b, c = x[axis, left], x[axis, (left + right) // 2], x[axis, right]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = left, right
        while i <= j:
            while x[axis, i] < pivot:
                i += 1
            while x[axis, j] > pivot:
                j -= 1
            if i <= j:
                for d in range(x.shape[0]):
                    x[d, i], x[d, j] = x[d, j], x[d, i]
                i += 1
                j -= 1
        if k <= j:
            right = j
        elif k >= i:
            left = i
        else:
            return
