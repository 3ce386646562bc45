"""The functions of the expression language, one record each.

Adding a function is adding a record to FUNCTIONS, with its partial derivative in ``core.derivative``. A
function in DERIVED is written out in terms of the others (``core.expressions``) before anything is computed,
and needs no code and no derivative.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """A function of real numbers.

    Attributes:
        n_args: number of arguments.
        of_floats: the function on Python floats.
        numpy: the NumPy function it is made of, or "".
        text: the function in source code, from ``{0}``, ``{1}``, the NumPy or torch name ``{f}`` and the
            number ``{one}``.
        torch: the torch function, where it is named otherwise.
        latex: the function in LaTeX, from ``{0}``, ``{1}``.
    """

    n_args: int
    of_floats: Callable
    numpy: str
    text: str = "{f}({0})"
    torch: str = ""
    latex: str = ""


def _sign(a):
    return 0.0 if a == 0.0 else math.copysign(1.0, a)


FUNCTIONS = {
    "sin": Function(1, math.sin, "sin", latex=r"\sin\left({0}\right)"),
    "cos": Function(1, math.cos, "cos", latex=r"\cos\left({0}\right)"),
    "tan": Function(1, math.tan, "tan", latex=r"\tan\left({0}\right)"),
    "asin": Function(1, math.asin, "arcsin", latex=r"\arcsin\left({0}\right)"),
    "acos": Function(1, math.acos, "arccos", latex=r"\arccos\left({0}\right)"),
    "atan": Function(1, math.atan, "arctan", latex=r"\arctan\left({0}\right)"),
    "atan2": Function(
        2, math.atan2, "arctan2", "{f}({0}, {1})", latex=r"\mathrm{{atan2}}\left({0}, {1}\right)"
    ),
    "sinh": Function(1, math.sinh, "sinh", latex=r"\sinh\left({0}\right)"),
    "cosh": Function(1, math.cosh, "cosh", latex=r"\cosh\left({0}\right)"),
    "tanh": Function(1, math.tanh, "tanh", latex=r"\tanh\left({0}\right)"),
    "sech": Function(
        1, lambda a: 1.0 / math.cosh(a), "cosh", "({one}/{f}({0}))", latex=r"\mathrm{{sech}}\left({0}\right)"
    ),
    "exp": Function(1, math.exp, "exp", latex=r"\exp\left({0}\right)"),
    "log": Function(1, math.log, "log", latex=r"\ln\left({0}\right)"),
    "log10": Function(1, math.log10, "log10", latex=r"\log_{{10}}\left({0}\right)"),
    "sqrt": Function(1, math.sqrt, "sqrt", latex=r"\sqrt{{{0}}}"),
    "sigmoid": Function(
        1,
        lambda a: 0.5 * (1.0 + math.tanh(0.5 * a)),
        "exp",
        "({one}/({one} + {f}(-({0}))))",
        latex=r"\mathrm{{sigmoid}}\left({0}\right)",
    ),
    "abs": Function(1, abs, "absolute", torch="abs", latex=r"\left|{0}\right|"),
    "sign": Function(1, _sign, "sign", latex=r"\mathrm{{sign}}\left({0}\right)"),
    "floor": Function(1, lambda a: float(math.floor(a)), "floor", latex=r"\left\lfloor {0} \right\rfloor"),
    "ceil": Function(1, lambda a: float(math.ceil(a)), "", latex=r"\left\lceil {0} \right\rceil"),
    "heaviside": Function(1, lambda a: 0.5 * (1.0 + _sign(a)), "", latex=r"\mathrm{{H}}\left({0}\right)"),
    "mod": Function(
        2, lambda a, b: a - b * math.floor(a / b), "", latex=r"\left({0}\ \mathrm{{mod}}\ {1}\right)"
    ),
    "min": Function(2, min, "", latex=r"\min\left({0}, {1}\right)"),
    "max": Function(2, max, "", latex=r"\max\left({0}, {1}\right)"),
}

DERIVED = frozenset({"ceil", "heaviside", "mod", "min", "max"})

COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}

CONDITIONS = frozenset({*COMPARISONS, "and", "or", "not"})
