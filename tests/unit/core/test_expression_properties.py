"""Random expressions: what is read means what Python means, and what is written comes back."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dysyr.core.errors import ExpressionError
from dysyr.core.expression_parser import Scope, parse_expression
from dysyr.core.expression_text import expression_text
from dysyr.core.expressions import parameter, simplify
from dysyr.core.system import System

NAMES = ("x", "y", "a")
NUMPY = {
    **{name: getattr(np, name) for name in ("sin", "cos", "tanh", "exp", "sqrt", "abs", "floor", "where")},
    "min": lambda a, b: np.where(a <= b, a, b), "max": lambda a, b: np.where(a <= b, b, a), "pi": np.pi,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)), "heaviside": lambda a: np.heaviside(a, 0.5),
}  # fmt: skip
"""The words of the language as Python and NumPy have them."""

numbers = st.one_of(st.integers(0, 9).map(str), st.floats(0.01, 100).map(repr), st.just("1e-3"))
operators = st.sampled_from((" + ", " - ", "*", "/", " - -", "*-", " % ", "/-"))
names = st.sampled_from(NAMES)
leaves = st.one_of(names, names, names, st.just("pi"), numbers)
functions = st.sampled_from(sorted({*NUMPY} - {"min", "max", "where", "pi"}))


def larger(inner):
    """Texts that are made of smaller ones."""
    pair = st.tuples(inner, inner)
    plain = st.tuples(inner, operators, inner).map("".join)
    grouped = st.tuples(inner, operators, plain | inner).map("({0[0]}){0[1]}({0[2]})".format)
    condition = st.tuples(inner, st.sampled_from(("<", "<=", ">", ">=")), inner).map(" ".join)
    both = st.tuples(condition, st.sampled_from((" and ", " or ")), condition).map("".join)
    chosen = st.tuples(condition | both | condition.map("not ({})".format), inner, inner)
    power = st.tuples(inner, st.sampled_from(("2", "-1", "3", "0.5")) | inner)
    return st.one_of(
        plain, plain, plain, grouped, grouped, grouped, inner.map("-{}".format), inner.map("-({})".format),
        power.map("({0[0]})**({0[1]})".format), st.lists(inner, min_size=8, max_size=20).map("*".join),
        st.tuples(functions, inner).map("{0[0]}({0[1]})".format), chosen.map("where({0[0]}, {0[1]}, {0[2]})".format),
        st.tuples(st.sampled_from(("min", "max")), pair).map("{0[0]}({0[1][0]}, {0[1][1]})".format),
    )  # fmt: skip


texts = st.recursive(leaves, larger, max_leaves=12)


def read(text):
    """The tree of a text; None where a part of it has no finite value, or an exponent is beyond the language."""
    try:
        return parse_expression(text, Scope({name: parameter(name) for name in NAMES}))
    except ExpressionError as error:
        assert any(word in str(error) for word in ("finite", "exponent is too large", "too deep"))
        return None


@settings(max_examples=500)
@given(text=texts)
def test_what_is_written_comes_back(text):
    tree = read(text)
    if tree is not None:
        again = parse_expression(expression_text(tree), Scope({name: parameter(name) for name in NAMES}))
        assert simplify((again,)) == simplify((tree,))


@settings(max_examples=300)
@given(text=texts, at=st.tuples(st.floats(0.1, 3), st.floats(-3, -0.1), st.floats(0.1, 3)))
def test_an_expression_means_what_python_means(text, at):
    assume(read(text) is not None)
    values = []
    for change in (0.0, 1e-9, -1e-9):
        x, y, a = np.array(at) * (1 + change)
        with np.errstate(all="ignore"):
            values.append(float(eval(text, {"__builtins__": {}}, {**NUMPY, "x": x, "y": y, "a": a})))
    is_smooth = np.isfinite(values).all() and np.ptp(values) <= 1e-5 * (abs(values[0]) + 1e-12)
    assume(is_smooth)
    definition = {"kind": "ode", "equations": {"x": text, "y": "0"}, "parameters": {"a": at[2]}}
    with np.errstate(all="ignore"):
        found = System.from_dict(definition).vector_field(np.array(at[:2]))[0]
    np.testing.assert_allclose(found, values[0], rtol=1e-6, atol=1e-12)
