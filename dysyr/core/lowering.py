"""Equations as written to equations in sites: intermediates, derivatives and coordinates are written out.

Derivatives of derivatives and intermediates of intermediates multiply, so the work is bounded: a short text
cannot become an endless computation.
"""

from dysyr.core.discretisation import WEIGHTS
from dysyr.core.errors import InputError
from dysyr.core.expressions import Expression, add, apply, div, index, mul, number, postorder, power, rebuild

MAX_VISITS = 100_000


class Lowering:
    """Writes out the trees of one system.

    Args:
        lattice: the sites; none off a lattice.
        grids: dict from coordinate of a pde to Grid.

    Attributes:
        intermediates: dict from name to tree, written out; to be filled in order.
    """

    def __init__(self, lattice, grids):
        self.lattice = lattice
        self.grids = grids
        self.intermediates = {}
        self._visits = 0

    def lowered(self, tree):
        """The tree in states, indices, parameters and time alone, simplified.

        Raises:
            InputError: it takes more than MAX_VISITS steps, over all trees so far.
        """
        new = {}
        for node in self._visited(tree):
            args = [new[argument] for argument in node.args]
            if node.op == "let":
                name, offsets = node.value
                new[node] = self._shifted(self.intermediates[name], offsets)
            elif node.op == "coordinate":
                new[node] = self.grids[node.value].position
            elif node.op == "space_derivative":
                new[node] = self._difference(args[0], *node.value)
            else:
                new[node] = rebuild(node, args) if args else node
        return new[tree]

    def _difference(self, tree, coordinate, order):
        grid = self.grids[coordinate]
        weights = WEIGHTS[grid.order][order]
        terms = []
        for offset, weight in enumerate(weights, start=-(len(weights) // 2)):
            if weight:
                offsets = tuple(offset if name == coordinate else 0 for name in self.lattice.indices)
                terms.append(mul(number(weight), self._shifted(tree, offsets)))
        return div(add(*terms), power(grid.spacing, number(order)))

    def _shifted(self, tree, offsets):
        """The tree as seen from the site at ``offsets``."""
        if not any(offsets):
            return tree
        moved = {}
        for node in self._visited(tree):
            if node.op == "state":
                name, own = node.value
                moved[node] = Expression("state", (), (name, tuple(map(sum, zip(own, offsets, strict=True)))))
            elif node.op == "index":
                k = self.lattice.indices.index(node.value)
                moved[node] = _moved_index(self.lattice.axes[k], offsets[k])
            else:
                moved[node] = (
                    rebuild(node, [moved[argument] for argument in node.args]) if node.args else node
                )
        return moved[tree]

    def _visited(self, tree):
        order = postorder((tree,))
        self._visits += len(order)
        if self._visits > MAX_VISITS:
            raise InputError(
                "the equations are too large once they are written out",
                expected="fewer derivatives of derivatives, or intermediates of intermediates",
            )
        return order


def _moved_index(axis, offset):
    """The index of the neighbouring site, by the boundary."""
    if offset == 0:
        return index(axis.name)
    site = add(index(axis.name), number(offset))
    if axis.boundary == "periodic":
        return apply("mod", site, number(axis.n))
    if axis.boundary == "reflecting":
        last = number(axis.n - 1)
        return add(last, mul(number(-1.0), apply("abs", add(last, mul(number(-1.0), apply("abs", site))))))
    return site
