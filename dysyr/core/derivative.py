"""Derivatives of expression trees, by the forward rule on shared nodes.

    D f(a, b) = (df/da) Da + (df/db) Db

The trees stay regular where the function is: x**2 has derivative 0 at 0 and x**p is guarded where p or x
vanish. Step functions (floor, sign, comparisons) have derivative 0, which is right off their switching
surfaces.
"""

from dysyr.core.expressions import (
    ONE,
    ZERO,
    Expression,
    add,
    apply,
    div,
    mul,
    neg,
    number,
    postorder,
    power,
    simplify,
    where,
)


def differentiate(roots, seeds):
    """Directional derivative of expressions.

    Args:
        roots: tuple of simplified expressions without space derivatives.
        seeds: dict from leaf to the expression of its own derivative; leaves that are absent are constant.

    Returns:
        Tuple of expressions, one for each root.
    """
    derivative = {}
    for node in postorder(roots):
        if not node.args:
            derivative[node] = seeds.get(node, ZERO)
        elif node.is_condition:
            derivative[node] = ZERO
        else:
            derivative[node] = _derivative(node, [derivative[argument] for argument in node.args])
    return tuple(derivative[root] for root in roots)


def gradient(roots, leaves):
    """All partial derivatives that do not vanish.

    Args:
        roots: tuple of expressions.
        leaves: tuple of leaves.

    Returns:
        One dict for each root, from leaf to expression.
    """
    roots = simplify(roots)
    gradients = [{} for _ in roots]
    for leaf in leaves:
        for row, partial in zip(gradients, differentiate(roots, {leaf: ONE}), strict=True):
            if partial is not ZERO:
                row[leaf] = partial
    return gradients


def _derivative(node, tangents):
    if all(tangent is ZERO for tangent in tangents):
        return ZERO
    if node.op == "add":
        return add(*tangents)
    if node.op == "mul":
        return add(*(mul(*node.args[:k], tangent, *node.args[k + 1 :]) for k, tangent in enumerate(tangents)))
    if node.op == "where":
        return where(node.args[0], tangents[1], tangents[2])
    partials = _PARTIALS[node.op](node, *node.args)
    return add(*(mul(partial, tangent) for partial, tangent in zip(partials, tangents, strict=True)))


def _pow(node, base, exponent):
    return _pow_by_base(base, exponent), _pow_by_exponent(node, base)


def _pow_by_base(base, exponent):
    slope = mul(exponent, power(base, add(exponent, number(-1.0))))
    return slope if exponent.is_number else where(_equal(exponent, ZERO), ZERO, slope)


def _pow_by_exponent(node, base):
    slope = mul(node, apply("log", base))
    return slope if base.is_number else where(_equal(base, ZERO), ZERO, slope)


def _equal(a, b):
    return Expression("eq", (a, b))


def _atan2(node, y, x):
    radius2 = add(mul(x, x), mul(y, y))
    return div(x, radius2), neg(div(y, radius2))


def _one_minus_square(a):
    return add(ONE, neg(mul(a, a)))


_PARTIALS = {
    "neg": lambda f, a: (number(-1.0),),
    "div": lambda f, a, b: (div(ONE, b), neg(div(f, b))),
    "pow": _pow,
    "sin": lambda f, a: (apply("cos", a),),
    "cos": lambda f, a: (neg(apply("sin", a)),),
    "tan": lambda f, a: (add(ONE, mul(f, f)),),
    "asin": lambda f, a: (div(ONE, apply("sqrt", _one_minus_square(a))),),
    "acos": lambda f, a: (div(number(-1.0), apply("sqrt", _one_minus_square(a))),),
    "atan": lambda f, a: (div(ONE, add(ONE, mul(a, a))),),
    "atan2": _atan2,
    "sinh": lambda f, a: (apply("cosh", a),),
    "cosh": lambda f, a: (apply("sinh", a),),
    "tanh": lambda f, a: (_one_minus_square(f),),
    "sech": lambda f, a: (neg(mul(f, apply("tanh", a))),),
    "exp": lambda f, a: (f,),
    "log": lambda f, a: (div(ONE, a),),
    "log10": lambda f, a: (div(ONE, mul(apply("log", number(10.0)), a)),),
    "sqrt": lambda f, a: (div(number(0.5), f),),
    "sigmoid": lambda f, a: (mul(f, add(ONE, neg(f))),),
    "abs": lambda f, a: (apply("sign", a),),
    "sign": lambda f, a: (ZERO,),
    "floor": lambda f, a: (ZERO,),
}
