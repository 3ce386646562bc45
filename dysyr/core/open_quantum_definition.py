"""Open quantum systems in system files: spins on a lattice, Hamiltonian terms and jump operators."""

from dataclasses import dataclass

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.evaluator import evaluate
from dysyr.core.expression_parser import parse_expression
from dysyr.core.expressions import TIME, Expression, postorder
from dysyr.core.names import check_name
from dysyr.core.pauli import is_hermitian, read_operator
from dysyr.core.spin_lattice import SpinLattice, read_spin_lattice
from dysyr.core.system_schema import MAX_TEXT, unknown_entry

MAX_TERMS = 10_000

AXIS_STATES = {
    "up": (0.0, 0.0, 1.0), "down": (0.0, 0.0, -1.0), "plus": (1.0, 0.0, 0.0), "minus": (-1.0, 0.0, 0.0),
    "right": (0.0, 1.0, 0.0), "left": (0.0, -1.0, 0.0), "mixed": (0.0, 0.0, 0.0),
}  # fmt: skip
"""Bloch vectors of the states that have names: along z, x and y, and maximally mixed."""

_HAMILTONIAN = ("operator", "on", "coefficient")
_JUMPS = ("operator", "on", "rate")
_OBSERVABLES = ("name", "operator", "on")


@dataclass(frozen=True)
class SpinTerm:
    """An operator at many places with one strength.

    Attributes:
        operator: dict from Pauli string to complex number.
        places: tuple of tuples of sites.
        strength: coefficient of a Hamiltonian term, rate of a jump operator, as a lowered expression.
        written: the same as written.
        text: the same as text.
        said: operator and places as written, e.g. "ZZ on bonds".
    """

    operator: dict
    places: tuple
    strength: Expression
    written: Expression
    text: str
    said: str


@dataclass(frozen=True)
class Observable:
    """The mean of an operator over places.

    Attributes:
        name: name of the variable.
        operator: dict from Pauli string to complex number.
        places: tuple of tuples of sites.
    """

    name: str
    operator: dict
    places: tuple


@dataclass(frozen=True)
class SpinTrees:
    """What a definition of kind open_quantum says.

    Attributes:
        lattice: SpinLattice.
        hamiltonian, jumps: tuples of SpinTerm.
        observables: tuple of Observable; by default X, Y and Z of every site.
        initial: Bloch vectors of the initial product state, tuple of triples; () where none is given.
    """

    lattice: SpinLattice
    hamiltonian: tuple
    jumps: tuple
    observables: tuple
    initial: tuple


def read_spins(definition, parameters, scope, lowering):
    """SpinTrees of a definition.

    Args:
        definition: dict with the tables of a system file.
        parameters: dict from name to value.
        scope: Scope of parameters, intermediates and t.
        lowering: Lowering that writes out intermediates.

    Returns:
        SpinTrees.

    Raises:
        InputError: an unknown or missing entry, a term that is not Hermitian, a rate that is negative.
        ExpressionError: an expression that cannot be read.
    """
    lattice = read_spin_lattice(definition)

    def terms(table, keys, name):
        entries = _entries(definition, table, keys)
        return tuple(_term(e, k, name, keys[-1], lattice, scope, lowering) for k, e in enumerate(entries, start=1))

    hamiltonian = terms("hamiltonian", _HAMILTONIAN, "Hamiltonian term")
    jumps = terms("jumps", _JUMPS, "jump operator")
    if not hamiltonian and not jumps:
        raise InputError("nothing happens", expected="[[hamiltonian]] terms, [[jumps]], or both")
    for term in hamiltonian:
        if not is_hermitian(term.operator):
            raise InputError(
                f"Hamiltonian term {term.said} is not Hermitian", expected="real coefficients of Pauli strings",
                do="add the adjoint, e.g. XX + YY for sigma_plus sigma_minus and its adjoint",
            )  # fmt: skip
    check_strengths(hamiltonian, jumps, parameters)
    total = sum(len(term.places) for term in (*hamiltonian, *jumps))
    if total > MAX_TERMS:
        raise InputError("too many terms", got=str(total), expected=f"at most {MAX_TERMS}")
    initial = definition.get("defaults", {}).get("initial_state")
    return SpinTrees(
        lattice=lattice,
        hamiltonian=hamiltonian,
        jumps=jumps,
        observables=_observables(definition, lattice),
        initial=() if initial is None else tuple(map(tuple, bloch_vectors(initial, lattice.n_sites).tolist())),
    )


def check_strengths(hamiltonian, jumps, parameters):
    """Refuse strengths that do not depend on time and cannot be used.

    Raises:
        InputError: a rate that is negative, or a strength that is not finite.
    """
    for term in (*hamiltonian, *jumps):
        if TIME not in postorder((term.strength,)):
            value = float(evaluate((term.strength,), lambda leaf: parameters[leaf.value])[0])
            check_strength(value, term, "rate" if term in jumps else "coefficient")


