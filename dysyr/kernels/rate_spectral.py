"""Sums over many lags in the basis of the eigenvectors of a rate matrix, one pass per lag, no array per lag.

With Q = V diag(l) V^-1, W_ab = C_ab / P_ab(D) and J_pq = (exp(l_p D) - exp(l_q D)) / (l_p - l_q),

    S = V^-T [ sum_D J(D) o (V^T W(D) V^-T) ] V^T

Where two eigenvalues are close for a lag, J comes from its series. The block exponential of ``rate_integrals.py`` is
the other way to the same sums, and the quadrature of ``rate_reference.py`` their slow twin.
"""

import numpy as np

from dysyr.kernels.jit import jit

LAGS_PER_CALL = 4096
CLOSE = 1e-3
"""|l_p - l_q| D below which the quotient is a series of five terms; its error is then below rounding."""


def spectral_sums(values, right, left, lags, counts, smallest):
    """Log-likelihood and S of those lags that eigenvectors can serve.

    Args:
        values: (state,) complex eigenvalues.
        right: (state, state) complex eigenvectors V, in columns.
        left: (state, state) inverse of V.
        lags: (lag,) in time units, positive.
        counts: (lag, from, to) how often each pair was seen.
        smallest: probability of an observed pair below which its lag is left out.

    Returns:
        log-likelihood, (state, state) S, and (lag,) bool, the lags that were left out.

    Reference: bladt2005
    """
    values, right, left = (np.ascontiguousarray(part, dtype=np.complex128) for part in (values, right, left))
    counts = np.ascontiguousarray(counts, dtype=np.float64)
    inner, rest = np.zeros_like(right), np.zeros(len(lags), dtype=np.bool_)
    gain = 0.0
    for k in range(0, len(lags), LAGS_PER_CALL):
        part = slice(k, k + LAGS_PER_CALL)
        gain += _accumulate(values, right, left, lags[part], counts[part], smallest, inner, rest[part])
    return gain, (left.T @ inner @ right.T).real, rest


@jit
def _accumulate(values, right, left, lags, counts, smallest, inner, rest):
    n = len(values)
    decay = np.empty(n, dtype=np.complex128)
    weight = np.empty((n, n))
    half = np.empty((n, n), dtype=np.complex128)
    whole = np.empty((n, n), dtype=np.complex128)
    used = np.empty(n, dtype=np.bool_)
    gain = 0.0
    for k in range(len(lags)):
        lag = lags[k]
        for p in range(n):
            decay[p] = np.exp(values[p] * lag)
        own, good = 0.0, True
        for b in range(n):
            used[b] = False
        for a in range(n):
            for b in range(n):
                weight[a, b] = 0.0
                if counts[k, a, b] > 0.0:
                    probability = 0.0
                    for p in range(n):
                        probability += (right[a, p] * decay[p] * left[p, b]).real
                    if probability < smallest:
                        good = False
                    else:
                        weight[a, b] = counts[k, a, b] / probability
                        own += counts[k, a, b] * np.log(probability)
                        used[b] = True
        if not good:
            rest[k] = True
            continue
        gain += own
        for p in range(n):
            for q in range(n):
                half[p, q] = 0.0
                whole[p, q] = 0.0
        for a in range(n):
            for b in range(n):
                if weight[a, b] > 0.0:
                    for p in range(n):
                        half[p, b] += right[a, p] * weight[a, b]
        for b in range(n):
            if used[b]:
                for p in range(n):
                    for q in range(n):
                        whole[p, q] += half[p, b] * left[q, b]
        for p in range(n):
            for q in range(n):
                gap = values[p] - values[q]
                x = gap * lag
                if abs(x.real) + abs(x.imag) < CLOSE:
                    series = 1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x / 120.0)))
                    quotient = lag * decay[q] * series
                else:
                    quotient = (decay[p] - decay[q]) / gap
                inner[p, q] += whole[p, q] * quotient
    return gain
