"""Elementwise PLRNNs under teacher forcing: derivatives of all predictions of a window by all parameters.

For each prediction, component n of O(z[t+1]), the adjoint runs back to the start of the window,

    lam[t+1] = dO_n/dz,    q[k] = W' lam[k+1],    lam[k] = (1 - f[k]) * (A * lam[k+1] + phi'(s[k]) * q[k])

and its derivatives are sums over the steps k = 0..t, with the signs of ``elementwise_plrnn``,

    A_i   sum_k lam_i[k+1] s_i[k]             W_ij  sum_k lam_i[k+1] phi_j(s[k])          h_i  sum_k lam_i[k+1]
    H_ib  sum_k q_i[k] dphi_i/dH_ib           alpha_b  sum_k sum_i q_i[k] dphi_i/dalpha_b
    C_ik  sum_k lam_i[k+1] u_k[k+1]           L_ij  lam_(N+i)[0] x_j[0]

Sixteen predictions go side by side, one to a lane, so that all sums are products of a matrix of numbers with rows of
lanes. For N variables at every e-th of T steps this takes T N / e times T/2 steps of 2 M^2 products, the forward
recurrence of all n = M^2 + 2 M derivatives T steps of M^2 n: the adjoint is cheaper where T N / e < n, as in 150 < 440
for T = 200, N = 3, e = 4, M = 20.

theta are the parameters A, W, h, alpha, H, C, L in this order; the readout B is left as it is. States are
those that ``elementwise_plrnn.forward`` has left in the workspace. The slow twin is autograd through
``forced_windows_reference.predictions``.
"""

import numpy as np

from dysyr.kernels import forced_windows as forced
from dysyr.kernels.jit import jit
from dysyr.kernels.lane_products import add_product, copy
from dysyr.kernels.vector_blocks import product
from dysyr.kernels.vector_code import LANES

STEPS_PER_BLOCK = 32
"""Adjoint steps between two sums of products: what they need is then still in the cache."""

_adjoint = product(
    "ppr", 2, None, lambda total, gain, decay, lam: (total, gain.times(total, decay * lam))
)  # fmt: skip
"""(gain, decay, lam, q, c): q = W x, c = gain * q + decay * lam."""


def n_refined(shapes):
    """Number of parameters of the recurrence, the readout left out.

    Args:
        shapes: shapes from ``elementwise_plrnn.shapes``.
    """
    return forced.n_parameters(shapes[:-1])


@jit
def _values_and_slopes(p, group, lane, strength, known, form, ws, s, r, gain, decay):
    """States s, r = phi(s), (1 - f) phi'(s) and (1 - f) A of one window, each (n_steps, M)."""
    n_steps, latent_dim = s.shape
    for t in range(n_steps):
        for m in range(latent_dim):
            value = ws.s[group, t, m, lane]
            s[t, m], r[t, m] = value, ws.r[group, t, m, lane]
            slope = 1.0
            if p.alpha.size:
                slope = 0.0
                for b in range(p.alpha.size):
                    slope += p.alpha[b] * ((value > p.H[m, b]) - (form.clipped and value > 0))
            elif m >= form.n_linear and not value > 0:
                slope = 0.0
            free = 1.0
            if m < known.shape[2]:
                free -= strength[t] * known[group, t, m, lane]
            gain[t, m], decay[t, m] = free * slope, free * p.A[m]


@jit
def _bends(p, s, form, by_alpha, by_h):
    """Derivatives of phi_i by alpha_b and by H_ib along one window, each (n_steps, M, n_bases)."""
    for t in range(s.shape[0]):
        for m in range(s.shape[1]):
            below = max(s[t, m], 0.0) if form.clipped else 0.0
            for b in range(p.alpha.size):
                above = s[t, m] - p.H[m, b]
                by_alpha[t, m, b] = max(above, 0.0) - below
                by_h[t, m, b] = -p.alpha[b] if above > 0 else 0.0


@jit
def _first_adjoint(p, affine, weight, n, lane, lam):
    """Put weight dO_n/dz into a lane of the flat rows ``lam`` (M, 16)."""
    if affine:
        for m in range(p.A.size):
            lam[m * LANES + lane] = weight * p.B[n, m]
    else:
        lam[n * LANES + lane] = weight


