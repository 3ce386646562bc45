"""Grids of partial differential equations: derivatives become differences, the field becomes a lattice.

    d^m u / dx^m (x_i)  ->  h^-m sum_k c_k u[i + k]

with weights c of second or fourth order. Grid points: x_i = start + i L/n (periodic), start + i L/(n-1)
(reflecting, both ends are points) and start + (i+1) L/(n+1) (fixed, the given values lie at the two ends).

Reference: fornberg1988
"""

from dataclasses import dataclass

from dysyr.core.expressions import Expression, add, div, index, mul, number

# weights[order][m], from the leftmost neighbour to the rightmost
WEIGHTS = {
    2: {1: (-1 / 2, 0, 1 / 2), 2: (1, -2, 1), 3: (-1 / 2, 1, 0, -1, 1 / 2), 4: (1, -4, 6, -4, 1)},
    4: {
        1: (1 / 12, -2 / 3, 0, 2 / 3, -1 / 12),
        2: (-1 / 12, 4 / 3, -5 / 2, 4 / 3, -1 / 12),
        3: (1 / 8, -1, 13 / 8, 0, -13 / 8, 1, -1 / 8),
        4: (-1 / 6, 2, -13 / 2, 28 / 3, -13 / 2, 2, -1 / 6),
    },
}
MAX_DERIVATIVE = 4


@dataclass(frozen=True)
class Grid:
    """Geometry of one coordinate.

    Attributes:
        axis: the lattice axis it becomes.
        start: expression of the lower end.
        length: expression of the length.
        order: order of the differences, 2 or 4.
    """

    axis: object
    start: Expression
    length: Expression
    order: int

    @property
    def spacing(self):
        intervals = {"periodic": self.axis.n, "reflecting": self.axis.n - 1, "fixed": self.axis.n + 1}
        return div(self.length, number(intervals[self.axis.boundary]))

    @property
    def position(self):
        first = 1.0 if self.axis.boundary == "fixed" else 0.0
        return add(self.start, mul(self.spacing, add(index(self.axis.name), number(first))))


def space_derivative(tree, coordinate, order):
    """The node for d^order/d coordinate^order of a tree."""
    return Expression("space_derivative", (tree,), (coordinate, order))
