"""From the plain tables of a system file to expression trees, with every table and name checked.

A definition is a dict of dicts, lists, texts and numbers, the same whether it was read from a file or made in a script.
"""

import math
import re
from dataclasses import dataclass

from dysyr.core.discretisation import MAX_DERIVATIVE, WEIGHTS, Grid, discretise, shift, space_derivative
from dysyr.core.errors import InputError
from dysyr.core.evaluator import evaluate
from dysyr.core.expression_parser import Scope, check_name, did_you_mean, parse_expression
from dysyr.core.expressions import TIME, Expression, index, parameter, postorder, rebuild, simplify, state
from dysyr.core.lattice import BOUNDARIES, NO_LATTICE, Axis, Lattice

KINDS = ("ode", "map", "sde", "pde")
FORMAT = 1

MAX_VARIABLES = 200
MAX_PARAMETERS = 1_000
MAX_TEXT = 50_000

_COMMON = (
    "format", "name", "kind", "title", "description", "reference", "parameters", "let", "equations", "defaults",
    "invariants", "hidden", "conserved", "symplectic",
)  # fmt: skip
_LATTICE = ("index", "boundary", "boundary_values")
KEYS = {
    "ode": (*_COMMON, *_LATTICE),
    "map": (*_COMMON, *_LATTICE),
    "sde": (*_COMMON, *_LATTICE, "diffusion", "interpretation"),
    "pde": (*_COMMON, "domain", "boundary_values"),
}
_DEFAULTS = ("initial_state", "dt", "transient")
_DOMAIN = ("length", "n", "boundary", "start", "order")
_INVARIANT = ("name", "value", "stderr", "n_zero", "method", "source")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_TEXTS = ("name", "title", "description", "reference")


@dataclass(frozen=True)
class Trees:
    """The expressions of a system.

    Attributes:
        fields: names of the state variables; on a lattice each has one value at every site.
        lattice: a Lattice; without axes where there is none.
        written: dict from field to its equation as written, for LaTeX.
        let: dict from name to intermediate as written, for LaTeX.
        drift: one expression for each field: time derivative, or next value.
        diffusion: one row of expressions for each field; None where there is no noise.
        written_diffusion: the same as written.
        diagonal: True where each variable has a noise of its own.
        boundary_values: dict from field to the two expressions beyond a fixed edge.
        initial: dict from field to expression; empty where none is given.
        hidden: dict from field to the hidden terms of its equation as written.
        conserved: dict from name to expression.
        grids: dict from coordinate of a pde to Grid.
        parameters: dict from name to float.
    """

    fields: tuple
    lattice: Lattice
    written: dict
    let: dict
    drift: tuple
    diffusion: tuple | None
    written_diffusion: tuple | None
    diagonal: bool
    boundary_values: dict
    initial: dict
    hidden: dict
    conserved: dict
    grids: dict
    parameters: dict


def read_definition(definition):
    """Check a definition and parse its expressions.

    Args:
        definition: dict with the tables of a system file.

    Returns:
        Trees.

    Raises:
        InputError: an unknown, missing or unusable entry.
        ExpressionError: an expression that cannot be read.
    """
    kind = _check_shape(definition)
    _check_size(definition)
    parameters = _parameters(definition.get("parameters", {}))
    lattice, coordinates = _lattice(definition, kind)
    fields = tuple(_field(key, lattice, kind) for key in _table(definition, "equations", required=True))
    _check_names(fields, parameters, lattice, definition)
    reader = _Reader(definition, kind, fields, parameters, lattice, coordinates)
    return reader.trees()


