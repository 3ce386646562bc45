"""The tables of a system definition: which there are, what they may hold, and how large they may be."""

import math
import re

from dysyr.core.arguments import number
from dysyr.core.errors import InputError
from dysyr.core.names import did_you_mean

KINDS = ("ode", "map", "sde", "pde", "jump", "open_quantum")
FORMAT = 1

MAX_VARIABLES = 200
MAX_PARAMETERS = 1_000
MAX_TEXT = 50_000

_COMMON = (
    "format", "name", "kind", "title", "description", "reference", "parameters", "let", "equations",
    "defaults", "invariants", "hidden", "conserved", "symplectic",
)  # fmt: skip
_OF_EQUATIONS = ("equations", "hidden", "symplectic")
_LATTICE = ("index", "boundary", "boundary_values")
KEYS = {
    "ode": (*_COMMON, *_LATTICE),
    "map": (*_COMMON, *_LATTICE),
    "sde": (*_COMMON, *_LATTICE, "diffusion", "interpretation"),
    "pde": (*_COMMON, "domain", "boundary_values"),
    "jump": (*(key for key in _COMMON if key not in _OF_EQUATIONS), "reactions", "states", "rates"),
    "open_quantum": (
        *(key for key in _COMMON if key not in (*_OF_EQUATIONS, "conserved")),
        "lattice", "hamiltonian", "jumps", "observables",
    ),
}  # fmt: skip
_DEFAULTS = ("initial_state", "dt", "transient")
DOMAIN_KEYS = ("length", "n", "boundary", "start", "order")
_INVARIANT = ("name", "value", "stderr", "n_zero", "method", "source")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_TEXTS = ("name", "title", "description", "reference")


def check_definition(definition):
    """Refuse unknown keys, plain values of the wrong type and definitions that are too large.

    Args:
        definition: dict with the tables of a system file.

    Returns:
        The kind of the system.

    Raises:
        InputError: with the entry that cannot be used.
    """
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
            raise unknown_entry(f"key of a system of kind '{kind}'", key, KEYS[kind])
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
    defaults = table_of(definition, "defaults")
    for key in defaults:
        if key not in _DEFAULTS:
            raise unknown_entry("key in [defaults]", key, _DEFAULTS)
    for key, least in (("dt", math.ulp(0.0)), ("transient", 0.0)):
        _check_number(defaults.get(key, 1.0), f"[defaults] {key}", least)
    _check_invariants(definition.get("invariants", []))
    _check_size(definition)
    return kind


def _check_size(definition):
    """Bounds on a whole definition, so that no file can keep the parser busy for long."""
    limits = (("equations", MAX_VARIABLES), ("let", MAX_VARIABLES), ("parameters", MAX_PARAMETERS))
    for name, most in limits:
        if len(table_of(definition, name)) > most:
            raise InputError(
                f"[{name}] is too long", got=f"{len(definition[name])} entries", expected=f"at most {most}"
            )
    tables = (table_of(definition, name) for name in ("equations", "let", "diffusion", "conserved", "hidden"))
    length = sum(len(str(text)) for table in tables for text in table.values())
    if length > MAX_TEXT:
        raise InputError(
            "the expressions are too long", got=f"{length} characters", expected=f"at most {MAX_TEXT}"
        )


def _check_number(value, what, least):
    if not number(value) or value < least:
        bound = {0.0: "a number >= 0", -math.inf: "a finite number"}.get(least, "a positive number")
        raise InputError(f"{what} cannot be used", got=repr(value)[:60], expected=bound)


def _check_invariants(invariants):
    if not isinstance(invariants, list) or not all(isinstance(entry, dict) for entry in invariants):
        raise InputError("invariants is not a list of tables", do="write [[invariants]]")
    for entry in invariants:
        for key in entry:
            if key not in _INVARIANT:
                raise unknown_entry("key in [[invariants]]", key, _INVARIANT)
        for key in ("name", "value", "source"):
            if key not in entry:
                raise InputError(
                    f"an invariant without {key}", got=repr(entry)[:80], expected="name, value and source"
                )
        sizes = [
            _check_numbers(entry, key, least)
            for key, least in (("value", -math.inf), ("stderr", 0.0))
            if key in entry
        ]
        if len(set(sizes)) > 1:
            raise InputError(f"value and stderr of invariant {entry['name']} differ in length")
        n_zero = entry.get("n_zero", 0)
        if isinstance(n_zero, bool) or not isinstance(n_zero, int) or n_zero < 0:
            raise InputError(f"n_zero of invariant {entry['name']} is not a count", got=repr(n_zero)[:60])


def _check_numbers(entry, key, least):
    """Refuse what is no finite number or list of them; returns the length, None for a single number."""
    numbers = entry[key]
    for value in numbers if isinstance(numbers, list) else [numbers]:
        _check_number(value, f"{key} of invariant {entry['name']}", least)
    return len(numbers) if isinstance(numbers, list) else None


def table_of(definition, name, required=False):
    """A table of the definition; empty where it is absent.

    Raises:
        InputError: it is no table, or it is required and empty.
    """
    table = definition.get(name, {})
    if not isinstance(table, dict):
        raise InputError(f"[{name}] is not a table", got=repr(table)[:60])
    if required and not table:
        raise InputError(f"no [{name}]", expected=f"a system of kind '{definition['kind']}' needs one")
    return table


def unknown_entry(what, name, known):
    """The error for a name that is not among the known ones."""
    return InputError(
        f"unknown {what}",
        got=repr(name)[:80],
        expected=f"known are {', '.join(known)}",
        do=did_you_mean(name, known),
    )
