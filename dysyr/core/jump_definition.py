"""Jump processes in system files: reactions over counts, or states and the rates between them."""

import re
from dataclasses import dataclass

from dysyr.core.errors import InputError
from dysyr.core.expression_parser import parse_expression
from dysyr.core.expressions import TIME, add, mul, number, postorder
from dysyr.core.names import check_name
from dysyr.core.rate_matrix import ROW_TOLERANCE
from dysyr.core.system_schema import MAX_TEXT, MAX_VARIABLES, table_of, unknown_entry

MAX_REACTIONS = 1_000
MAX_STATES = 100

CHAIN_FIELDS = ("state",)
"""The variable of a chain: the number of its state."""

_REACTION = ("name", "change", "rate")
_STATE = re.compile(r"[A-Za-z0-9_]{1,64}")


@dataclass(frozen=True)
class JumpTrees:
    """The jumps of a process and their rates.

    Attributes:
        names: a name for each jump: that of the reaction, or "open -> closed".
        rates: one expression for each jump, in species and parameters (chains: parameters), written out.
        written: the same as written, for LaTeX.
        texts: the same as text.
        changes: reactions: one tuple of whole numbers for each reaction, in the order of the species; chains: ().
        pairs: chains: (from, to) for each jump, numbers of states; reactions: ().
        states: names of the states of a chain; () for reactions.
        initial: chains: dict from state to probability at the start; empty where none is given.
    """

    names: tuple
    rates: tuple
    written: tuple
    texts: tuple
    changes: tuple
    pairs: tuple
    states: tuple
    initial: dict

    def drift(self):
        """Drift of the counts, one expression for each species: sum over reactions of change times rate."""
        return tuple(
            add(*(mul(number(change), rate) for change, rate in zip(column, self.rates, strict=True)))
            for column in zip(*self.changes, strict=True)
        )


def is_chain(definition):
    """Whether a definition of kind jump has states rather than reactions.

    Raises:
        InputError: it has both, or neither.
    """
    chain, reactions = "states" in definition or "rates" in definition, "reactions" in definition
    if chain == reactions:
        raise InputError(
            "a jump process has both reactions and states" if chain else "a jump process without jumps",
            expected="[[reactions]] over counts, or [states] and [rates]",
        )
    return chain


def species_of(definition):
    """Names of the counted species, in the order in which the reactions name them.

    Raises:
        InputError: the reactions are no tables with change and rate, or change nothing.
    """
    reactions = definition["reactions"]
    if not isinstance(reactions, list) or not all(isinstance(entry, dict) for entry in reactions):
        raise InputError("reactions is not a list of tables", do="write [[reactions]]")
    if not 1 <= len(reactions) <= MAX_REACTIONS:
        raise InputError("number of reactions", got=str(len(reactions)), expected=f"1 to {MAX_REACTIONS}")
    species = {}
    for k, entry in enumerate(reactions, start=1):
        for key in entry:
            if key not in _REACTION:
                raise unknown_entry(f"key in reaction {k}", key, _REACTION)
        for key in ("change", "rate"):
            if key not in entry:
                raise InputError(f"reaction {k} lacks {key}", expected="change = { prey = 1 } and rate = ...")
        change = entry["change"]
        if not isinstance(change, dict) or not change:
            raise InputError(f"change of reaction {k}", got=repr(change)[:60], expected="a table such as { prey = 1 }")
        for name, step in change.items():
            if isinstance(step, bool) or not isinstance(step, int) or step == 0 or abs(step) > 2**31:
                raise InputError(
                    f"change of {name} in reaction {k}", got=repr(step)[:60], expected="a whole number other than 0"
                )
            species.setdefault(name)
    if len(species) > MAX_VARIABLES:
        raise InputError("number of species", got=str(len(species)), expected=f"at most {MAX_VARIABLES}")
    _check_length(entry["rate"] for entry in reactions)
    return tuple(species)


def read_reactions(definition, species, scope, lowering):
    """JumpTrees of the reactions of a definition.

    Args:
        definition: dict with the tables of a system file.
        species: as ``species_of`` gives them.
        scope: Scope of species, parameters and intermediates.
        lowering: Lowering that writes out intermediates.

    Raises:
        InputError: a rate that depends on time, or a name that is used twice.
        ExpressionError: a rate that cannot be read.
    """
    reactions = definition["reactions"]
    names = []
    for k, entry in enumerate(reactions, start=1):
        names.append(check_name(entry.get("name", f"R{k}"), what=f"name of reaction {k}", taken=names))
    texts = tuple(entry["rate"] for entry in reactions)
    written = tuple(
        parse_expression(text, scope, where=f"rate of reaction {name}")
        for name, text in zip(names, texts, strict=True)
    )
    rates = _lowered(written, names, lowering)
    changes = tuple(tuple(entry["change"].get(name, 0) for name in species) for entry in reactions)
    return JumpTrees(tuple(names), rates, written, tuple(map(str, texts)), changes, (), (), {})


