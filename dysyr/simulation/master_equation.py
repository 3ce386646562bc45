"""The master equation of a jump process on finitely many states: distributions over time, with what was cut off."""

import dataclasses

import numpy as np
from scipy import sparse, stats

from dysyr.core.arguments import time_array
from dysyr.core.catalogue import as_system
from dysyr.core.errors import InputError
from dysyr.simulation.jump_start import starting_counts

MOST_STATES = 2_000_000
MOST_TERMS = 20_000_000
"""Most terms of the series, in all: a product with the rate matrix each."""

TAIL = 1e-14
"""Poisson probability that each end of the series leaves out."""

MARGIN = 20


@dataclasses.dataclass(frozen=True)
class Projection:
    """Distributions over the states that were kept.

    Every probability is a lower bound, and the sum of the errors of all is ``leaked``.

    Attributes:
        times: (time,) in system time units.
        counts: (state, species) counts of the states.
        probabilities: (time, state).
        leaked: (time,) probability of having left the states that were kept, by this time.
        species: names of the columns of ``counts``.
    """

    times: np.ndarray
    counts: np.ndarray
    probabilities: np.ndarray
    leaked: np.ndarray
    species: tuple

    def marginal(self, name):
        """Distribution of the count of one species: array (time, largest count + 1)."""
        if name not in self.species:
            raise InputError(f"unknown species '{name}'", expected=f"one of {', '.join(self.species)}")
        n = self.counts[:, self.species.index(name)]
        return np.array([np.bincount(n, weights=p) for p in self.probabilities])

    def mean(self):
        """Mean counts of the states that were kept, a lower bound: array (time, species)."""
        return self.probabilities @ self.counts


def master_equation(system, times, *, largest=None, initial_state=None, tolerance=1e-6):
    """Distribution of the counts at given times, by finite-state projection and uniformisation.

    .. math:: p_J(t) = p_J(0) e^{Q_J t} = \\sum_k \\frac{(\\Lambda t)^k}{k!} e^{-\\Lambda t} \\, p_J(0)
        (1 + Q_J / \\Lambda)^k

    J holds the states that can be reached without any count above its largest one; what leaves J is kept apart, so that
    1 - sum p_J(t) is the whole error. Λ is the largest rate of leaving a state.

    Args:
        system: System of reactions, or its name in the catalogue.
        times: (time,) ascending, >= 0, in system time units.
        largest: dict from species to the largest count that is kept; those left out, or all of None, are doubled until
            the leak at the last time is below the tolerance.
        initial_state: (species,) counts; by default those of the system.
        tolerance: largest leak where ``largest`` has to be found.

    Returns:
        Projection.

    Raises:
        InputError: a chain of states (its rate matrix is finite already), too many states or too many events, or an
            initial state outside.

    Reference:
        munsky2006, jensen1953
    """
    system = as_system(system)
    if system.jumps is None or system.jumps.states:
        raise InputError(
            "the projection is for reactions over counts",
            do="take dysyr.core.rate_matrix.transition_matrices(system.rate_matrix, times) for a chain of states",
        )
    times = time_array(times)
    if times.ndim != 1 or times.size == 0 or not np.isfinite(times).all() or (np.diff(times, prepend=0.0) < 0).any():
        raise InputError("times", got=f"shape {times.shape}", expected="ascending finite times >= 0")
    start = starting_counts(system, initial_state, 1, 0)[0].astype(np.int64)
    fixed = _bounds(system, largest, start)
    bounds = np.where(fixed >= 0, fixed, 2 * start + MARGIN)
    while True:
        counts, rates = _reachable(system, start, bounds)
        p, leaks = _uniformised(system, counts, rates, bounds, times)
        if (fixed >= 0).all() or leaks[-1].sum() <= tolerance:
            return Projection(times, counts, p, leaks.sum(axis=1), system.fields)
        grow = (fixed < 0) & (leaks[-1] > tolerance / (2 * len(bounds)))
        if not grow.any():
            raise InputError(
                "the counts given as largest leak more than the tolerance", got=f"{leaks[-1].sum():.3g}",
                expected=f"at most {tolerance:g}", do="raise them, or the tolerance",
            )  # fmt: skip
        bounds = np.where(grow, 2 * bounds + MARGIN, bounds)


