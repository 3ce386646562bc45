"""The expression tree: small immutable nodes that are shared whenever they are equal.

A node is an operation, its arguments and a value. Equal nodes are the same object, so common subexpressions
are found by identity and every pass over a tree is one loop over ``postorder``, linear in the number of
distinct nodes.

==================  =====================================================================
``number``          value: a finite float
``state``           value: (name, offsets); offsets are () off a lattice, (0,) for x[i], (1,) for x[i+1]
``parameter``       value: name
``time``            the symbol t
``index``           value: name of a lattice index
``coordinate``      value: name of a space coordinate of a partial differential equation
``tangent``         value: (name, offsets); the direction of a directional derivative
``let``             value: name; a named intermediate, replaced before anything is computed
``space_derivative``  value: (coordinate, order); one argument
``add``, ``mul``    any number of arguments
``neg``, ``div``, ``pow``, ``where``, comparisons, ``and``, ``or``, ``not``; the functions of core.functions
==================  =====================================================================
"""

import math
import operator
import weakref

from dysyr.core.errors import ExpressionError
from dysyr.core.functions import COMPARISONS, CONDITIONS, DERIVED, FUNCTIONS

_interned = weakref.WeakValueDictionary()


class Expression:
    """One node.

    Attributes:
        op: the operation.
        args: tuple of nodes.
        value: float, name or tuple of names, for leaves; None otherwise.
    """

    __slots__ = ("op", "args", "value", "__weakref__")

    def __new__(cls, op, args=(), value=None):
        key = (op, args, value)
        node = _interned.get(key)
        if node is None:
            node = super().__new__(cls)
            object.__setattr__(node, "op", op)
            object.__setattr__(node, "args", args)
            object.__setattr__(node, "value", value)
            node = _interned.setdefault(key, node)
        return node

    def __setattr__(self, name, value):
        raise AttributeError("an Expression cannot be changed")

    def __reduce__(self):
        return Expression, (self.op, self.args, self.value)

    def __repr__(self):
        inside = [repr(self.value)] if self.value is not None else []
        return f"{self.op}({', '.join(inside + [repr(a) for a in self.args])})"

    @property
    def is_condition(self):
        """True for comparisons and their combinations, which are no numbers."""
        return self.op in CONDITIONS

    @property
    def is_number(self):
        return self.op == "number"


def postorder(roots):
    """Distinct nodes below the roots, arguments before the nodes that use them."""
    order, seen = [], set()
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        node, arguments_done = stack.pop()
        if arguments_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((argument, False) for argument in reversed(node.args) if argument not in seen)
    return order


def number(value):
    if not math.isfinite(value):
        raise ExpressionError("the numbers of an expression multiply to one that is not finite", got=value)
    return Expression("number", (), float(value) + 0.0)


def state(name, offsets=()):
    return Expression("state", (), (name, tuple(offsets)))


def tangent(name, offsets=()):
    return Expression("tangent", (), (name, tuple(offsets)))


def parameter(name):
    return Expression("parameter", (), name)


def index(name):
    return Expression("index", (), name)


ZERO = number(0.0)
ONE = number(1.0)
TIME = Expression("time")


def add(*terms):
    """Sum, with zeros dropped and numbers collected."""
    constant = math.fsum(term.value for term in terms if term.is_number)
    rest = [term for term in terms if not term.is_number]
    if constant != 0.0:
        rest.append(number(constant))
    if not rest:
        return ZERO
    return rest[0] if len(rest) == 1 else Expression("add", tuple(rest))


def neg(a):
    if a.is_number:
        return number(-a.value)
    return a.args[0] if a.op == "neg" else Expression("neg", (a,))


