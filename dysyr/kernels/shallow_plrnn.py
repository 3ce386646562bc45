"""The shallow PLRNN under teacher forcing: loss and gradient of windows of one or many models, fused over all steps.

    s[t]   = z[t] + f[t] (zbar[t] - z[t])                            f = forcing strength where observed, else 0
    a[t]   = W2 s[t]
    r[t]   = relu(a[t] + h2)            clipped: relu(a[t] + h2) - relu(a[t])
    z[t+1] = A * s[t] + W1 r[t] + h1 + C u[t+1]
    loss   = sum_t w[t] (O(z[t]) - x[t])^2 / sum_t w[t],             t = 1..T, scored before forcing

Backward, with g[t] = dloss/dz[t] and c = 0 at the end:

    lam = g[t+1] + c;   e = W1' lam;   d = e * (1[a+h2>0] - clipped * 1[a>0])
    c   = (1 - f[t]) * (A * lam + W2' d)

Windows come in groups of 16 lanes, arrays are (group, time, dim, lane). Each group belongs to a model, one row of the
parameters, so that the batches of many models are one call. A workspace that holds fewer groups than the batch is used
again and again: that of one group fits the second-level cache. Source: hess2023. The slow twin is
``shallow_plrnn_reference.py``.
"""

from collections import namedtuple

import numpy as np

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
    residual,
    sum_of_two,
)
from dysyr.kernels.vector_blocks import outer, sum_over_steps
from dysyr.kernels.vector_code import LANES

Parameters = namedtuple("Parameters", "A W1 W2 h1 h2 C L B")
"""Parts of one flat vector: A (M,), W1 (M, H), W2 (H, M), h1 (M,), h2 (H,), C (M, K), L (M-N, N) the start of the
unobserved units, B (N, M) the affine readout. Absent parts have size zero."""

Batch = namedtuple("Batch", "x seen observed counts u")
"""Windows of n samples: x (group, n, N, 16) what is to be predicted, zero where missing; seen, the same with jitter,
what the model is forced with; observed, 1 where there is a value; counts, 1 where it counts in the loss; u
(group, n, K, 16) inputs."""

Workspace = namedtuple(
    "Workspace", "s a r z zbar known g lam gate above c sum_A sum_h1 sum_h2 residual partial scale pseudo W2"
)


def shapes(latent_dim, hidden_dim, n_observed, n_inputs, affine):
    """Shapes of the parts of ``Parameters`` in their order in the flat vector.

    Args:
        latent_dim: M.
        hidden_dim: H.
        n_observed: N.
        n_inputs: K.
        affine: whether there is a readout matrix.
    """
    extra = 0 if affine else latent_dim - n_observed
    return Parameters(
        A=(latent_dim,),
        W1=(latent_dim, hidden_dim),
        W2=(hidden_dim, latent_dim),
        h1=(latent_dim,),
        h2=(hidden_dim,),
        C=(latent_dim, n_inputs),
        L=(extra, n_observed),
        B=(n_observed, latent_dim) if affine else (0, latent_dim),
    )


def n_parameters(part_shapes):
    """Length of the flat vector."""
    return sum(int(np.prod(shape)) for shape in part_shapes)


def offsets(part_shapes):
    """Where each part begins in the flat vector, as ``Parameters`` of whole numbers."""
    sizes = [int(np.prod(shape)) for shape in part_shapes]
    return Parameters(*(int(start) for start in np.cumsum([0, *sizes[:-1]])))


def views(flat, part_shapes):
    """``Parameters`` whose arrays are views into the flat vector."""
    return Parameters(
        *(
            flat[start : start + int(np.prod(shape))].reshape(shape)
            for start, shape in zip(offsets(part_shapes), part_shapes, strict=True)
        )
    )


def empty_batch(part_shapes, n_groups, n, dtype=np.float32):
    """``Batch`` of zeros for ``n_groups`` groups of windows of ``n`` samples."""
    n_observed = _n_observed(part_shapes)
    windows = [np.zeros((n_groups, n, n_observed, LANES), dtype) for _ in range(4)]
    return Batch(*windows, u=np.zeros((n_groups, n, part_shapes.C[1], LANES), dtype))


