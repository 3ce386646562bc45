"""PLRNNs whose nonlinearity acts on each unit alone, under teacher forcing: loss and gradient, fused over all steps.

    s[t]   = z[t] + f[t] (zbar[t] - z[t])                   f = forcing strength where observed, else 0
    z[t+1] = A * s[t] + W phi(s[t]) + h + C u[t+1]

    PLRNN       phi(s) = relu(s), W with a diagonal of zeros
    AL-RNN      phi(s) = s for all but the last P units, relu(s) for those
    dendritic   phi(s)_m = sum_b alpha_b relu(s_m - H_mb)       clipped: sum_b alpha_b (relu(s_m - H_mb) - relu(s_m))

Backward, with g[t] = dloss/dz[t] and c = 0 at the end:

    lam = g[t+1] + c;   q = W' lam;   d = q * phi'(s);   c = (1 - f[t]) * (A * lam + d)

Windows, models and loss are those of :mod:`dysyr.kernels.forced_windows`. Source: brenner2022, brenner2024, hess2023.
The slow twin is ``elementwise_plrnn_reference.py``.
"""

from collections import namedtuple

import numpy as np

from dysyr.kernels import forced_windows as forced
from dysyr.kernels.jit import jit
from dysyr.kernels.lane_products import (
    add_lanes,
    add_product,
    add_times,
    blend,
    carry,
    carry_free,
    copy,
    gate,
    matrix_product,
    next_state,
    rectify,
    sum_of_two,
)
from dysyr.kernels.spline_blocks import spline, spline_back, spline_back_clipped, spline_clipped
from dysyr.kernels.vector_blocks import outer, sum_over_steps
from dysyr.kernels.vector_code import LANES, lane_zeros

Parameters = namedtuple("Parameters", "A W h alpha H C L B")
"""Parts of one flat vector: A (M,), W (M, M), h (M,), slopes alpha (n_bases,) and thresholds H (M, n_bases) of the
dendrites, C (M, K), L (M-N, N) the start of the unobserved units, B (N, M) the affine readout. Absent parts have size
zero."""

Form = namedtuple("Form", "n_linear clipped hollow")
"""What makes a family: the first ``n_linear`` units stay linear where there are no dendrites; the clipped form of the
dendrites; whether the diagonal of W stays at zero."""

Workspace = namedtuple(
    "Workspace", "s r z zbar known g c lam d sum_A sum_h residual partial scale pseudo q sums"
)  # fmt: skip


def shapes(latent_dim, n_bases, n_observed, n_inputs, affine):
    """Shapes of the parts of ``Parameters`` in their order in the flat vector.

    Args:
        latent_dim: M.
        n_bases: bases of each dendrite, 0 for none.
        n_observed: N.
        n_inputs: K.
        affine: whether there is a readout matrix.

    Raises:
        InputError: more variables than units, without a readout matrix.
    """
    return Parameters(
        A=(latent_dim,),
        W=(latent_dim, latent_dim),
        h=(latent_dim,),
        alpha=(n_bases,),
        H=(latent_dim, n_bases),
        C=(latent_dim, n_inputs),
        L=forced.start_shape(latent_dim, n_observed, affine),
        B=(n_observed, latent_dim) if affine else (0, latent_dim),
    )


def workspace(part_shapes, n_steps, dtype=np.float32, *, n_groups=1, n_models=1):
    """Buffers for ``n_groups`` groups of windows of ``n_steps`` forced steps; reused from update to update."""
    latent_dim, n_bases = part_shapes.H
    common = forced.buffers(part_shapes, n_steps, latent_dim, dtype, n_groups, n_models)
    q = lane_zeros((latent_dim, LANES), dtype)
    return Workspace(**common, q=q, sums=lane_zeros((n_bases * (1 + latent_dim), LANES), dtype))


