"""Expression trees on torch tensors."""

import functools
import operator

import torch

from dysyr.core.expressions import postorder
from dysyr.core.functions import COMPARISONS, FUNCTIONS


def evaluate(roots, leaves):
    """Value of expressions, differentiable in the leaves.

    Args:
        roots: tuple of simplified expressions.
        leaves: function from a leaf that is no number to a tensor or float.

    Returns:
        List of tensors or floats, one for each root.
    """
    value = {}
    for node in postorder(roots):
        if node.is_number:
            value[node] = node.value
        elif not node.args:
            value[node] = leaves(node)
        else:
            value[node] = _applied(node, [value[argument] for argument in node.args])
    return [value[root] for root in roots]


def _applied(node, args):
    if node.op in _ARITHMETIC:
        return _ARITHMETIC[node.op](*args)
    tensors = [torch.as_tensor(a, dtype=None if _is_condition(a) else torch.float64) for a in args]
    if node.op in COMPARISONS:
        return getattr(torch, node.op)(*tensors)
    if node.op == "where":
        return torch.where(*tensors)
    if node.op in ("and", "or"):
        return functools.reduce(torch.logical_and if node.op == "and" else torch.logical_or, tensors)
    if node.op == "not":
        return torch.logical_not(tensors[0])
    if node.op == "sech":
        return 1.0 / torch.cosh(tensors[0])
    if node.op == "sigmoid":
        return torch.sigmoid(tensors[0])
    function = FUNCTIONS[node.op]
    return getattr(torch, function.torch or function.numpy)(*tensors)


def _is_condition(a):
    return isinstance(a, torch.Tensor) and a.dtype == torch.bool


_ARITHMETIC = {
    "add": lambda *terms: functools.reduce(operator.add, terms),
    "mul": lambda *factors: functools.reduce(operator.mul, factors),
    "neg": operator.neg,
    "div": operator.truediv,
    "pow": operator.pow,
}
