"""Transition matrices of a rate matrix, and what is expected to happen between two observed states.

Rows of a rate matrix Q sum to zero and q_ij is the rate from i to j. With pairs (a, b) seen C_ab times at lag D,

    P(D) = exp(Q D),  W_ab = C_ab / P_ab(D),  S = sum_D int_0^D exp(Q^T s) W exp(Q^T (D - s)) ds
    E[time in i] = S_ii,  E[jumps i -> j] = q_ij S_ij,  d log L / d q_ij = S_ij - S_ii

S comes from the eigenvectors (``rate_spectral.py``) where these are well conditioned, and otherwise from the upper
right block of exp([[Q^T, W], [0, Q^T]] D). That exponential is taken of the matrix shifted by the largest exit rate,
which has no negative entry, by a series of positive terms and squaring: small probabilities keep all their digits, and
defective Q is no special case.

The slow twins, a library's exponential and a quadrature, are in ``rate_reference.py``.
"""

import numpy as np

from dysyr.kernels.rate_spectral import spectral_sums

LARGEST_CONDITION = 1e5
SMALLEST_PROBABILITY = 1e-7
"""Observed pairs less likely than this at their lag go by the block exponential: eigenvectors lose their digits."""
N_TERMS = 18
LAGS_AT_ONCE = 512
FEW_LAGS = 3


def transition_matrices(q, lags):
    """exp(Q D) for each lag D, every entry to nearly full relative precision.

    Args:
        q: (state, state) rate matrix, rows sum to zero, per time unit.
        lags: (lag,) in time units, not negative.

    Returns:
        (lag, state, state) float64, rows sum to one.
    """
    q, lags = np.asarray(q, dtype=np.float64), np.atleast_1d(np.asarray(lags, dtype=np.float64))
    pieces = [_shifted_exponential(q, lags[k : k + LAGS_AT_ONCE]) for k in range(0, len(lags), LAGS_AT_ONCE)]
    p = np.concatenate(pieces) if pieces else np.empty((0, *q.shape))
    return p / p.sum(axis=2, keepdims=True)


def fast_transition_matrices(q, lags):
    """exp(Q D) by eigenvectors where there are many lags and these are well conditioned, else as above.

    Absolute errors are some 1e-11; entries that come out negative are set to zero.

    Args:
        q: see ``transition_matrices``.
        lags: (lag,).

    Returns:
        (lag, state, state) float64, rows sum to one.
    """
    lags = np.atleast_1d(np.asarray(lags, dtype=np.float64))
    parts = _eigenvectors(q) if len(lags) > FEW_LAGS else None
    if parts is None:
        return transition_matrices(q, lags)
    values, right, left = parts
    n, decay = len(q), np.exp(lags[:, None] * values)
    p = ((right * decay[:, None, :]).reshape(-1, n) @ left).real.reshape(-1, n, n)
    p = np.maximum(p, 0.0)
    return p / p.sum(axis=2, keepdims=True)


def panel_expectations(q, lags, counts, *, method="auto"):
    """Log-likelihood of observed pairs, and the matrix S of expected times and jumps.

    Args:
        q: (state, state) rate matrix, rows sum to zero, per time unit.
        lags: (lag,) in time units, positive.
        counts: (lag, from, to) how often each pair was seen, or is expected to have occurred.
        method: "spectral", "block", or "auto" to choose for each lag.

    Returns:
        log-likelihood sum C ln P (-inf where an observed pair is impossible), and S (state, state); see the head of
        this file.

    Reference: bladt2005, hobolth2011, vanloan1978
    """
    q, lags = np.asarray(q, dtype=np.float64), np.asarray(lags, dtype=np.float64)
    parts = None
    if method == "spectral" or (method == "auto" and len(lags) > FEW_LAGS):
        parts = _eigenvectors(q, checked=method == "auto")
    value, s = 0.0, np.zeros_like(q)
    if parts is not None:
        smallest = SMALLEST_PROBABILITY if method == "auto" else 0.0
        value, s, rest = spectral_sums(*parts, lags, counts, smallest)
        lags, counts = lags[rest], counts[rest]
    for k in range(0, len(lags), LAGS_AT_ONCE):
        gain, integral = _block(q, lags[k : k + LAGS_AT_ONCE], counts[k : k + LAGS_AT_ONCE])
        value, s = value + gain, s + integral
    return value, s


def rate_gradient(s, permitted):
    """Gradient of the log-likelihood in the rates off the diagonal.

    Args:
        s: (state, state) from ``panel_expectations``.
        permitted: (state, state) bool, rates that are free.

    Returns:
        (state, state) S_ij - S_ii, zero where no rate is free.

    Reference: kalbfleisch1985
    """
    return np.where(permitted, s - np.diag(s)[:, None], 0.0)


def _eigenvectors(q, checked=True):
    """(values, V, inverse of V), or None where V is badly conditioned."""
    values, right = np.linalg.eig(q)
    if checked and not np.linalg.cond(right) < LARGEST_CONDITION:
        return None
    return values, right, np.linalg.inv(right)


def _block(q, lags, counts):
    """Log-likelihood and S by the block exponential."""
    n = len(q)
    p = _shifted_exponential(q, lags)
    seen = counts > 0
    if (p[seen] <= 0).any():
        return -np.inf, np.zeros_like(q)
    weights = np.where(seen, counts / np.where(seen, p, 1.0), 0.0)
    size = np.maximum(weights.max(axis=(1, 2)), np.finfo(np.float64).tiny)
    corner = _shifted_exponential(q.T, lags, weights / size[:, None, None])[:, :n, n:]
    value = float((counts[seen] * np.log(p[seen])).sum())
    return value, (corner * size[:, None, None]).sum(axis=0)


def _shifted_exponential(q, lags, corner=None):
    """exp(A D) for each lag, with A = Q or [[Q, corner], [0, Q]]; no term of the series is negative.

    exp(A D) = (exp(-r h) exp((A + r) h))^(2^m) with h = D / 2^m and r the largest exit rate.
    """
    n = len(q)
    rate = max(float(-np.diag(q).min()), 0.0)
    span = float(lags.max()) * rate if len(lags) else 0.0
    n_squarings = max(0, int(np.ceil(np.log2(max(span, 1e-300) / 0.5))))
    step = lags / 2.0**n_squarings
    shifted = q + rate * np.eye(n)
    if corner is None:
        a = shifted * step[:, None, None]
    else:
        a = np.zeros((len(lags), 2 * n, 2 * n))
        a[:, :n, :n] = a[:, n:, n:] = shifted * step[:, None, None]
        a[:, :n, n:] = corner * step[:, None, None]
    result = np.broadcast_to(np.eye(a.shape[1]), a.shape).copy()
    for k in range(N_TERMS, 0, -1):
        result = a @ result / k
        result += np.eye(a.shape[1])
    result *= np.exp(-rate * step)[:, None, None]
    for _ in range(n_squarings):
        result = result @ result
    return result
