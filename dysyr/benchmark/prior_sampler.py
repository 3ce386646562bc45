"""A sampler of the exact posterior of rates under the prior of the foundation network: the ceiling of its scores.

It is told what the network is not: that labels are clean, that the number of lags is one, and whether the graph is
complete or sparse. Each rate has the density p(q) = sum_k k (1 - q)^(k - 1) / 3 over k = 1, 3, 5 on (0, 1); in a
sparse graph it is zero with probability 1/2, given that the graph is strongly connected and has enough edges. First
states are of the stationary distribution or of a Dirichlet(50, ..., 50) draw with equal chance. Metropolis-Hastings:
each sweep proposes a step of the logit of every rate, and to add or to drop every edge.
"""

import math

import numpy as np

from dysyr.kernels.jit import jit

CONCENTRATION = 50.0


def posterior_mean(counts, lag, first, sparse, start, *, n_sweeps=2000, seed=0):
    """Posterior mean of the rates.

    Args:
        counts: (state, state) observed pairs.
        lag: their lag, in units of a tenth of the duration.
        first: (state,) numbers of first states.
        sparse: whether the graph is sparse.
        start: (state, state) rates to begin at, positive off the diagonal.
        n_sweeps: sweeps, the first fifth of which is dropped.
        seed: of the draws.

    Returns:
        (state, state) means, 0 on the diagonal; (state, state) Monte Carlo standard errors from twenty blocks; share
        of accepted steps.
    """
    n = len(counts)
    q = np.where(np.eye(n, dtype=bool), 0.0, np.clip(start, 1e-4, 0.95))
    rng = np.random.default_rng(seed)
    n_burn, n_blocks = n_sweeps // 5, 20
    width = np.full((n, n), 1.0) * (counts + 1.0) ** -0.5 * 2.4
    sums = np.zeros((n_blocks, n, n))
    per_block = (n_sweeps - n_burn) // n_blocks
    accepted = 0.0
    arguments = np.ascontiguousarray(counts, dtype=np.float64), float(lag), np.asarray(first, dtype=np.float64)
    slope = lag * counts.sum(axis=1) + 3.5
    for block in range(-4, n_blocks):
        n_now = per_block if block >= 0 else -(-n_burn // 4)
        draws = rng.random((n_now, n, n, 5))
        rates = np.zeros((n, n))
        share = np.zeros((n, n))
        _sweeps(q, *arguments, sparse, width, slope, draws, rates, share)
        if block >= 0:
            sums[block] = rates / n_now
            accepted += share.sum() / (n_now * n * (n - 1)) / n_blocks
        else:
            width *= np.exp(np.clip(share / n_now - 0.4, -0.3, 0.3) * 2)
    return sums.mean(axis=0), sums.std(axis=0, ddof=1) / np.sqrt(n_blocks), accepted


@jit
def _sweeps(q, counts, lag, first, sparse, width, slope, draws, rates, share):
    n = q.shape[0]
    now = _log_posterior(q, counts, lag, first)
    for sweep in range(draws.shape[0]):
        for i in range(n):
            for j in range(n):
                if i == j:
                    continue
                u = draws[sweep, i, j]
                if q[i, j] > 0.0:
                    old = q[i, j]
                    normal = np.sqrt(-2.0 * np.log(1.0 - u[0])) * np.cos(2.0 * np.pi * u[1])
                    odds = old / (1.0 - old) * np.exp(width[i, j] * normal)
                    q[i, j] = odds / (1.0 + odds)
                    after = _log_posterior(q, counts, lag, first)
                    jacobian = np.log(q[i, j] * (1.0 - q[i, j])) - np.log(old * (1.0 - old))
                    if np.log(1.0 - u[2]) < after - now + jacobian:
                        now = after
                        share[i, j] += 1.0
                    else:
                        q[i, j] = old
                if sparse:
                    old = q[i, j]
                    total = 1.0 - np.exp(-slope[i])
                    if old > 0.0:
                        q[i, j] = 0.0
                        if not allowed(q):
                            q[i, j] = old
                            continue
                        after = _log_posterior(q, counts, lag, first)
                        proposal = np.log(slope[i]) - slope[i] * old - np.log(total)
                        ratio = after - now + proposal
                    else:
                        q[i, j] = -np.log(1.0 - u[3] * total) / slope[i]
                        after = _log_posterior(q, counts, lag, first)
                        proposal = np.log(slope[i]) - slope[i] * q[i, j] - np.log(total)
                        ratio = after - now - proposal
                    if np.log(1.0 - u[4]) < ratio:
                        now = after
                    else:
                        q[i, j] = old
        for i in range(n):
            for j in range(n):
                rates[i, j] += q[i, j]


@jit
def _log_posterior(q, counts, lag, first):
    """Log-likelihood of pairs and of first states plus the log density of the rates that are not zero."""
    n = q.shape[0]
    value = 0.0
    for i in range(n):
        for j in range(n):
            if i != j and q[i, j] > 0.0:
                rest = 1.0 - q[i, j]
                if rest <= 0.0:
                    return -np.inf
                value += np.log((1.0 + 3.0 * rest**2 + 5.0 * rest**4) / 3.0)
    return value + log_likelihood(q, counts, lag, first, np.empty((n, n)), np.empty((5, n, n)))


@jit
def log_likelihood(q, counts, lag, first, p, scratch):
    """Log-likelihood of pairs and of first states of clean labels."""
    transition(q, lag, p, scratch)
    value = 0.0
    for i in range(len(q)):
        for j in range(len(q)):
            if counts[i, j] > 0.0:
                if p[i, j] <= 0.0:
                    return -np.inf
                value += counts[i, j] * np.log(p[i, j])
    stationary, even = log_first(q, first, scratch[0, 0])
    top = max(stationary, even)
    return value + top + np.log(0.5 * np.exp(stationary - top) + 0.5 * np.exp(even - top))


@jit
def transition(q, lag, p, scratch):
    """exp(Q lag) of rates off the diagonal: the series to degree 11 of a non-negative matrix, squared repeatedly."""
    n = len(q)
    a, square, cube, part, other = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    fastest = 0.0
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += q[i, j]
        a[i, i] = -total
        fastest = max(fastest, total)
    n_squarings = 0
    span = fastest * lag
    while span > 0.5:
        span *= 0.5
        n_squarings += 1
    step = lag / 2.0**n_squarings
    for i in range(n):
        for j in range(n):
            a[i, j] = (fastest + a[i, i] if i == j else q[i, j]) * step
    product(a, a, square)
    product(square, a, cube)
    for i in range(n):
        for j in range(n):
            part[i, j] = a[i, j] / 3628800.0 + square[i, j] / 39916800.0
        part[i, i] += 1.0 / 362880.0
    scale = np.exp(-fastest * step)
    for c0, c1, c2 in ((720.0, 5040.0, 40320.0), (6.0, 24.0, 120.0), (1.0, 1.0, 2.0)):
        product(cube, part, other)
        for i in range(n):
            for j in range(n):
                part[i, j] = other[i, j] + a[i, j] / c1 + square[i, j] / c2
            part[i, i] += 1.0 / c0
    for i in range(n):
        for j in range(n):
            p[i, j] = part[i, j] * scale
    for _ in range(n_squarings):
        product(p, p, other)
        for i in range(n):
            for j in range(n):
                p[i, j] = other[i, j]


@jit
def log_first(q, first, pi):
    """Log-probabilities of the first states, stationary and Dirichlet-multinomial; the stationary law goes into pi."""
    n = q.shape[0]
    a = q.copy()
    for k in range(n - 1, 0, -1):
        out = 0.0
        for j in range(k):
            out += a[k, j]
        for i in range(k):
            a[i, k] /= out
            for j in range(k):
                a[i, j] += a[i, k] * a[k, j]
    pi[0] = 1.0
    total = 1.0
    for k in range(1, n):
        pi[k] = 0.0
        for i in range(k):
            pi[k] += pi[i] * a[i, k]
        total += pi[k]
    stationary, even, seen = 0.0, math.lgamma(n * CONCENTRATION), 0.0
    for i in range(n):
        pi[i] /= total
        if first[i] > 0.0:
            if pi[i] <= 0.0:
                stationary = -np.inf
            else:
                stationary += first[i] * np.log(pi[i])
            even += math.lgamma(CONCENTRATION + first[i]) - math.lgamma(CONCENTRATION)
            seen += first[i]
    return stationary, even - math.lgamma(n * CONCENTRATION + seen)


@jit
def product(a, b, out):
    """The matrix product of a and b, into out."""
    n = a.shape[0]
    for i in range(n):
        for j in range(n):
            total = 0.0
            for k in range(n):
                total += a[i, k] * b[k, j]
            out[i, j] = total


@jit
def allowed(q):
    """Whether the graph of the rates is strongly connected and has at least 2 (n - 1) edges."""
    n = q.shape[0]
    n_edges = 0
    for i in range(n):
        for j in range(n):
            n_edges += q[i, j] > 0.0
    if n_edges < 2 * (n - 1):
        return False
    for backward in range(2):
        reached = np.zeros(n, dtype=np.bool_)
        reached[0] = True
        for _ in range(n):
            for i in range(n):
                if reached[i]:
                    for j in range(n):
                        if (q[j, i] if backward else q[i, j]) > 0.0:
                            reached[j] = True
        if not reached.all():
            return False
    return True
