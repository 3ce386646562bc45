"""How strongly to force: estimates of the growth of gradients along the data.

With J_t the Jacobian of the map at the forcing signal zbar_t, sn the spectral norm and one value per sequence,

    product_upper_bound   sigma = max over sequences of the geometric mean over t of sn(J_t)
    arithmetic_mean       sigma = max over sequences of sn(mean over t of J_t)
    explog                sigma = max over sequences of sn(elementwise geometric mean over t of |J_t|, signed)
    batch_maximum         sigma = max over sequences and t of sn(J_t)
    jacobian_upper_bound  sigma = max |A| + sn(W1) sn(W2)                        (of a shallow PLRNN)

and the forcing strength is alpha = max(0, 1 - 1/sigma), so that (1 - alpha) sigma <= 1; source: hess2023.
Elementwise PLRNNs have the same estimators in ``elementwise_plrnn_forcing.py``.
"""

import math

import numpy as np

from dysyr.kernels.jit import jit
from dysyr.kernels.lane_products import count_open, count_open_clipped

ESTIMATORS = ("arithmetic_mean", "product_upper_bound", "explog", "batch_maximum", "jacobian_upper_bound")


@jit
def _gates(p, zbar, clipped, t, lane, gates):
    """Slopes of the hidden units at zbar[t, :, lane]."""
    for k in range(p.h2.size):
        active = 0.0
        for m in range(zbar.shape[1]):
            active += float(p.W2[k, m]) * float(zbar[t, m, lane])
        gates[k] = 1.0 if active + float(p.h2[k]) > 0 else 0.0
        if clipped and active > 0:
            gates[k] -= 1.0


@jit
def _jacobian(p, gates, out):
    """out = diag(A) + W1 diag(gates) W2."""
    hidden_dim, latent_dim = p.W2.shape
    out[:] = 0.0
    for k in range(hidden_dim):
        if gates[k] != 0.0:
            for i in range(latent_dim):
                left = float(p.W1[i, k]) * gates[k]
                for j in range(latent_dim):
                    out[i, j] += left * float(p.W2[k, j])
    for i in range(latent_dim):
        out[i, i] += float(p.A[i])


@jit
def spectral_norm(matrix):
    """Largest singular value, from the largest eigenvalue of M'M."""
    return math.sqrt(max(0.0, np.linalg.eigvalsh(matrix.T @ matrix)[-1]))


@jit
def mean_slopes(p, zbar, n_steps, clipped, slopes):
    """Mean over time of the slope of each hidden unit in each lane; slopes (H, 16) is filled."""
    n_forced, lanes = zbar.shape[1:]
    hidden_dim, latent_dim = p.W2.shape
    signal, w2, flat = zbar.reshape(-1), p.W2.reshape(-1), slopes.reshape(-1)
    slopes[:] = zbar.dtype.type(0)
    for t in range(n_steps):
        at = t * n_forced * lanes
        if clipped:
            count_open_clipped(w2, 0, latent_dim, 1, hidden_dim, n_forced, signal, at, p.h2, 0, flat, 0, flat, 0)
        else:
            count_open(w2, 0, latent_dim, 1, hidden_dim, n_forced, signal, at, p.h2, 0, flat, 0, flat, 0)
    for j in range(flat.size):
        flat[j] /= zbar.dtype.type(n_steps)


@jit
def norm_of_mean(p, zbar, n_steps, n_lanes, clipped):
    """Largest spectral norm over lanes of the mean Jacobian over time: the estimator ``arithmetic_mean``."""
    hidden_dim, latent_dim = p.W2.shape
    slopes = np.empty((hidden_dim, zbar.shape[2]), dtype=zbar.dtype)
    mean_slopes(p, zbar, n_steps, clipped, slopes)
    gates, jacobian = np.empty(hidden_dim), np.empty((latent_dim, latent_dim))
    sigma = 0.0
    for lane in range(n_lanes):
        for k in range(hidden_dim):
            gates[k] = slopes[k, lane]
        _jacobian(p, gates, jacobian)
        sigma = max(sigma, spectral_norm(jacobian))
    return sigma


@jit
def add_jacobian(jacobian, estimator, value, logs, signs):
    """Take in the Jacobian of one more time of a sequence, for all estimators but the first and the last.

    Args:
        jacobian: (M, M).
        estimator: index into ``ESTIMATORS``.
        value: what was returned for the time before, 0 at first.
        logs: (M, M), zeros at first, changed in place.
        signs: (M, M), zeros at first, changed in place.

    Returns:
        sum of ln sn(J) or maximum of sn(J) so far.
    """
    if estimator == 1:
        return value + math.log(max(spectral_norm(jacobian), 1e-30))
    if estimator == 3:
        return max(value, spectral_norm(jacobian))
    for i in range(jacobian.shape[0]):
        for j in range(jacobian.shape[1]):
            logs[i, j] += math.log(max(abs(jacobian[i, j]), 1e-30))
            signs[i, j] += math.copysign(1.0, jacobian[i, j])
    return value


@jit
def of_sequence(estimator, value, logs, signs, count):
    """What the estimator says of a sequence whose ``count`` Jacobians went through ``add_jacobian``."""
    if estimator == 1:
        return math.exp(value / count)
    if estimator == 3:
        return value
    jacobian = np.empty_like(logs)
    for i in range(logs.shape[0]):
        for j in range(logs.shape[1]):
            jacobian[i, j] = math.copysign(math.exp(logs[i, j] / count), signs[i, j])
    return spectral_norm(jacobian)


@jit
def growth(p, zbar, n_steps, n_lanes, clipped, estimator, stride):
    """sigma of the module docstring.

    Args:
        p: Parameters of a shallow PLRNN.
        zbar: (n_steps or more, M or N, 16) forcing signals; units from N on are zero.
        n_steps: number of times that are used.
        n_lanes: number of lanes that count.
        clipped: the clipped form.
        estimator: index into ``ESTIMATORS``.
        stride: only every stride-th time is used (``arithmetic_mean`` uses all).

    Returns:
        float64.
    """
    if estimator == 4:
        norms = spectral_norm(p.W1.T.astype(np.float64)) * spectral_norm(p.W2.astype(np.float64))
        return float(np.abs(p.A).max()) + norms
    if estimator == 0:
        return norm_of_mean(p, zbar, n_steps, n_lanes, clipped)
    latent_dim = p.A.size
    gates, jacobian = np.zeros(p.h2.size), np.zeros((latent_dim, latent_dim))
    logs, signs = np.zeros((latent_dim, latent_dim)), np.zeros((latent_dim, latent_dim))
    sigma = 0.0
    for lane in range(n_lanes):
        logs[:], signs[:] = 0.0, 0.0
        value, count = 0.0, 0
        for t in range(0, n_steps, stride):
            count += 1
            _gates(p, zbar, clipped, t, lane, gates)
            _jacobian(p, gates, jacobian)
            value = add_jacobian(jacobian, estimator, value, logs, signs)
        sigma = max(sigma, of_sequence(estimator, value, logs, signs, count))
    return sigma
