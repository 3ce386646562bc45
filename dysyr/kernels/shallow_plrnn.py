"""The shallow PLRNN under teacher forcing: loss and gradient of windows of one or many models, fused over all steps.

    s[t]   = z[t] + f[t] (zbar[t] - z[t])                            f = forcing strength where observed, else 0
    a[t]   = W2 s[t]
    r[t]   = relu(a[t] + h2)            clipped: relu(a[t] + h2) - relu(a[t])
    z[t+1] = A * s[t] + W1 r[t] + h1 + C u[t+1]
    loss   = sum_t w[t] (O(z[t]) - x[t])^2 / sum_t w[t],             t = 1..T, scored before forcing

Backward, with g[t] = dloss/dz[t] and c = 0 at the end:

    lam = g[t+1] + c;   e = W1' lam;   d = e * (1[a+h2>0] - clipped * 1[a>0])
    c   = (1 - f[t]) * (A * lam + W2' d)

Windows, models and loss are those of :mod:`dysyr.kernels.forced_windows`. Source: hess2023. The slow twin is
``shallow_plrnn_reference.py``.
"""

from collections import namedtuple

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels import forced_windows as forced
from dysyr.kernels.jit import jit
from dysyr.kernels.lane_products import (
    add_lanes,
    add_product,
    add_times,
    blend,
    carry_back,
    carry_back_free,
    copy,
    gate,
    gate_clipped,
    hidden,
    hidden_clipped,
    next_state,
    sum_of_two,
)
from dysyr.kernels.vector_blocks import outer, sum_over_steps
from dysyr.kernels.vector_code import LANES, lane_zeros

Parameters = namedtuple("Parameters", "A W1 W2 h1 h2 C L B")
"""Parts of one flat vector: A (M,), W1 (M, H), W2 (H, M), h1 (M,), h2 (H,), C (M, K), L (M-N, N) the start of the
unobserved units, B (N, M) the affine readout. Absent parts have size zero."""

Workspace = namedtuple(
    "Workspace", "s r z zbar known g c lam d sum_A sum_h residual partial scale pseudo a above sum_h2 W2"
)


def shapes(latent_dim, hidden_dim, n_observed, n_inputs, affine):
    """Shapes of the parts of ``Parameters`` in their order in the flat vector.

    Args:
        latent_dim: M.
        hidden_dim: H.
        n_observed: N.
        n_inputs: K.
        affine: whether there is a readout matrix.

    Raises:
        InputError: more variables than units, without a readout matrix.
    """
    return Parameters(
        A=(latent_dim,),
        W1=(latent_dim, hidden_dim),
        W2=(hidden_dim, latent_dim),
        h1=(latent_dim,),
        h2=(hidden_dim,),
        C=(latent_dim, n_inputs),
        L=forced.start_shape(latent_dim, n_observed, affine),
        B=(n_observed, latent_dim) if affine else (0, latent_dim),
    )


def in_double_precision(arrays, z):
    """Parameters and states for kernels that know no lengths but those of W2.

    Args:
        arrays: Parameters.
        z: (batch, M) states.

    Returns:
        Parameters and states, float64 and contiguous.

    Raises:
        InputError: parameters that do not fit together, or states that do not fit them.
    """
    p = Parameters(*(np.ascontiguousarray(part, dtype=np.float64) for part in arrays))
    z = np.ascontiguousarray(z, dtype=np.float64)
    hidden_dim, latent_dim = p.W2.shape
    needed = shapes(latent_dim, hidden_dim, latent_dim, p.C.shape[-1], False)
    for name in ("A", "W1", "h1", "h2", "C"):
        shape, wanted = getattr(p, name).shape, getattr(needed, name)
        if shape != wanted:
            got = f"{name} {shape} with W2 {p.W2.shape}"
            raise InputError("parameters do not fit together", got=got, expected=f"{name} {wanted}")
    if z.ndim != 2 or z.shape[1] != latent_dim:
        raise InputError("starts do not fit the model", got=f"shape {z.shape}", expected=f"(batch, {latent_dim})")
    return p, z


