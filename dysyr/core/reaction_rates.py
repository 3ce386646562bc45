"""Constants of reactions from paths that are known at all times."""

import dataclasses

import numpy as np
from scipy import stats

from dysyr.core.errors import InputError
from dysyr.core.jump_paths import START, JumpPath, jump_paths
from dysyr.core.system import System
from dysyr.core.system_schema import unknown_entry

ELSEWHERE = 7
"""Added to the counts of the paths to see what rates depend on: a rate that is zero on them shows nothing."""

TOLERANCE = 1e-9
"""Largest relative deviation of a rate from being proportional to a constant."""


@dataclasses.dataclass(frozen=True)
class ReactionRates:
    """Estimated constants of reactions.

    Attributes:
        names: names of the constants.
        value: (constant,) estimates, in the units of the parameters.
        stderr: (constant,) standard errors, infinite where a constant's reactions never fired.
        n_events: (constant,) how often its reactions fired.
        exposure: (constant,) integral over time of the rates without the constant.
        system: the System with the estimates for parameters.
    """

    names: tuple
    value: np.ndarray
    stderr: np.ndarray
    n_events: np.ndarray
    exposure: np.ndarray
    system: System

    def interval(self, level=0.95):
        """Confidence intervals, those of Poisson numbers: array (constant, 2), positive above also without events.

        Raises:
            InputError: a level that is none.

        Reference:
            garwood1936
        """
        if isinstance(level, bool) or not isinstance(level, (int, float, np.number)) or not 0 < level < 1:
            raise InputError("level of confidence", got=repr(level), expected="a number between 0 and 1")
        tail, n = (1 - level) / 2, self.n_events
        low = np.where(n > 0, stats.chi2.ppf(tail, 2 * np.maximum(n, 1)), 0.0)
        return np.stack([low, stats.chi2.isf(tail, 2 * n + 2)], axis=-1) / (2 * self.exposure[:, None])


def reaction_rates(data, system, *, constants=None):
    """Constants of reactions by maximum likelihood, from whole paths: every event seen, nothing between samples hidden.

    .. math:: \\hat c = \\frac{\\sum_r N_r}{\\sum_r \\int h_r(x(t)) \\, dt}, \\quad a_r(x) = c \\, h_r(x), \\quad
        \\text{standard error } \\hat c / \\sqrt{N}

    with the reactions r whose rates are proportional to c and the numbers N_r of their events; the error is that of the
    Fisher information N/c^2. The estimates of different constants are asymptotically independent.

    Args:
        data: Dataset with events (``dysyr.simulate(system, ..., events=True)``), or a list of JumpPath. Paths without
            numbers of jumps are taken to fire the reaction whose change they show.
        system: System of reactions; its parameters other than the constants are taken as known.
        constants: names of the parameters to estimate; by default all that each rate is proportional to or free of.

    Returns:
        ReactionRates.

    Raises:
        InputError: data without events, a path that the reactions cannot take, a rate with two constants or one that is
            not proportional to its constant, constants whose reactions could never fire.

    Reference:
        wilkinson2018
    """
    if not isinstance(system, System) or system.jumps is None or system.jumps.states:
        raise InputError(
            "reaction constants need a system of reactions over counts", got=repr(system)[:60],
            do="take dysyr.JumpEM for the rates between the states of a chain",
        )  # fmt: skip
    paths = _paths_of(data, system)
    counts, time, n_fired = _visits(paths, system)
    own = _own_reactions(system, counts, constants)
    unit = {name: _rates(system, counts, {name: 1.0})[:, rows].sum(axis=1) for name, rows in own.items()}
    exposure = np.array([time @ rates for rates in unit.values()])
    if not (exposure > 0).all():
        name = list(own)[int(np.argmin(exposure > 0))]
        raise InputError(
            f"nothing is known of {name}", got="paths on which its reactions could never fire",
            do="leave it out of constants, or take longer paths",
        )  # fmt: skip
    n = np.array([int(n_fired[rows].sum()) for rows in own.values()])
    value = n / exposure
    stderr = np.where(n > 0, value / np.sqrt(np.maximum(n, 1)), np.inf)
    fitted = system.with_parameters(**dict(zip(own, value.tolist(), strict=True)))
    return ReactionRates(tuple(own), value, stderr, n, exposure, fitted)


