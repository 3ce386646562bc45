"""Paths of Markov jump processes: reactions over counts, and chains of states."""

import functools
import time

import numpy as np

from dysyr.core.codegen_jump import jump_text
from dysyr.core.errors import DivergedError, InputError
from dysyr.core.rate_matrix import transition_matrices
from dysyr.kernels.elementary import with_own_functions
from dysyr.kernels.jit import first_class, load_generated
from dysyr.kernels.jump_chain import advance_chain, cumulative, sample_chain
from dysyr.kernels.jump_draws import EVENT_STREAM
from dysyr.kernels.jump_source import BAD_COUNT, BAD_RATE, DONE, TOO_MANY, advance_signature, jump_source
from dysyr.kernels.lane_blocks import in_short_calls, next_size, run_blocks
from dysyr.kernels.philox import key_of
from dysyr.simulation import leaps
from dysyr.simulation.jump_start import starting_counts, starting_states

METHODS = {True: ("ssa", "grid"), False: ("ssa", "tau")}
"""Methods for chains of states, and for reactions."""

MOST_EVENTS = 100_000_000
"""Events of a path, by default, before it counts as running away."""

TABLE_BYTES = 200_000_000
"""Largest table of transition probabilities of method "grid"."""

EVENTS_PER_SAMPLE = 2.0
"""Method "grid" is the default of chains that may jump more often than this between samples: a sample then costs less
than the events before it."""

SHARED_LAGS = 100
"""Most different lags for which it is the default: each has transition probabilities of its own to be computed."""

PATHS_OF_A_BLOCK = 64
FIRST_BUDGET = 100_000
LAG_TOLERANCE = 1e-9
"""Lags that differ by less, relatively, share their transition probabilities: they differ by rounding only."""


def simulate_jumps(
    system, clock, *, initial_state, n_trajectories, transient, seed, method, max_events, tolerance=None
):
    """Paths at given times.

    Args:
        system: System of kind jump.
        clock: (time,) ascending times >= 0, or a list of such arrays, one for each path.
        initial_state: as in :func:`dysyr.simulation.simulate.simulate`.
        n_trajectories: number of paths.
        transient: the paths start at time -transient.
        seed: seed of the start and of the events; path k depends on the seed and on k only.
        method: "ssa", "grid" (chains only), "tau" (reactions only) or None.
        max_events: most events of a path, or None.
        tolerance: of method "tau", see :func:`dysyr.simulation.leaps.leap_paths`, or None.

    Returns:
        (list of integer arrays (time, dim), dict that describes the solver).

    Raises:
        InputError: an argument that does not fit, or a rate that is negative or not finite.
        DivergedError: more events than allowed, or counts beyond 2^53.

    Reference:
        gillespie1977
    """
    chain = bool(system.jumps.states)
    grids = clock if isinstance(clock, list) else [clock]
    if len(grids) > 1 and n_trajectories not in (1, len(grids)):
        raise InputError(
            "times and n_trajectories disagree", got=f"{len(grids)} grids, n_trajectories={n_trajectories}"
        )
    n_paths = max(n_trajectories, len(grids))
    start = (starting_states if chain else starting_counts)(system, initial_state, n_paths, seed)
    n_valid = np.array([len(grid) for grid in grids])
    times = np.zeros((len(grids), n_valid.max()))
    for row, grid in zip(times, grids, strict=True):
        row[: len(grid)] = grid
    method, lags = _method(chain, method, max_events), None
    if chain and method != "ssa":
        lags = _lags(times, n_valid, transient)
        method = method or _cheaper(system, lags[0], times, n_valid, transient)
    most = MOST_EVENTS if max_events is None else max_events
    if method == "tau":
        if len(grids) > 1:
            raise InputError("method 'tau' needs one grid for all paths", got=f"{len(grids)} grids", do="take 'ssa'")
        tolerance = leaps.TOLERANCE if tolerance is None else tolerance
        out, n_steps = leaps.leap_paths(system, times[0], start, transient, seed, tolerance, most)
        return list(out), {"method": method, "tolerance": tolerance, "n_steps": n_steps}
    out = np.zeros((len(start), times.shape[1], system.dim), np.int64)
    solver = {"method": method}
    if method == "ssa":
        solver |= {"n_events": _by_events(system, times, n_valid, start, transient, seed, most, out)}
    else:
        _by_samples(system, lags, n_valid, start, seed, out)
    lengths = np.broadcast_to(n_valid, len(start))
    return [x[:n] for x, n in zip(out, lengths, strict=True)], solver


def _method(chain, method, max_events):
    allowed = METHODS[chain]
    if method is None:
        method = "ssa" if max_events is not None or not chain else None
    elif method not in allowed:
        what = "chains of states" if chain else "reactions over counts"
        raise InputError(f"unknown method '{method}'", expected=f"methods for {what} are {', '.join(allowed)}")
    if max_events is not None:
        if method == "grid":
            raise InputError("max_events means nothing to method 'grid'", got=f"max_events={max_events!r}")
        if isinstance(max_events, bool) or not isinstance(max_events, (int, np.integer)) or max_events < 1:
            raise InputError("max_events", got=repr(max_events), expected="a whole number >= 1")
    return method


