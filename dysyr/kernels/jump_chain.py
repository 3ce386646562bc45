"""Paths of a chain of finitely many states: event by event, or sample by sample from transition probabilities.

    events:    wait ~ Exp(-q_ii), then j with probability q_ij / -q_ii
    samples:   x_k ~ row x_(k-1) of exp(Q (t_k - t_(k-1))), exact in law at the sampling times

Both draw as :mod:`dysyr.kernels.jump_draws` says. The slow twins are in :mod:`dysyr.kernels.jump_reference`.

Reference:
    gillespie1977
"""

import numpy as np

from dysyr.kernels.jit import jit
from dysyr.kernels.jump_draws import choice53, fill_draws
from dysyr.kernels.philox import philox4x32

BATCH = 16

CHOSEN = 2.0
"""Cumulative probability from the last possible target on: above every choice, whatever the sum was rounded to."""

_LOW, _SHIFT, _ONE = np.uint64(2**32 - 1), np.uint64(32), np.uint64(1)


@jit
def advance_chain(
    times, n_valid, budget, most_events, seed_low, seed_high, stream, first_path, exits, targets, x, clock, n_events,
    n_samples, state_of, out, log_times, log_jumps, n_logged,
):  # fmt: skip
    """Advance the paths of a block by about ``budget`` events and samples.

    Args:
        times, n_valid, budget, most_events, seed_low, seed_high, stream, first_path: as in
            :mod:`dysyr.kernels.jump_source`.
        exits: (state,) rates of leaving.
        targets: (state, state) cumulative probabilities of the next state, see :func:`cumulative`.
        x: (path,) states, in and out.
        clock, n_events, n_samples, state_of: as in :mod:`dysyr.kernels.jump_source`.
        out: (path, time, 1) samples.
        log_times, n_logged: as in :mod:`dysyr.kernels.jump_source`.
        log_jumps: (budget,) states after the events, or None.

    Returns:
        number of the paths that are done with.
    """
    waits, choices = np.empty(BATCH), np.empty(BATCH)
    n_done = 0
    logged = 0
    for j in range(x.size):
        if state_of[j] != 0:
            n_done += 1
            continue
        if budget <= 0:
            continue
        row = j if times.shape[0] > 1 else 0
        last = n_valid[row]
        t, event, o, i = clock[j], n_events[j], n_samples[j], x[j]
        at, state, begun, before = BATCH, 0, event + o, logged
        while event + o - begun < budget:
            if exits[i] == 0.0:
                while o < last:
                    out[j, o, 0] = i
                    o += 1
                state = 1
                break
            if at == BATCH:
                fill_draws(
                    np.uint64(seed_low), np.uint64(seed_high), event, np.uint64(stream), np.uint64(first_path + j),
                    waits, choices,
                )  # fmt: skip
                at = 0
            after = t + waits[at] / exits[i]
            while o < last and times[row, o] < after:
                out[j, o, 0] = i
                o += 1
            if o == last:
                state = 1
                break
            if event >= most_events:
                state = 4
                break
            target = 0
            while choices[at] >= targets[i, target]:
                target += 1
            i = target
            at += 1
            t = after
            event += 1
            if log_times is not None:
                if o > 0:
                    log_times[logged] = t
                    log_jumps[logged] = i
                    logged += 1
        x[j] = i
        n_logged[j] += logged - before
        budget -= event + o - begun
        clock[j], n_events[j], n_samples[j], state_of[j] = t, event, o, state
        n_done += state != 0
    return n_done


@jit
def sample_chain(lag_of, n_valid, begin, end, seed_low, seed_high, stream, first_path, tables, x, out):
    """Samples begin, ..., end - 1 of the paths of a block.

    Args:
        lag_of: (1 or path, time) which table leads to a sample from the one before it (the first: from the start).
        n_valid: (1 or path,) number of samples.
        seed_low, seed_high, stream, first_path: words of the random numbers; two samples share one Philox call.
        tables: (lag, state, state) cumulative transition probabilities, see :func:`cumulative`.
        x: (path,) states, in and out.
        out: (path, time, 1) samples.
    """
    low, high = np.uint64(seed_low), np.uint64(seed_high)
    for j in range(x.size):
        row = j if lag_of.shape[0] > 1 else 0
        i = x[j]
        lane = np.uint64(first_path + j)
        for o in range(begin, min(end, n_valid[row])):
            n = np.uint64(o) >> _ONE
            w0, w1, w2, w3 = philox4x32(n & _LOW, np.uint64(stream), lane, n >> _SHIFT, low, high)
            choice = choice53(w0, w1) if o % 2 == 0 else choice53(w2, w3)
            lag, target = lag_of[row, o], 0
            while choice >= tables[lag, i, target]:
                target += 1
            i = target
            out[j, o, 0] = i
        x[j] = i


def cumulative(probabilities):
    """Cumulative sums along the last axis, for choices within [0, 1).

    Args:
        probabilities: (..., state), not negative; each row is divided by its sum.

    Returns:
        array (..., state), C-contiguous; from the last state of positive probability on it is :data:`CHOSEN`.
    """
    p = np.asarray(probabilities, dtype=float)
    sums = np.cumsum(p, axis=-1)
    total = sums[..., -1:]
    sums = sums / np.where(total > 0, total, 1.0)
    n_later = np.flip(np.cumsum(np.flip(p > 0, axis=-1), axis=-1), axis=-1) - (p > 0)
    return np.ascontiguousarray(np.where(n_later > 0, sums, CHOSEN))