class _Reader:
    """Parses the expressions of one definition; every name is known and free of clashes by now."""

    def __init__(self, definition, kind, fields, parameters, lattice, coordinates):
        self.definition = definition
        self.kind = kind
        self.fields = fields
        self.parameters = parameters
        self.lattice = lattice
        self.here = (0,) * len(lattice.axes)
        constants = {name: parameter(name) for name in parameters}
        self.constant_scope = Scope(constants)
        if kind == "pde":
            places = {name: Expression("coordinate", (), name) for name in lattice.indices}
        else:
            places = {name: index(name) for name in lattice.indices}
        self.place_scope = Scope({**constants, **places})
        self.grids = {name: self.grid(name, table) for name, table in coordinates.items()}
        self.let, self.expanded = {}, {}
        self.scope = self.state_scope({**constants, **places, "t": TIME})
        for name, text in _table(definition, "let").items():
            self.let[name] = parse_expression(text, self.scope, where=f"[let] {name}")
            self.expanded[name] = self.lower(self.let[name])
            self.scope = self.state_scope(self.scope.names)

    def state_scope(self, names):
        """The scope of equations: states, and the intermediates so far."""
        lets = {name: lambda offsets, name=name: Expression("let", (), (name, offsets)) for name in self.let}
        if self.kind == "pde" or not self.lattice.axes:
            alone = {name: state(name, self.here) for name in self.fields}
            alone |= {name: make(self.here) for name, make in lets.items()}
            operators = self.space_operators() if self.kind == "pde" else {}
            return Scope({**names, **alone}, operators=operators)
        sites = {name: lambda offsets, name=name: state(name, offsets) for name in self.fields}
        alone = {name: make(self.here) for name, make in lets.items()}
        return Scope({**names, **alone}, self.lattice.indices, {**sites, **lets})

    def space_operators(self):
        """dx, dxx, ... for each coordinate, and laplacian."""
        operators = {}
        for name in self.lattice.indices:
            for order in range(1, MAX_DERIVATIVE + 1):
                operators["d" + name * order] = lambda tree, name=name, order=order: space_derivative(
                    tree, name, order
                )
        operators["laplacian"] = self.laplacian
        return operators

    def laplacian(self, tree):
        second = tuple(space_derivative(tree, name, 2) for name in self.lattice.indices)
        return second[0] if len(second) == 1 else Expression("add", second)

    def grid(self, name, table):
        start, length = (
            simplify(
                (
                    parse_expression(
                        table.get(key, absent), self.constant_scope, where=f"[domain] {name} {key}"
                    ),
                )
            )[0]
            for key, absent in (("start", 0.0), ("length", 1.0))
        )
        axis = self.lattice.axes[self.lattice.indices.index(name)]
        return Grid(axis, start, length, table.get("order", 2))

    def lower(self, tree):
        """Intermediates and space derivatives written out, simplified."""
        new = {}
        for node in postorder((tree,)):
            if node.op == "let":
                name, offsets = node.value
                new[node] = shift(self.expanded[name], self.lattice, offsets)
            else:
                new[node] = rebuild(node, [new[argument] for argument in node.args]) if node.args else node
        return discretise((new[tree],), self.lattice, self.grids)[0]

    def trees(self):
        written = {}
        for key, text in self.definition["equations"].items():
            name = _field(key, self.lattice, self.kind)
            written[name] = parse_expression(text, self.scope, where=f"[equations] {key}")
        noise, diagonal = self.diffusion()
        trees = Trees(
            fields=self.fields,
            lattice=self.lattice,
            written=written,
            let=self.let,
            drift=tuple(self.lower(written[name]) for name in self.fields),
            diffusion=None
            if noise is None
            else tuple(tuple(self.lower(term) for term in row) for row in noise),
            written_diffusion=noise,
            diagonal=diagonal,
            boundary_values=self.boundary_values(),
            initial=self.initial_state(),
            hidden=self.hidden(written),
            conserved=self.conserved(),
            grids=self.grids,
            parameters=self.parameters,
        )
        self.check_reach(trees)
        return trees

    def check_reach(self, trees):
        drift = postorder(trees.drift + tuple(term for row in trees.diffusion or () for term in row))
        offsets = [node.value[1] for node in drift if node.op == "state"]
        reach = [max((abs(o[k]) for o in offsets), default=0) for k in range(len(self.lattice.axes))]
        self.lattice.check(reach)
        for axis, furthest in zip(self.lattice.axes, reach, strict=True):
            if axis.boundary != "fixed":
                continue
            if self.kind == "pde" and furthest > 1:
                raise InputError(
                    f"a fixed boundary along {axis.name} cannot carry these derivatives",
                    got=f"differences that reach {furthest} grid points",
                    expected="first and second derivatives with order = 2",
                )
            missing = [name for name in self.fields if name not in trees.boundary_values]
            if missing:
                raise InputError(
                    f"no boundary value of {', '.join(missing)}",
                    expected="a fixed boundary needs one for each variable",
                    do=f"add boundary_values = {{ {missing[0]} = 0.0 }}",
                )

    def diffusion(self):
        if self.kind != "sde":
            return None, False
        table = _table(self.definition, "diffusion", required=True)
        given = {_field(key, self.lattice, self.kind, "diffusion"): entry for key, entry in table.items()}
        for name in given:
            if name not in self.fields:
                raise _unknown("variable in [diffusion]", name, self.fields)
        lists = [entry for entry in given.values() if isinstance(entry, list)]
        if lists and (len(lists) < len(given) or len({len(entry) for entry in lists}) > 1 or not lists[0]):
            raise InputError(
                "the rows of [diffusion] differ", expected="one expression each, or lists of one length"
            )
        if lists and self.lattice.axes:
            raise InputError("[diffusion] on a lattice has rows", expected="one expression for each variable")
        n_noise = len(lists[0]) if lists else len(self.fields)
        rows = []
        for k, name in enumerate(self.fields):
            entry = given.get(name, [0.0] * n_noise if lists else 0.0)
            texts = entry if lists else [entry if j == k else 0.0 for j in range(n_noise)]
            rows.append(
                tuple(parse_expression(text, self.scope, where=f"[diffusion] {name}") for text in texts)
            )
        return tuple(rows), not lists

    def boundary_values(self):
        values = {}
        for name, entry in _table(self.definition, "boundary_values").items():
            if name not in self.fields:
                raise _unknown("variable in boundary_values", name, self.fields)
            ends = entry if isinstance(entry, list) else [entry, entry]
            if len(ends) != 2:
                raise InputError(
                    f"boundary value of {name}", got=f"{len(ends)} values", expected="one, or [low, high]"
                )
            texts = (
                parse_expression(end, self.constant_scope, where=f"boundary value of {name}") for end in ends
            )
            values[name] = simplify(tuple(texts))
        return values

    def initial_state(self):
        table = self.definition.get("defaults", {}).get("initial_state")
        if table is None:
            return {}
        if not isinstance(table, dict):
            raise InputError(
                "initial_state is not a table", got=repr(table)[:60], expected="{ x = 1.0, ... }"
            )
        for name in table:
            if name not in self.fields:
                raise _unknown("variable in initial_state", name, self.fields)
        missing = [name for name in self.fields if name not in table]
        if missing:
            raise InputError(
                f"initial_state lacks {', '.join(missing)}", expected="one value for each variable"
            )
        trees = {
            name: parse_expression(table[name], self.place_scope, where=f"initial_state {name}")
            for name in self.fields
        }
        return {name: self.lower(tree) for name, tree in trees.items()}

    def hidden(self, written):
        terms = {}
        for key, text in _table(self.definition, "hidden").items():
            name = _field(key, self.lattice, self.kind, "hidden")
            if name not in self.fields:
                raise _unknown("variable in [hidden]", name, self.fields)
            terms[name] = parse_expression(text, self.scope, where=f"[hidden] {key}")
            own = _summands(written[name])
            if not all(term in own for term in _summands(terms[name])):
                raise InputError(
                    f"[hidden] {key} is not a term of its equation",
                    got=repr(text),
                    expected=f"terms of {self.definition['equations'][key]!r}, written alike",
                )
        return terms

    def conserved(self):
        return {
            name: self.lower(parse_expression(text, self.scope, where=f"[conserved] {name}"))
            for name, text in _table(self.definition, "conserved").items()
        }


