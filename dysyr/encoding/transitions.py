"""Transitions between the symbols of consecutive steps, self-transitions included."""

import numpy as np
from scipy.sparse.csgraph import connected_components

N_BLOCKS = 50


def transition_counts(stretches, n_symbols):
    """How often symbol i is followed by symbol j, within stretches.

    Args:
        stretches: list of (time,) arrays of symbols.
        n_symbols: size k of the alphabet.

    Returns:
        (k, k) int64.
    """
    before, after = _pairs(stretches)
    return _counts(before, after, n_symbols)


def row_stochastic(counts):
    """P_ij = C_ij / sum_j C_ij; a row of zeros where i is seen at the end of stretches only."""
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)


def markov_stderr(counts):
    """Standard errors of P_ij as if the symbols were a Markov chain: sqrt(P_ij (1 - P_ij) / C_i).

    Given the present symbol the next ones are then independent draws, so that rows are multinomial although the symbols
    are correlated in time. Codes of deterministic systems seldom are Markov; see ``jackknife_stderr``.

    Args:
        counts: (k, k).

    Returns:
        (k, k); NaN in rows without counts.

    Reference: anderson1957
    """
    p, total = row_stochastic(counts), counts.sum(axis=1, keepdims=True)
    return np.sqrt(np.divide(p * (1 - p), total, out=np.full(p.shape, np.nan), where=total > 0))


def jackknife_stderr(stretches, n_symbols, n_blocks=N_BLOCKS):
    """Standard errors of P_ij that allow for memory beyond one step.

    The transitions are cut, in order, into B blocks. With P^(b) the matrix without block b,

        se^2 = (B - 1) / B sum_b (P^(b) - P)^2.

    They hold where blocks are much longer than the memory of the code.

    Args:
        stretches: list of (time,) arrays of symbols.
        n_symbols: size k of the alphabet.
        n_blocks: B, at most one for each transition.

    Returns:
        (k, k); NaN where a row is left without counts by leaving out one block.

    Reference: kunsch1989
    """
    before, after = _pairs(stretches)
    whole = _counts(before, after, n_symbols)
    p = row_stochastic(whole)
    squares = np.zeros(p.shape)
    n_blocks = max(1, min(n_blocks, len(before)))
    edges = np.linspace(0, len(before), n_blocks + 1).astype(int)
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        rest = whole - _counts(before[a:b], after[a:b], n_symbols)
        squares += (row_stochastic(rest) - p) ** 2
        squares[rest.sum(axis=1) == 0] = np.nan
    return np.sqrt((n_blocks - 1) / n_blocks * squares)


def stationary_distribution(counts):
    """The distribution pi = pi P in which the chain ends up when it starts from the observed visits.

    Symbols without successors (seen last, never again) are left out. Where the chain falls apart into several closed
    classes, each keeps the share that reaches it.

    Args:
        counts: (k, k).

    Returns:
        (k,), sum 1; all zeros where no symbol ever recurs.
    """
    k = len(counts)
    alive = np.ones(k, dtype=bool)
    while True:
        following = (counts[:, alive].sum(axis=1) > 0) & alive
        if (following == alive).all():
            break
        alive = following
    pi = np.zeros(k)
    if not alive.any():
        return pi
    kept = np.flatnonzero(alive)
    flow = counts[np.ix_(kept, kept)]
    p = row_stochastic(flow)
    _, component = connected_components(flow > 0, directed=True, connection="strong")
    leaves = (component[:, None] != component[None, :]) & (flow > 0)
    closed = ~np.isin(component, component[leaves.any(axis=1)])
    start = flow.sum(axis=1) / flow.sum()
    inner = np.flatnonzero(~closed)
    through = np.linalg.solve((np.eye(len(inner)) - p[np.ix_(inner, inner)]).T, start[inner])
    arrived = np.where(closed, start + through @ p[inner], 0.0)
    for c in np.unique(component[closed]):
        members = np.flatnonzero(component == c)
        balance = np.vstack([np.eye(len(members)) - p[np.ix_(members, members)].T, np.ones(len(members))])
        share = np.linalg.lstsq(balance, np.r_[np.zeros(len(members)), 1.0], rcond=None)[0]
        pi[kept[members]] = np.maximum(share, 0.0) * arrived[members].sum()
    return pi / pi.sum()


def _pairs(stretches):
    return np.concatenate([s[:-1] for s in stretches]), np.concatenate([s[1:] for s in stretches])


def _counts(before, after, n_symbols):
    return np.bincount(before * n_symbols + after, minlength=n_symbols**2).reshape(n_symbols, n_symbols)
