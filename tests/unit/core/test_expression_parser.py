"""The language refuses whatever is not of it, at once and with a reason."""

import time

import pytest

from dysyr.core.errors import ExpressionError
from dysyr.core.expression_parser import Scope, parse_expression
from dysyr.core.expressions import Expression, state
from dysyr.core.names import check_name

SCOPE = Scope({"x": state("x"), "y": state("y"), "sigma": Expression("parameter", (), "sigma")})
LATTICE = Scope({}, ("i",), {"u": lambda offsets: state("u", offsets)})

HOSTILE = {
    "a call of import": ("__import__('os')", "not part of the language"),
    "a call of import without quotes": ("__import__(x)", "unknown function"),
    "an attribute": ("x.__class__", "Attribute is not part"),
    "a method": ("x.real()", "only named functions"),
    "a lambda": ("lambda x: x", "not part of the language"),
    "a comprehension": ("[x for x in y]", "ListComp is not part"),
    "a generator": ("sin(x for x in y)", "GeneratorExp is not part"),
    "a text": ('"x"', "not part of the language"),
    "an assignment": ("(x:=3)", "not part of the language"),
    "a statement": ("x; y", "not part of the language"),
    "a starred argument": ("max(*x)", "plain arguments"),
    "a keyword argument": ("sin(x=1)", "plain arguments"),
    "a tuple": ("x, y", "Tuple is not part"),
    "a truth value": ("True", "bool is not part"),
    "None": ("None", "NoneType is not part"),
    "a complex number": ("1j*x", "numbers are real"),
    "a tower of powers": ("9**9**9**9", "exponent is too large"),
    "a large exponent": ("x**1000", "exponent is too large"),
    "a large exponent in disguise": ("x**(10*11)", "exponent is too large"),
    "an infinite number": ("1e999", "too large"),
    "an infinite product": ("1e300*1e300*x", "not finite"),
    "a division by zero": ("x + 1/0", "not a finite real number"),
    "an infinite logarithm": ("log(0)", "not a finite real number"),
    "an imaginary root": ("sqrt(-1)", "not a finite real number"),
    "a complex power": ("(-8)**(1/3)", "not a finite real number"),
    "inf": ("inf", "unknown name"),
    "nan": ("nan*x", "unknown name"),
    "a million characters": ("x" * 1_000_000, "too long"),
    "a number of thousands of digits": ("9" * 6_000, "cannot be read"),
    "a hexadecimal number of thousands of digits": ("0x" + "f" * 9_000, "too large"),
    "deep brackets": ("(" * 4_000 + "x" + ")" * 4_000, "nested too deeply"),
    "deep calls": ("sin(" * 101 + "x" + ")" * 101, "nested too deeply"),
    "deep signs": ("-" * 9_000 + "x", "cannot be read|too deep"),
    "a few hundred signs": ("-" * 300 + "x", "too deep nesting"),
    "deep powers": ("x**" * 3_000 + "x", "cannot be read|too deep"),
    "a few hundred powers": ("x**" * 300 + "x", "too deep nesting"),
    "a NUL byte": ("x\0", r"\\x00"),
    "a homoglyph": ("ѕin(x)", r"\\u0455"),
    "a full-width letter": ("ｘ", r"\\uff58"),
    "a comment": ("x # y", "'#'"),
    "a format text": ("f'{x}'", "not part of the language"),
    "a caret": ("x^2", r"write \*\* for powers"),
    "a conditional": ("x if y else x", r"where\(condition, a, b\)"),
    "an inversion": ("~x", "not part of the language"),
    "a floor division": ("x//y", r"floor\(a/b\)"),
    "a condition as a number": ("x + (x > y)", "a number is needed"),
    "a condition alone": ("x > y", "is a condition"),
    "a number as a condition": ("where(x, x, y)", "a condition is needed"),
    "a number in and": ("where(x and y > 0, x, y)", "a condition is needed"),
    "too few arguments": ("where(x > y, x)", "takes 3"),
    "too many arguments": ("sin(x, y)", "takes 1"),
    "nothing": ("   ", "is empty"),
    "half an expression": ("x +", "cannot be read"),
    "a site where there is no lattice": ("x[0]", "only lattice variables"),
    "membership": ("where(x in y, x, y)", "not part of the language"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_text_that_is_not_of_the_language_is_refused_at_once(what):
    text, reason = HOSTILE[what]
    started = time.perf_counter()
    with pytest.raises(ExpressionError, match=reason) as refused:
        parse_expression(text, SCOPE, where="[equations] x")
    assert time.perf_counter() - started < 0.5
    assert "[equations] x" in str(refused.value) and len(str(refused.value)) < 600


@pytest.mark.parametrize("entry", [None, True, [1], {"a": 1}, 10**400, float("nan"), float("inf")])
def test_an_entry_that_is_no_text_and_no_number_is_refused(entry):
    with pytest.raises(ExpressionError):
        parse_expression(entry, SCOPE)


def test_a_message_says_where_and_what_was_meant():
    with pytest.raises(
        ExpressionError, match=r"'sigam' at column 3.*known names are sigma, x, y.*did you mean 'sigma'"
    ):
        parse_expression("x*sigam", SCOPE)
    with pytest.raises(ExpressionError, match="unknown function.*did you mean 'tanh'"):
        parse_expression("thanh(x)", SCOPE)


def test_a_long_sum_is_not_deep():
    assert len(parse_expression(" + ".join(["x"] * 800), SCOPE).args) == 800


def test_line_breaks_are_spaces():
    assert parse_expression("x\n  + y", SCOPE) is parse_expression("x + y", SCOPE)


def test_chained_comparisons_mean_and():
    chained = parse_expression("where(0 < x < 1, x, y)", SCOPE)
    assert chained is parse_expression("where(0 < x and x < 1, x, y)", SCOPE)


@pytest.mark.parametrize(("text", "offset"), [("u[i]", 0), ("u[i+1]", 1), ("u[i - 2]", -2), ("u[i+0]", 0)])
def test_sites(text, offset):
    assert parse_expression(text, LATTICE) is state("u", (offset,))


@pytest.mark.parametrize(
    "text", ["u[2*i]", "u[j]", "u[1+i]", "u[i+x]", "u[i+1.0]", "u[i+1000]", "u[-i]", "u[u]"]
)
def test_other_sites_are_refused(text):
    with pytest.raises(ExpressionError, match="site"):
        parse_expression(text, LATTICE)


def test_a_lattice_variable_needs_its_site():
    with pytest.raises(ExpressionError, match=r"write u\[i\]"):
        parse_expression("u + 1", LATTICE)
    with pytest.raises(ExpressionError, match="2 indices"):
        parse_expression("u[i,i]", LATTICE)


@pytest.mark.parametrize(
    "name", ["", "1x", "x y", "_x", "x-1", "é", "x" * 65, "__class__", None, 3, "sin", "t", "pi", "lambda"]
)
def test_unusable_names_are_refused(name):
    with pytest.raises(ExpressionError):
        check_name(name)