def _summands(tree):
    return tree.args if tree.op == "add" else (tree,)


def _check_shape(definition):
    """The keys and plain values of a definition; returns its kind."""
    if definition.get("format", FORMAT) != FORMAT:
        raise InputError(
            "unknown format of a system file", got=repr(definition["format"]), expected=f"{FORMAT}"
        )
    kind = definition.get("kind")
    if kind not in KINDS:
        raise InputError(
            "kind of system not supported" if kind else "no kind of system",
            got=repr(kind)[:60] if kind else None,
            expected=f"supported are {', '.join(KINDS)}",
            do=did_you_mean(kind, KINDS) if kind else None,
        )
    for key in definition:
        if key not in KEYS[kind]:
            raise _unknown(f"key of a system of kind '{kind}'", key, KEYS[kind])
    for key in _TEXTS:
        if not isinstance(definition.get(key, ""), str):
            raise InputError(f"{key} is not a text", got=repr(definition[key])[:60])
    name = definition.get("name", "")
    if name and not _NAME.fullmatch(name):
        raise InputError(
            "name of a system",
            got=repr(name)[:80],
            expected="letters, digits, _ . and -, at most 64, a letter first",
        )
    if not isinstance(definition.get("symplectic", False), bool):
        raise InputError("symplectic is neither true nor false", got=repr(definition["symplectic"])[:60])
    if kind == "sde" and definition.get("interpretation") not in ("ito", "stratonovich"):
        raise InputError(
            "no interpretation of the noise",
            got=repr(definition.get("interpretation")),
            expected='interpretation = "ito" or "stratonovich"',
        )
    defaults = _table(definition, "defaults")
    for key in defaults:
        if key not in _DEFAULTS:
            raise _unknown("key in [defaults]", key, _DEFAULTS)
    for key, least in (("dt", math.ulp(0.0)), ("transient", 0.0)):
        _check_number(defaults.get(key, 1.0), f"[defaults] {key}", least)
    _check_invariants(definition.get("invariants", []))
    return kind


