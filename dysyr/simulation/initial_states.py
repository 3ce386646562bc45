"""Where trajectories start: a given state, given states, or states spread from the default one by the
seed."""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.simulation.flows import integrate_adaptive
from dysyr.simulation.level_sets import onto_level_sets

SPREAD = 0.01
"""Relative size of the perturbation of the default initial state."""

FARTHEST = 0.1
"""A state on the level set that lies farther away than this share of the largest variable is not near."""

N_STRETCHES = 16
"""Seeds that differ by less have stretches of their own of a trajectory of a symplectic flow."""


def given_states(system, initial_state, n_trajectories):
    """The states a user gave, checked.

    Args:
        system: the System.
        initial_state: (dim,) or (trajectory, dim), in units of the state.
        n_trajectories: number of trajectories asked for.

    Returns:
        array (trajectory, dim).

    Raises:
        InputError: wrong shape, values that are not finite, or one state for many identical trajectories.
    """
    try:
        states = np.array(initial_state)
        states = states if np.iscomplexobj(states) else states.astype(float)
    except (TypeError, ValueError) as error:
        raise InputError("initial_state is not made of numbers", got=repr(initial_state)[:80]) from error
    if np.iscomplexobj(states):
        raise InputError("initial_state is complex", got=repr(initial_state)[:80], expected="real numbers")
    if states.ndim == 0 or states.ndim > 2 or states.shape[-1] != system.dim or states.size == 0:
        raise InputError(
            "initial_state has the wrong shape",
            got=str(states.shape),
            expected=f"({system.dim},) or (n_trajectories, {system.dim}) for {system.name or 'this system'}",
        )
    if not np.isfinite(states).all():
        raise InputError("initial_state is not finite", got=f"{np.size(states) - np.isfinite(states).sum()} bad values")
    if states.ndim == 2:
        if n_trajectories not in (1, len(states)):
            raise InputError(
                "initial_state and n_trajectories disagree",
                got=f"{len(states)} states, n_trajectories={n_trajectories}", do="leave out n_trajectories",
            )  # fmt: skip
        return states
    if n_trajectories > 1 and system.kind not in ("sde", "jump"):
        raise InputError(
            f"one initial_state would give the same trajectory {n_trajectories} times",
            expected=f"an array ({n_trajectories}, {system.dim})",
            do="give different states, or leave initial_state out to have them spread by the seed",
        )
    return np.tile(states, (n_trajectories, 1))


def spread_states(system, compiled, n_trajectories, duration, transient, seed):
    """Different states that lead to the same long-time behaviour as the default initial state.

    One trajectory with seed 0 starts at the default state. For more, and for other seeds (else training and
    test data of different seeds would be one and the same trajectory), each component that is not zero is
    multiplied by 1 + 0.01 n with normal n (all components, added to, when all are zero), and each state of an
    autonomous flow is then moved along the flow for a random part of the transient, so that trajectories on a
    cycle or a torus differ in phase. On a flow with declared constants of motion the perturbed states are brought
    back to their values, see :func:`dysyr.simulation.level_sets.onto_level_sets`, and moved along the flow for a random
    part of the recorded duration if the transient is shorter. Where none are near enough, and on a symplectic flow that
    declares no constants, perturbed states would leave the level set: there trajectory k starts where an unperturbed
    trajectory is after k + (seed mod 16) times the recorded duration, so that those of neighbouring seeds may overlap.
    Paths of an sde all start at the default state.

    Args:
        system: the System.
        compiled: its CompiledSystem.
        n_trajectories: how many states.
        duration: length of the recorded trajectory, in system time units.
        transient: time that will be discarded after these states, in system time units.
        seed: seed of the perturbations.

    Returns:
        array (trajectory, dim).
    """
    default = np.asarray(system.initial_state, dtype=float)
    if (n_trajectories == 1 and seed == 0) or system.kind == "sde":
        return np.tile(default, (n_trajectories, 1))
    constants = {} if system.kind == "map" else system.conserved_quantities(default)
    rng = np.random.default_rng([seed, 1])
    noise = SPREAD * rng.standard_normal((n_trajectories, system.dim))
    size = np.where(default == 0, np.abs(default).max(), default) if constants and system.symplectic else default
    states = default + size * noise if default.any() else default + noise
    if constants or (system.kind != "map" and system.symplectic):
        states = onto_level_sets(system, states, constants) if constants else None
        if states is None or np.abs(states - default).max() > FARTHEST * np.abs(default).max():
            return _later_states(compiled, default, n_trajectories, max(duration, transient, 1.0), seed)
        transient = max(duration, transient, 1.0)
    if system.kind == "map" or system.has_time or transient == 0:
        return states
    start = -transient * rng.random(n_trajectories)
    moved, _ = integrate_adaptive(compiled, "dop853", states, start, np.zeros(1), 1e-9, 1e-9)
    return np.array(moved[:, 0], dtype=float)


def _later_states(compiled, default, n_trajectories, duration, seed):
    """States of the unperturbed trajectory after 0, 1, ... durations, and as many more as the seed says."""
    times = (np.arange(n_trajectories) + seed % N_STRETCHES) * duration
    states, _ = integrate_adaptive(compiled, "dop853", default[None], np.zeros(1), times, 1e-10, 1e-10)
    return np.array(states[0], dtype=float)
