"""Expression trees to LaTeX that both MathJax and matplotlib's mathtext read."""

from dysyr.core.expressions import Expression, postorder
from dysyr.core.functions import FUNCTIONS

_GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi "
    "chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega".split()
)
_COMPARISONS = {"lt": "<", "le": r"\leq", "gt": ">", "ge": r"\geq", "eq": "=", "ne": r"\neq"}
_CONDITION, _SUM, _PRODUCT, _POWER, _ATOM = range(5)


def system_latex(system):
    """The equations of a system.

    Args:
        system: a System.

    Returns:
        List of texts without dollar signs: the intermediates, then one equation for each variable.
    """
    trees, names = system.trees, ",".join(system.lattice.indices)
    site = "" if system.kind == "pde" or not names else f"_{{{names}}}"
    printer = _Printer(system)
    lines = [f"{name_latex(name)}{site} = {printer.latex(tree)}" for name, tree in trees.let.items()]
    if trees.jumps is not None:
        return lines + _jumps(trees, printer)
    if trees.spins is not None:
        return lines + _spins(trees.spins, printer)
    for k, name in enumerate(trees.fields):
        right = printer.latex(trees.written[name]) + _unknown(name, trees.unknown.get(name, ()), printer)
        symbol = printer.site_latex(name, (0,) * len(system.lattice.axes))
        if system.kind == "map":
            lines.append(f"{_at_step(symbol, 'n+1')} = {right}")
        elif system.kind == "pde":
            lines.append(rf"\partial_t {symbol} = {right}")
        elif system.kind == "sde":
            noise = _noise(trees.written_diffusion[k], printer, name, trees.diagonal, system.interpretation)
            lines.append(rf"\mathrm{{d}}{symbol} = \left({right}\right) \mathrm{{d}}t{noise}")
        else:
            dotted = rf"\dot{{{name_latex(name)}}}" if not site else rf"\dot{{{name_latex(name)}}}{site}"
            lines.append(f"{dotted} = {right}")
    return lines


def name_latex(name):
    """A name: Greek letters, and what follows an underscore or a number as a subscript."""
    head, _, rest = name.rstrip("_").partition("_")
    if not rest and len(head) > 1 and head not in _GREEK:
        letters = head.rstrip("0123456789")
        if letters != head:
            head, rest = letters, head[len(letters) :]
    base = "\\" + head if head in _GREEK else head if len(head) == 1 else rf"\mathrm{{{head}}}"
    if not rest:
        return base
    pieces = [
        "\\" + piece
        if piece in _GREEK
        else piece
        if piece.isdigit() or len(piece) == 1
        else rf"\mathrm{{{piece}}}"
        for piece in rest.split("_")
        if piece
    ]
    return f"{base}_{{{','.join(pieces)}}}"


def number_latex(value):
    """A number, with a power of ten where it is very large or small."""
    if value == 0.0 or 1e-4 <= abs(value) < 1e6:
        return f"{value:.10g}"
    mantissa, exponent = f"{value:.9e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa} \cdot {power}"


class _Printer:
    def __init__(self, system):
        self.system = system

    def latex(self, tree):
        text = {}
        for node in postorder((tree,)):
            text[node] = self.written(node, text)
        return text[tree][0]

    def site_latex(self, name, offsets):
        symbol = name_latex(name)
        if not offsets or self.system.kind == "pde":
            return symbol
        sites = [
            index if not k else f"{index}{k:+d}"
            for index, k in zip(self.system.lattice.indices, offsets, strict=True)
        ]
        return f"{symbol}_{{{','.join(sites)}}}"

    def leaf(self, node):
        if node.is_number:
            return (number_latex(node.value), _ATOM if node.value >= 0 else _SUM)
        if node.op == "time":
            return "t", _ATOM
        if node.op in ("state", "let"):
            symbol = self.site_latex(*node.value)
            return (
                _at_step(symbol, "n") if self.system.kind == "map" and node.op == "state" else symbol
            ), _ATOM
        return name_latex(node.value), _ATOM

    def written(self, node, text):
        def at(argument, precedence):
            latex, own = text[argument]
            return latex if own >= precedence else rf"\left({latex}\right)"

        args = node.args
        if not args:
            return self.leaf(node)
        if node.op == "add":
            return _sum(args, text, at), _SUM
        if node.op == "neg":
            return f"-{at(args[0], _PRODUCT)}", _SUM
        if node.op in ("mul", "div") and args[0].op == "neg":
            positive = Expression(node.op, (args[0].args[0], *args[1:]))
            return f"-{self.written(positive, text)[0]}", _SUM
        if node.op == "mul":
            return _product([at(a, _PRODUCT) for a in args]), _PRODUCT
        if node.op == "div":
            return rf"\frac{{{text[args[0]][0]}}}{{{text[args[1]][0]}}}", _POWER
        if node.op == "pow":
            return f"{at(args[0], _ATOM)}^{{{text[args[1]][0]}}}", _POWER
        if node.op == "space_derivative":
            coordinate, order = node.value
            return rf"\partial_{{{coordinate * order}}} {at(args[0], _POWER)}", _PRODUCT
        if node.op == "where":
            condition, a, b = (text[argument][0] for argument in args)
            return rf"\left({a}\ \mathrm{{if}}\ {condition}\ \mathrm{{else}}\ {b}\right)", _ATOM
        if node.op in _COMPARISONS:
            return f"{text[args[0]][0]} {_COMPARISONS[node.op]} {text[args[1]][0]}", _CONDITION
        if node.op in ("and", "or"):
            return rf"\ \mathrm{{{node.op}}}\ ".join(at(a, _SUM) for a in args), _CONDITION
        if node.op == "not":
            return rf"\mathrm{{not}}\ {at(args[0], _SUM)}", _CONDITION
        return FUNCTIONS[node.op].latex.format(*(text[a][0] for a in args)), _ATOM