def check_strength(value, term, what, at=""):
    """Refuse a coefficient that is not finite, and a rate that is negative as well.

    Args:
        value: the number.
        term: SpinTerm that it belongs to.
        what: "rate" or "coefficient".
        at: when, for messages.

    Raises:
        InputError: with the term.
    """
    if not np.isfinite(value) or (what == "rate" and value < 0):
        raise InputError(
            f"{what} of {term.said}", got=f"{value:g}{at}",
            expected="a finite number >= 0" if what == "rate" else "a finite number",
        )  # fmt: skip


def bloch_vectors(entry, n_sites, what="initial_state"):
    """The Bloch vectors of a product state.

    Args:
        entry: name of a state out of AXIS_STATES, a Bloch vector of three numbers, or a list of names and vectors, one
            for each site.
        n_sites: number of sites.
        what: name for messages.

    Returns:
        array (site, 3).

    Raises:
        InputError: unknown names, another number of sites, or a vector longer than one.
    """
    if isinstance(entry, np.ndarray):
        entry = entry.tolist()
    one = isinstance(entry, str) or (isinstance(entry, (list, tuple)) and len(entry) == 3 and _numbers(entry))
    sites = [entry] * n_sites if one else entry
    if not isinstance(sites, (list, tuple)) or len(sites) != n_sites:
        raise InputError(
            f"{what} of {n_sites} spins", got=repr(entry)[:60],
            expected=f"a state ({', '.join(AXIS_STATES)} or a Bloch vector), or a list of {n_sites} of them",
        )  # fmt: skip
    return np.array([_bloch(site, what) for site in sites])


def _bloch(entry, what):
    if isinstance(entry, str):
        if entry not in AXIS_STATES:
            raise unknown_entry(f"state in {what}", entry, tuple(AXIS_STATES))
        return AXIS_STATES[entry]
    if not isinstance(entry, (list, tuple)) or len(entry) != 3 or not _numbers(entry):
        raise InputError(f"state of a spin in {what}", got=repr(entry)[:60], expected="a name, or three numbers")
    length = float(np.linalg.norm(entry))
    if not length <= 1 + 1e-12:
        raise InputError(f"Bloch vector in {what}", got=f"length {length:.6g}", expected="at most 1")
    return tuple(float(value) for value in entry)


def _numbers(entry):
    return all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in entry)


def _entries(definition, table, keys):
    entries = definition.get(table, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{table} is not a list of tables", do=f"write [[{table}]]")
    for k, entry in enumerate(entries, start=1):
        for key in entry:
            if key not in keys:
                raise unknown_entry(f"key in [[{table}]] {k}", key, keys)
        for key in keys:
            if key not in entry:
                raise InputError(f"[[{table}]] {k} lacks {key}", expected=", ".join(keys))
    length = sum(len(str(entry)) for entry in entries)
    if length > MAX_TEXT:
        raise InputError(f"[[{table}]] is too long", got=f"{length} characters", expected=f"at most {MAX_TEXT}")
    return entries


def _term(entry, k, name, key, lattice, scope, lowering):
    what = f"{name} {k}"
    operator, places = _placed(entry, lattice, what)
    written = parse_expression(entry[key], scope, where=f"{key} of {what}")
    said = f"{_operator_text(entry['operator'])} on {_on_text(entry['on'])}"
    return SpinTerm(operator, places, lowering.lowered(written), written, str(entry[key]), said)


def _placed(entry, lattice, what):
    operator = read_operator(entry["operator"], f"operator of {what}")
    return operator, lattice.places(entry["on"], len(next(iter(operator))), what)


def _observables(definition, lattice):
    if "observables" not in definition:
        return tuple(
            Observable(f"{letter}_{site}", {letter: 1.0 + 0j}, ((site,),))
            for letter in "XYZ" for site in range(lattice.n_sites)
        )  # fmt: skip
    found = []
    for k, entry in enumerate(_entries(definition, "observables", _OBSERVABLES), start=1):
        check_name(entry["name"], what=f"name of observable {k}", taken=[o.name for o in found])
        operator, places = _placed(entry, lattice, f"observable {entry['name']}")
        if not is_hermitian(operator):
            raise InputError(f"observable {entry['name']} is not Hermitian", got=_operator_text(entry["operator"]))
        found.append(Observable(entry["name"], operator, places))
    if not found:
        raise InputError("observables is empty", do="leave it out: X, Y and Z of every site are the default")
    return tuple(found)


def _operator_text(entry):
    if isinstance(entry, str):
        return entry
    return " + ".join(f"{_coefficient_text(value)} {string}" for string, value in entry.items())


def _coefficient_text(value):
    if not isinstance(value, list):
        return f"{value:g}"
    return f"({complex(*value):g})"


def _on_text(on):
    return on if isinstance(on, str) else str(on)
