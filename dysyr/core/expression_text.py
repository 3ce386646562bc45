"""Expression trees back to text of the language in which system files are written."""

from dysyr.core.expression_parser import WHOLE_PRODUCT
from dysyr.core.expressions import postorder
from dysyr.core.functions import COMPARISONS

_CONDITION, _NOT, _SUM, _PRODUCT, _POWER, _ATOM = range(6)


def expression_text(tree, indices=()):
    """The text that ``parse_expression`` reads as an equal tree, up to simplification.

    Args:
        tree: an Expression as parsed; derivatives in space are allowed.
        indices: lattice indices, for names with [i+1]; empty off a lattice and for a pde.

    Returns:
        str.
    """
    text = {}
    for node in postorder((tree,)):
        text[node] = _written(node, text, indices) if node.args else _leaf(node, indices)
    return text[tree][0]


def _leaf(node, indices):
    if node.is_number:
        return repr(node.value), _ATOM if node.value >= 0 else _SUM
    if node.op == "time":
        return "t", _ATOM
    if node.op in ("state", "let"):
        name, offsets = node.value
        if not indices:
            return name, _ATOM
        sites = (index if not k else f"{index}{k:+d}" for index, k in zip(indices, offsets, strict=True))
        return f"{name}[{','.join(sites)}]", _ATOM
    return node.value, _ATOM


def _written(node, text, indices):
    def at(argument, precedence):
        inner, own = text[argument]
        return inner if own >= precedence else f"({inner})"

    args = _factors(node) if node.op == "mul" else node.args
    if node.op == "add":
        return _sum([at(a, _SUM if k == 0 else _PRODUCT) if a.op != "neg" else text[a][0] for k, a in enumerate(args)])
    if node.op == "neg":
        return f"-{at(args[0], _PRODUCT)}", _SUM
    if node.op in ("mul", "div") and args[0].op == "neg":
        sign, inner = ("*", _POWER) if node.op == "mul" else ("/", _PRODUCT)
        return sign.join([f"-{at(args[0].args[0], inner)}", *(at(a, _POWER) for a in args[1:])]), _SUM
    if node.op == "mul":
        return "*".join(at(a, _POWER if k else _PRODUCT) for k, a in enumerate(args)), _PRODUCT
    if node.op == "div":
        return f"{at(args[0], _PRODUCT)}/{at(args[1], _POWER)}", _PRODUCT
    if node.op == "pow":
        return f"{at(args[0], _ATOM)}**{at(args[1], _ATOM)}", _POWER
    if node.op in COMPARISONS:
        return f"{at(args[0], _SUM)} {COMPARISONS[node.op]} {at(args[1], _SUM)}", _CONDITION
    if node.op in ("and", "or"):
        return f" {node.op} ".join(f"({text[a][0]})" for a in args), _CONDITION
    if node.op == "not":
        return f"not ({text[args[0]][0]})", _CONDITION
    inside = ", ".join(text[a][0] for a in args)
    if node.op == "space_derivative":
        coordinate, order = node.value
        return f"d{coordinate * order}({inside})", _ATOM
    return f"{node.op}({inside})", _ATOM


def _factors(node):
    """The factors of a product; those of both halves where it is one that the reader halves for its length."""
    if len(node.args) != 2 or any(half.op != "mul" for half in node.args):
        return node.args
    factors = [factor for half in node.args for factor in _factors(half)]
    return factors if len(factors) > WHOLE_PRODUCT else node.args


def _sum(pieces):
    text = pieces[0]
    for piece in pieces[1:]:
        text += f" - {piece[1:]}" if piece.startswith("-") else f" + {piece}"
    return text, _SUM
