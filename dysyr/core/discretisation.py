"""Partial differential equations on a grid: derivatives become differences, the field becomes a lattice.

    d^m u / dx^m (x_i)  ->  h^-m sum_k c_k u[i + k]

with weights c of second or fourth order. Grid points: x_i = start + i L/n (periodic), start + i L/(n-1)
(reflecting, both ends are points) and start + (i+1) L/(n+1) (fixed, the given values lie at the two ends).

Reference: fornberg1988
"""

from dataclasses import dataclass

from dysyr.core.expressions import Expression, add, apply, div, index, mul, number, postorder, power, rebuild

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


def discretise(trees, lattice, grids):
    """Replace space derivatives by differences and coordinates by positions on the grid.

    Args:
        trees: tuple of expressions.
        lattice: the lattice that the grid becomes.
        grids: dict from coordinate to Grid.

    Returns:
        Tuple of expressions in lattice states, indices, parameters and time.
    """
    new = {}
    for node in postorder(trees):
        args = [new[argument] for argument in node.args]
        if node.op == "coordinate":
            new[node] = grids[node.value].position
        elif node.op == "space_derivative":
            new[node] = _difference(args[0], lattice, grids, *node.value)
        else:
            new[node] = rebuild(node, args) if args else node
    return tuple(new[tree] for tree in trees)


def shift(tree, lattice, offsets):
    """The tree as seen from the site at ``offsets``."""
    moved = {}
    for node in postorder((tree,)):
        if node.op in ("state", "tangent"):
            name, own = node.value
            moved[node] = Expression(
                node.op, (), (name, tuple(a + b for a, b in zip(own, offsets, strict=True)))
            )
        elif node.op == "index":
            k = lattice.indices.index(node.value)
            moved[node] = _moved_index(lattice.axes[k], offsets[k])
        else:
            moved[node] = rebuild(node, [moved[argument] for argument in node.args]) if node.args else node
    return moved[tree]


def _difference(tree, lattice, grids, coordinate, order):
    grid = grids[coordinate]
    weights = WEIGHTS[grid.order][order]
    k = lattice.indices.index(coordinate)
    terms = []
    for offset, weight in enumerate(weights, start=-(len(weights) // 2)):
        if weight:
            offsets = tuple(offset if axis == k else 0 for axis in range(len(lattice.axes)))
            terms.append(mul(number(weight), shift(tree, lattice, offsets)))
    return div(add(*terms), power(grid.spacing, number(order)))


def _moved_index(axis, offset):
    if offset == 0:
        return index(axis.name)
    site = add(index(axis.name), number(offset))
    if axis.boundary == "periodic":
        return apply("mod", site, number(axis.n))
    if axis.boundary == "reflecting":
        last = number(axis.n - 1)
        return add(last, mul(number(-1.0), apply("abs", add(last, mul(number(-1.0), apply("abs", site))))))
    return site
