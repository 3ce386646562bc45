"""Straight-line scalar code: one name for each subexpression that is used twice, constants of one type."""

from collections import Counter

from dysyr.core.expressions import postorder
from dysyr.core.functions import COMPARISONS, FUNCTIONS

MAX_POWER = 16
MAX_INLINE_DEPTH = 12
_LOOSE, _SUM, _PRODUCT, _UNARY, _ATOM = range(5)


def elementary_functions(used):
    """Lines that bind the elementary functions a module uses to NumPy's."""
    return [f"{name} = np.{name}" for name in sorted(used)]


def integer_power(exponent):
    """The exponent as a small integer, or None."""
    if exponent.is_number and exponent.value == int(exponent.value) and 0 < abs(exponent.value) <= MAX_POWER:
        return int(exponent.value)
    return None


class Printer:
    """Prints expressions as Python source in one dtype.

    In float64 constants are literals. In float32 they are module-level names of type np.float32, because a
    bare literal is a float64 for the compiler and would turn the whole computation into float64.

    Attributes:
        dtype: "float64" or "float32".
        used: NumPy functions that the printed code calls.
    """

    def __init__(self, dtype):
        self.dtype = dtype
        self.used = set()
        self._constants = {}

    def literal(self, value):
        if self.dtype == "float64":
            return repr(value) if value >= 0 else f"({value!r})"
        return self._constants.setdefault(value, f"K{len(self._constants)}")

    def constants(self):
        return [f"{name} = np.{self.dtype}({value!r})" for value, name in self._constants.items()]

    def block(self, rows, loads, parameters):
        """Lines that compute and store the rows: a dict from target, such as "out[0, i]", to expression."""
        lines, texts = self.statements(tuple(rows.values()), loads, parameters)
        return lines + [f"{target} = {text}" for target, text in zip(rows, texts, strict=True)]

    def statements(self, roots, loads, parameters, temporary="c"):
        """Lines that compute what the roots share, and the texts of the roots.

        Args:
            roots: tuple of simplified expressions.
            loads: dict from state or tangent to the text that loads it.
            parameters: names of the parameters in the order of p.
            temporary: prefix of the names of shared subexpressions.

        Returns:
            (lines, texts).
        """
        order = postorder(roots)
        uses = Counter(argument for node in order for argument in node.args)
        uses.update(roots)
        for node in order:
            if node.op == "pow" and integer_power(node.args[1]) not in (None, 1, -1):
                uses[node.args[0]] += 1
        lines, text, depth = [], {}, {}
        chosen = {side for node in order if node.op == "where" for side in node.args}
        for node in order:
            if not node.args:
                text[node], line = self._leaf(node, loads, parameters)
                depth[node] = 0
                lines += line
                continue
            text[node] = self._written(node, text)
            depth[node] = 1 + max(depth[argument] for argument in node.args)
            if uses[node] > 1 or depth[node] > MAX_INLINE_DEPTH or node in chosen:
                name = f"{temporary}{len(lines)}"
                lines.append(f"{name} = {text[node][0]}")
                text[node], depth[node] = (name, _ATOM), 0
        return lines, [text[root][0] for root in roots]

    def _leaf(self, node, loads, parameters):
        """((text, precedence), lines that load it)."""
        if node.is_number:
            return (self.literal(node.value), _ATOM), []
        if node.op == "parameter":
            name, load = f"p_{node.value}", f"p[{parameters.index(node.value)}, i]"
        elif node.op == "time":
            name, load = "t_i", "t[i]"
        elif node.op == "index":
            return (f"n_{node.value}", _ATOM), []
        else:
            name = {"state": "s_", "tangent": "v_"}[node.op] + dressed(*node.value)
            load = loads[node]
        return (name, _ATOM), [f"{name} = {load}"]

    def _written(self, node, text):
        def at(argument, precedence):
            source, own = text[argument]
            return source if own >= precedence else f"({source})"

        args = node.args
        if node.op == "add":
            return _sum(args, text, at), _SUM
        if node.op == "mul":
            return "*".join(at(a, _PRODUCT if k == 0 else _UNARY) for k, a in enumerate(args)), _PRODUCT
        if node.op == "neg":
            return f"-{at(args[0], _PRODUCT)}", _SUM
        if node.op == "div":
            return f"{at(args[0], _PRODUCT)}/{at(args[1], _UNARY)}", _PRODUCT
        if node.op == "pow":
            return self._power(args, at)
        if node.op in COMPARISONS:
            return f"{at(args[0], _SUM)} {COMPARISONS[node.op]} {at(args[1], _SUM)}", _LOOSE
        if node.op in ("and", "or"):
            return f" {node.op} ".join(f"({text[a][0]})" for a in args), _LOOSE
        if node.op == "not":
            return f"not ({text[args[0]][0]})", _LOOSE
        if node.op == "where":
            return f"{at(args[1], _SUM)} if {text[args[0]][0]} else {at(args[2], _SUM)}", _LOOSE
        function = FUNCTIONS[node.op]
        self.used.add(function.numpy)
        pieces = [text[a][0] for a in args]
        one = self.literal(1.0) if "{one}" in function.text else ""
        return function.text.format(*pieces, f=function.numpy, one=one), _ATOM

    def _power(self, args, at):
        n = integer_power(args[1])
        if n is None:
            return f"{at(args[0], _ATOM)}**{at(args[1], _ATOM)}", _UNARY
        product = _repeated(at(args[0], _ATOM), abs(n))
        return (product, _PRODUCT) if n > 0 else (f"{self.literal(1.0)}/({product})", _PRODUCT)


def _sum(args, text, at):
    pieces = []
    for k, argument in enumerate(args):
        source, own = text[argument]
        if argument.op == "neg" and own == _SUM and k > 0:
            pieces.append(" - " + source[1:])
        elif source.startswith("(-") and argument.is_number and k > 0:
            pieces.append(" - " + source[2:-1])
        else:
            pieces.append((" + " if k else "") + at(argument, _PRODUCT if k else _SUM))
    return "".join(pieces)


def _repeated(base, n):
    """base**n by squaring, as products: x**5 is (x*x)*(x*x)*x."""
    if n == 1:
        return base
    half = _repeated(base, n // 2)
    square = f"{half}*{half}" if n // 2 == 1 else f"({half})*({half})"
    return square if n % 2 == 0 else f"{square}*{base}"


def dressed(name, offsets):
    return "_".join([name, *(f"{'m' if k < 0 else 'p'}{abs(k)}" if k else "0" for k in offsets)])