def _check_size(definition):
    """Bounds on a whole definition, so that no file can keep the parser busy for long."""
    limits = (("equations", MAX_VARIABLES), ("let", MAX_VARIABLES), ("parameters", MAX_PARAMETERS))
    for name, most in limits:
        if len(_table(definition, name)) > most:
            raise InputError(
                f"[{name}] is too long", got=f"{len(definition[name])} entries", expected=f"at most {most}"
            )
    tables = (_table(definition, name) for name in ("equations", "let", "diffusion", "conserved", "hidden"))
    length = sum(len(str(text)) for table in tables for text in table.values())
    if length > MAX_TEXT:
        raise InputError(
            "the expressions are too long", got=f"{length} characters", expected=f"at most {MAX_TEXT}"
        )


def _check_number(value, what, least):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value < math.inf:
        bound = "a positive number" if least else "a number >= 0"
        raise InputError(f"{what} cannot be used", got=repr(value)[:60], expected=bound)


def _check_invariants(invariants):
    if not isinstance(invariants, list) or not all(isinstance(entry, dict) for entry in invariants):
        raise InputError("invariants is not a list of tables", do="write [[invariants]]")
    for entry in invariants:
        for key in entry:
            if key not in _INVARIANT:
                raise _unknown("key in [[invariants]]", key, _INVARIANT)
        for key in ("name", "value", "source"):
            if key not in entry:
                raise InputError(
                    f"an invariant without {key}", got=repr(entry)[:80], expected="name, value and source"
                )
        sizes = set()
        for key in ("value", "stderr"):
            numbers = entry.get(key, entry["value"])
            listed = numbers if isinstance(numbers, list) else [numbers]
            sizes.add(len(listed) if isinstance(numbers, list) else 0)
            for value in listed:
                _check_number(
                    value, f"{key} of invariant {entry['name']}", -math.inf if key == "value" else 0.0
                )
        if len(sizes) > 1 and "stderr" in entry:
            raise InputError(f"value and stderr of invariant {entry['name']} differ in length")
        n_zero = entry.get("n_zero", 0)
        if isinstance(n_zero, bool) or not isinstance(n_zero, int) or n_zero < 0:
            raise InputError(f"n_zero of invariant {entry['name']} is not a count", got=repr(n_zero)[:60])