def workspace(part_shapes, n_steps, dtype=np.float32, *, n_groups=1, n_models=1, clipped=False):
    """Buffers for ``n_groups`` groups of windows of ``n_steps`` forced steps; reused from update to update."""
    latent_dim, hidden_dim = part_shapes.W1
    common = forced.buffers(part_shapes, n_steps, hidden_dim, dtype, n_groups, n_models)
    return Workspace(
        **common,
        a=lane_zeros((n_groups, n_steps if clipped else 0, hidden_dim, LANES), dtype),
        above=lane_zeros((len(common["d"]) if clipped else 0, hidden_dim, LANES), dtype),
        sum_h2=lane_zeros((hidden_dim, LANES), dtype),
        W2=np.zeros((latent_dim, hidden_dim), dtype),
    )


@jit
def forward(theta, at, owner, batch, first, strength, clipped, affine, ws):
    """Run all steps of the forced recurrence; fills ws.s, ws.r, ws.z[:, 1:], and ws.a in the clipped form."""
    n_groups, n_steps, latent_dim, lanes = ws.s.shape
    hidden_dim, n_inputs, n = ws.r.shape[2], batch.u.shape[2], batch.x.shape[1]
    target, known = (ws.zbar, ws.known) if affine else (batch.seen, batch.observed)
    n_forced, n_stored = target.shape[2], target.shape[1]
    p, size = theta.reshape(-1), theta.shape[1]
    s, a, r, z, bar, seen = (
        ws.s.reshape(-1), ws.a.reshape(-1), ws.r.reshape(-1), ws.z.reshape(-1), target.reshape(-1), known.reshape(-1)
    )  # fmt: skip
    inputs, alpha = batch.u.reshape(-1), strength.reshape(-1)
    state, active, mixed = latent_dim * lanes, hidden_dim * lanes, n_forced * lanes
    for k in range(min(n_groups, owner.size - first)):
        own, forcing = owner[first + k] * size, (k if affine else first + k) * n_stored * mixed
        for t in range(n_steps):
            now, before, open_ = (k * n_steps + t) * state, (k * (n_steps + 1) + t) * state, (k * n_steps + t) * active
            after, wanted = before + state, forcing + t * mixed
            blend(
                n_forced, z, before, bar, wanted, seen, wanted, alpha, owner[first + k] * n_steps + t, s, now
            )  # fmt: skip
            copy(latent_dim - n_forced, z, before + mixed, s, now + mixed)
            if clipped:
                hidden_clipped(
                    p, own + at.W2, latent_dim, 1, hidden_dim, latent_dim, s, now, p, own + at.h2, a, open_, r, open_
                )  # fmt: skip
            else:
                hidden(p, own + at.W2, latent_dim, 1, hidden_dim, latent_dim, s, now, p, own + at.h2, r, open_)
            next_state(
                p, own + at.W1, hidden_dim, 1, latent_dim, hidden_dim, r, open_, p, own + at.A, s, now,
                p, own + at.h1, z, after,
            )  # fmt: skip
            if n_inputs:
                drive = ((first + k) * n + t + 1) * n_inputs * lanes
                add_product(p, own + at.C, n_inputs, 1, latent_dim, n_inputs, inputs, drive, z, after)


