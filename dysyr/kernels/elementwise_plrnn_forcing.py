"""How strongly to force PLRNNs whose nonlinearity acts on each unit alone: the estimators of ``forcing.py``.

    J_t = diag(A) + W diag(phi'(zbar_t)),      jacobian_upper_bound   sigma = max |A| + sn(W) max |phi'|

Where all forced units are linear the Jacobians of all sequences are the same: ``norm_of_mean`` finds the norm of one.
"""

import numpy as np

from dysyr.kernels.forcing import add_jacobian, of_sequence, spectral_norm
from dysyr.kernels.jit import jit


@jit
def _slope(p, form, m, value):
    """phi'_m at a value."""
    if p.alpha.size == 0:
        return 1.0 if m < form.n_linear or value > 0 else 0.0
    slope = 0.0
    for b in range(p.alpha.size):
        slope += float(p.alpha[b]) * ((value > p.H[m, b]) - (form.clipped and value > 0))
    return slope


@jit
def _greatest_slope(p, form):
    """Largest |phi'|, found to the right of the thresholds; 1 without dendrites."""
    if p.alpha.size == 0:
        return 1.0
    greatest = 0.0
    for m in range(p.A.size):
        for k in range(p.alpha.size + form.clipped):
            at = float(p.H[m, k]) if k < p.alpha.size else 0.0
            slope = 0.0
            for b in range(p.alpha.size):
                slope += float(p.alpha[b]) * ((at >= p.H[m, b]) - (form.clipped and at >= 0))
            greatest = max(greatest, abs(slope))
    return greatest


@jit
def _jacobian(p, slopes, out):
    """out = diag(A) + W diag(slopes)."""
    for i in range(p.A.size):
        for j in range(p.A.size):
            out[i, j] = float(p.W[i, j]) * slopes[j]
        out[i, i] += float(p.A[i])


@jit
def _moved(slopes, before):
    """Whether slopes differ from those before, which are overwritten."""
    moved = False
    for m in range(slopes.size):
        moved = moved or slopes[m] != before[m]
        before[m] = slopes[m]
    return moved


@jit
def norm_of_mean(p, zbar, n_steps, n_lanes, form):
    """Largest spectral norm over lanes of the mean Jacobian over time: the estimator ``arithmetic_mean``."""
    latent_dim = p.A.size
    slopes, before, jacobian = np.empty(latent_dim), np.full(latent_dim, np.nan), np.empty((latent_dim, latent_dim))
    sigma = 0.0
    for lane in range(n_lanes):
        for m in range(latent_dim):
            slopes[m] = _slope(p, form, m, 0.0)
            if m < zbar.shape[1] and not (p.alpha.size == 0 and m < form.n_linear):
                total = 0.0
                for t in range(n_steps):
                    total += _slope(p, form, m, zbar[t, m, lane])
                slopes[m] = total / n_steps
        if _moved(slopes, before):
            _jacobian(p, slopes, jacobian)
            sigma = max(sigma, spectral_norm(jacobian))
    return sigma


@jit
def growth(p, zbar, n_steps, n_lanes, form, estimator, stride):
    """sigma of the module docstrings here and in ``forcing.py``.

    Args:
        p: Parameters of an elementwise PLRNN.
        zbar: (n_steps or more, M or N, 16) forcing signals; units from N on are zero.
        n_steps: number of times that are used.
        n_lanes: number of lanes that count.
        form: Form.
        estimator: index into ``forcing.ESTIMATORS``.
        stride: only every stride-th time is used (``arithmetic_mean`` uses all).

    Returns:
        float64.
    """
    if estimator == 4:
        return float(np.abs(p.A).max()) + spectral_norm(p.W.astype(np.float64)) * _greatest_slope(p, form)
    if estimator == 0:
        return norm_of_mean(p, zbar, n_steps, n_lanes, form)
    latent_dim = p.A.size
    slopes, jacobian = np.empty(latent_dim), np.empty((latent_dim, latent_dim))
    logs, signs = np.empty((latent_dim, latent_dim)), np.empty((latent_dim, latent_dim))
    for m in range(latent_dim):
        slopes[m] = _slope(p, form, m, 0.0)
    sigma = 0.0
    for lane in range(n_lanes):
        logs[:], signs[:] = 0.0, 0.0
        value, count = 0.0, 0
        for t in range(0, n_steps, stride):
            count += 1
            for m in range(zbar.shape[1]):
                slopes[m] = _slope(p, form, m, zbar[t, m, lane])
            _jacobian(p, slopes, jacobian)
            value = add_jacobian(jacobian, estimator, value, logs, signs)
        sigma = max(sigma, of_sequence(estimator, value, logs, signs, count))
    return sigma