@jit
def forward(theta, at, owner, batch, first, strength, form, affine, ws):
    """Run all steps of the forced recurrence; fills ws.s, ws.r = phi(s), ws.z[:, 1:]."""
    n_groups, n_steps, latent_dim, lanes = ws.s.shape
    n_inputs, n, n_bases = batch.u.shape[2], batch.x.shape[1], ws.sums.shape[0] // (1 + latent_dim)
    target, known = (ws.zbar, ws.known) if affine else (batch.seen, batch.observed)
    n_forced, n_stored = target.shape[2], target.shape[1]
    p, size = theta.reshape(-1), theta.shape[1]
    s, r, z, bar, seen = ws.s.reshape(-1), ws.r.reshape(-1), ws.z.reshape(-1), target.reshape(-1), known.reshape(-1)
    inputs, alpha = batch.u.reshape(-1), strength.reshape(-1)
    state, mixed, linear = latent_dim * lanes, n_forced * lanes, form.n_linear * lanes
    for k in range(min(n_groups, owner.size - first)):
        own, forcing = owner[first + k] * size, (k if affine else first + k) * n_stored * mixed
        for t in range(n_steps):
            now, before, wanted = (k * n_steps + t) * state, (k * (n_steps + 1) + t) * state, forcing + t * mixed
            after = before + state
            blend(
                n_forced, z, before, bar, wanted, seen, wanted, alpha, owner[first + k] * n_steps + t, s, now
            )  # fmt: skip
            copy(latent_dim - n_forced, z, before + mixed, s, now + mixed)
            if n_bases == 0:
                copy(form.n_linear, s, now, r, now)
                rectify(latent_dim - form.n_linear, s, now + linear, r, now + linear)
            elif form.clipped:
                spline_clipped(latent_dim, n_bases, s, now, p, own + at.H, p, own + at.alpha, r, now)
            else:
                spline(latent_dim, n_bases, s, now, p, own + at.H, p, own + at.alpha, r, now)
            next_state(
                p, own + at.W, latent_dim, 1, latent_dim, latent_dim, r, now, p, own + at.A, s, now, p, own + at.h,
                z, after,
            )  # fmt: skip
            if n_inputs:
                drive = ((first + k) * n + t + 1) * n_inputs * lanes
                add_product(p, own + at.C, n_inputs, 1, latent_dim, n_inputs, inputs, drive, z, after)


