"""Text to expression tree, by a walk over Python's syntax tree that refuses all but a handful of node types.

The text is never evaluated or executed. Length, nesting and number of nodes are bounded before and during the
walk, numbers are turned into floats at once, and constants that are infinite or not real are refused, so a
text from a stranger can neither run code nor hang.
"""

import ast
import math
import re
import warnings
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dysyr.core.errors import ExpressionError
from dysyr.core.expressions import Expression, simplify, value_of_numbers
from dysyr.core.functions import FUNCTIONS
from dysyr.core.names import did_you_mean

MAX_LENGTH = 10_000
MAX_NESTING = 100
MAX_DEPTH = 100
MAX_NODES = 5_000
MAX_EXPONENT = 100.0
WHOLE_PRODUCT = 8
"""Products of more factors are halved."""

PI = Expression("number", (), math.pi)

_ALLOWED = re.compile(r"[A-Za-z0-9_.+\-*/%()\[\],<>=! ]*")
_COMPARISONS = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}
_BINARY = {ast.Div: "div", ast.Mod: "mod", ast.Pow: "pow"}
_ADVICE = {
    ast.BitXor: "write ** for powers",
    ast.FloorDiv: "write floor(a/b)",
    ast.MatMult: "write products with *",
    ast.IfExp: "write where(condition, a, b)",
    ast.Lambda: "write the expression itself",
}


@dataclass(frozen=True)
class Scope:
    """What the names of an expression stand for.

    Attributes:
        names: dict from name to tree, for names that stand alone.
        indices: lattice indices, in order; empty off a lattice.
        subscripted: dict from name to a function (offsets) -> tree, for names written with [i+1].
        operators: dict from name to a function (tree) -> tree, such as dx of a partial differential equation.
    """

    names: Mapping[str, Expression]
    indices: tuple[str, ...] = ()
    subscripted: Mapping[str, Callable] = field(default_factory=dict)
    operators: Mapping[str, Callable] = field(default_factory=dict)


def parse_expression(text, scope, *, where="expression"):
    """Read one expression.

    Args:
        text: the expression, or a number.
        scope: a Scope.
        where: where the text stands, for messages.

    Returns:
        An Expression, as written (not simplified).

    Raises:
        ExpressionError: the text is not of the language, or names something unknown.
    """
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise ExpressionError(
            f"{where} is not an expression", got=repr(text)[:80], expected="a text or a number"
        )
    if not isinstance(text, str):
        text = repr(text) if isinstance(text, float) else _decimal(text, where)
    tree = _Walk(text, scope, where).tree()
    if tree.is_condition:
        raise ExpressionError(
            f"{where} is a condition", got=repr(text), expected="a number", do="use where(condition, a, b)"
        )
    try:
        simplify((tree,))
    except ExpressionError as error:
        raise ExpressionError(f"{where}: {error}") from None
    return tree


def _decimal(value, where):
    try:
        return repr(float(value))
    except OverflowError:
        raise ExpressionError(f"{where} is a number that is too large for a float") from None