def _by_events(system, times, n_valid, start, transient, seed, most_events, out):
    """Fill ``out`` event by event; returns the number of events of all paths."""
    low, high = (int(word) for word in key_of(seed))
    if system.jumps.states:
        q = system.rate_matrix
        exits = -q.diagonal()
        advance, own = advance_chain, (exits, cumulative(q + np.diag(exits)))
        x = start.astype(np.int64)
    else:
        advance, own = _advance_of(system), (np.array(list(system.parameters.values()), float),)
        x = start.astype(float)
    n_paths = len(start)
    clock = np.full(n_paths, -float(transient))
    n_events, n_samples, state_of = (np.zeros(n_paths, np.int64) for _ in range(3))

    def work(first, last, stopped):
        part = slice(first, last)
        grid = (times, n_valid) if len(times) == 1 else (times[part], n_valid[part])
        budget, n_done = FIRST_BUDGET, 0
        while n_done < last - first and not stopped.is_set():
            begun = time.perf_counter()
            n_done = advance(
                *grid, budget, most_events, low, high, EVENT_STREAM, first, *own, x[part], clock[part],
                n_events[part], n_samples[part], state_of[part], out[part],
            )  # fmt: skip
            budget = next_size(budget, time.perf_counter() - begun)

    run_blocks(work, n_paths, PATHS_OF_A_BLOCK)
    if (state_of != DONE).any():
        _refuse_broken(system, state_of, clock, x, most_events)
    return int(n_events.sum())


def _by_samples(system, lags, n_valid, start, seed, out):
    """Fill ``out`` sample by sample; lags: distinct lags, and which of them leads to each sample."""
    low, high = (int(word) for word in key_of(seed))
    distinct, lag_of = lags
    n_states = len(system.jumps.states)
    if distinct.size * n_states**2 * 8 > TABLE_BYTES:
        raise InputError(
            "too many different sampling intervals for method 'grid'",
            got=f"{distinct.size} intervals, {n_states} states", do="take method='ssa'",
        )  # fmt: skip
    tables = cumulative(transition_matrices(system.rate_matrix, distinct))

    def work(first, last, stopped):
        part = slice(first, last)
        rows, lengths = (lag_of, n_valid) if len(lag_of) == 1 else (lag_of[part], n_valid[part])
        x = start[part].astype(np.int64)

        def advance(begin, end):
            sample_chain(rows, lengths, begin, end, low, high, EVENT_STREAM, first, tables, x, out[part])

        in_short_calls(advance, out.shape[1], stopped)

    run_blocks(work, len(start), PATHS_OF_A_BLOCK)


@functools.lru_cache(maxsize=64)
def _advance_of(system):
    """The compiled simulator of a system of reactions."""
    text = with_own_functions(jump_source(jump_text(system)), "float64")
    return first_class(load_generated(text, f"{system.name or 'reactions'}_jumps").advance, advance_signature())


def _cheaper(system, distinct, times, n_valid, transient):
    """The method that takes less time; both are exact."""
    duration = (times.max(axis=1) + transient).sum()
    n_events = -system.rate_matrix.diagonal().min() * duration
    often = n_events > EVENTS_PER_SAMPLE * n_valid.sum()
    return "grid" if often and distinct.size <= SHARED_LAGS else "ssa"


def _lags(times, n_valid, transient):
    """(distinct lags (lag,), index of the lag to each sample (row, time))."""
    lags = np.diff(times, axis=1, prepend=-float(transient))
    valid = np.arange(times.shape[1]) < n_valid[:, None]
    values, inverse = np.unique(lags[valid], return_inverse=True)
    least = LAG_TOLERANCE * values[1:] + 4 * np.finfo(float).eps * times.max()
    group = np.concatenate([[0], np.cumsum(np.diff(values) > least)])
    distinct = np.bincount(group, weights=values) / np.bincount(group)
    lag_of = np.zeros(times.shape, np.int64)
    lag_of[valid] = group[inverse]
    return distinct, lag_of


def _refuse_broken(system, state_of, clock, x, most_events):
    """Raise the error of the broken path that broke first."""
    broken = np.flatnonzero(state_of != DONE)
    path = int(broken[np.argmin(clock[broken])])
    when, what = float(clock[path]), int(state_of[path])
    name = system.name or "the system"
    values = np.atleast_1d(x[path])
    counts = ", ".join(f"{v} = {value:.6g}" for v, value in zip(system.variables, values, strict=True))
    at = f"at t = {when:.6g} of trajectory {path}, where {counts}"
    if what == BAD_RATE:
        rates = system.jumps.propensities(values)
        k = int(np.flatnonzero(~((rates >= 0) & (rates < np.inf)))[0])
        raise InputError(
            f"rate of {system.jumps.names[k]} in {name} is negative or not finite", got=f"{rates[k]:g} {at}",
            expected="rates >= 0 at all counts that can be reached", do="write where(condition, rate, 0)",
        )  # fmt: skip
    if what == BAD_COUNT and values.min() < 0:
        raise InputError(
            f"a reaction of {name} makes a count negative", got=at,
            expected="a rate that vanishes where its reaction would take more than there is",
            do="write a rate such as n*(n - 1) for a reaction that takes two",
        )  # fmt: skip
    said = f"more than {most_events} events" if what == TOO_MANY else "counts beyond 2^53"
    raise DivergedError(
        f"a path of {name} runs away", time=when, trajectory=path, got=f"{said} {at}",
        expected="counts that stay bounded over the time simulated",
        do="simulate a shorter time, or raise max_events if so many are meant",
    )  # fmt: skip
