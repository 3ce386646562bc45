"""The slow twins of the simulators of jump processes, one path at a time: their specification."""

import numpy as np

from dysyr.kernels.jump_draws import EVENT_STREAM, REACTION_STREAM, draws_reference, wait_reference
from dysyr.kernels.philox import philox4x32_reference


def reactions_reference(propensities, changes, x, start, times, seed, path):
    """One path of reactions at given times, by the direct method.

    .. math:: \\tau = w / a_0, \\quad r = \\min \\{ r : u a_0 < a_1 + \\dots + a_r \\}, \\quad x \\to x + \\nu_r

    Args:
        propensities: function from counts (species,) to rates (reaction,).
        changes: (reaction, species).
        x: (species,) counts at the start.
        start: time of the start.
        times: (time,) ascending.
        seed, path: which random numbers.

    Returns:
        array (time, species).

    Reference:
        gillespie1977
    """
    x, t, event, out = np.array(x, dtype=float), start, 0, []
    while len(out) < len(times):
        sums = np.cumsum(propensities(x))
        wait, choice = draws_reference(seed, event, EVENT_STREAM, path)
        after = t + wait / sums[-1] if sums[-1] > 0 else np.inf
        while len(out) < len(times) and times[len(out)] < after:
            out.append(x.copy())
        if len(out) < len(times):
            x += changes[np.searchsorted(sums, choice * sums[-1], side="right")]
            t, event = after, event + 1
    return np.array(out)


def next_reaction_reference(propensities, changes, x, start, times, seed, path):
    """One path of reactions at given times, by the next-reaction method, without heap and dependency graph.

    .. math:: r = \\arg\\min_r \\tau_r, \\quad \\tau_r \\to t + w / a_r, \\quad
        \\tau_d \\to t + \\frac{a_d}{a_d'} (\\tau_d - t)

    Waiting times are drawn first for all reactions, in their order; after an event for the reaction that fired, and
    then for those whose rate was zero.

    Args:
        propensities, changes, x, start, times, seed, path: as in :func:`reactions_reference`.

    Returns:
        array (time, species).

    Reference:
        gibson2000
    """
    x, t, draw, out = np.array(x, dtype=float), start, 0, []

    def fresh(rate):
        nonlocal draw
        if rate == 0:
            return np.inf
        draw += 1
        return t + wait_reference(seed, draw - 1, REACTION_STREAM, path) / rate

    rates = propensities(x)
    due = [fresh(rate) for rate in rates]
    while len(out) < len(times):
        r = int(np.argmin(due))
        while len(out) < len(times) and times[len(out)] < due[r]:
            out.append(x.copy())
        if len(out) < len(times):
            t, x = due[r], x + changes[r]
            before, rates = rates, propensities(x)
            due[r] = fresh(rates[r])
            for d in range(len(due)):
                if d != r and rates[d] != before[d]:
                    both = rates[d] > 0 and before[d] > 0
                    due[d] = t + before[d] / rates[d] * (due[d] - t) if both else fresh(rates[d])
    return np.array(out)


def chain_reference(q, i, start, times, seed, path):
    """One path of a chain at given times, event by event.

    Args:
        q: (state, state) rate matrix, row convention.
        i: state at the start.
        start, times, seed, path: as in :func:`reactions_reference`.

    Returns:
        array (time,) of states.
    """
    n = len(q)
    moves = [(a, b) for a in range(n) for b in range(n) if a != b]
    changes = np.array([[b - a] for a, b in moves])

    def propensities(x):
        return np.array([q[a, b] if x[0] == a else 0.0 for a, b in moves])

    return reactions_reference(propensities, changes, [i], start, times, seed, path)[:, 0]


def samples_reference(transitions, i, seed, path):
    """One path of a chain sample by sample.

    Args:
        transitions: (time, state, state) transition probabilities from the sample before.
        i: state at the start.
        seed, path: which random numbers.

    Returns:
        array (time,) of states.
    """
    out = []
    for k, p in enumerate(transitions):
        u = _two_choices(seed, k // 2, path)[k % 2]
        i = int(np.searchsorted(np.cumsum(p[i]) / p[i].sum(), u, side="right"))
        out.append(i)
    return np.array(out)


def _two_choices(seed, draw, path):
    w = philox4x32_reference((draw % 2**32, EVENT_STREAM, path, draw >> 32), (seed % 2**32, (seed >> 32) % 2**32))
    return (w[0] << 21 | w[1] >> 11) * 2.0**-53, (w[2] << 21 | w[3] >> 11) * 2.0**-53