class _Walk:
    """One walk over one text."""

    def __init__(self, text, scope, where):
        self.text = _checked_text(text, where)
        self.scope = scope
        self.where = where
        self.n_nodes = 0

    def tree(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            try:
                body = ast.parse(self.text, mode="eval").body
            except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
                raise ExpressionError(
                    f"{self.where} cannot be read",
                    got=f"{_excerpt(self.text)} ({getattr(error, 'msg', None) or 'too deeply nested'})",
                    expected="an expression such as sigma*(y - x)",
                ) from None
        return self.visit(body, 0)

    def refuse(self, node, what, *, expected=None, do=None):
        piece = ast.get_source_segment(self.text, node) or ""
        at = f" at column {node.col_offset + 1}" if hasattr(node, "col_offset") else ""
        raise ExpressionError(
            f"{what} in {self.where}", got=f"'{_excerpt(piece)}'{at}", expected=expected, do=do
        )

    def visit(self, node, depth):
        self.n_nodes += 1
        if self.n_nodes > MAX_NODES:
            self.refuse(
                node, "too many operations", expected=f"at most {MAX_NODES}", do="name parts of it in [let]"
            )
        if depth > MAX_DEPTH:
            self.refuse(
                node, "too deep nesting", expected=f"at most {MAX_DEPTH}", do="name parts of it in [let]"
            )
        method = getattr(self, f"visit_{type(node).__name__}", None)
        if method is None:
            self.refuse(
                node,
                f"{type(node).__name__} is not part of the language",
                expected="numbers, names, + - * / ** %, comparisons, where and functions are",
                do=_ADVICE.get(type(node)),
            )
        return method(node, depth)

    def real(self, node, depth):
        tree = self.visit(node, depth)
        if tree.is_condition:
            self.refuse(node, "a condition stands where a number is needed", do="use where(condition, a, b)")
        return tree

    def condition(self, node, depth):
        tree = self.visit(node, depth)
        if not tree.is_condition:
            self.refuse(
                node, "a number stands where a condition is needed", expected="a comparison such as x > 0"
            )
        return tree

    def made(self, node, op, *args):
        """A new node, refused when it is a constant without a finite real value."""
        tree = Expression(op, args)
        if op != "where" and not tree.is_condition:
            values = [_constant(argument) for argument in args]
            if None not in values:
                value = value_of_numbers(op, values)
                if value is None:
                    self.refuse(node, "a constant is not a finite real number")
                _constants[tree] = value
        return tree

    def visit_Constant(self, node, depth):
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
            self.refuse(
                node, f"{type(node.value).__name__} is not part of the language", expected="numbers are real"
            )
        try:
            value = float(node.value)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            self.refuse(node, "a number is too large")
        return Expression("number", (), value)

    def visit_Name(self, node, depth):
        name = node.id
        if name == "pi":
            return PI
        if name in self.scope.names:
            return self.scope.names[name]
        if name in self.scope.subscripted:
            written = ", ".join(self.scope.indices)
            self.refuse(node, "a lattice variable stands without its site", do=f"write {name}[{written}]")
        known = sorted({*self.scope.names, *self.scope.subscripted})
        self.refuse(
            node,
            "unknown name",
            expected=f"known names are {', '.join(known) or 'none'}",
            do=did_you_mean(name, [*known, *self.scope.operators, *FUNCTIONS]),
        )

    def visit_UnaryOp(self, node, depth):
        if isinstance(node.op, ast.Not):
            return Expression("not", (self.condition(node.operand, depth + 1),))
        if isinstance(node.op, ast.USub):
            return self.made(node, "neg", self.real(node.operand, depth + 1))
        if isinstance(node.op, ast.UAdd):
            return self.real(node.operand, depth + 1)
        self.refuse(node, f"{type(node.op).__name__} is not part of the language")

    def visit_BinOp(self, node, depth):
        if isinstance(node.op, (ast.Add, ast.Sub)):
            return self.made(node, "add", *self.terms(node, depth))
        if isinstance(node.op, ast.Mult):
            return self.product(node, self.factors(node, depth))
        if type(node.op) not in _BINARY:
            self.refuse(
                node, f"{type(node.op).__name__} is not part of the language", do=_ADVICE.get(type(node.op))
            )
        left, right = self.real(node.left, depth + 1), self.real(node.right, depth + 1)
        if isinstance(node.op, ast.Pow):
            exponent = _constant(right)
            if exponent is not None and abs(exponent) > MAX_EXPONENT:
                self.refuse(node.right, "an exponent is too large", expected=f"at most {MAX_EXPONENT:g}")
        return self.made(node, _BINARY[type(node.op)], left, right)

    def terms(self, node, depth):
        """The terms of a sum, walked along its left spine: a sum of a thousand terms is not deep."""
        terms = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
            self.n_nodes += 1
            term = self.real(node.right, depth + 1)
            terms.append(self.made(node.right, "neg", term) if isinstance(node.op, ast.Sub) else term)
            node = node.left
        terms.append(self.real(node, depth + 1))
        return terms[::-1]

    def factors(self, node, depth):
        factors = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            self.n_nodes += 1
            factors.append(self.real(node.right, depth + 1))
            node = node.left
        factors.append(self.real(node, depth + 1))
        return factors[::-1]

    def product(self, node, factors):
        """Long products are halved, so that their derivatives stay linear in their length."""
        if len(factors) <= WHOLE_PRODUCT:
            return self.made(node, "mul", *factors)
        half = len(factors) // 2
        return self.made(node, "mul", self.product(node, factors[:half]), self.product(node, factors[half:]))

    def visit_Compare(self, node, depth):
        sides = [self.real(side, depth + 1) for side in (node.left, *node.comparators)]
        parts = []
        for op, left, right in zip(node.ops, sides, sides[1:], strict=False):
            if type(op) not in _COMPARISONS:
                self.refuse(node, f"{type(op).__name__} is not part of the language")
            parts.append(Expression(_COMPARISONS[type(op)], (left, right)))
        return parts[0] if len(parts) == 1 else Expression("and", tuple(parts))

    def visit_BoolOp(self, node, depth):
        parts = tuple(self.condition(part, depth + 1) for part in node.values)
        return Expression("and" if isinstance(node.op, ast.And) else "or", parts)

    def visit_Call(self, node, depth):
        if not isinstance(node.func, ast.Name):
            self.refuse(node, "only named functions can be called")
        name = node.func.id
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            self.refuse(node, "functions take plain arguments only")
        if name == "where":
            self.count(node, name, 3)
            condition = self.condition(node.args[0], depth + 1)
            return Expression("where", (condition, *(self.real(a, depth + 1) for a in node.args[1:])))
        if name in self.scope.operators:
            self.count(node, name, 1)
            return self.scope.operators[name](self.real(node.args[0], depth + 1))
        if name not in FUNCTIONS:
            known = sorted({*FUNCTIONS, "where", *self.scope.operators})
            self.refuse(
                node,
                "unknown function",
                expected=f"known functions are {', '.join(known)}",
                do=did_you_mean(name, known),
            )
        if name in ("min", "max") and len(node.args) > 2:
            tree = self.real(node.args[0], depth + 1)
            for argument in node.args[1:]:
                tree = self.made(node, name, tree, self.real(argument, depth + 1))
            return tree
        self.count(node, name, FUNCTIONS[name].n_args)
        return self.made(node, name, *(self.real(argument, depth + 1) for argument in node.args))

    def count(self, node, name, n_args):
        if len(node.args) != n_args:
            self.refuse(node, f"{name} has {len(node.args)} arguments", expected=f"it takes {n_args}")

    def visit_Subscript(self, node, depth):
        name = node.value.id if isinstance(node.value, ast.Name) else None
        if name is None or name not in self.scope.subscripted:
            self.refuse(
                node,
                "only lattice variables have sites",
                expected=f"those are {', '.join(sorted(self.scope.subscripted)) or 'none here'}",
            )
        sites = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if len(sites) != len(self.scope.indices):
            self.refuse(node, f"{len(sites)} indices", expected=f"{name}[{', '.join(self.scope.indices)}]")
        offsets = tuple(
            self.offset(site, index) for site, index in zip(sites, self.scope.indices, strict=True)
        )
        return self.scope.subscripted[name](offsets)

    def offset(self, node, index):
        """The number k of a site written i, i+k or i-k."""
        if isinstance(node, ast.Name) and node.id == index:
            return 0
        if (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, (ast.Add, ast.Sub))
            and isinstance(node.left, ast.Name)
            and node.left.id == index
            and isinstance(node.right, ast.Constant)
            and type(node.right.value) is int
            and node.right.value <= 64
        ):
            return node.right.value if isinstance(node.op, ast.Add) else -node.right.value
        self.refuse(
            node, "a site is not readable", expected=f"{index}, {index}+1, {index}-2, ... up to 64 sites away"
        )


