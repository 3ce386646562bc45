"""Paths of Markov jump processes: reactions over counts, and chains of states."""

import functools

import numpy as np

from dysyr.core.codegen_jump import dependency_graph
from dysyr.core.errors import InputError
from dysyr.core.rate_matrix import transition_matrices
from dysyr.kernels.jump_chain import cumulative, sample_chain
from dysyr.kernels.jump_draws import EVENT_STREAM
from dysyr.kernels.lane_blocks import in_short_calls, run_blocks
from dysyr.kernels.philox import key_of
from dysyr.simulation import leaps
from dysyr.simulation.jump_events import PATHS_OF_A_BLOCK, event_paths
from dysyr.simulation.jump_log import whole_paths
from dysyr.simulation.jump_start import starting_counts, starting_states

METHODS = {True: ("ssa", "grid"), False: ("ssa", "next_reaction", "tau")}
"""Methods for chains of states, and for reactions."""

LANGEVIN = "chemical_langevin"
"""Method for reactions that is none of events, see :mod:`dysyr.simulation.langevin`."""

MOST_EVENTS = 100_000_000
"""Events of a path, by default, before it counts as running away."""

MANY_REACTIONS = 120
"""Method "next_reaction" is the default from this number of reactions on, unless each of them touches many rates: below
it the direct method, which computes all rates at each event, takes less time."""

FEW_DEPENDANTS = 0.05
"""Mean share of the rates that have to be looked at after an event, up to which it is the default."""

TABLE_BYTES = 200_000_000
"""Largest table of transition probabilities of method "grid"."""

EVENTS_PER_SAMPLE = 2.0
"""Method "grid" is the default of chains that may jump more often than this between samples: a sample then costs less
than the events before it."""

SHARED_LAGS = 100
"""Most different lags for which it is the default: each has transition probabilities of its own to be computed."""

LAG_TOLERANCE = 1e-9
"""Lags that differ by less, relatively, share their transition probabilities: they differ by rounding only."""


def simulate_jumps(
    system, clock, *, initial_state, n_trajectories, transient, seed, method, max_events, tolerance=None,
    recording=False,
):  # fmt: skip
    """Paths at given times.

    Args:
        system: System of kind jump.
        clock: (time,) ascending times >= 0, or a list of such arrays, one for each path.
        initial_state: as in :func:`dysyr.simulation.simulate.simulate`.
        n_trajectories: number of paths.
        transient: the paths start at time -transient.
        seed: seed of the start and of the events; path k depends on the seed and on k only (with method
            "tau" also on the number of paths).
        method: "ssa", "grid" (chains only), "next_reaction", "tau" (reactions only) or None.
        max_events: most events of a path, or None.
        tolerance: of method "tau", see :func:`dysyr.simulation.leaps.leap_paths`, or None.
        recording: whether to keep all events after the first sample.

    Returns:
        (list of integer arrays (time, dim), dict that describes the solver, whole paths as
        :func:`dysyr.simulation.jump_log.whole_paths` gives them or None).

    Raises:
        InputError: an argument that does not fit, or a rate that is negative or not finite.
        DivergedError: more events than allowed, or counts beyond 2^53.

    Reference:
        gillespie1977, gibson2000, cao2006
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
    method, lags = _method(system, method, max_events, recording), None
    if chain and method != "ssa":
        lags = _lags(times, n_valid, transient)
        method = method or _cheaper(system, lags[0], times, n_valid, transient)
    most = MOST_EVENTS if max_events is None else max_events
    if method == "tau":
        if len(grids) > 1:
            raise InputError("method 'tau' needs one grid for all paths", got=f"{len(grids)} grids", do="take 'ssa'")
        tolerance = leaps.TOLERANCE if tolerance is None else tolerance
        out, n_steps = leaps.leap_paths(system, times[0], start, transient, seed, tolerance, most)
        return list(out), {"method": method, "tolerance": tolerance, "n_steps": n_steps}, None
    out = np.zeros((len(start), times.shape[1], system.dim), np.int64)
    lengths = np.broadcast_to(n_valid, len(start))
    solver, paths = {"method": method}, None
    if method == "grid":
        _by_samples(system, lags, n_valid, start, seed, out)
    else:
        n_events, log = event_paths(system, method, times, n_valid, start, transient, seed, most, out, recording)
        solver |= {"n_events": n_events}
        if recording:
            ends = np.broadcast_to(times[np.arange(len(times)), n_valid - 1], len(start))
            paths = whole_paths(system, log, np.broadcast_to(times[:, 0], len(start)), out[:, 0], ends)
    return [x[:n] for x, n in zip(out, lengths, strict=True)], solver, paths


def _method(system, method, max_events, recording):
    chain = bool(system.jumps.states)
    allowed = METHODS[chain]
    if method is None:
        if not chain:
            method = _exact_method(system)
        elif max_events is not None or recording:
            method = "ssa"
    elif method not in allowed:
        what, allowed = ("chains of states", allowed) if chain else ("reactions over counts", (*allowed, LANGEVIN))
        raise InputError(f"unknown method '{method}'", expected=f"methods for {what} are {', '.join(allowed)}")
    if recording and method in ("grid", "tau"):
        raise InputError(f"method '{method}' knows no events", got="events=True", do="take method='ssa'")
    if max_events is not None:
        if method == "grid":
            raise InputError("max_events means nothing to method 'grid'", got=f"max_events={max_events!r}")
        if isinstance(max_events, bool) or not isinstance(max_events, (int, np.integer)) or max_events < 1:
            raise InputError("max_events", got=repr(max_events), expected="a whole number >= 1")
    return method


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
def _exact_method(system):
    """The method for reactions that takes less time; both have the same law."""
    n = len(system.jumps.names)
    if n < MANY_REACTIONS:
        return "ssa"
    n_touched = np.mean([len(rows) for rows in dependency_graph(system)])
    return "next_reaction" if n_touched <= FEW_DEPENDANTS * n else "ssa"


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