def _paths_of(data, system):
    if isinstance(data, (list, tuple)):
        if not data or not all(isinstance(path, JumpPath) for path in data):
            raise InputError("paths", got=f"a list of {len(data)}", expected="JumpPath objects, or a Dataset")
        paths = list(data)
    else:
        paths = jump_paths(data)
        species = tuple(str(name) for name in data["species"].values)
        if species != system.fields:
            raise InputError("species of the paths", got=", ".join(species), expected=", ".join(system.fields))
    for path in paths:
        if path.states.shape[1] != len(system.fields):
            raise InputError(
                "species of a path", got=f"{path.states.shape[1]} columns", expected=f"{', '.join(system.fields)}"
            )
    return paths


def _visits(paths, system):
    """(counts (visited, species), time spent at each, how often each reaction fired)."""
    every = np.concatenate([path.states for path in paths])
    stays = np.concatenate([np.diff(path.times, append=path.end) for path in paths])
    counts, number = np.unique(every, axis=0, return_inverse=True)
    time = np.bincount(number.ravel(), weights=stays)
    if counts.min() < 0:
        raise InputError("counts of a path", got=f"{counts.min()}", expected="whole numbers >= 0")
    fired = np.concatenate([_jumps_of(path, system, k) for k, path in enumerate(paths)])
    from_counts = np.concatenate([path.states[:-1] for path in paths])
    rates = system.jumps.propensities(from_counts)
    impossible = rates[np.arange(len(fired)), fired] <= 0
    if impossible.any():
        r = fired[np.argmax(impossible)]
        raise InputError(
            f"a path fires {system.jumps.names[r]} where its rate is zero",
            got=f"counts {from_counts[np.argmax(impossible)].tolist()}", do="look at the rates of the system",
        )  # fmt: skip
    return counts, time, np.bincount(fired, minlength=len(system.jumps.names))


def _jumps_of(path, system, k):
    """Numbers of the reactions of the events after the start."""
    changes, steps = system.jumps.stoichiometry, np.diff(path.states, axis=0)
    if path.jumps is None:
        match = (steps[:, None, :] == changes).all(axis=-1)
        if (match.sum(axis=1) > 1).any():
            same = match[np.argmax(match.sum(axis=1) > 1)]
            names = ", ".join(name for name, one in zip(system.jumps.names, same, strict=True) if one)
            raise InputError("reactions that cannot be told apart by their changes", got=names, do="give jumps")
        known, jumps = match.any(axis=1), match.argmax(axis=1)
    else:
        jumps = np.asarray(path.jumps)[1:]
        known = (jumps > START) & (jumps < len(changes))
        known[known] &= (changes[jumps[known]] == steps[known]).all(axis=-1)
    if not known.all():
        step = steps[np.argmin(known)].tolist()
        raise InputError(
            f"path {k} changes as no reaction does", got=f"{step} at t = {path.times[1:][np.argmin(known)]:g}",
            expected="; ".join(system.equations),
        )  # fmt: skip
    return jumps


def _own_reactions(system, counts, constants):
    """Dict from each constant to the numbers of the reactions whose rates are proportional to it."""
    for name in constants or ():
        if name not in system.parameters:
            raise unknown_entry("parameter in constants", name, tuple(system.parameters))
    own: dict[str, np.ndarray] = {}
    taken: dict[int, str] = {}
    probes = np.concatenate([counts, counts + ELSEWHERE])
    for name in system.parameters if constants is None else constants:
        one, two, half = (_rates(system, probes, {name: value}) for value in (1.0, 2.0, 0.5))
        rows = np.flatnonzero((one != two).any(axis=0))
        linear = all(
            np.allclose(rates[:, rows], factor * one[:, rows], rtol=TOLERANCE, atol=0, equal_nan=True)
            for rates, factor in ((two, 2.0), (half, 0.5))
        )
        if constants is not None and not (linear and rows.size):
            what = "is in no rate" if not rows.size else "is no factor of its rates"
            raise InputError(f"{name} {what}", expected="constants that rates are proportional to")
        if not linear or not rows.size:
            continue
        for r in rows.tolist():
            if r in taken:
                raise InputError(
                    f"rate of {system.jumps.names[r]} has two constants", got=f"{taken[r]} and {name}",
                    do="name the ones to be estimated in constants",
                )  # fmt: skip
            taken[r] = name
        own[name] = rows
    if not own:
        raise InputError("no rate is proportional to a parameter", got=", ".join(system.parameters) or "no parameters")
    return own


def _rates(system, counts, values):
    return system.with_parameters(**values).jumps.propensities(counts)
