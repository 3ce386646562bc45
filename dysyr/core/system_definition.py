"""From the plain tables of a system file to expression trees, with every table and name checked.

A definition is a dict of dicts, lists, texts and numbers, the same whether it was read from a file or made in
a script.
"""

import math

from dysyr.core.discretisation import MAX_DERIVATIVE, WEIGHTS, Grid, space_derivative
from dysyr.core.errors import InputError
from dysyr.core.evaluator import evaluate
from dysyr.core.expression_parser import Scope, parse_expression
from dysyr.core.expressions import TIME, Expression, index, parameter, postorder, simplify, state
from dysyr.core.hidden_section import read_hidden
from dysyr.core.jump_definition import (
    CHAIN_FIELDS,
    check_distribution,
    check_rates,
    check_rows,
    is_chain,
    read_chain,
    read_reactions,
    species_of,
)
from dysyr.core.lattice import BOUNDARIES, NO_LATTICE, Axis, Lattice
from dysyr.core.lowering import Lowering
from dysyr.core.names import check_name
from dysyr.core.open_quantum_definition import read_spins
from dysyr.core.system_schema import DOMAIN_KEYS, check_definition, table_of, unknown_entry
from dysyr.core.trees import Trees

MAX_JACOBIAN_WORK = 2_000_000

MAX_COUNT = 2.0**53
"""Largest count: beyond it not every whole number is a float."""


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
    kind = check_definition(definition)
    parameters = _parameters(definition.get("parameters", {}))
    if kind == "jump":
        return _read_jumps(definition, parameters)
    if kind == "open_quantum":
        return _read_spins(definition, parameters)
    lattice, coordinates = _lattice(definition, kind)
    fields = tuple(_field(key, lattice, kind) for key in table_of(definition, "equations", required=True))
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
        self.let = {}
        self.lowering = Lowering(lattice, self.grids)
        self.scope = self.state_scope({**constants, **places, "t": TIME})
        for name, text in table_of(definition, "let").items():
            self.let[name] = parse_expression(text, self.scope, where=f"[let] {name}")
            self.lowering.intermediates[name] = self.lowering.lowered(self.let[name])
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
                operators["d" + name * order] = lambda tree, name=name, order=order: space_derivative(tree, name, order)
        operators["laplacian"] = self.laplacian
        return operators

    def laplacian(self, tree):
        second = tuple(space_derivative(tree, name, 2) for name in self.lattice.indices)
        return second[0] if len(second) == 1 else Expression("add", second)

    def grid(self, name, table):
        texts = {"start": table.get("start", 0.0), "length": table["length"]}
        trees = (
            parse_expression(text, self.constant_scope, where=f"[domain] {name} {key}") for key, text in texts.items()
        )
        start, length = simplify(tuple(trees))
        axis = self.lattice.axes[self.lattice.indices.index(name)]
        return Grid(axis, start, length, table.get("order", 2))

    def trees(self):
        written = {}
        for key, text in self.definition["equations"].items():
            name = _field(key, self.lattice, self.kind)
            written[name] = parse_expression(text, self.scope, where=f"[equations] {key}")
        noise, diagonal = self.diffusion()
        hidden, unknown = self.hidden(written)
        trees = Trees(
            fields=self.fields,
            lattice=self.lattice,
            written=written,
            let=self.let,
            drift=tuple(self.lowering.lowered(written[name]) for name in self.fields),
            diffusion=None
            if noise is None
            else tuple(tuple(self.lowering.lowered(term) for term in row) for row in noise),
            written_diffusion=noise,
            diagonal=diagonal,
            boundary_values=self.boundary_values(),
            initial=self.initial_state(),
            hidden=hidden,
            unknown=unknown,
            conserved=self.conserved(),
            grids=self.grids,
            parameters=self.parameters,
        )
        self.check_reach(trees)
        return trees

    def check_reach(self, trees):
        nodes = postorder(trees.drift + tuple(term for row in trees.diffusion or () for term in row))
        offsets = [node.value[1] for node in nodes if node.op == "state"]
        if len(offsets) * len(nodes) > MAX_JACOBIAN_WORK:
            raise InputError(
                "the equations are too large for their Jacobian",
                got=f"{len(nodes)} operations on {len(offsets)} variables",
            )
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
        table = table_of(self.definition, "diffusion", required=True)
        given = {_field(key, self.lattice, self.kind, "diffusion"): entry for key, entry in table.items()}
        for name in given:
            if name not in self.fields:
                raise unknown_entry("variable in [diffusion]", name, self.fields)
        lists = [entry for entry in given.values() if isinstance(entry, list)]
        if lists and (len(lists) < len(given) or len({len(entry) for entry in lists}) > 1 or not lists[0]):
            raise InputError("the rows of [diffusion] differ", expected="one expression each, or lists of one length")
        if lists and self.lattice.axes:
            raise InputError("[diffusion] on a lattice has rows", expected="one expression for each variable")
        n_noise = len(lists[0]) if lists else len(self.fields)
        rows = []
        for k, name in enumerate(self.fields):
            entry = given.get(name, [0.0] * n_noise if lists else 0.0)
            texts = entry if lists else [entry if j == k else 0.0 for j in range(n_noise)]
            rows.append(tuple(parse_expression(text, self.scope, where=f"[diffusion] {name}") for text in texts))
        return tuple(rows), not lists

    def boundary_values(self):
        values = {}
        for name, entry in table_of(self.definition, "boundary_values").items():
            if name not in self.fields:
                raise unknown_entry("variable in boundary_values", name, self.fields)
            ends = entry if isinstance(entry, list) else [entry, entry]
            if len(ends) != 2:
                raise InputError(f"boundary value of {name}", got=f"{len(ends)} values", expected="one, or [low, high]")
            texts = (parse_expression(end, self.constant_scope, where=f"boundary value of {name}") for end in ends)
            values[name] = simplify(tuple(texts))
        return values

    def initial_state(self):
        table = self.definition.get("defaults", {}).get("initial_state")
        if table is None:
            return {}
        if not isinstance(table, dict):
            raise InputError("initial_state is not a table", got=repr(table)[:60], expected="{ x = 1.0, ... }")
        for name in table:
            if name not in self.fields:
                raise unknown_entry("variable in initial_state", name, self.fields)
        missing = [name for name in self.fields if name not in table]
        if missing:
            raise InputError(f"initial_state lacks {', '.join(missing)}", expected="one value for each variable")
        trees = {
            name: parse_expression(table[name], self.place_scope, where=f"initial_state {name}") for name in self.fields
        }
        return {name: self.lowering.lowered(tree) for name, tree in trees.items()}

    def hidden(self, written):
        """Hidden terms and arguments of unknown functions, see ``read_hidden``."""
        table, equations = table_of(self.definition, "hidden"), self.definition["equations"]
        return read_hidden(
            table, equations, written, self.scope, lambda key: _field(key, self.lattice, self.kind, "hidden")
        )

    def conserved(self):
        return {
            name: self.lowering.lowered(parse_expression(text, self.scope, where=f"[conserved] {name}"))
            for name, text in table_of(self.definition, "conserved").items()
        }


