"""The tables of a system file from the arguments of ``System.ode`` and its siblings."""

import json

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.names import did_you_mean
from dysyr.core.system_schema import FORMAT


def equation_tables(kind, equations, parameters, initial_state, dt, transient, name):
    """Definition of a system with one equation for each variable; arguments as for ``System.ode``."""
    if initial_state is not None and not isinstance(initial_state, dict):
        values = np.asarray(initial_state, dtype=float).tolist()
        names = [key.split("[")[0] for key in equations]
        if len(values) != len(names):
            raise InputError("initial_state", got=f"{len(values)} values", expected=f"{len(names)}, one a variable")
        initial_state = dict(zip(names, values, strict=True))
    tables = {"equations": dict(equations)}
    return _tables(kind, tables, parameters, initial_state, dt, transient, name)


def jump_tables(reactions, states, rates, parameters, initial_state, dt, transient, name):
    """Definition of a jump process; arguments as for ``System.jump``."""
    if rates is not None and not isinstance(rates, dict):
        rates = {"matrix": np.asarray(rates, object).tolist()}
    states = None if states is None else {"names": list(states)}
    tables = {"reactions": reactions, "states": states, "rates": rates}
    return _tables("jump", tables, parameters, initial_state, dt, transient, name)


def open_quantum_tables(
    lattice, hamiltonian, jumps, observables, parameters, initial_state, dt, transient, name
):  # fmt: skip
    """Definition of an open quantum system; arguments as for ``System.open_quantum``."""
    if isinstance(initial_state, np.ndarray):
        initial_state = initial_state.tolist()
    tables = {
        "lattice": dict(lattice), "hamiltonian": list(hamiltonian), "jumps": list(jumps), "observables": observables,
    }  # fmt: skip
    return _tables("open_quantum", tables, parameters, initial_state, dt, transient, name)


def _tables(kind, tables, parameters, initial_state, dt, transient, name):
    defaults = {"initial_state": initial_state, "dt": dt, "transient": transient}
    return {
        "format": FORMAT, "name": name, "kind": kind, "parameters": dict(parameters or {}),
        **{key: value for key, value in tables.items() if value is not None},
        "defaults": {key: value for key, value in defaults.items() if value is not None},
    }  # fmt: skip


def plain_tables(entry):
    """A copy of a definition in Python's own types."""
    if isinstance(entry, dict):
        return {str(key): plain_tables(value) for key, value in entry.items()}
    if isinstance(entry, (list, tuple)):
        return [plain_tables(value) for value in entry]
    return entry.item() if isinstance(entry, np.generic) else entry


def checked_number(value, what):
    """A finite number as a float; InputError that names ``what`` otherwise."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise InputError(f"{what} is not a number", got=repr(value)[:60])
    if not np.isfinite(value):
        raise InputError(f"{what} is not finite", got=repr(value))
    return float(value)


def parameter_values(values, known, owner):
    """Given values of known parameters as numbers, expressions as they are.

    Raises:
        InputError: an unknown parameter or a value that is no finite number.
    """
    for name in values:
        if name not in known:
            raise InputError(
                f"{owner} has no parameter '{name}'", expected=f"its parameters are {', '.join(known) or 'none'}",
                do=did_you_mean(name, known),
            )  # fmt: skip
    return {
        name: value if isinstance(value, str) else checked_number(value, f"parameter {name}")
        for name, value in values.items()
    }


def resized(definition, sizes, known, owner):
    """A definition with other numbers of sites.

    Args:
        definition: dict, changed in place.
        sizes: dict from index or size to number of sites.
        known: dict of the sizes that there are.
        owner: name of the system, for messages.

    Raises:
        InputError: an unknown index or size.
    """
    for name, n in sizes.items():
        if name not in known:
            raise InputError(f"{owner} has no index '{name}'", expected=f"its indices are {', '.join(known) or 'none'}")
        n = int(n) if isinstance(n, np.integer) else n
        if definition["kind"] == "pde":
            definition["domain"][name]["n"] = n
        elif definition["kind"] == "open_quantum":
            definition["lattice"]["shape"][list(known).index(name)] = n
        else:
            definition["index"][name] = n
    return definition


def canonical_text(definition):
    """A definition as text. The order of variables and parameters counts, that of the tables does not."""
    ordered = dict(sorted(definition.items()))
    ordered["defaults"] = dict(sorted(ordered.get("defaults", {}).items()))
    return json.dumps(ordered)
