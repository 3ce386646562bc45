"""Expression trees on NumPy arrays: the slow twin that the generated code is tested against."""

import numpy as np

from dysyr.core.expressions import postorder
from dysyr.core.functions import FUNCTIONS


def evaluate(roots, leaves):
    """Value of expressions.

    Args:
        roots: tuple of simplified expressions.
        leaves: function from a leaf that is no number to an array or float.

    Returns:
        List of arrays, one for each root.
    """
    value = {}
    with np.errstate(all="ignore"):
        for node in postorder(roots):
            if node.is_number:
                value[node] = np.float64(node.value)
            elif not node.args:
                value[node] = leaves(node)
            else:
                value[node] = _OPERATIONS[node.op](*(value[argument] for argument in node.args))
    return [value[root] for root in roots]


def _add(*terms):
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _mul(*factors):
    product = factors[0]
    for factor in factors[1:]:
        product = product * factor
    return product


_OPERATIONS = {
    "add": _add,
    "mul": _mul,
    "neg": np.negative,
    "div": np.divide,
    "pow": np.power,
    "where": np.where,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": lambda *parts: np.logical_and.reduce(np.broadcast_arrays(*parts)),
    "or": lambda *parts: np.logical_or.reduce(np.broadcast_arrays(*parts)),
    "not": np.logical_not,
    "sech": lambda a: 1.0 / np.cosh(a),
    "sigmoid": lambda a: 1.0 / (1.0 + np.exp(-a)),
}
_OPERATIONS.update(
    {
        name: getattr(np, function.numpy)
        for name, function in FUNCTIONS.items()
        if function.numpy and name not in _OPERATIONS
    }
)