@jit
def sensitivities(p, batch, group, lane, strength, every, form, affine, ws, out):
    """out[j, n, :] = w[t+1, n] dO(z[t+1])_n / dtheta of one window, t = every (j + 1) - 1, w = 1 where a value counts.

    Args:
        p: Parameters of the model, float64.
        batch: Batch.
        group: group of the window.
        lane: its lane.
        strength: (n_steps,) forcing strengths.
        every: only every so many steps are written.
        form: Form.
        affine: affine readout.
        ws: Workspace after ``prepare`` and ``forward``.
        out: (n_steps // every, N, n) float64, filled.
    """
    n_written, n_observed, size = out.shape
    latent_dim, n_bases, n_inputs = p.A.size, p.alpha.size, p.C.shape[1]
    n_steps, n_rows = n_written * every, n_written * n_observed
    table = np.empty((4, n_steps, latent_dim))
    _values_and_slopes(
        p, group, lane, strength, ws.known if affine else batch.observed, form, ws,
        table[0], table[1], table[2], table[3],
    )  # fmt: skip
    bends = np.empty((2, n_steps, latent_dim, n_bases))
    if n_bases:
        _bends(p, table[0], form, bends[0], bends[1])
    s, r, gain, decay = table[0].reshape(-1), table[1].reshape(-1), table[2].reshape(-1), table[3].reshape(-1)
    by_alpha, by_h = bends[0].reshape(-1), bends[1].reshape(-1)
    weights, inputs, one = p.W.reshape(-1), batch.u[group].reshape(-1), np.ones(1)
    at_w, at_h = latent_dim, latent_dim + latent_dim * latent_dim
    at_alpha = at_h + latent_dim
    at_thresholds = at_alpha + n_bases
    at_c = at_thresholds + latent_dim * n_bases
    at_l = at_c + latent_dim * n_inputs
    lam, before, q = np.empty(latent_dim * LANES), np.empty(latent_dim * LANES), np.empty(latent_dim * LANES)
    block = STEPS_PER_BLOCK * LANES
    lams, qs = np.empty(latent_dim * block), np.empty(latent_dim * block)
    sums = np.empty((size, LANES))
    y = sums.reshape(-1)
    for first in range(0, n_rows, LANES):
        last = min(first + LANES, n_rows) - 1
        waiting = last
        lam[:], sums[:] = 0.0, 0.0
        stop = every * (last // n_observed + 1)
        while stop > 0:
            start = max(0, stop - STEPS_PER_BLOCK)
            for t in range(stop - 1, start - 1, -1):
                while waiting >= first and every * (waiting // n_observed + 1) == t + 1:
                    n = waiting % n_observed
                    _first_adjoint(p, affine, batch.counts[group, t + 1, n, lane], n, waiting - first, lam)
                    waiting -= 1
                now = t * latent_dim
                _adjoint(
                    weights, 0, 1, latent_dim, latent_dim, latent_dim, lam, 0, gain, now, decay, now, lam, 0,
                    q, 0, before, 0,
                )  # fmt: skip
                here = (t - start) * LANES
                for i in range(latent_dim):
                    copy(1, lam, i * LANES, lams, i * block + here)
                if n_bases:
                    for i in range(latent_dim):
                        copy(1, q, i * LANES, qs, i * block + here)
                lam, before = before, lam
            steps, now = stop - start, start * latent_dim
            for i in range(latent_dim):
                x = i * block
                add_product(s, now + i, 0, latent_dim, 1, steps, lams, x, y, i * LANES)
                add_product(r, now, 1, latent_dim, latent_dim, steps, lams, x, y, (at_w + i * latent_dim) * LANES)
                add_product(one, 0, 0, 0, 1, steps, lams, x, y, (at_h + i) * LANES)
                if n_bases:
                    own, width = (now + i) * n_bases, latent_dim * n_bases
                    add_product(by_alpha, own, 1, width, n_bases, steps, qs, x, y, at_alpha * LANES)
                    add_product(by_h, own, 1, width, n_bases, steps, qs, x, y, (at_thresholds + i * n_bases) * LANES)
                if n_inputs:
                    drive = (start + 1) * n_inputs * LANES + lane
                    add_product(
                        inputs, drive, LANES, n_inputs * LANES, n_inputs, steps, lams, x,
                        y, (at_c + i * n_inputs) * LANES,
                    )  # fmt: skip
            stop = start
        for i in range(p.L.shape[0]):
            for j in range(n_observed):
                for k in range(LANES):
                    sums[at_l + i * n_observed + j, k] = (
                        lam[(n_observed + i) * LANES + k] * batch.seen[group, 0, j, lane]
                    )
        if form.hollow:
            for m in range(latent_dim):
                sums[at_w + m * (latent_dim + 1)] = 0.0
        for k in range(last - first + 1):
            row = out[(first + k) // n_observed, (first + k) % n_observed]
            for m in range(size):
                row[m] = sums[m, k]
