"""Paths of jump processes event by event: direct and next-reaction method for reactions, and chains of states."""

import functools
import itertools
import time

import numpy as np

from dysyr.core.codegen_jump import dependency_graph, jump_text, next_reaction_text
from dysyr.core.errors import DivergedError, InputError
from dysyr.kernels.elementary import with_own_functions
from dysyr.kernels.jit import first_class, load_generated
from dysyr.kernels.jump_chain import advance_chain, cumulative
from dysyr.kernels.jump_draws import EVENT_STREAM, REACTION_STREAM
from dysyr.kernels.jump_next_reaction import next_reaction_signature, next_reaction_source
from dysyr.kernels.jump_source import BAD_COUNT, BAD_RATE, DONE, TOO_MANY, advance_signature, jump_source
from dysyr.kernels.lane_blocks import next_size, run_blocks
from dysyr.kernels.philox import key_of
from dysyr.simulation.jump_log import EventLog

PATHS_OF_A_BLOCK = 64
FIRST_BUDGET = 100_000
LARGEST_LOG = 1_000_000
"""Most events that are logged in one call."""


def event_paths(system, method, times, n_valid, start, transient, seed, most_events, out, recording):
    """Fill ``out`` event by event.

    Args:
        system: System of kind jump.
        method: "ssa" or "next_reaction".
        times: (1 or trajectory, time) sampling times.
        n_valid: (1 or trajectory,) how many of them are valid.
        start: (trajectory, species) counts or (trajectory,) states at time -transient.
        transient: time before 0.
        seed: seed of the events.
        most_events: most events of a path.
        out: (trajectory, time, dim) samples, filled in.
        recording: whether to keep the events.

    Returns:
        (number of events of all paths, EventLog or None).

    Raises:
        InputError: a rate that is negative or not finite, or a reaction that makes a count negative.
        DivergedError: more events than allowed, or counts beyond 2^53.

    Reference:
        gillespie1977, gibson2000
    """
    low, high = (int(word) for word in key_of(seed))
    n_paths, own = len(start), ()
    stream, x = EVENT_STREAM, start.astype(float)
    if system.jumps.states:
        q, x = system.rate_matrix, start.astype(np.int64)
        exits = -q.diagonal()
        advance, constants = advance_chain, (exits, cumulative(q + np.diag(exits)))
    elif method == "next_reaction":
        advance, constants, stream = *_next_reaction_of(system, recording), REACTION_STREAM
        n_reactions = len(system.jumps.names)
        own = np.zeros(n_paths, np.int64), np.zeros((n_paths, n_reactions)), np.zeros((n_paths, n_reactions))
    else:
        advance, constants = _direct_of(system, recording), (np.array(list(system.parameters.values()), float),)
    clock = np.full(n_paths, 0.0 - transient)
    n_events, n_samples, state_of, n_logged = (np.zeros(n_paths, np.int64) for _ in range(4))

    def work(first, last, stopped):
        part = slice(first, last)
        grid = (times, n_valid) if len(times) == 1 else (times[part], n_valid[part])
        budget, n_done, kept = FIRST_BUDGET, 0, []
        while n_done < last - first and not stopped.is_set():
            begun, before = time.perf_counter(), n_logged[part].sum()
            log = (np.empty(budget), np.empty(budget, np.int64)) if recording else (None, None)
            n_done = advance(
                *grid, budget, most_events, low, high, stream, first, *constants, x[part], clock[part], n_events[part],
                n_samples[part], state_of[part], out[part], *(a[part] for a in own), *log, n_logged[part],
            )  # fmt: skip
            budget = next_size(budget, time.perf_counter() - begun)
            if recording:
                budget, size = min(budget, LARGEST_LOG), n_logged[part].sum() - before
                kept.append([column[:size].copy() for column in log])
        return kept

    kept = list(itertools.chain.from_iterable(run_blocks(work, n_paths, PATHS_OF_A_BLOCK)))
    if (state_of != DONE).any():
        _refuse_broken(system, state_of, clock, x, most_events)
    log = EventLog(*(np.concatenate(column) for column in zip(*kept, strict=True)), n_logged) if recording else None
    return int(n_events.sum()), log


@functools.lru_cache(maxsize=64)
def _direct_of(system, recording):
    """The compiled direct method of a system of reactions."""
    text = with_own_functions(jump_source(jump_text(system)), "float64")
    return first_class(
        load_generated(text, f"{system.name or 'reactions'}_jumps").advance, advance_signature(recording)
    )


@functools.lru_cache(maxsize=64)
def _next_reaction_of(system, recording):
    """The compiled next-reaction method of a system of reactions, and its constant arguments."""
    text = with_own_functions(next_reaction_source(next_reaction_text(system)), "float64")
    module = load_generated(text, f"{system.name or 'reactions'}_next")
    changes = system.jumps.stoichiometry
    reaction, changed = np.nonzero(changes)
    constants = (
        np.array(list(system.parameters.values()), float), *_ragged(dependency_graph(system)),
        np.searchsorted(reaction, np.arange(len(changes) + 1)), np.ascontiguousarray(changed),
        changes[reaction, changed].astype(float),
    )  # fmt: skip
    return first_class(module.advance, next_reaction_signature(recording)), constants


def _ragged(rows):
    """(where each row begins and the last one ends, all rows in one array)."""
    ends = np.cumsum([0, *map(len, rows)])
    return ends, np.array([value for row in rows for value in row], np.int64)


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