_constants = weakref.WeakKeyDictionary()


def _constant(tree):
    """The value of a tree of numbers, or None."""
    return tree.value if tree.is_number else _constants.get(tree)


def _checked_text(text, where):
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"{where} is too long",
            got=f"{len(text)} characters",
            expected=f"at most {MAX_LENGTH}",
            do="name parts of it in [let]",
        )
    text = " ".join(text.split("\n")).strip(" \t\r").replace("\t", " ").replace("\r", " ")
    if not text:
        raise ExpressionError(f"{where} is empty", expected="an expression such as sigma*(y - x)")
    end = _ALLOWED.match(text).end()
    if end < len(text):
        do = "write ** for powers" if text[end] == "^" else None
        raise ExpressionError(
            f"{where} has a character that is not part of the language",
            got=f"{ascii(text[end])} at column {end + 1}",
            expected="ASCII letters, digits and _ . + - * / % ( ) [ ] , < > = ! are",
            do=do,
        )
    nesting = deepest = 0
    for character in text:
        nesting += (character in "([") - (character in ")]")
        deepest = max(deepest, nesting)
    if deepest > MAX_NESTING:
        raise ExpressionError(
            f"{where} is nested too deeply", got=f"{deepest} brackets", expected=f"at most {MAX_NESTING}"
        )
    return text


def _excerpt(text):
    return text if len(text) <= 60 else text[:57] + "..."
