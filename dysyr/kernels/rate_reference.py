"""Slow twins of the kernels ``rate_*.py``: loops, quadrature, sums over all paths, rejection."""

import itertools

import numpy as np
import scipy.linalg


def count_pairs(labels, times, offsets, n_states):
    """dict lag (rounded to nine decimals) -> (from, to) counts, pair by pair."""
    tables = {}
    for begin, end in itertools.pairwise(offsets):
        for k in range(begin + 1, end):
            lag = round(float(times[k] - times[k - 1]), 9)
            tables.setdefault(lag, np.zeros((n_states, n_states)))[labels[k - 1], labels[k]] += 1
    return tables


def panel_expectations(q, lags, counts, n_nodes=64):
    """Log-likelihood and S, the integral by Gauss-Legendre nodes and a library's exponential."""
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    value, s = 0.0, np.zeros_like(q)
    for lag, c in zip(lags, counts, strict=True):
        p = scipy.linalg.expm(q * lag)
        seen = c > 0
        value += (c[seen] * np.log(p[seen])).sum()
        w = np.where(seen, c / np.where(seen, p, 1.0), 0.0)
        for x, weight in zip((nodes + 1) * lag / 2, weights * lag / 2, strict=True):
            s += weight * scipy.linalg.expm(q.T * x) @ w @ scipy.linalg.expm(q.T * (lag - x))
    return value, s


def smooth_paths(offsets, index, transitions, emissions, initial):
    """Likelihood, expected pairs and state probabilities by a sum over every hidden path."""
    n = len(initial)
    value, pairs, states = 0.0, np.zeros_like(transitions), np.zeros_like(emissions)
    for begin, end in itertools.pairwise(offsets):
        hidden = list(itertools.product(range(n), repeat=end - begin))
        shares = np.array([_share(path, begin, index, transitions, emissions, initial) for path in hidden])
        value += np.log(shares.sum())
        for path, share in zip(hidden, shares / shares.sum(), strict=True):
            for k, state in enumerate(path):
                states[begin + k, state] += share
                if k:
                    pairs[index[begin + k], path[k - 1], state] += share
    return value, pairs, states


def _share(path, begin, index, transitions, emissions, initial):
    share = initial[path[0]] * emissions[begin, path[0]]
    for k in range(1, len(path)):
        share *= transitions[index[begin + k], path[k - 1], path[k]] * emissions[begin + k, path[k]]
    return share


def conditioned_jumps(q, lag, begin, end, rng):
    """Jumps and times of one path that ends in a given state, by drawing paths until one does."""
    n = len(q)
    while True:
        jumps, times, state, left = np.zeros((n, n)), np.zeros(n), begin, lag
        while True:
            wait = rng.exponential() / -q[state, state] if q[state, state] < 0 else np.inf
            times[state] += min(wait, left)
            if wait >= left:
                break
            left -= wait
            after = rng.choice(n, p=np.maximum(q[state], 0) / -q[state, state])
            jumps[state, after] += 1
            state = after
        if state == end:
            return jumps, times