@jit
def backward(theta, grad, at, owner, batch, first, strength, form, affine, ws):
    """Gradients of the recurrence from ws.g; leaves dloss/dz[0] in ws.c."""
    n_groups, n_steps, latent_dim, lanes = ws.s.shape
    n_inputs, n, block = batch.u.shape[2], batch.x.shape[1], ws.lam.shape[0]
    n_bases = ws.sums.shape[0] // (1 + latent_dim)
    known = ws.known if affine else batch.observed
    n_forced, n_stored = known.shape[2], known.shape[1]
    zero, p, size, change = theta.dtype.type(0), theta.reshape(-1), theta.shape[1], grad.reshape(-1)
    s, r, g, seen = ws.s.reshape(-1), ws.r.reshape(-1), ws.g.reshape(-1), known.reshape(-1)
    lam, d, q, c, sums = (
        ws.lam.reshape(-1), ws.d.reshape(-1), ws.q.reshape(-1), ws.c.reshape(-1), ws.sums.reshape(-1)
    )  # fmt: skip
    inputs, alpha = batch.u.reshape(-1), strength.reshape(-1)
    sum_diagonal, sum_h = ws.sum_A.reshape(-1), ws.sum_h.reshape(-1)
    state, mixed, linear = latent_dim * lanes, n_forced * lanes, form.n_linear * lanes
    for k in range(min(n_groups, owner.size - first)):
        own, forcing, back = owner[first + k] * size, (k if affine else first + k) * n_stored * mixed, k * state
        ws.sum_A[:], ws.sum_h[:], ws.sums[:], ws.c[k] = zero, zero, zero, zero
        stop = n_steps
        while stop > 0:
            start = max(0, stop - block)
            for t in range(stop - 1, start - 1, -1):
                now, here, wanted = (k * n_steps + t) * state, (t - start) * state, forcing + t * mixed
                sum_of_two(latent_dim, g, now, c, back, lam, here)
                if n_bases == 0:
                    matrix_product(p, own + at.W, 1, latent_dim, form.n_linear, latent_dim, lam, here, d, 0)
                    gate(
                        p, own + at.W + form.n_linear, 1, latent_dim, latent_dim - form.n_linear, latent_dim, lam, here,
                        r, now + linear, d, linear,
                    )  # fmt: skip
                else:
                    matrix_product(p, own + at.W, 1, latent_dim, latent_dim, latent_dim, lam, here, q, 0)
                    if form.clipped:
                        spline_back_clipped(
                            latent_dim, n_bases, s, now, q, 0, p, own + at.H, p, own + at.alpha, d, 0,
                            sums, 0, n_bases * lanes,
                        )  # fmt: skip
                    else:
                        spline_back(
                            latent_dim, n_bases, s, now, q, 0, p, own + at.H, p, own + at.alpha, d, 0,
                            sums, 0, n_bases * lanes,
                        )  # fmt: skip
                add_times(latent_dim, lam, here, s, now, sum_diagonal, 0, sum_diagonal, 0)
                carry(
                    n_forced, p, own + at.A, lam, here, d, 0, seen, wanted, alpha, owner[first + k] * n_steps + t,
                    c, back,
                )  # fmt: skip
                carry_free(
                    latent_dim - n_forced, p, own + at.A + n_forced, lam, here + mixed, d, mixed, c, back + mixed
                )  # fmt: skip
            steps, now = stop - start, (k * n_steps + start) * state
            sum_over_steps(lam, 0, state, latent_dim, steps, sum_h, 0)
            outer(lam, 0, state, latent_dim, r, now, state, latent_dim, steps, change, own + at.W)
            if n_inputs:
                width, drive = n_inputs * lanes, ((first + k) * n + start + 1) * n_inputs * lanes
                outer(lam, 0, state, latent_dim, inputs, drive, width, n_inputs, steps, change, own + at.C)
            stop = start
        add_lanes(ws.sum_A, change, own + at.A)
        add_lanes(ws.sum_h, change, own + at.h)
        add_lanes(ws.sums[:n_bases], change, own + at.alpha)
        add_lanes(ws.sums[n_bases:], change, own + at.H)
        if form.hollow:
            for m in range(latent_dim):
                change[own + at.W + m * (latent_dim + 1)] = zero


@jit
def add_loss_and_gradient(theta, grad, at, owner, batch, count, strength, form, affine, ws, losses):
    """Losses of models on their windows; the gradients are added to ``grad``.

    Args:
        theta: (model, n) flat parameters.
        grad: (model, n).
        at: ``offsets`` of the parts.
        owner: (group,) int64, the model of each group of 16 windows.
        batch: Batch.
        count: (model,) sums of the loss weights over the windows of each model, float64.
        strength: (model, n_steps) forcing strength of each step.
        form: Form.
        affine: affine readout; its pseudoinverses are in ``ws.pseudo``.
        ws: Workspace.
        losses: (model,) float64, filled with the sums of squared errors divided by ``count``.
    """
    losses[:] = 0.0
    for first in range(0, owner.size, ws.s.shape[0]):
        forced.prepare(theta, at, owner, batch, first, affine, ws)
        forward(theta, at, owner, batch, first, strength, form, affine, ws)
        forced.squared_error(theta, grad, at, owner, batch, first, count, affine, ws, losses)
        backward(theta, grad, at, owner, batch, first, strength, form, affine, ws)
        forced.start_gradient(theta, grad, at, owner, batch, first, affine, ws)