def _bounds(system, largest, start):
    """Largest counts as array (species,), -1 where one has to be found."""
    bounds = np.full(len(system.fields), -1, np.int64)
    for name, value in (largest or {}).items():
        if name not in system.fields:
            raise InputError(f"unknown species '{name}'", expected=f"one of {', '.join(system.fields)}")
        k = system.fields.index(name)
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < start[k]:
            raise InputError(
                f"largest count of {name}", got=repr(value), expected=f"a whole number >= {start[k]}, the initial one"
            )
        bounds[k] = value
    return bounds


def _reachable(system, start, bounds):
    """States that can be reached within the bounds: counts (state, species), and rates (state, reaction)."""
    if np.prod(bounds + 1.0) > 2.0**62:
        raise InputError("too many states", got=f"counts up to {', '.join(map(str, bounds))}", do="give largest=")
    radix = np.cumprod(np.append(1, bounds[:-1] + 1))
    changes = system.jumps.stoichiometry
    found, layers, frontier = np.array([start @ radix]), [start[None]], start[None]
    while len(frontier):
        rates = system.jumps.propensities(frontier)
        ahead = (frontier[:, None, :] + changes)[rates > 0]
        ahead = ahead[((ahead >= 0) & (ahead <= bounds)).all(axis=1)]
        keys, first = np.unique(ahead @ radix, return_index=True)
        at = np.searchsorted(found, keys)
        new = found[np.minimum(at, len(found) - 1)] != keys
        frontier = ahead[first[new]]
        found = np.insert(found, at[new], keys[new])
        layers.append(frontier)
        if len(found) > MOST_STATES:
            raise InputError("too many states", got=f"more than {MOST_STATES}", do="give largest=, or a shorter time")
    counts = np.concatenate(layers)
    rates = system.jumps.propensities(counts)
    bad = ~((rates >= 0) & (rates < np.inf))
    if bad.any():
        i, r = np.argwhere(bad)[0]
        raise InputError(
            f"rate of {system.jumps.names[r]} is negative or not finite", got=f"{rates[i, r]:g} at counts {counts[i]}",
            expected="rates >= 0 at all counts that can be reached",
        )  # fmt: skip
    return counts, rates


def _uniformised(system, counts, rates, bounds, times):
    """Probabilities (time, state) and what has left by species (time, species)."""
    n, n_species = counts.shape
    radix = np.cumprod(np.append(1, bounds[:-1] + 1))
    order = np.argsort(counts @ radix)
    keys = (counts @ radix)[order]
    sources, targets, values = [], [], []
    for r, change in enumerate(system.jumps.stoichiometry):
        source = np.flatnonzero(rates[:, r] > 0)
        ahead = counts[source] + change
        if (ahead < 0).any():
            raise InputError(
                f"reaction {system.jumps.names[r]} makes a count negative",
                expected="a rate that vanishes where its reaction would take more than there is",
            )
        outside = ahead > bounds
        target = n + np.argmax(outside, axis=1)
        inside = ~outside.any(axis=1)
        target[inside] = order[np.searchsorted(keys, ahead[inside] @ radix)]
        sources.append(source)
        targets.append(target)
        values.append(rates[source, r])
    source, target, value = (np.concatenate(part) for part in (sources, targets, values))
    size = n + n_species
    leaving = np.bincount(source, weights=value, minlength=size)
    fastest = leaving.max(initial=0.0)
    p = np.zeros(size)
    p[0] = 1.0
    out = np.zeros((times.size, size))
    if fastest * times[-1] > MOST_TERMS:
        raise InputError("too many events for uniformisation", got=f"{fastest * times[-1]:.3g}", do="simulate instead")
    step = sparse.csr_matrix((value / max(fastest, 1e-300), (target, source)), shape=(size, size))
    stay = np.maximum(1.0 - leaving / max(fastest, 1e-300), 0.0)
    for k, lag in enumerate(np.diff(times, prepend=0.0)):
        p = out[k] = _series(step, stay, p, fastest * lag)
    return out[:, :n], out[:, n:]


def _series(step, stay, p, mean):
    """Sum of the powers of the step, weighted by Poisson probabilities of this mean."""
    if mean == 0.0:
        return p
    first, last = int(stats.poisson.ppf(TAIL, mean)), int(stats.poisson.isf(TAIL, mean))
    weights = stats.poisson.pmf(np.arange(last + 1), mean)
    total = np.zeros_like(p)
    for k, weight in enumerate(weights):
        if k >= first:
            total += weight * p
        if k < last:
            p = stay * p + step @ p
    return total