def mul(*factors):
    """Product, with ones dropped, signs and numbers collected in front."""
    constant, rest = 1.0, []
    for factor in factors:
        if factor.op == "neg":
            constant, factor = -constant, factor.args[0]
        if factor.is_number:
            constant *= factor.value
        else:
            rest.append(factor)
    if constant == 0.0 or not rest:
        return number(constant)
    if constant not in (1.0, -1.0):
        rest.insert(0, number(abs(constant)))
    product = rest[0] if len(rest) == 1 else Expression("mul", tuple(rest))
    return neg(product) if constant < 0.0 else product


def div(a, b):
    if a.op == "neg":
        return neg(div(a.args[0], b))
    if a.is_number and a.value < 0.0:
        return neg(div(number(-a.value), b))
    if a is ZERO or b is ONE:
        return a
    return _folded(Expression("div", (a, b)))


def power(a, b):
    if b is ONE:
        return a
    if b is ZERO:
        return ONE
    return _folded(Expression("pow", (a, b)))


def where(condition, a, b):
    """Choice, made at once when the condition compares two numbers."""
    if a is b:
        return a
    if condition.op in COMPARISONS and all(side.is_number for side in condition.args):
        left, right = (side.value for side in condition.args)
        return a if _COMPARE[condition.op](left, right) else b
    return Expression("where", (condition, a, b))


def apply(op, *args):
    """Any other operation, folded when all arguments are numbers; derived functions are written out."""
    if op in DERIVED:
        return _DERIVED_FORMS[op](*args)
    return _folded(Expression(op, tuple(args)))


def simplify(roots):
    """Rebuild trees from the leaves with the constructors above.

    Args:
        roots: tuple of nodes.

    Returns:
        Tuple of nodes of the same meaning.
    """
    return substitute(roots, {})


def substitute(roots, replacements):
    """Replace leaves and simplify.

    Args:
        roots: tuple of nodes.
        replacements: dict from leaf to node, or a function from leaf to node.

    Returns:
        Tuple of nodes.
    """
    replace = replacements if callable(replacements) else lambda leaf: replacements.get(leaf, leaf)
    new = {}
    for node in postorder(roots):
        if not node.args:
            new[node] = replace(node)
        else:
            new[node] = rebuild(node, [new[argument] for argument in node.args])
    return tuple(new[root] for root in roots)


def rebuild(node, args):
    """The node's operation on other arguments."""
    if node.op == "space_derivative":
        return Expression(node.op, tuple(args), node.value)
    return _CONSTRUCTORS.get(node.op, lambda *a: apply(node.op, *a))(*args)


def value_of_numbers(op, values):
    """The operation on plain floats; None where it has no finite real value."""
    try:
        value = (
            _FLOAT_OPERATIONS[op](*values) if op in _FLOAT_OPERATIONS else FUNCTIONS[op].of_floats(*values)
        )
    except (ArithmeticError, ValueError):
        return None
    if isinstance(value, complex) or not math.isfinite(value):
        return None
    return value


def _folded(node):
    if node.op in CONDITIONS or not all(argument.is_number for argument in node.args):
        return node
    value = value_of_numbers(node.op, [argument.value for argument in node.args])
    return node if value is None else number(value)


def _minimum(a, b):
    return where(Expression("le", (a, b)), a, b)


def _maximum(a, b):
    return where(Expression("le", (a, b)), b, a)


def _modulo(a, b):
    return add(a, neg(mul(b, apply("floor", div(a, b)))))


_COMPARE = {name: getattr(operator, name) for name in COMPARISONS}
_CONSTRUCTORS = {"add": add, "mul": mul, "neg": neg, "div": div, "pow": power, "where": where}
_DERIVED_FORMS = {
    "min": _minimum,
    "max": _maximum,
    "mod": _modulo,
    "ceil": lambda a: neg(apply("floor", neg(a))),
    "heaviside": lambda a: mul(number(0.5), add(apply("sign", a), ONE)),
}
_FLOAT_OPERATIONS = {
    "add": lambda *a: math.fsum(a),
    "mul": lambda *a: math.prod(a),
    "neg": lambda a: -a,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
}
