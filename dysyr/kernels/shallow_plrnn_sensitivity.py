"""The shallow PLRNN under teacher forcing: derivatives of all predictions of a window by all parameters.

    S[t] = dz[t]/dtheta                                                  (M, n), S[0] = 0 but for L
    S[t+1] = J[t] ((1 - f[t]) * S[t]) + dF/dtheta(s[t], u[t+1]),         J[t] = diag(A) + W1 diag(slopes[t]) W2

with the signs of ``shallow_plrnn``. theta are the parameters A, W1, W2, h1, h2, C, L in this order; the readout B is
left as it is. States are those that ``shallow_plrnn.forward`` has left in the workspace. The slow twin is autograd
through ``shallow_plrnn_reference.predictions``.
"""

import numpy as np

from dysyr.kernels.jit import jit


def n_refined(shapes):
    """Number of parameters of the recurrence, the readout left out.

    Args:
        shapes: shapes from ``shallow_plrnn.shapes``.
    """
    return sum(int(np.prod(shape)) for shape in shapes[:-1])


@jit
def _units(ws, h2, clipped, group, t, lane, r, slope, above):
    """Values of the hidden units at time t, and their derivatives by W2 s and by h2."""
    for k in range(r.size):
        r[k] = ws.r[group, t, k, lane]
        if clipped:
            above[k] = 1.0 if ws.a[group, t, k, lane] + h2[k] > 0 else 0.0
            slope[k] = above[k] - (1.0 if ws.a[group, t, k, lane] > 0 else 0.0)
        else:
            above[k] = 1.0 if r[k] > 0 else 0.0
            slope[k] = above[k]


@jit
def _add_direct(p, s, u, r, slope, above, row, i):
    """row += dF_i/dtheta at fixed state s (M,), inputs u (K,)."""
    latent_dim, hidden_dim = p.W1.shape
    n_inputs = p.C.shape[1]
    at_w1 = latent_dim
    at_w2 = at_w1 + latent_dim * hidden_dim
    at_h1 = at_w2 + hidden_dim * latent_dim
    at_h2 = at_h1 + latent_dim
    at_c = at_h2 + hidden_dim
    row[i] += s[i]
    row[at_h1 + i] += 1.0
    w1, w2 = row[at_w1 + i * hidden_dim : at_w1 + (i + 1) * hidden_dim], row[at_w2:at_h1]
    h2, weights = row[at_h2 : at_h2 + hidden_dim], p.W1[i]
    for k in range(hidden_dim):
        w1[k] += r[k]
        h2[k] += weights[k] * above[k]
    for k in range(hidden_dim):
        factor = weights[k] * slope[k]
        if factor != 0.0:
            for j in range(latent_dim):
                w2[k * latent_dim + j] += factor * s[j]
    for k in range(n_inputs):
        row[at_c + i * n_inputs + k] += u[k]


@jit
def sensitivities(p, batch, group, lane, strength, every, clipped, affine, ws, out):
    """out[j, n, :] = w[t+1, n] dO(z[t+1])_n / dtheta of one window, t = every (j + 1) - 1, w = 1 where a value counts.

    Args:
        p: Parameters of the model.
        batch: Batch.
        group: group of the window.
        lane: its lane.
        strength: (n_steps,) forcing strengths.
        every: only every so many steps are written.
        clipped: the clipped form of the hidden layer.
        affine: affine readout.
        ws: Workspace after ``prepare`` and ``forward``.
        out: (n_steps // every, N, n) float64, filled.
    """
    _, n_observed, size = out.shape
    latent_dim, hidden_dim = p.W1.shape
    n_inputs = p.C.shape[1]
    seen = ws.known if affine else batch.observed
    old, new = np.zeros((latent_dim, size)), np.zeros((latent_dim, size))
    jacobian = np.zeros((latent_dim, latent_dim))
    r, slope, above = np.zeros(hidden_dim), np.zeros(hidden_dim), np.zeros(hidden_dim)
    s, inputs = np.zeros(latent_dim), np.zeros(n_inputs)
    if not affine:
        at_l = size - p.L.size
        for i in range(p.L.shape[0]):
            for j in range(n_observed):
                old[n_observed + i, at_l + i * n_observed + j] = batch.seen[group, 0, j, lane]
    for t in range(out.shape[0] * every):
        _units(ws, p.h2, clipped, group, t, lane, r, slope, above)
        for k in range(n_inputs):
            inputs[k] = batch.u[group, t + 1, k, lane]
        jacobian[:] = 0.0
        for k in range(hidden_dim):
            if slope[k] != 0.0:
                for i in range(latent_dim):
                    for j in range(latent_dim):
                        jacobian[i, j] += p.W1[i, k] * slope[k] * p.W2[k, j]
        for i in range(latent_dim):
            s[i] = ws.s[group, t, i, lane]
            jacobian[i, i] += p.A[i]
        for i in range(latent_dim):
            row = new[i]
            for q in range(size):
                row[q] = 0.0
            for j in range(latent_dim):
                known = 0.0
                if j < seen.shape[2]:
                    known = seen[group, t, j, lane]
                factor, before = jacobian[i, j] * (1.0 - strength[t] * known), old[j]
                for q in range(size):
                    row[q] += factor * before[q]
            _add_direct(p, s, inputs, r, slope, above, row, i)
        old, new = new, old
        if (t + 1) % every:
            continue
        for n in range(n_observed):
            weight, row = batch.counts[group, t + 1, n, lane], out[t // every, n]
            if affine:
                for q in range(size):
                    row[q] = 0.0
                for m in range(latent_dim):
                    factor, part = weight * p.B[n, m], old[m]
                    for q in range(size):
                        row[q] += factor * part[q]
            else:
                part = old[n]
                for q in range(size):
                    row[q] = weight * part[q]