def _parameters(table):
    """Values of the parameters; each may be an expression of those before it."""
    if not isinstance(table, dict):
        raise InputError("[parameters] is not a table", got=repr(table)[:60])
    values = {}
    for name, text in table.items():
        check_name(name, what="parameter", taken=values)
        scope = Scope({known: parameter(known) for known in values})
        tree = simplify((parse_expression(text, scope, where=f"[parameters] {name}"),))
        value = float(evaluate(tree, lambda leaf: values[leaf.value])[0])
        if not math.isfinite(value):
            raise InputError(f"parameter {name} is not finite", got=f"{text!r} = {value}")
        values[name] = value
    return values


def _lattice(definition, kind):
    """The lattice, and for a pde the tables of its coordinates."""
    if kind == "pde":
        domain = _table(definition, "domain", required=True)
        for name, table in domain.items():
            if not isinstance(table, dict):
                raise InputError(
                    f"[domain] {name} is not a table", expected="{ length = ..., n = ..., boundary = ... }"
                )
            for key in table:
                if key not in _DOMAIN:
                    raise _unknown(f"key in [domain] {name}", key, _DOMAIN)
            for key in ("length", "n", "boundary"):
                if key not in table:
                    raise InputError(f"[domain] {name} lacks {key}")
            if type(table.get("order", 2)) is not int or table.get("order", 2) not in WEIGHTS:
                raise InputError(f"[domain] {name} order", got=repr(table["order"]), expected="2 or 4")
        axes = tuple(_axis(name, table["n"], table["boundary"]) for name, table in domain.items())
        return _at_most_two(axes), domain
    table = _table(definition, "index")
    boundary = definition.get("boundary", "periodic")
    if not table:
        for key in ("boundary", "boundary_values"):
            if key in definition:
                raise InputError(f"{key} without [index]", expected="only a lattice has a boundary")
        return NO_LATTICE, {}
    if not isinstance(boundary, dict):
        boundary = dict.fromkeys(table, boundary)
    return _at_most_two(tuple(_axis(name, n, boundary.get(name)) for name, n in table.items())), {}


def _at_most_two(axes):
    if len(axes) > 2:
        raise InputError("too many axes", got=str(len(axes)), expected="one or two")
    return Lattice(axes)


def _axis(name, n, boundary):
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise InputError(f"number of sites along {name}", got=repr(n)[:60], expected="an integer >= 1")
    if boundary not in BOUNDARIES:
        raise InputError(
            f"boundary along {name}", got=repr(boundary)[:60], expected=f"one of {', '.join(BOUNDARIES)}"
        )
    return Axis(name, n, boundary)


def _check_names(fields, parameters, lattice, definition):
    taken = set()
    groups = (
        ("variable", fields),
        ("parameter", parameters),
        ("index", lattice.indices),
        ("intermediate", _table(definition, "let")),
    )
    for what, names in groups:
        for name in names:
            taken.add(check_name(name, what=what, taken=taken))


def _field(key, lattice, kind, table="equations"):
    """The variable of a key: x, or x[i] on a lattice."""
    if kind == "pde" or not lattice.axes:
        return key
    written = f"[{','.join(lattice.indices)}]"
    compact = key.replace(" ", "")
    if not compact.endswith(written):
        raise InputError(f"[{table}] key '{key}'", expected=f"a lattice variable is written x{written}")
    return compact[: -len(written)]


def _table(definition, name, required=False):
    table = definition.get(name, {})
    if not isinstance(table, dict):
        raise InputError(f"[{name}] is not a table", got=repr(table)[:60])
    if required and not table:
        raise InputError(f"no [{name}]", expected=f"a system of kind '{definition['kind']}' needs one")
    return table


def _unknown(what, name, known):
    return InputError(
        f"unknown {what}",
        got=repr(name)[:80],
        expected=f"known are {', '.join(known)}",
        do=did_you_mean(name, known),
    )