def _unknown(name, arguments, printer):
    """The unknown function of an equation, + F_x(x, y); empty where there is none."""
    if not arguments:
        return ""
    return rf" + F_{{{name_latex(name)}}}\left({', '.join(printer.latex(a) for a in arguments)}\right)"


def _jumps(trees, printer):
    """One line for each jump: what it does, and its rate."""
    lines = []
    for k, tree in enumerate(trees.jumps.written):
        if trees.jumps.states:
            before, after = (name_latex(trees.jumps.states[i]) for i in trees.jumps.pairs[k])
        else:
            changes = list(zip(trees.fields, trees.jumps.changes[k], strict=True))
            before = _complex((name, -step) for name, step in changes)
            after = _complex(changes)
        lines.append(rf"{before} \to {after} :\quad {printer.latex(tree)}")
    return lines


def _complex(numbers):
    """What a reaction takes or makes: A + 2 B."""
    terms = [name_latex(name) if n == 1 else rf"{n} \, {name_latex(name)}" for name, n in numbers if n > 0]
    return " + ".join(terms) or r"\emptyset"


def _spins(spins, printer):
    """One line for each term of the Hamiltonian, and one for each kind of jump operator with its rate."""
    lines = []
    for k, term in enumerate(spins.hamiltonian, start=1):
        strength = printer.latex(term.written)
        if term.written.op in ("add", "neg"):
            strength = rf"\left({strength}\right)"
        sites = "ij"[: len(term.places[0])] if len(term.places) > 1 else ",".join(map(str, term.places[0]))
        total = rf"\sum_{{{sites}}} " if len(term.places) > 1 else ""
        lines.append(rf"H_{{{k}}} = {strength} \, {total}{_operator(term, sites)}")
    for k, term in enumerate(spins.jumps, start=1):
        sites = "ij"[: len(term.places[0])] if len(term.places) > 1 else ",".join(map(str, term.places[0]))
        lines.append(rf"L_{{{k},{sites}}} = {_operator(term, sites)} :\quad {printer.latex(term.written)}")
    return lines


def _operator(term, sites):
    """An operator as a sum of Pauli strings with the sites as subscripts, or by its name."""
    known = {"sigma_minus": r"\sigma^-", "sigma_plus": r"\sigma^+"}
    name = term.said.split(" on ")[0]
    if name in known:
        return rf"{known[name]}_{{{sites}}}"
    pieces = []
    for string, value in term.operator.items():
        value = complex(value)
        number = number_latex(value.real) if not value.imag else (
            rf"{number_latex(value.imag)} \mathrm{{i}}" if not value.real
            else rf"\left({number_latex(value.real)} + {number_latex(value.imag)} \mathrm{{i}}\right)"
        )  # fmt: skip
        pieces.append("" if value == 1 else rf"{number} \, ")
        pieces[-1] += rf"{string}_{{{sites}}}" if len(string) == 1 else rf"\mathrm{{{string}}}_{{{sites}}}"
    text = " + ".join(pieces)
    return rf"\left({text}\right)" if len(pieces) > 1 else text


def _sum(args, text, at):
    pieces = []
    for k, argument in enumerate(args):
        if argument.op == "neg" and k > 0:
            pieces.append(f" - {text[argument][0][1:]}")
        else:
            pieces.append((" + " if k else "") + at(argument, _PRODUCT if k else _SUM))
    return "".join(pieces)


def _product(pieces):
    """Factors side by side, with a dot in front of a factor that starts with a digit."""
    text = pieces[0]
    for piece in pieces[1:]:
        text += (r" \cdot " if piece[0].isdigit() else r" \, ") + piece
    return text


def _at_step(symbol, step):
    """x at step n, where x may have a subscript of its own."""
    if "_{" not in symbol:
        return f"{symbol}_{{{step}}}"
    return f"{symbol[:-1]},{step}}}"


def _noise(row, printer, name, diagonal, interpretation):
    circle = r"\circ " if interpretation == "stratonovich" else ""
    terms = []
    for k, tree in enumerate(row):
        if tree.is_number and tree.value == 0.0:
            continue
        symbol = name_latex(name) if diagonal else str(k + 1)
        strength = printer.latex(tree)
        if tree.op in ("add", "neg"):
            strength = rf"\left({strength}\right)"
        terms.append(rf" + {strength} \, {circle}\mathrm{{d}}W_{{{symbol}}}")
    return "".join(terms)
