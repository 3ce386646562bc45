"""What was found, in the forms in which it is read: SymPy expressions, tables, text."""

import numpy as np

from dysyr.core.expressions import postorder


def sympy_expression(tree, system, values=None):
    """A tree as a SymPy expression.

    Args:
        tree: an Expression as written, of a system of kind "ode" or "pde"; intermediates stay symbols.
        system: the System.
        values: dict from parameter to number that replaces it; the others stay symbols.

    Returns:
        sympy.Expr. A variable of a pde is a function of its coordinates and t.
    """
    import sympy

    axes = [sympy.Symbol(name) for name in system.lattice.indices]
    where = dict(zip(system.lattice.indices, axes, strict=True))
    functions = {
        "add": sympy.Add, "mul": sympy.Mul, "neg": lambda a: -a, "div": lambda a, b: a / b, "pow": sympy.Pow,
        "abs": sympy.Abs, "atan2": sympy.atan2, "log10": lambda a: sympy.log(a, 10), "max": sympy.Max, "min": sympy.Min,
        "sigmoid": lambda a: 1 / (1 + sympy.exp(-a)), "mod": sympy.Mod, "ceil": sympy.ceiling,
        "where": lambda c, a, b: sympy.Piecewise((a, c), (b, True)), "lt": sympy.Lt, "le": sympy.Le, "gt": sympy.Gt,
        "ge": sympy.Ge, "eq": sympy.Eq, "ne": sympy.Ne, "and": sympy.And, "or": sympy.Or, "not": sympy.Not,
        "heaviside": lambda a: sympy.Heaviside(a, sympy.Rational(1, 2)),
    }  # fmt: skip
    found = {}
    for node in postorder((tree,)):
        args = [found[a] for a in node.args]
        if node.is_number:
            whole = node.value == int(node.value) and abs(node.value) < 1e15
            found[node] = sympy.Integer(int(node.value)) if whole else sympy.Float(node.value)
        elif node.op == "state":
            name = node.value[0]
            found[node] = sympy.Function(name)(*axes, sympy.Symbol("t")) if axes else sympy.Symbol(name)
        elif node.op == "parameter":
            given = (values or {}).get(node.value)
            found[node] = sympy.Symbol(node.value) if given is None else sympy.Float(given)
        elif node.op == "let":
            found[node] = sympy.Symbol(node.value[0])
        elif node.op == "time":
            found[node] = sympy.Symbol("t")
        elif node.op == "coordinate":
            found[node] = where[node.value]
        elif node.op == "space_derivative":
            coordinate, order = node.value
            found[node] = sympy.Derivative(args[0], (where[coordinate], order))
        else:
            found[node] = functions.get(node.op, getattr(sympy, node.op, None))(*args)
    return found[tree]


def term_table(terms, values, stderr, inclusion):
    """JSON-ready list of found terms: field, term, coefficient, its standard error, weight of the sets that hold it."""
    return [
        {"field": term.field, "term": term.text, "coefficient": float(v), "stderr": float(e), "inclusion": float(p)}
        for term, v, e, p in zip(terms, values, stderr, inclusion, strict=True)
    ]


def formula_text(rows, fields):
    """The hidden functions as text, one line a field."""
    lines = []
    for field in fields:
        own = [row for row in rows if row["field"] == field]
        pieces = []
        for row in own:
            sign = "-" if row["coefficient"] < 0 else "+"
            number = f"{abs(row['coefficient']):.6g}"
            pieces.append(f"{sign} {number}" + ("" if row["term"] == "1" else f"*{row['term']}"))
        text = " ".join(pieces) or "0"
        text = f"-{text[2:]}" if text.startswith("- ") else text.removeprefix("+ ")
        lines.append(f"F_{field} = {text}")
    return "\n".join(lines)


def front_table(ranked, front, terms, fields, scale):
    """JSON-ready rows of a Pareto front: complexity, relative error of each field, criterion and formula."""
    rows, n_terms = [], len(terms)
    for k in front:
        chosen = np.flatnonzero(ranked.fits.masks[k, :n_terms])
        own = [terms[i] for i in chosen]
        table = term_table(own, ranked.fits.values[k, chosen], np.zeros(len(own)), np.zeros(len(own)))
        rows.append({
            "complexity": int(sum(term.complexity for term in own)),
            "relative_error": [float(e) for e in np.sqrt(ranked.fits.squares[k]) / scale],
            "criterion": float(ranked.criterion[k]),
            "formula": formula_text(table, fields).replace("\n", "; "),
        })  # fmt: skip
    return rows