def _read_jumps(definition, parameters):
    """Trees of a jump process."""
    chain = is_chain(definition)
    species = () if chain else species_of(definition)
    _check_names(species, parameters, NO_LATTICE, definition)
    reader = _Reader(definition, "jump", species, parameters, NO_LATTICE, {})
    diagonal, initial, leaves = {}, {}, parameters
    if chain:
        if table_of(definition, "conserved"):
            raise InputError("[conserved] of a chain of states", expected="constants of reactions over counts")
        jumps, diagonal = read_chain(definition, reader.scope, reader.lowering)
    else:
        jumps = read_reactions(definition, species, reader.scope, reader.lowering)
        initial = reader.initial_state()
        counts = _numbers(initial, parameters)
        for name, value in counts.items():
            if not 0 <= value <= MAX_COUNT or value != int(value):
                raise InputError(f"initial_state of {name}", got=f"{value:g}", expected="a whole number >= 0")
        leaves = {**parameters, **counts}
    if chain or initial:
        values = _numbers(dict(zip(jumps.names, jumps.rates, strict=True)), leaves)
        check_rates(jumps.names, values.values())
        check_rows(jumps.states, jumps.pairs, values.values(), _numbers(diagonal, parameters))
    if jumps.initial:
        check_distribution(_numbers(jumps.initial, parameters).values())
    return _without_lattice(
        fields=CHAIN_FIELDS if chain else species, parameters=parameters, let=reader.let, jumps=jumps,
        written=dict(zip(jumps.names, jumps.written, strict=True)), drift=simplify(jumps.drift()), initial=initial,
        conserved=reader.conserved(),
    )  # fmt: skip


def _read_spins(definition, parameters):
    """Trees of an open quantum system."""
    _check_names((), parameters, NO_LATTICE, definition)
    reader = _Reader(definition, "open_quantum", (), parameters, NO_LATTICE, {})
    spins = read_spins(definition, parameters, reader.scope, reader.lowering)
    fields = tuple(observable.name for observable in spins.observables)
    return _without_lattice(fields=fields, parameters=parameters, let=reader.let, spins=spins)


def _without_lattice(*, written=None, drift=(), initial=None, conserved=None, **own):
    """Trees of a system whose variables are no fields on a lattice of equations."""
    return Trees(
        lattice=NO_LATTICE, written=written or {}, drift=drift, diffusion=None, written_diffusion=None, diagonal=False,
        boundary_values={}, initial=initial or {}, hidden={}, conserved=conserved or {}, grids={}, **own,
    )  # fmt: skip


def _numbers(trees, values):
    """Dict from key to the value of its tree, where parameters and counts have values."""
    found = evaluate(tuple(trees.values()), lambda leaf: values[leaf.value[0] if leaf.op == "state" else leaf.value])
    return {key: float(value) for key, value in zip(trees, found, strict=True)}


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
        domain = table_of(definition, "domain", required=True)
        for name, table in domain.items():
            if not isinstance(table, dict):
                raise InputError(
                    f"[domain] {name} is not a table", expected="{ length = ..., n = ..., boundary = ... }"
                )
            for key in table:
                if key not in DOMAIN_KEYS:
                    raise unknown_entry(f"key in [domain] {name}", key, DOMAIN_KEYS)
            for key in ("length", "n", "boundary"):
                if key not in table:
                    raise InputError(f"[domain] {name} lacks {key}")
            if type(table.get("order", 2)) is not int or table.get("order", 2) not in WEIGHTS:
                raise InputError(f"[domain] {name} order", got=repr(table["order"]), expected="2 or 4")
        axes = tuple(_axis(name, table["n"], table["boundary"]) for name, table in domain.items())
        return _at_most_two(axes), domain
    table = table_of(definition, "index")
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
        raise InputError(f"boundary along {name}", got=repr(boundary)[:60], expected=f"one of {', '.join(BOUNDARIES)}")
    return Axis(name, n, boundary)


def _check_names(fields, parameters, lattice, definition):
    taken = set()
    groups = (
        ("variable", fields),
        ("parameter", parameters),
        ("index", lattice.indices),
        ("intermediate", table_of(definition, "let")),
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
