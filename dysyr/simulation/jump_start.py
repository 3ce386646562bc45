"""Where the paths of a jump process start: given counts, or states drawn from a distribution."""

from collections.abc import Iterable

import numpy as np

from dysyr.core.arguments import number
from dysyr.core.errors import InputError
from dysyr.core.jump_definition import check_distribution
from dysyr.core.system_schema import unknown_entry
from dysyr.kernels.jump_chain import cumulative
from dysyr.kernels.jump_draws import START_STREAM, fill_draws
from dysyr.kernels.philox import key_of
from dysyr.simulation.initial_states import given_states


def starting_counts(system, initial_state, n_paths, seed):
    """Counts at the start.

    Args:
        system: System of reactions.
        initial_state: (species,) or (trajectory, species) whole numbers; None for those of the system.
        n_paths: number of paths.
        seed: not used: all paths start at the same counts unless they are given.

    Returns:
        array (trajectory, species).

    Raises:
        InputError: another shape, or values that are no counts.
    """
    counts = given_states(system, system.initial_state if initial_state is None else initial_state, n_paths)
    if (counts < 0).any() or (counts != np.rint(counts)).any():
        bad = counts[(counts < 0) | (counts != np.rint(counts))][0]
        raise InputError("initial_state of reactions", got=f"{bad:g}", expected="whole numbers >= 0")
    return counts


def starting_states(system, initial_state, n_paths, seed):
    """States of a chain at the start.

    Args:
        system: System of states and rates.
        initial_state: name or number of a state, a list of them (one for each path), or a dict from name to
            probability; None for the distribution of the system.
        n_paths: number of paths.
        seed: seed of the draw from a distribution.

    Returns:
        array (trajectory,) of numbers of states.

    Raises:
        InputError: unknown states, or what is no distribution.
    """
    names = system.jumps.states
    if initial_state is None:
        return _drawn(system.jumps.initial_distribution, n_paths, seed)
    if isinstance(initial_state, dict):
        probabilities = np.zeros(len(names))
        for name, value in initial_state.items():
            if not number(value):
                raise InputError(f"probability of {name} in initial_state", got=repr(value)[:60], expected="a number")
            probabilities[_number(name, names)] = value
        check_distribution(probabilities)
        return _drawn(probabilities, n_paths, seed)
    if isinstance(initial_state, (str, int, np.integer)):
        return np.full(n_paths, _number(initial_state, names))
    if not isinstance(initial_state, Iterable):
        raise _no_state(initial_state, names)
    states = np.array([_number(name, names) for name in initial_state])
    if states.size == 0 or n_paths not in (1, states.size):
        raise InputError(
            "initial_state and n_trajectories disagree", got=f"{states.size} states, n_trajectories={n_paths}"
        )
    return states


def _drawn(probabilities, n_paths, seed):
    low, high = key_of(seed)
    waits, choices = np.empty(n_paths), np.empty(n_paths)
    fill_draws(low, high, 0, np.uint64(START_STREAM), np.uint64(0), waits, choices)
    return np.searchsorted(cumulative(probabilities), choices, side="right")


def _number(name, names):
    if isinstance(name, str):
        if name not in names:
            raise unknown_entry("state in initial_state", name, names)
        return names.index(name)
    if isinstance(name, bool) or not isinstance(name, (int, np.integer)) or not 0 <= name < len(names):
        raise _no_state(name, names)
    return int(name)


def _no_state(name, names):
    return InputError(
        "state in initial_state", got=repr(name)[:60], expected=f"a name, or a number from 0 to {len(names) - 1}"
    )
