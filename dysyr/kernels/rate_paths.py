"""Hidden paths of a chain, drawn given what was seen of it at given times.

    states:   x_L ~ a_L,  x_(k-1) ~ a_(k-1)(i) P(D_k)_(i, x_k)             (a from the forward pass)
    jumps between two states a, b a lag D apart, by uniformisation with r = max -q_ii and R = 1 + Q / r:
              m virtual jumps with weight Poisson(m; r D) (R^m)_ab, at times that cut D into pieces of equal law,
              x_l ~ R_(x, y) (R^(m-l))_(y, b);  those with y = x are none

Draw n of lane l in sweep s has the Philox counter (n, stream, l, s), lanes being samples or pairs: what is drawn
depends on nothing else. The slow twins, a sum over all paths and rejection of paths that miss their end, are in
``rate_reference.py``.

Reference:
    bladt2005, hobolth2009
"""

import math

import numpy as np

from dysyr.kernels.jit import jit
from dysyr.kernels.jump_draws import bits53, choice53
from dysyr.kernels.philox import key_of, philox4x32

STATE_STREAM, PAIR_STREAM = 101, 102
"""Streams of the counter; those of simulated jumps are others."""
_LOW, _HALF, _SCALE = np.uint64(2**32 - 1), 0.5, 2.0**-53


def sample_states(offsets, index, transitions, emissions, initial, *, seed, sweep):
    """Hidden states given all that was seen: forward filtering, backward sampling.

    Args:
        offsets, index, transitions, emissions, initial: as in ``rate_hidden_states.smooth_paths``.
        seed: whole number.
        sweep: number of the sweep; every one draws anew.

    Returns:
        (n_samples,) int64 states; None where something impossible was seen.

    Reference: bladt2005
    """
    e = np.ascontiguousarray(emissions, dtype=np.float64)
    states = np.empty(len(e), dtype=np.int64)
    low, high = key_of(seed)
    done = _sample_states(
        np.ascontiguousarray(offsets, dtype=np.int64), np.ascontiguousarray(index, dtype=np.int64),
        np.ascontiguousarray(transitions, dtype=np.float64), e, np.ascontiguousarray(initial, dtype=np.float64),
        low, high, np.uint64(sweep), states,
    )  # fmt: skip
    return states if done else None


def sample_jumps(q, lags, counts, *, seed, sweep):
    """Jumps and times in each state between observed pairs of states.

    Args:
        q: (state, state) rate matrix.
        lags: (lag,) in time units, positive.
        counts: (lag, from, to) whole numbers, how often each pair was seen.
        seed: whole number.
        sweep: number of the sweep; every one draws anew.

    Returns:
        (state, state) numbers of jumps and (state,) times, summed over all pairs; None where a pair is impossible.

    Reference: bladt2005, hobolth2009
    """
    q, lags = np.ascontiguousarray(q, dtype=np.float64), np.ascontiguousarray(lags, dtype=np.float64)
    n, rate = len(q), max(float(-np.diag(q).min()), np.finfo(np.float64).tiny)
    largest = rate * float(lags.max(initial=0.0))
    powers = np.empty((int(largest + 10 * math.sqrt(largest) + 30), n, n))
    powers[0] = np.eye(n)
    step = powers[0] + q / rate
    for m in range(1, len(powers)):
        powers[m] = np.maximum(powers[m - 1] @ step, 0.0)
    jumps, times = np.zeros((n, n)), np.zeros(n)
    low, high = key_of(seed)
    done = _sample_jumps(
        powers, rate, lags, np.ascontiguousarray(counts, dtype=np.int64), low, high, np.uint64(sweep), jumps, times
    )
    return (jumps, times) if done else None


