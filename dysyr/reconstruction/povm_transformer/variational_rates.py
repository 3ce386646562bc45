"""Rates of the parameters by the time-dependent variational principle."""

import numpy as np

STEEPNESS = 6
SNR_FLOOR = 2.0


def variational_rates(gradients, rates, weights, cutoff, n_samples=None):
    """The change of parameters that follows dP/dt = A P as closely as the network can.

    .. math:: S \\dot\\theta = F, \\quad S = \\mathrm{cov}(O, O), \\quad F = \\mathrm{cov}(O, E), \\quad
              O = \\frac{\\partial \\log P}{\\partial \\theta}, \\quad E(a) = \\frac{(A P)(a)}{P(a)}

    Eigenvalues s of the Fisher matrix S are inverted as 1/s / (1 + (cutoff max(s) / s)^6), with samples also divided by
    1 + (2 / SNR)^6, where SNR is the signal-to-noise ratio of F along the eigenvector. Of S and the Gram matrix of the
    strings, which have the same eigenvalues, the smaller one is taken apart.

    Args:
        gradients: (string, parameter) O.
        rates: (string,) E.
        weights: (string,) of the mean over P.
        cutoff: relative eigenvalue below which directions are left alone.
        n_samples: number of samples behind the weights; None in an exact sum.

    Returns:
        (parameter,) rates; (string,) what is left of E, E - O.theta' with means taken off.

    Reference:
        reh2021
    """
    share = weights / weights.sum()
    centred = gradients - share @ gradients
    change = rates - share @ rates
    root = np.sqrt(share)
    x = root[:, None] * centred
    if x.shape[0] <= x.shape[1]:
        s, u = np.linalg.eigh(x @ x.T)
    else:
        s, vectors = np.linalg.eigh(x.T @ x)
        u = (x @ vectors) / np.sqrt(np.maximum(s, 1e-300))
    kept = s > max(s[-1], 0.0) * 1e-14
    s, u = s[kept], u[:, kept]
    along = u.T @ (root * change)
    factor = 1.0 / s / (1.0 + (cutoff * s[-1] / s) ** STEEPNESS) if s.size else s
    if n_samples is not None and s.size:
        spread = np.sqrt(np.maximum(((u * change[:, None]) ** 2).sum(axis=0) - along**2, 0.0) / n_samples)
        snr = np.abs(along) / np.maximum(spread, 1e-300)
        factor = factor / (1.0 + (SNR_FLOOR / np.maximum(snr, 1e-12)) ** STEEPNESS)
    found = x.T @ (u @ (factor * along))
    return found, change - centred @ found
