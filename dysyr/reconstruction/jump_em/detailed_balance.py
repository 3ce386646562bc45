"""Rates in detailed balance: p_i q_ij = p_j q_ji for all pairs of states.

They are written as q_ij = x_ij / p_i with a symmetric x. Then ln q_ij = u_ij - v_i is linear in u = ln x and v = ln p,
so that extrapolations of logarithms stay in balance, and derivatives follow from those in the rates.
"""

import numpy as np

MAX_SWEEPS = 500
SMALLEST_CHANGE = 1e-13


def balanced_rates(jumps, times, permitted, start=None):
    """Rates in detailed balance that maximise sum_ij (N_ij ln q_ij - T_i q_ij).

        x_ij <- (N_ij + N_ji) / (T_i / p_i + T_j / p_j),    p_i <- T_i sum_j x_ij / sum_j N_ij

    Each half of a sweep is a maximum with the other fixed, so the sum never falls.

    Args:
        jumps: (state, state) N, not negative, some jump out of each state.
        times: (state,) T, positive.
        permitted: (state, state) bool, symmetric.
        start: (state, state) rates in balance from whose p to begin, or None.

    Returns:
        (state, state) rates off the diagonal, which is zero.
    """
    n = np.where(permitted, jumps, 0.0)
    both, out = n + n.T, n.sum(axis=1)
    p = times / times.sum() if start is None else np.exp(_log_weights(start, permitted))
    for _ in range(MAX_SWEEPS):
        ratio = times / p
        x = np.where(permitted, both / (ratio[:, None] + ratio[None, :]), 0.0)
        after = times * x.sum(axis=1) / np.maximum(out, np.finfo(np.float64).tiny)
        after /= after.sum()
        change, p = np.abs(np.log(after / p)).max(), after
        if change < SMALLEST_CHANGE:
            break
    return x / p[:, None]


def design(inner):
    """How the logarithms of rates in balance depend on free parameters.

    Args:
        inner: (state, state) bool, symmetric: the rates that are free.

    Returns:
        (rate, parameter) matrix A with ln q = A theta, rates in the order of ``q[inner]``; the parameters are ln x of
        each pair and ln p of each state, one of which is redundant in each connected part.
    """
    rows = np.argwhere(inner)
    pairs = {tuple(pair): k for k, pair in enumerate(rows[rows[:, 0] < rows[:, 1]])}
    a = np.zeros((len(rows), len(pairs) + len(inner)))
    for row, (i, j) in enumerate(rows):
        a[row, pairs[min(i, j), max(i, j)]] = 1.0
        a[row, len(pairs) + i] = -1.0
    return a


def _log_weights(q, permitted):
    """v with v_j - v_i = ln q_ij - ln q_ji on all permitted pairs, by least squares.

    Each pair counts by its smaller rate: rates held at the smallest value that the iteration allows are not in balance.
    """
    rows = np.argwhere(permitted)
    a = np.zeros((len(rows), len(q)))
    a[np.arange(len(rows)), rows[:, 1]] = 1.0
    a[np.arange(len(rows)), rows[:, 0]] = -1.0
    logs = np.log(q[permitted]) - np.log(q.T[permitted])
    weight = np.sqrt(np.minimum(q, q.T)[permitted])
    v = np.linalg.lstsq(a * weight[:, None], logs * weight)[0]
    return v - v.max()
