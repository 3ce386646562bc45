"""Equations in the variables and their derivatives in space, with all derivatives of expressions written out.

A jet leaf is a state leaf whose offsets are orders of differentiation: ("u", (2,)) is d^2 u / dx^2. Off a grid the
orders are empty, and the trees are those of the equations.
"""

from dysyr.core.derivative import differentiate
from dysyr.core.errors import InputError
from dysyr.core.expressions import (
    ONE,
    Expression,
    add,
    div,
    index,
    mul,
    number,
    postorder,
    rebuild,
    simplify,
    substitute,
)


def jet_trees(roots, system):
    """Write out intermediates and derivatives in space.

    Args:
        roots: tuple of trees as written.
        system: System they belong to, of kind "ode" or "pde".

    Returns:
        Tuple of simplified trees in jets, coordinates, time and parameters.

    Raises:
        InputError: a mixed derivative, or one of a higher order than the language has.
    """
    known = {}
    for name, tree in system.trees.let.items():
        known[name] = _written_out(tree, system, known)
    trees = simplify(tuple(_written_out(root, system, known) for root in roots))
    for node in postorder(trees):
        if node.op == "state" and sum(order > 0 for order in node.value[1]) > 1:
            raise InputError(
                f"mixed derivatives of {node.value[0]} cannot be learned from",
                expected="derivatives along one coordinate",
            )
    return trees


def jets_of(trees):
    """Set of (variable, orders) that stand in trees."""
    return {node.value for node in postorder(trees) if node.op == "state"}


def initial_trees(system):
    """Initial state of a pde as trees in the coordinates, one for each field."""
    places = {}
    for name, grid in system.trees.grids.items():
        first = 1.0 if grid.axis.boundary == "fixed" else 0.0
        here = add(_coordinate(name), mul(number(-1.0), grid.start))
        places[index(name)] = add(div(here, grid.spacing), number(-first))
    return substitute(tuple(system.trees.initial[name] for name in system.fields), places)


def space_derivatives(trees, coordinate, order):
    """Derivatives of trees in the coordinates alone."""
    for _ in range(order):
        trees = simplify(differentiate(trees, {_coordinate(coordinate): ONE}))
    return trees


def _coordinate(name):
    return Expression("coordinate", (), name)


def _written_out(tree, system, known):
    new = {}
    for node in postorder((tree,)):
        args = [new[argument] for argument in node.args]
        if node.op == "let":
            new[node] = known[node.value[0]]
        elif node.op == "space_derivative":
            new[node] = _along(args[0], *node.value, system)
        else:
            new[node] = rebuild(node, args) if args else node
    return new[tree]


def _along(tree, coordinate, order, system):
    """Total derivative of a tree in jets."""
    k = system.lattice.indices.index(coordinate)
    for _ in range(order):
        tree = simplify((tree,))[0]
        seeds = {_coordinate(coordinate): ONE}
        for name, orders in jets_of((tree,)):
            higher = tuple(o + (i == k) for i, o in enumerate(orders))
            seeds[Expression("state", (), (name, orders))] = Expression("state", (), (name, higher))
        tree = differentiate((tree,), seeds)[0]
    return tree
