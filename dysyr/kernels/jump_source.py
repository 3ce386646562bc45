"""Text of the stochastic simulation algorithm for one set of reactions: the direct method, path by path.

    wait ~ Exp(a_0),  a_0 = sum_r a_r(x);    reaction r with probability a_r / a_0;    x <- x + change_r

A sample at time t is the state after the last event at or before t. A path whose rates are all zero stays where it is.
Rates, choice and counts of a path stay in registers; waiting times and choices are drawn for a dozen events at once,
since a random number is a function of its event's number. The slow twin is in
:mod:`dysyr.kernels.jump_reference`.

Reference:
    gillespie1977
"""

from numba import types

from dysyr.kernels.jit import array_type

RUNNING, DONE, BAD_RATE, BAD_COUNT, TOO_MANY = range(5)
"""What became of a path: on its way, at its last sample, a rate that is negative or not finite, a count below zero or
beyond 2^53, more events than allowed."""

_TEXT = '''
from dysyr.kernels.jump_draws import fill_draws

BATCH = 16
INFINITE = np.inf
LARGEST = 2.0**53


def advance(times, n_valid, budget, most_events, seed_low, seed_high, stream, first_path, p, x, clock, n_events,
            n_samples, state_of, out, log_times, log_jumps, n_logged):
    """Advance the paths of a block by about ``budget`` events and samples.

    Args:
        times: (1 or path, time) sampling times.
        n_valid: (1 or path,) how many of them are valid.
        budget: events and samples of this call.
        most_events: most events of a path.
        seed_low, seed_high, stream, first_path: words of the random numbers.
        p: (parameter,) values.
        x: (path, species) counts, in and out.
        clock: (path,) time of the last event, in and out.
        n_events, n_samples: (path,) events and samples so far, in and out.
        state_of: (path,) what became of the path.
        out: (path, time, species) samples.
        log_times, log_jumps: (budget,) times and reactions of the events after the first sample, path by path; None to
            log none.
        n_logged: (path,) how many of them, in and out.

    Returns:
        number of the paths that are done with.
    """
    waits, choices = np.empty(BATCH), np.empty(BATCH)
{parameters}
    n_done = 0
    logged = 0
    for j in range(x.shape[0]):
        if state_of[j] != 0:
            n_done += 1
            continue
        if budget <= 0:
            continue
        row = j if times.shape[0] > 1 else 0
        last = n_valid[row]
        t, event, o = clock[j], n_events[j], n_samples[j]
        lane = np.uint64(first_path + j)
        at = BATCH
        state = 0
        begun, before = event + o, logged
{load}
        while event + o - begun < budget:
{rates}
            if not (fine & (total < INFINITE)):
                state = 2
                break
            if total == 0.0:
                while o < last:
{record}
                    o += 1
                state = 1
                break
            if at == BATCH:
                fill_draws(np.uint64(seed_low), np.uint64(seed_high), event, np.uint64(stream), lane, waits, choices)
                at = 0
            after = t + waits[at] / total
            while o < last and times[row, o] < after:
{record}
                o += 1
            if o == last:
                state = 1
                break
            if event >= most_events:
                state = 4
                break
            target = choices[at] * total
            at += 1
{fire}
            t = after
            event += 1
            if log_times is not None:
                if o > 0:
                    log_times[logged] = t
                    log_jumps[logged] = r
                    logged += 1
            if not fine:
                state = 3
                break
{store}
        budget -= event + o - begun
        clock[j], n_events[j], n_samples[j], state_of[j] = t, event, o, state
        n_logged[j] += logged - before
        n_done += state != 0
    return n_done
'''


def jump_source(parts):
    """Text of a module whose ``advance`` simulates one set of reactions.

    Args:
        parts: JumpText of :mod:`dysyr.core.codegen_jump`: the fragments of code and the head of the module.

    Returns:
        text.
    """
    loops = {"parameters": 4, "load": 8, "rates": 12, "fire": 12, "store": 8}
    filled = {name: _indented(getattr(parts, name), depth) for name, depth in loops.items()}
    record = _indented(parts.record, 20), _indented(parts.record, 16)
    head, _, rest = _TEXT.partition("{record}")
    text = head + record[0] + rest.replace("{record}", record[1])
    for name, lines in filled.items():
        text = text.replace("{" + name + "}", lines)
    return "\n".join(parts.head) + text


def advance_signature(recording):
    """Signature of ``advance``.

    Args:
        recording: whether events are logged.
    """
    real1, real2, whole1 = (array_type("float64", 1), array_type("float64", 2), array_type("int64", 1))
    n = types.int64
    log = (real1, whole1) if recording else (types.none, types.none)
    return n(
        real2, whole1, n, n, n, n, n, n, real1, real2, real1, whole1, whole1, whole1, array_type("int64", 3), *log,
        whole1,
    )  # fmt: skip


def _indented(lines, depth):
    return "\n".join(" " * depth + line for line in lines)
