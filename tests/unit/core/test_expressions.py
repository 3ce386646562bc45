import pickle

import numpy as np
import pytest

from dysyr.core.derivative import differentiate
from dysyr.core.evaluator import evaluate
from dysyr.core.expression_parser import Scope, parse_expression
from dysyr.core.expressions import ONE, TIME, ZERO, parameter, postorder, simplify, state
from dysyr.core.functions import FUNCTIONS

X, Y, P = state("x"), state("y"), parameter("p")
SCOPE = Scope({"x": X, "y": Y, "p": P, "t": TIME})


def tree(text):
    return simplify((parse_expression(text, SCOPE),))[0]


def value(expression, x=0.7, y=0.4, p=2.5, t=0.3):
    leaves = {X: x, Y: y, P: p, TIME: t}
    return evaluate((expression,), leaves.__getitem__)[0]


def derivative(text, **at):
    return value(differentiate((tree(text),), {X: ONE})[0], **at)


def test_equal_expressions_are_one_object():
    assert tree("x*sin(y) + p") is tree("x*sin(y)+p")
    assert pickle.loads(pickle.dumps(tree("x*y"))) is tree("x*y")


def test_an_expression_cannot_be_changed():
    with pytest.raises(AttributeError):
        X.value = "z"


@pytest.mark.parametrize(
    ("written", "simple"),
    [
        ("x + 0", "x"),
        ("1*x", "x"),
        ("0*sin(x)", "0"),
        ("x**1", "x"),
        ("x**0", "1"),
        ("-(-x)", "x"),
        ("x/1", "x"),
        ("2*3*x", "6*x"),
        ("(-x)*y", "-(x*y)"),
        ("where(1 < 2, x, y)", "x"),
        ("sqrt(4)", "2"),
        ("8/4", "2"),
    ],
)
def test_simplification(written, simple):
    assert tree(written) is tree(simple)


@pytest.mark.parametrize(
    "text",
    [
        "x % p",
        "-x % p",
        "x % -p",
        "mod(7, -3)",
        "min(x, y)",
        "max(x, y, p)",
        "ceil(p)",
        "x - y - p",
        "-x**2",
        "2**-x",
        "x**y**p",
        "x/y/p",
        "x - (y - p)",
        "x/(y*p)",
    ],
)
def test_values_are_pythons(text):
    names = {"x": 0.7, "y": 0.4, "p": 2.5, "mod": lambda a, b: a % b, "min": min, "max": max, "ceil": np.ceil}
    assert value(tree(text)) == pytest.approx(eval(text, names), rel=1e-14)


@pytest.mark.parametrize(
    "text",
    [
        "x**2 - 3*x*y",
        "x/(1 + x**2)",
        "x**p",
        "p**x",
        "x**y",
        "y/x",
        "exp(-x**2)*cos(p*x)",
        "atan2(x, y)",
        "atan2(y, x)",
        "x*y*p*x*sin(x)*x*x*x*x*x*y",
        "where(x > y, x**2, y*x)",
        "min(x**2, y)",
        "max(x, x**3)",
        "mod(x, 0.3)",
        "abs(y - x)",
        "sqrt(1 + x)",
        "log10(x)",
        "heaviside(x)*x",
        "x % y",
        "t*x",
        "(1 - x)**-2",
        "x**0.5",
    ]
    + [f"{name}(0.9*x)" for name, f in FUNCTIONS.items() if f.n_args == 1],
)
def test_derivatives_equal_extrapolated_differences(text):
    expression, h = tree(text), 1e-3
    coarse, fine = (
        (value(expression, x=0.7 + d) - value(expression, x=0.7 - d)) / (2 * d) for d in (h, h / 2)
    )
    assert derivative(text) == pytest.approx((4 * fine - coarse) / 3, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("x**2", {}, 0.0),
        ("x**3", {}, 0.0),
        ("x**p", {"p": 2.0}, 0.0),
        ("x**p", {"p": 1.0}, 1.0),
        ("x**p", {"p": 0.0}, 0.0),
        ("abs(x)", {}, 0.0),
        ("x*abs(x)", {}, 0.0),
        ("x**2/(1 + x**2)", {}, 0.0),
        ("sech(x)", {}, 0.0),
        ("x**(1 + x)", {}, 1.0),
    ],
)
def test_derivatives_are_regular_at_zero(text, at, expected):
    assert derivative(text, x=0.0, **at) == expected


@pytest.mark.parametrize("name", ["sech", "sigmoid", "tanh"])
@pytest.mark.parametrize("x", [-800.0, 800.0])
def test_saturating_functions_stay_finite(name, x):
    assert np.isfinite(value(tree(f"{name}(x)"), x=x))
    assert derivative(f"{name}(x)", x=x) == 0.0


def test_the_derivative_of_a_constant_is_no_expression():
    assert differentiate((tree("sin(y)*p"),), {X: ONE}) == (ZERO,)


def test_a_product_of_thousands_has_a_small_derivative():
    long = tree("*".join(["x"] * 600))
    assert len(postorder(differentiate((long,), {X: ONE}))) < 10_000
    assert value(differentiate((long,), {X: ONE})[0], x=1.0) == pytest.approx(600.0)