def read_chain(definition, scope, lowering):
    """JumpTrees of the states and rates of a definition.

    Args:
        definition: dict with the tables of a system file.
        scope: Scope of parameters and intermediates.
        lowering: Lowering that writes out intermediates.

    Raises:
        InputError: unknown states, a rate from a state to itself, a matrix of another shape.
        ExpressionError: a rate that cannot be read.
    """
    states = _states(definition)
    table = table_of(definition, "rates", required=True)
    entries = _of_matrix(table, states) if "matrix" in table else _of_pairs(table, states)
    _check_length(entries.values())
    names, kept, written, diagonal = [], [], [], {}
    for (i, j), text in entries.items():
        name = f"{states[i]} -> {states[j]}"
        tree = parse_expression(text, scope, where=f"[rates] {name}")
        if i == j:
            diagonal[i] = tree
        elif not (tree.is_number and tree.value == 0.0):
            names.append(name)
            kept.append((i, j))
            written.append(tree)
    rates = _lowered(tuple(written), names, lowering)
    if not rates:
        raise InputError("[rates] are all zero", expected="at least one rate between two states")
    texts = tuple(str(entries[pair]) for pair in kept)
    initial = _initial(definition, states, scope, lowering)
    trees = JumpTrees(tuple(names), rates, tuple(written), texts, (), tuple(kept), states, initial)
    return trees, {i: lowering.lowered(tree) for i, tree in diagonal.items()}


def check_rates(names, values):
    """Refuse rates that are negative or not finite.

    Args:
        names: names of the jumps.
        values: their rates at the parameters (and the initial counts), in 1/time.

    Raises:
        InputError: with the first such rate.
    """
    for name, value in zip(names, values, strict=True):
        if not 0 <= value < float("inf"):
            raise InputError(f"rate of {name}", got=f"{value:g}", expected="a finite number >= 0")


def check_rows(states, pairs, values, diagonal):
    """Refuse a matrix whose diagonal is neither zero nor minus the sum of its row.

    Args:
        states: names of the states.
        pairs, values: (from, to) and rate of each jump.
        diagonal: dict from state number to the number on the diagonal.

    Raises:
        InputError: with the first such row.
    """
    for i, given in diagonal.items():
        total = sum(value for (source, _), value in zip(pairs, values, strict=True) if source == i)
        if given != 0 and abs(given + total) > ROW_TOLERANCE * max(total, abs(given)):
            raise InputError(
                f"row '{states[i]}' of the rate matrix does not sum to zero", got=f"{given + total:g}",
                expected="entry (i, j) is the rate from i to j; the diagonal is 0 or minus the sum of the row",
                do="transpose the matrix, if its columns sum to zero",
            )  # fmt: skip


def check_distribution(probabilities, what="initial_state"):
    """Refuse what is no distribution over states.

    Raises:
        InputError: a negative probability, or a sum other than 1.
    """
    total = sum(probabilities)
    if not all(value >= 0 for value in probabilities) or not abs(total - 1) <= 1e-9:
        raise InputError(
            f"{what} is no distribution over the states", got=f"probabilities that sum to {total:g}",
            expected="probabilities >= 0 that sum to 1",
        )  # fmt: skip


def _states(definition):
    table = table_of(definition, "states", required=True)
    for key in table:
        if key != "names":
            raise unknown_entry("key in [states]", key, ("names",))
    names = table.get("names")
    if not isinstance(names, list) or not 2 <= len(names) <= MAX_STATES:
        raise InputError("[states] names", got=repr(names)[:60], expected=f"a list of 2 to {MAX_STATES} names")
    for k, name in enumerate(names):
        if not isinstance(name, str) or not _STATE.fullmatch(name):
            raise InputError(
                "name of a state", got=repr(name)[:80], expected="letters, digits and _, at most 64 characters"
            )
        if name in names[:k]:
            raise InputError(f"state '{name}' is named twice")
    return tuple(names)


def _of_pairs(table, states):
    entries = {}
    for key, text in table.items():
        ends = [end.strip() for end in key.split("->")]
        if len(ends) != 2:
            raise InputError(f"[rates] key '{key}'"[:100], expected='two states, as in "open -> closed"')
        for end in ends:
            if end not in states:
                raise unknown_entry("state in [rates]", end, states)
        i, j = states.index(ends[0]), states.index(ends[1])
        if i == j:
            raise InputError(
                f"[rates] has a rate from '{ends[0]}' to itself", expected="rates between two different states"
            )
        if (i, j) in entries:
            raise InputError(f"[rates] has two rates from '{ends[0]}' to '{ends[1]}'")
        entries[i, j] = text
    return entries


def _of_matrix(table, states):
    if len(table) > 1:
        raise InputError("[rates] has a matrix and more", got=", ".join(table)[:80], expected="one or the other")
    rows, n = table["matrix"], len(states)
    if not isinstance(rows, list) or len(rows) != n or any(not isinstance(r, list) or len(r) != n for r in rows):
        raise InputError("[rates] matrix", got=repr(rows)[:60], expected=f"{n} rows of {n} rates, one for each state")
    return {(i, j): rows[i][j] for i in range(n) for j in range(n)}


def _initial(definition, states, scope, lowering):
    table = table_of(definition, "defaults").get("initial_state")
    if table is None:
        return {}
    if isinstance(table, str):
        table = {table: 1.0}
    if not isinstance(table, dict):
        raise InputError(
            "initial_state of a chain", got=repr(table)[:60], expected="the name of a state, or { open = 0.5, ... }"
        )
    for name in table:
        if name not in states:
            raise unknown_entry("state in initial_state", name, states)
    return {
        name: lowering.lowered(parse_expression(text, scope, where=f"initial_state {name}"))
        for name, text in table.items()
    }


def _lowered(written, names, lowering):
    rates = tuple(lowering.lowered(tree) for tree in written)
    for name, rate in zip(names, rates, strict=True):
        if TIME in postorder((rate,)):
            raise InputError(
                f"rate of {name} depends on t", expected="rates of parameters and counts alone",
                do="a driven process can be written with a further state or species",
            )  # fmt: skip
    return rates


def _check_length(texts):
    length = sum(len(str(text)) for text in texts)
    if length > MAX_TEXT:
        raise InputError("the rates are too long", got=f"{length} characters", expected=f"at most {MAX_TEXT}")
