"""Rate matrices that the standard errors of a model allow."""

import numpy as np


def rate_draws(rates, stderr, n_draws, seed):
    """Rate matrices whose entries scatter as their standard errors say.

        q_ij ~ Gamma of mean q_ij and standard deviation s_ij, independently

    A Gamma law is never negative, and is the posterior of a rate whose jumps and times are seen. Correlations between
    rates are not part of a model's contract and are left out. Rates at zero, and rates without an error, stay as they
    are.

    Args:
        rates: (state, state) rate matrix in 1/time.
        stderr: (state, state) standard errors, 0 where a rate is given.
        n_draws: number of matrices.
        seed: of the draws.

    Returns:
        (draw, state, state) rate matrices; None where a rate that is not zero has an infinite standard error.
    """
    off = ~np.eye(len(rates), dtype=bool)
    there = off & (rates > 0)
    if not np.isfinite(stderr[there]).all():
        return None
    varied = there & (stderr > 0)
    rng = np.random.default_rng([int(seed), 0x72617465])
    drawn = np.where(there, rates, 0.0) * np.ones((n_draws, 1, 1))
    mean, sd = rates[varied], stderr[varied]
    drawn[:, varied] = rng.gamma((mean / sd) ** 2, sd**2 / mean, size=(n_draws, int(varied.sum())))
    diagonal = np.arange(len(rates))
    drawn[:, diagonal, diagonal] = -drawn.sum(axis=-1)
    return drawn


def half_width(values):
    """Half of the central 68.3 % range over draws, which is the standard error where draws are normal.

    Args:
        values: (draw, ...); draws that are not finite are taken as beyond all others.

    Returns:
        (...).
    """
    low, high = np.quantile(np.where(np.isnan(values), np.inf, values), [0.1587, 0.8413], axis=0, method="nearest")
    with np.errstate(invalid="ignore"):
        return (high - low) / 2
