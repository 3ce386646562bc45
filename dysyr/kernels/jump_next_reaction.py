"""Text of the next-reaction method for one set of reactions: every reaction has a time of its own at which it is due.

    r = argmin due,   t <- due_r,   x <- x + change_r,   due_r <- t + w / a_r
    other reactions d whose rate has changed:   due_d <- t + (a_d before / a_d after) (due_d - t)

A rate that was zero leaves nothing to stretch: its reaction is due after a fresh waiting time. Only the rates that
depend on what has changed are computed again, and the least time is kept in an indexed heap, so that an event costs the
logarithm of the number of reactions. The law of the paths is that of the direct method, the random numbers are others.
The slow twin is in :mod:`dysyr.kernels.jump_reference`.

Reference:
    gibson2000
"""

from numba import types

from dysyr.kernels.jit import array_type

_TEXT = '''
from dysyr.kernels.heap import build_heap, move_node
from dysyr.kernels.jump_draws import fill_waits

BATCH = 16
INFINITE = np.inf
LARGEST = 2.0**53


def rate(r, x, p):
    """Rate of reaction r at counts x (species,)."""
{parameters}
{cases}
    return 0.0


def advance(times, n_valid, budget, most_events, seed_low, seed_high, stream, first_path, p, first_dependant,
            dependants, first_change, changed, steps, x, clock, n_events, n_samples, state_of, out, n_draws, rates, due,
            log_times, log_jumps, n_logged):
    """Advance the paths of a block by about ``budget`` events and samples.

    Args:
        times, n_valid, budget, most_events, seed_low, seed_high, stream, first_path, p: as in
            :mod:`dysyr.kernels.jump_source`.
        first_dependant: (reaction + 1,) where the dependants of each reaction begin.
        dependants: reactions to be looked at after one has fired; the first is itself.
        first_change: (reaction + 1,) where the changes of each reaction begin.
        changed, steps: which species change, and by how much.
        x, clock, n_events, n_samples, state_of, out: as in :mod:`dysyr.kernels.jump_source`.
        n_draws: (path,) waiting times drawn so far, in and out; 0 at the start.
        rates, due: (path, reaction) rates and times, in and out.
        log_times, log_jumps, n_logged: as in :mod:`dysyr.kernels.jump_source`.

    Returns:
        number of the paths that are done with.
    """
    n = rates.shape[1]
    waits = np.empty(BATCH)
    heap, place = np.empty(n, np.int64), np.empty(n, np.int64)
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
        t, event, o, draw = clock[j], n_events[j], n_samples[j], n_draws[j]
        low, high, word, lane = np.uint64(seed_low), np.uint64(seed_high), np.uint64(stream), np.uint64(first_path + j)
        counts, a, at = x[j], rates[j], due[j]
        state = 0
        begun, before = event + o, logged
        begin = draw - draw % 2
        fill_waits(low, high, begin // 2, word, lane, waits)
        if draw == 0:
            for r in range(n):
                a[r] = rate(r, counts, p)
                at[r] = INFINITE
                if not (a[r] >= 0.0 and a[r] < INFINITE):
                    state = 2
                elif a[r] > 0.0:
                    if draw == begin + BATCH:
                        begin = draw
                        fill_waits(low, high, begin // 2, word, lane, waits)
                    at[r] = t + waits[draw - begin] / a[r]
                    draw += 1
        build_heap(heap, place, at)
        while state == 0 and event + o - begun < budget:
            r = heap[0]
            after = at[r]
            while o < last and times[row, o] < after:
                for k in range(counts.size):
                    out[j, o, k] = np.int64(counts[k])
                o += 1
            if o == last:
                state = 1
                break
            if event >= most_events:
                state = 4
                break
            t = after
            event += 1
            if log_times is not None:
                if o > 0:
                    log_times[logged] = t
                    log_jumps[logged] = r
                    logged += 1
            for k in range(first_change[r], first_change[r + 1]):
                count = counts[changed[k]] + steps[k]
                counts[changed[k]] = count
                if not (count >= 0.0 and count <= LARGEST):
                    state = 3
            if state != 0:
                break
            for k in range(first_dependant[r], first_dependant[r + 1]):
                d = dependants[k]
                old, new = a[d], rate(d, counts, p)
                if not (new >= 0.0 and new < INFINITE):
                    state = 2
                    break
                if d != r and new == old:
                    continue
                if new == 0.0:
                    at[d] = INFINITE
                elif d == r or old == 0.0:
                    if draw == begin + BATCH:
                        begin = draw
                        fill_waits(low, high, begin // 2, word, lane, waits)
                    at[d] = t + waits[draw - begin] / new
                    draw += 1
                else:
                    at[d] = t + old / new * (at[d] - t)
                a[d] = new
                move_node(heap, place, at, d)
        budget -= event + o - begun
        clock[j], n_events[j], n_samples[j], n_draws[j], state_of[j] = t, event, o, draw, state
        n_logged[j] += logged - before
        n_done += state != 0
    return n_done
'''


def next_reaction_source(parts):
    """Text of a module whose ``advance`` simulates one set of reactions.

    Args:
        parts: NextReactionText of :mod:`dysyr.core.codegen_jump`.

    Returns:
        text.
    """
    cases = []
    for r, lines in enumerate(parts.cases):
        cases += [f"    if r == {r}:", *(f"        {line}" for line in lines)]
    text = _TEXT.replace("{parameters}", "\n".join(f"    {line}" for line in parts.parameters))
    return "\n".join(parts.head) + text.replace("{cases}", "\n".join(cases))


def next_reaction_signature(recording):
    """Signature of ``advance``.

    Args:
        recording: whether events are logged.
    """
    real1, real2, whole1 = (array_type("float64", 1), array_type("float64", 2), array_type("int64", 1))
    n = types.int64
    log = (real1, whole1) if recording else (types.none, types.none)
    return n(
        real2, whole1, n, n, n, n, n, n, real1, whole1, whole1, whole1, whole1, real1, real2, real1, whole1, whole1,
        whole1, array_type("int64", 3), whole1, real2, real2, *log, whole1,
    )  # fmt: skip
