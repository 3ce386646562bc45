"""Estimates in closed form: naive counts and the matrix logarithm."""

import numpy as np
import scipy.linalg

from dysyr.core.errors import InputError

CORRECTIONS = ("weighted", "diagonal")
CLOSE, MAX_ROOTS, N_TERMS = 0.05, 60, 14
"""Distance from the identity at which 14 terms of the series of a logarithm reach rounding."""
NEGLIGIBLE = 1e-9
"""Imaginary part of a logarithm, relative to its size, that is rounding."""


def naive_rates(panel):
    """Jumps between neighbouring labels per time, as if none were missed.

        q_ij = C_ij / sum_D D sum_j C^D_ij

    Biased by the order of q D, since double jumps between samples are not seen.

    Args:
        panel: Panel.

    Returns:
        (state, state) rates, rows sum to zero, and their standard errors sqrt(C_ij) / time (at least one count).

    Raises:
        InputError: a state after which nothing is known.
    """
    _require_departures(panel, "counts")
    time = panel.times_before[:, None]
    off = ~np.eye(panel.n_states, dtype=bool)
    q = panel.jumps / time
    return q - np.diag(q.sum(axis=1)), np.where(off, np.sqrt(np.maximum(panel.jumps, 1.0)) / time, 0.0)


def logarithm_rates(panel, correction):
    """Logarithm of the matrix of observed transitions, made a rate matrix.

        L = ln(P) / D,  P_ij = C_ij / sum_j C_ij

    Negative rates are set to zero; the diagonal is then reset ("diagonal"), or what they held is taken from the other
    entries of the row in proportion to their size ("weighted").

    Args:
        panel: Panel with a single lag.
        correction: "weighted" or "diagonal".

    Returns:
        (state, state) rates, rows sum to zero.

    Raises:
        InputError: several lags, a state after which nothing is known, or no real logarithm.

    Reference: israel2001
    """
    if len(panel.lags) > 1:
        raise InputError(
            "the matrix logarithm needs a single lag", got=f"{len(panel.lags)} lags between samples",
            do="use estimator='em' or 'map', or resample",
        )  # fmt: skip
    _require_departures(panel, "matrix_log")
    counts = panel.counts[0]
    p = counts / counts.sum(axis=1, keepdims=True)
    values = np.linalg.eigvals(p)
    if (np.abs(values) < NEGLIGIBLE).any() or ((values.real < 0) & (np.abs(values.imag) < NEGLIGIBLE)).any():
        raise InputError(
            "the matrix of transitions has no real logarithm", got=f"eigenvalues {np.round(np.sort(values.real), 4)}",
            expected="none that is zero or negative: the samples are too far apart, or too few",
            do="use estimator='map'",
        )  # fmt: skip
    return adjusted(logarithm(p) / panel.lags[0], correction)


def logarithm(p):
    """Principal logarithm of a matrix near enough to the identity to have a real one.

        ln P = 2^m ln P^(1 / 2^m) = -2^m sum_k (1 - P^(1 / 2^m))^k / k

    SciPy's own function draws from the global random generator.

    Args:
        p: (n, n) without zero or negative eigenvalues.

    Returns:
        (n, n).
    """
    root, n_roots = p, 0
    identity = np.eye(len(p))
    while np.abs(root - identity).sum(axis=1).max() > CLOSE and n_roots < MAX_ROOTS:
        root, n_roots = np.real(scipy.linalg.sqrtm(root)), n_roots + 1
    rest, power, total = identity - root, identity, np.zeros_like(p)
    for k in range(1, N_TERMS):
        power = power @ rest
        total -= power / k
    return 2.0**n_roots * total


def adjusted(generator, correction):
    """A rate matrix near a matrix whose rows sum to zero.

    Args:
        generator: (state, state), rows sum to zero, entries off the diagonal may be negative.
        correction: "weighted" or "diagonal", see ``logarithm_rates``.

    Returns:
        (state, state) rates, rows sum to zero.

    Reference: israel2001
    """
    off = generator - np.diag(np.diag(generator))
    q = np.maximum(off, 0.0)
    if correction == "weighted":
        excess, size = -np.minimum(off, 0.0).sum(axis=1), np.abs(np.diag(generator)) + q.sum(axis=1)
        q = q * (1 - excess / np.where(size > 0, size, 1.0))[:, None]
    return q - np.diag(q.sum(axis=1))


def _require_departures(panel, estimator):
    missing = np.flatnonzero(panel.times_before == 0)
    if len(missing):
        raise InputError(
            f"nothing is known of what follows state {panel.states[missing[0]]}",
            got=f"{len(missing)} of {panel.n_states} states have no sample after them",
            expected=f"estimator='{estimator}' needs one", do="use estimator='map', or fewer states",
        )  # fmt: skip