@jit
def _sample_states(offsets, index, p, e, start, low, high, sweep, states):
    n = p.shape[1]
    longest = 1
    for path in range(len(offsets) - 1):
        longest = max(longest, offsets[path + 1] - offsets[path])
    forward, weight = np.empty((longest, n)), np.empty(n)
    for path in range(len(offsets) - 1):
        begin, end = offsets[path], offsets[path + 1]
        for k in range(begin, end):
            total = 0.0
            for j in range(n):
                prior = 0.0
                if k == begin:
                    prior = start[j]
                else:
                    for i in range(n):
                        prior += forward[k - begin - 1, i] * p[index[k], i, j]
                forward[k - begin, j] = prior * e[k, j]
                total += forward[k - begin, j]
            if not total > 0.0:
                return False
            for j in range(n):
                forward[k - begin, j] /= total
        for k in range(end - 1, begin - 1, -1):
            total = 0.0
            for i in range(n):
                weight[i] = forward[k - begin, i]
                if k < end - 1:
                    weight[i] *= p[index[k + 1], i, states[k + 1]]
                total += weight[i]
            w0, w1, _, _ = philox4x32(np.uint64(0), np.uint64(STATE_STREAM), np.uint64(k) & _LOW, sweep, low, high)
            states[k] = chosen(weight, total * choice53(w0, w1))
    return True


@jit
def _sample_jumps(powers, rate, lags, counts, low, high, sweep, jumps, times):
    n, most = powers.shape[1], len(powers)
    cumulative, waits, weight = np.empty(most), np.empty(most), np.empty(n)
    lane = 0
    for k in range(len(lags)):
        x = rate * lags[k]
        for a in range(n):
            for b in range(n):
                if counts[k, a, b] == 0:
                    continue
                total = 0.0
                for m in range(most):
                    total += np.exp(m * np.log(x) - x - math.lgamma(m + 1.0)) * powers[m, a, b]
                    cumulative[m] = total
                if not total > 0.0:
                    return False
                for _ in range(counts[k, a, b]):
                    n_virtual = _draw_pair(
                        powers, lags[k], a, b, low, high, sweep, np.uint64(lane) & _LOW, cumulative, waits, weight,
                        jumps, times,
                    )  # fmt: skip
                    lane += 1
                    if n_virtual < 0:
                        return False
    return True


@jit
def _draw_pair(powers, lag, a, b, low, high, sweep, lane, cumulative, waits, weight, jumps, times):
    """One path from a to b, added to ``jumps`` and ``times``; the number of its virtual jumps, -1 for none."""
    n, stream = powers.shape[1], np.uint64(PAIR_STREAM)
    w0, w1, w2, w3 = philox4x32(np.uint64(0), stream, lane, sweep, low, high)
    aim = cumulative[-1] * choice53(w0, w1)
    m = 0
    while cumulative[m] <= aim and m < len(cumulative) - 1:
        m += 1
    waits[0] = -np.log((bits53(w2, w3) + _HALF) * _SCALE)
    whole = waits[0]
    state = a
    for step in range(1, m + 1):
        w0, w1, w2, w3 = philox4x32(np.uint64(step), stream, lane, sweep, low, high)
        waits[step] = -np.log((bits53(w2, w3) + _HALF) * _SCALE)
        whole += waits[step]
    for step in range(1, m + 1):
        times[state] += lag * waits[step - 1] / whole
        total = 0.0
        for y in range(n):
            weight[y] = powers[1, state, y] * powers[m - step, y, b]
            total += weight[y]
        if not total > 0.0:
            return -1
        w0, w1, w2, w3 = philox4x32(np.uint64(step), stream, lane, sweep, low, high)
        after = chosen(weight, total * choice53(w0, w1))
        if after != state:
            jumps[state, after] += 1.0
        state = after
    times[state] += lag * waits[m] / whole
    return m


@jit
def chosen(weight, aim):
    """First index whose cumulative weight exceeds the aim; the last one of positive weight if rounding leaves none."""
    total, last = 0.0, 0
    for i in range(len(weight)):
        if weight[i] > 0.0:
            total += weight[i]
            last = i
            if total > aim:
                return i
    return last