@jit
def backward(theta, grad, at, owner, batch, first, strength, clipped, affine, ws):
    """Gradients of the recurrence from ws.g; leaves dloss/dz[0] in ws.c."""
    n_groups, n_steps, latent_dim, lanes = ws.s.shape
    hidden_dim, n_inputs, n, block = ws.r.shape[2], batch.u.shape[2], batch.x.shape[1], ws.lam.shape[0]
    known = ws.known if affine else batch.observed
    n_forced, n_stored = known.shape[2], known.shape[1]
    zero, p, size, change = theta.dtype.type(0), theta.reshape(-1), theta.shape[1], grad.reshape(-1)
    s, a, r, g, seen = (
        ws.s.reshape(-1), ws.a.reshape(-1), ws.r.reshape(-1), ws.g.reshape(-1), known.reshape(-1)
    )  # fmt: skip
    lam, d, above, c = ws.lam.reshape(-1), ws.d.reshape(-1), ws.above.reshape(-1), ws.c.reshape(-1)
    inputs, alpha, w2 = batch.u.reshape(-1), strength.reshape(-1), ws.W2.reshape(-1)
    sum_diagonal, sum_h1, sum_h2 = ws.sum_A.reshape(-1), ws.sum_h.reshape(-1), ws.sum_h2.reshape(-1)
    state, active, mixed = latent_dim * lanes, hidden_dim * lanes, n_forced * lanes
    for k in range(min(n_groups, owner.size - first)):
        own, forcing, back = owner[first + k] * size, (k if affine else first + k) * n_stored * mixed, k * state
        ws.sum_A[:], ws.sum_h[:], ws.sum_h2[:], ws.W2[:], ws.c[k] = zero, zero, zero, zero, zero
        stop = n_steps
        while stop > 0:
            start = max(0, stop - block)
            for t in range(stop - 1, start - 1, -1):
                now, open_ = (k * n_steps + t) * state, (k * n_steps + t) * active
                here, gated, wanted = (t - start) * state, (t - start) * active, forcing + t * mixed
                sum_of_two(latent_dim, g, now, c, back, lam, here)
                if clipped:
                    gate_clipped(
                        p, own + at.W1, 1, hidden_dim, hidden_dim, latent_dim, lam, here, a, open_,
                        p, own + at.h2, d, gated, above, gated,
                    )  # fmt: skip
                else:
                    gate(p, own + at.W1, 1, hidden_dim, hidden_dim, latent_dim, lam, here, r, open_, d, gated)
                add_times(latent_dim, lam, here, s, now, sum_diagonal, 0, sum_diagonal, 0)
                carry_back(
                    p, own + at.W2, 1, latent_dim, n_forced, hidden_dim, d, gated, p, own + at.A, lam, here,
                    seen, wanted, alpha, owner[first + k] * n_steps + t, c, back,
                )  # fmt: skip
                carry_back_free(
                    p, own + at.W2 + n_forced, 1, latent_dim, latent_dim - n_forced, hidden_dim, d, gated,
                    p, own + at.A + n_forced, lam, here + mixed, c, back + mixed,
                )  # fmt: skip
            steps, now, open_ = stop - start, (k * n_steps + start) * state, (k * n_steps + start) * active
            sum_over_steps(lam, 0, state, latent_dim, steps, sum_h1, 0)
            sum_over_steps(above if clipped else d, 0, active, hidden_dim, steps, sum_h2, 0)
            outer(lam, 0, state, latent_dim, r, open_, active, hidden_dim, steps, change, own + at.W1)
            outer(s, now, state, latent_dim, d, 0, active, hidden_dim, steps, w2, 0)
            if n_inputs:
                width, drive = n_inputs * lanes, ((first + k) * n + start + 1) * n_inputs * lanes
                outer(lam, 0, state, latent_dim, inputs, drive, width, n_inputs, steps, change, own + at.C)
            stop = start
        add_lanes(ws.sum_A, change, own + at.A)
        add_lanes(ws.sum_h, change, own + at.h1)
        add_lanes(ws.sum_h2, change, own + at.h2)
        for j in range(hidden_dim):
            for m in range(latent_dim):
                change[own + at.W2 + j * latent_dim + m] += ws.W2[m, j]


@jit
def add_loss_and_gradient(theta, grad, at, owner, batch, count, strength, clipped, affine, ws, losses):
    """Losses of models on their windows; the gradients are added to ``grad``.

    Args:
        theta: (model, n) flat parameters.
        grad: (model, n).
        at: ``offsets`` of the parts.
        owner: (group,) int64, the model of each group of 16 windows.
        batch: Batch.
        count: (model,) sums of the loss weights over the windows of each model, float64.
        strength: (model, n_steps) forcing strength of each step.
        clipped: the clipped form of the hidden layer.
        affine: affine readout; its pseudoinverses are in ``ws.pseudo``.
        ws: Workspace.
        losses: (model,) float64, filled with the sums of squared errors divided by ``count``.
    """
    losses[:] = 0.0
    for first in range(0, owner.size, ws.s.shape[0]):
        forced.prepare(theta, at, owner, batch, first, affine, ws)
        forward(theta, at, owner, batch, first, strength, clipped, affine, ws)
        forced.squared_error(theta, grad, at, owner, batch, first, count, affine, ws, losses)
        backward(theta, grad, at, owner, batch, first, strength, clipped, affine, ws)
        forced.start_gradient(theta, grad, at, owner, batch, first, affine, ws)