def workspace(part_shapes, n_steps, dtype=np.float32, *, n_groups=1, n_models=1, clipped=False):
    """Buffers for ``n_groups`` groups of windows of ``n_steps`` forced steps; reused from update to update."""
    latent_dim, hidden_dim = part_shapes.W1
    n_observed, affine = _n_observed(part_shapes), part_shapes.B[0] > 0
    block = min(n_steps, max(8, 4096 // hidden_dim))

    def empty(*shape):
        return np.zeros((n_groups, *shape, LANES), dtype=dtype)

    return Workspace(
        s=empty(n_steps, latent_dim),
        a=empty(n_steps if clipped else 0, hidden_dim),
        r=empty(n_steps, hidden_dim),
        z=empty(n_steps + 1, latent_dim),
        zbar=empty(n_steps if affine else 0, latent_dim),
        known=empty(n_steps if affine else 0, latent_dim),
        g=empty(n_steps, latent_dim),
        lam=empty(block, latent_dim)[0],
        gate=empty(block, hidden_dim)[0],
        above=empty(block if clipped else 0, hidden_dim)[0],
        c=empty(latent_dim),
        sum_A=empty(latent_dim)[0],
        sum_h1=empty(latent_dim)[0],
        sum_h2=empty(hidden_dim)[0],
        residual=empty(n_steps if affine else 0, n_observed),
        partial=empty(n_observed),
        scale=np.zeros(n_groups, dtype),
        pseudo=np.zeros((n_models, latent_dim, n_observed), dtype=dtype),
        W2=np.zeros((latent_dim, hidden_dim), dtype=dtype),
    )


def _n_observed(part_shapes):
    return part_shapes.B[0] or part_shapes.A[0] - part_shapes.L[0]


@jit
def prepare(theta, at, owner, batch, first, affine, ws):
    """First state of each window, and for an affine readout the forcing signal, from what the model is forced with.

    Group ``first + k`` of the batch goes into place k of the workspace, here and below.

    Identity readout: zbar = [x; 0], only observed units are forced, z[0] = [x[0]; L x[0]].
    Affine readout: zbar = P x with the pseudoinverse P in ``ws.pseudo``, forced where every variable is observed.
    """
    n_groups, n_steps, latent_dim, lanes = ws.s.shape
    n_observed, n = batch.x.shape[2], batch.x.shape[1]
    zero, flat, size = theta.dtype.type(0), theta.reshape(-1), theta.shape[1]
    seen, z, bar = batch.seen.reshape(-1), ws.z.reshape(-1), ws.zbar.reshape(-1)
    for k in range(min(n_groups, owner.size - first)):
        own = owner[first + k]
        window, start = (first + k) * n * n_observed * lanes, k * (n_steps + 1) * latent_dim * lanes
        if not affine:
            extra = latent_dim - n_observed
            ws.z[k, 0] = zero
            copy(n_observed, seen, window, z, start)
            start += n_observed * lanes
            add_product(
                flat, own * size + at.L, n_observed, 1, extra, n_observed, seen, window, z, start, z, start
            )  # fmt: skip
            continue
        pseudo = ws.pseudo[own].reshape(-1)
        for t in range(n_steps):
            here = (k * n_steps + t) * latent_dim * lanes
            for i in range(lanes):
                complete = theta.dtype.type(1)
                for j in range(n_observed):
                    complete = min(complete, batch.observed[first + k, t, j, i])
                for m in range(latent_dim):
                    ws.known[k, t, m, i] = complete
            ws.zbar[k, t] = zero
            add_product(
                pseudo, 0, n_observed, 1, latent_dim, n_observed, seen, window + t * n_observed * lanes,
                bar, here, bar, here,
            )  # fmt: skip
        ws.z[k, 0] = ws.zbar[k, 0]


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
    state, active, forced = latent_dim * lanes, hidden_dim * lanes, n_forced * lanes
    for k in range(min(n_groups, owner.size - first)):
        own, forcing = owner[first + k] * size, (k if affine else first + k) * n_stored * forced
        for t in range(n_steps):
            now, before, open_ = (k * n_steps + t) * state, (k * (n_steps + 1) + t) * state, (k * n_steps + t) * active
            after, wanted = before + state, forcing + t * forced
            blend(
                n_forced, z, before, bar, wanted, seen, wanted, alpha, owner[first + k] * n_steps + t, s, now
            )  # fmt: skip
            copy(latent_dim - n_forced, z, before + forced, s, now + forced)
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
                add_product(p, own + at.C, n_inputs, 1, latent_dim, n_inputs, inputs, drive, z, after, z, after)


@jit
def squared_error(theta, grad, at, owner, batch, first, count, affine, ws, losses):
    """Adds the losses of the groups to those of their models, and the readout's gradient; fills ws.g.

    Args:
        count: (model,) sums of the loss weights, float64.
        losses: (model,) float64.
    """
    n_groups, n_steps, latent_dim, lanes = ws.s.shape
    n_observed, n = batch.x.shape[2], batch.x.shape[1]
    zero, p, size = theta.dtype.type(0), theta.reshape(-1), theta.shape[1]
    if affine or n_observed < latent_dim:
        ws.g[:] = zero
    z, g, target, weight = ws.z.reshape(-1), ws.g.reshape(-1), batch.x.reshape(-1), batch.counts.reshape(-1)
    partial, output = ws.partial.reshape(-1), ws.residual.reshape(-1)
    width, state = n_observed * lanes, latent_dim * lanes
    for k in range(min(n_groups, owner.size - first)):
        total, model = k * width, owner[first + k]
        own, weights = model * size, max(count[model], 1.0)
        ws.partial[k], ws.scale[k] = zero, theta.dtype.type(2.0 / weights)
        for t in range(n_steps):
            wanted, now = ((first + k) * n + t + 1) * width, (k * n_steps + t) * state
            after = (k * (n_steps + 1) + t + 1) * state
            if not affine:
                residual(
                    n_observed, z, after, target, wanted, weight, wanted, ws.scale, k, partial, total,
                    g, now, partial, total,
                )  # fmt: skip
                continue
            here = (k * n_steps + t) * width
            ws.residual[k, t] = zero
            add_product(
                p, own + at.B, latent_dim, 1, n_observed, latent_dim, z, after, output, here, output, here
            )  # fmt: skip
            residual(
                n_observed, output, here, target, wanted, weight, wanted, ws.scale, k, partial, total,
                output, here, partial, total,
            )  # fmt: skip
            add_product(p, own + at.B, 1, latent_dim, latent_dim, n_observed, output, here, g, now, g, now)
        if affine:
            outer(
                output, k * n_steps * width, width, n_observed, z, (k * (n_steps + 1) + 1) * state, state, latent_dim,
                n_steps, grad.reshape(-1), own + at.B,
            )  # fmt: skip
        for j in range(n_observed):
            for i in range(lanes):
                losses[model] += ws.partial[k, j, i] / weights


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
    lam, d, above, c = ws.lam.reshape(-1), ws.gate.reshape(-1), ws.above.reshape(-1), ws.c.reshape(-1)
    inputs, alpha, w2 = batch.u.reshape(-1), strength.reshape(-1), ws.W2.reshape(-1)
    sum_diagonal, sum_h1, sum_h2 = ws.sum_A.reshape(-1), ws.sum_h1.reshape(-1), ws.sum_h2.reshape(-1)
    state, active, forced = latent_dim * lanes, hidden_dim * lanes, n_forced * lanes
    for k in range(min(n_groups, owner.size - first)):
        own, forcing, back = owner[first + k] * size, (k if affine else first + k) * n_stored * forced, k * state
        ws.sum_A[:], ws.sum_h1[:], ws.sum_h2[:], ws.W2[:], ws.c[k] = zero, zero, zero, zero, zero
        stop = n_steps
        while stop > 0:
            start = max(0, stop - block)
            for t in range(stop - 1, start - 1, -1):
                now, open_ = (k * n_steps + t) * state, (k * n_steps + t) * active
                here, gated, wanted = (t - start) * state, (t - start) * active, forcing + t * forced
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
                    p, own + at.A + n_forced, lam, here + forced, c, back + forced,
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
        add_lanes(ws.sum_h1, change, own + at.h1)
        add_lanes(ws.sum_h2, change, own + at.h2)
        for j in range(hidden_dim):
            for m in range(latent_dim):
                change[own + at.W2 + j * latent_dim + m] += ws.W2[m, j]


@jit
def start_gradient(theta, grad, at, owner, batch, first, affine, ws):
    """Gradient through the first state, z[0] = [x; L x] or z[0] = pinv(B) x, from dloss/dz[0] in ws.c.

    For G = dloss/dP of the pseudoinverse P of a readout B with full rank,
    dloss/dB = -P' G P' + (I - B P) G' P P' + P' P G' (I - P B).
    """
    n_groups, latent_dim, lanes = ws.c.shape
    n_observed, n, size = batch.x.shape[2], batch.x.shape[1], theta.shape[1]
    change, c, seen = grad.reshape(-1), ws.c.reshape(-1), batch.seen.reshape(-1)
    for k in range(min(n_groups, owner.size - first)):
        model = owner[first + k]
        if not affine:
            extra, window = latent_dim - n_observed, (first + k) * n * n_observed * lanes
            outer(
                c, (k * latent_dim + n_observed) * lanes, 0, extra, seen, window, 0, n_observed, 1,
                change, model * size + at.L,
            )  # fmt: skip
            continue
        g = np.zeros((latent_dim, n_observed))
        for m in range(latent_dim):
            for j in range(n_observed):
                for i in range(lanes):
                    g[m, j] += ws.c[k, m, i] * batch.seen[first + k, 0, j, i]
        start = model * size + at.B
        b = theta.reshape(-1)[start : start + n_observed * latent_dim].reshape(n_observed, latent_dim)
        b, pinv = b.astype(np.float64), ws.pseudo[model].astype(np.float64)
        pt, gt = np.ascontiguousarray(pinv.T), np.ascontiguousarray(g.T)
        slope = -pt @ g @ pt
        slope += (np.eye(n_observed) - b @ pinv) @ gt @ (pinv @ pt)
        slope += (pt @ pinv) @ gt @ (np.eye(latent_dim) - pinv @ b)
        for j in range(n_observed):
            for m in range(latent_dim):
                change[start + j * latent_dim + m] += theta.dtype.type(slope[j, m])


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
        prepare(theta, at, owner, batch, first, affine, ws)
        forward(theta, at, owner, batch, first, strength, clipped, affine, ws)
        squared_error(theta, grad, at, owner, batch, first, count, affine, ws, losses)
        backward(theta, grad, at, owner, batch, first, strength, clipped, affine, ws)
        start_gradient(theta, grad, at, owner, batch, first, affine, ws)
