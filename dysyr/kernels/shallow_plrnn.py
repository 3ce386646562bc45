"""The shallow PLRNN under teacher forcing: loss and gradient of a batch of windows, fused over all time steps.

    s[t]   = z[t] + f[t] (zbar[t] - z[t])                            f = forcing strength where observed, else 0
    a[t]   = W2 s[t]
    r[t]   = relu(a[t] + h2)            clipped: relu(a[t] + h2) - relu(a[t])
    z[t+1] = A * s[t] + W1 r[t] + h1 + C u[t+1]
    loss   = sum_t w[t] (O(z[t]) - x[t])^2 / sum_t w[t],             t = 1..T, scored before forcing

Backward, with g[t] = dloss/dz[t] and c = 0 at the end:

    lam = g[t+1] + c;   e = W1' lam;   d = e * (1[a+h2>0] - clipped * 1[a>0])
    c   = (1 - f[t]) * (A * lam + W2' d)

Arrays are (time, dim, lane) with 16 lanes, the windows of a batch; source: hess2023.
The slow twin is ``shallow_plrnn_reference.py``.
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
    gate,
    gate_clipped,
    hidden,
    hidden_clipped,
    next_state,
    outer,
    residual,
    spread,
    sum_of_two,
    sum_over_steps,
)
from dysyr.kernels.vector_blocks import LANES

Parameters = namedtuple("Parameters", "A W1 W2 h1 h2 C L B")
"""Views into one flat vector: A (M,), W1 (M, H), W2 (H, M), h1 (M,), h2 (H,), C (M, K), L (M-N, N) the start of
the unobserved units, B (N, M) the affine readout. Absent parts have size zero."""

Workspace = namedtuple(
    "Workspace",
    "s a r z zbar force g lam gate above c A h1 h2 scale sum_A sum_h1 sum_h2 seen residual partial pseudo W2",
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


def views(flat, part_shapes):
    """``Parameters`` whose arrays are views into the flat vector."""
    parts, at = [], 0
    for shape in part_shapes:
        size = int(np.prod(shape))
        parts.append(flat[at : at + size].reshape(shape))
        at += size
    return Parameters(*parts)


def workspace(part_shapes, n_steps, dtype=np.float32, *, clipped=False):
    """Buffers for windows of ``n_steps`` forced steps; reused from update to update."""
    latent_dim, hidden_dim = part_shapes.W1
    n_observed = part_shapes.B[0] or latent_dim - part_shapes.L[0]
    block = min(n_steps, max(8, 8192 // hidden_dim))

    def empty(*shape):
        return np.zeros((*shape, LANES), dtype=dtype)

    return Workspace(
        s=empty(n_steps, latent_dim),
        a=empty(n_steps if clipped else 0, hidden_dim),
        r=empty(n_steps, hidden_dim),
        z=empty(n_steps + 1, latent_dim),
        zbar=empty(n_steps, latent_dim),
        force=empty(n_steps, latent_dim),
        g=empty(n_steps, latent_dim),
        lam=empty(block, latent_dim),
        gate=empty(block, hidden_dim),
        above=empty(block if clipped else 0, hidden_dim),
        c=empty(latent_dim),
        A=empty(latent_dim),
        h1=empty(latent_dim),
        h2=empty(hidden_dim),
        scale=empty(n_observed),
        sum_A=empty(latent_dim),
        sum_h1=empty(latent_dim),
        sum_h2=empty(hidden_dim),
        seen=empty(n_steps),
        residual=empty(n_steps, n_observed),
        partial=empty(n_observed),
        pseudo=np.zeros((latent_dim, n_observed), dtype=dtype),
        W2=np.zeros((latent_dim, hidden_dim), dtype=dtype),
    )


@jit
def gather(data, observed, starts, n_valid, warm_up, jitter, noise, offsets, x, seen, w):
    """Copy windows into lanes and set the weights of the loss.

        x[t, n, i] = data[starts[i] + t, n]                      what is to be predicted
        seen[t, n, i] = x[t, n, i] + jitter * fresh normal       what the model is forced with

    Lanes from ``n_valid`` on are padding: they repeat a window and weigh nothing. The first ``warm_up`` predictions are
    not scored either: they still carry the noise of the first sample, and scoring them teaches the model to contract.

    Args:
        data: (total, N), zero where missing.
        observed: (total, N), 1 where there is a value, else 0.
        starts: (16,) first rows of the windows.
        n_valid: number of lanes that count.
        warm_up: number of predictions at the start of each window that are not scored.
        jitter: standard deviation of the noise on what the model is forced with.
        noise: (2^k,) standard normal numbers.
        offsets: (16,) where each window begins to read them.
        x: (n, N, 16), filled.
        seen: (n, N, 16), filled.
        w: (2, n, N, 16), filled: what is observed, and what counts in the loss.

    Returns:
        the sum of the loss weights.
    """
    n, n_observed, lanes = x.shape
    zero = x.dtype.type(0)
    last = noise.size - 1
    count = 0.0
    for t in range(n):
        for k in range(n_observed):
            for i in range(lanes):
                there = observed[starts[i] + t, k]
                fresh = jitter * there * noise[(offsets[i] + t * n_observed + k) & last]
                x[t, k, i] = data[starts[i] + t, k]
                seen[t, k, i] = x[t, k, i] + fresh
                w[0, t, k, i] = there
                w[1, t, k, i] = there if i < n_valid and t > warm_up else zero
                count += w[1, t, k, i]
    return count


@jit
def gather_rows(data, starts, out):
    """out[t, k, i] = data[starts[i] + t, k], without weights: the inputs of 16 windows."""
    for t in range(out.shape[0]):
        for k in range(out.shape[1]):
            for i in range(out.shape[2]):
                out[t, k, i] = data[starts[i] + t, k]


@jit
def prepare(p, x, w, strength, affine, ws):
    """Forcing signal, forcing weights and first state of each window, from what the model is forced with.

    Identity readout: zbar = [x; 0], only observed units are forced, z[0] = [x[0]; L x[0]].
    Affine readout: zbar = P x with the pseudoinverse P in ``ws.pseudo``, forced where every variable is observed.
    """
    n_steps, latent_dim, lanes = ws.s.shape
    n_observed = x.shape[1]
    zero = x.dtype.type(0)
    if affine:
        for t in range(n_steps):
            for i in range(lanes):
                complete = x.dtype.type(1)
                for n in range(n_observed):
                    complete = min(complete, w[0, t, n, i])
                ws.seen[t, i] = complete
            for m in range(latent_dim):
                for i in range(lanes):
                    ws.zbar[t, m, i] = zero
                    ws.force[t, m, i] = strength[t] * ws.seen[t, i]
        pseudo, flat, bar = ws.pseudo.reshape(-1), x.reshape(-1), ws.zbar.reshape(-1)
        for t in range(n_steps):
            add_product(
                pseudo, 0, n_observed, 1, latent_dim, n_observed, flat, t * n_observed * lanes,
                bar, t * latent_dim * lanes, bar, t * latent_dim * lanes,
            )  # fmt: skip
        ws.z[0] = ws.zbar[0]
    else:
        for t in range(n_steps):
            for m in range(n_observed):
                for i in range(lanes):
                    ws.zbar[t, m, i] = x[t, m, i]
                    ws.force[t, m, i] = strength[t] * w[0, t, m, i]
        for m in range(n_observed):
            for i in range(lanes):
                ws.z[0, m, i] = x[0, m, i]
        ws.z[0, n_observed:] = zero
        z = ws.z.reshape(-1)
        add_product(
            p.L.reshape(-1), 0, n_observed, 1, latent_dim - n_observed, n_observed, x.reshape(-1), 0,
            z, n_observed * lanes, z, n_observed * lanes,
        )  # fmt: skip


@jit
def forward(p, u, clipped, ws):
    """Run all steps of the forced recurrence; fills ws.s, ws.r, ws.z[1:], and ws.a in the clipped form."""
    n_steps, latent_dim, lanes = ws.s.shape
    hidden_dim = p.h2.size
    n_inputs = p.C.shape[1]
    s, a, r, z, bar, force = (
        ws.s.reshape(-1), ws.a.reshape(-1), ws.r.reshape(-1), ws.z.reshape(-1), ws.zbar.reshape(-1),
        ws.force.reshape(-1),
    )  # fmt: skip
    w1, w2, inputs, c = p.W1.reshape(-1), p.W2.reshape(-1), u.reshape(-1), p.C.reshape(-1)
    spread(p.A, ws.A)
    spread(p.h1, ws.h1)
    spread(p.h2, ws.h2)
    diagonal, h1, h2 = ws.A.reshape(-1), ws.h1.reshape(-1), ws.h2.reshape(-1)
    state, active = latent_dim * lanes, hidden_dim * lanes
    for t in range(n_steps):
        now, after, open_ = t * state, (t + 1) * state, t * active
        blend(latent_dim, z, now, bar, now, force, now, s, now)
        if clipped:
            hidden_clipped(
                w2, 0, latent_dim, 1, hidden_dim, latent_dim, s, now, h2, 0, a, open_, r, open_
            )  # fmt: skip
        else:
            hidden(w2, 0, latent_dim, 1, hidden_dim, latent_dim, s, now, h2, 0, r, open_)
        next_state(
            w1, 0, hidden_dim, 1, latent_dim, hidden_dim, r, open_, diagonal, 0, s, now, h1, 0, z, after
        )  # fmt: skip
        if n_inputs:
            add_product(
                c, 0, n_inputs, 1, latent_dim, n_inputs, inputs, (t + 1) * n_inputs * lanes, z, after, z, after
            )  # fmt: skip


@jit
def squared_error(p, grad, x, w, count, affine, ws):
    """Sum of squared errors over ``count``; fills ws.g with its derivative, adds the readout's gradient."""
    n_steps, latent_dim, lanes = ws.s.shape
    n_observed = x.shape[1]
    zero = x.dtype.type(0)
    z, g, target, weight = ws.z.reshape(-1), ws.g.reshape(-1), x.reshape(-1), w[1].reshape(-1)
    partial, scale, width, state = ws.partial.reshape(-1), ws.scale.reshape(-1), n_observed * lanes, latent_dim * lanes
    ws.partial[:], ws.scale[:] = zero, x.dtype.type(2.0 / count)
    if affine or n_observed < latent_dim:
        ws.g[:] = zero
    b, output = p.B.reshape(-1), ws.residual.reshape(-1)
    for t in range(n_steps):
        at, now, after = (t + 1) * width, t * state, (t + 1) * state
        if not affine:
            residual(
                n_observed, z, after, target, at, weight, at, scale, 0, partial, 0, g, now, partial, 0
            )  # fmt: skip
            continue
        here = t * width
        for j in range(width):
            output[here + j] = zero
        add_product(b, 0, latent_dim, 1, n_observed, latent_dim, z, after, output, here, output, here)
        residual(
            n_observed, output, here, target, at, weight, at, scale, 0, partial, 0, output, here, partial, 0
        )  # fmt: skip
        add_product(b, 0, 1, latent_dim, latent_dim, n_observed, output, here, g, now, g, now)
    if affine:
        outer(output, 0, width, n_observed, z, state, state, latent_dim, n_steps, grad.B.reshape(-1), 0)
    total = 0.0
    for j in range(width):
        total += partial[j]
    return total / count


@jit
def backward(p, grad, u, clipped, ws):
    """Gradients of the recurrence from ws.g; leaves dloss/dz[0] in ws.c."""
    n_steps, latent_dim, lanes = ws.s.shape
    hidden_dim = p.h2.size
    n_inputs = p.C.shape[1]
    block = ws.lam.shape[0]
    zero = ws.s.dtype.type(0)
    s, a, r, g, force = (
        ws.s.reshape(-1), ws.a.reshape(-1), ws.r.reshape(-1), ws.g.reshape(-1), ws.force.reshape(-1)
    )  # fmt: skip
    lam, d, above, c = ws.lam.reshape(-1), ws.gate.reshape(-1), ws.above.reshape(-1), ws.c.reshape(-1)
    w1, w2, inputs, change = p.W1.reshape(-1), p.W2.reshape(-1), u.reshape(-1), ws.W2.reshape(-1)
    diagonal, h2 = ws.A.reshape(-1), ws.h2.reshape(-1)
    sum_diagonal, sum_h1, sum_h2 = ws.sum_A.reshape(-1), ws.sum_h1.reshape(-1), ws.sum_h2.reshape(-1)
    ws.sum_A[:], ws.sum_h1[:], ws.sum_h2[:], ws.W2[:], ws.c[:] = zero, zero, zero, zero, zero
    state, active = latent_dim * lanes, hidden_dim * lanes
    stop = n_steps
    while stop > 0:
        first = max(0, stop - block)
        for t in range(stop - 1, first - 1, -1):
            now, open_ = t * state, t * active
            here, gated = (t - first) * state, (t - first) * active
            sum_of_two(latent_dim, g, now, c, 0, lam, here)
            if clipped:
                gate_clipped(
                    w1, 0, 1, hidden_dim, hidden_dim, latent_dim, lam, here, a, open_, h2, 0, d, gated, above, gated
                )  # fmt: skip
            else:
                gate(w1, 0, 1, hidden_dim, hidden_dim, latent_dim, lam, here, r, open_, d, gated)
            add_times(latent_dim, lam, here, s, now, sum_diagonal, 0, sum_diagonal, 0)
            carry_back(
                w2, 0, 1, latent_dim, latent_dim, hidden_dim, d, gated, diagonal, 0, lam, here, force, now, c, 0
            )  # fmt: skip
        steps = stop - first
        sum_over_steps(lam, 0, state, latent_dim, steps, sum_h1, 0)
        sum_over_steps(above if clipped else d, 0, active, hidden_dim, steps, sum_h2, 0)
        outer(lam, 0, state, latent_dim, r, first * active, active, hidden_dim, steps, grad.W1.reshape(-1), 0)
        outer(s, first * state, state, latent_dim, d, 0, active, hidden_dim, steps, change, 0)
        if n_inputs:
            width = n_inputs * lanes
            outer(
                lam, 0, state, latent_dim, inputs, (first + 1) * width, width, n_inputs, steps, grad.C.reshape(-1), 0
            )  # fmt: skip
        stop = first
    add_lanes(ws.sum_A, grad.A)
    add_lanes(ws.sum_h1, grad.h1)
    add_lanes(ws.sum_h2, grad.h2)
    for k in range(hidden_dim):
        for m in range(latent_dim):
            grad.W2[k, m] += ws.W2[m, k]


@jit
def start_gradient(p, grad, x, affine, ws):
    """Gradient through the first state, z[0] = [x; L x] or z[0] = pinv(B) x, from dloss/dz[0] in ws.c.

    For G = dloss/dP of the pseudoinverse P of a readout B with full rank,
    dloss/dB = -P' G P' + (I - B P) G' P P' + P' P G' (I - P B).
    """
    latent_dim = ws.c.shape[0]
    n_observed = x.shape[1]
    lanes = x.shape[2]
    if not affine:
        c, flat = ws.c.reshape(-1), x.reshape(-1)
        outer(
            c, n_observed * lanes, 0, latent_dim - n_observed, flat, 0, 0, n_observed, 1, grad.L.reshape(-1), 0
        )  # fmt: skip
        return
    g = np.zeros((latent_dim, n_observed))
    for m in range(latent_dim):
        for n in range(n_observed):
            for i in range(lanes):
                g[m, n] += ws.c[m, i] * x[0, n, i]
    b, pinv = p.B.astype(np.float64), ws.pseudo.astype(np.float64)
    pt, gt = np.ascontiguousarray(pinv.T), np.ascontiguousarray(g.T)
    change = -pt @ g @ pt
    change += (np.eye(n_observed) - b @ pinv) @ gt @ (pinv @ pt)
    change += (pt @ pinv) @ gt @ (np.eye(latent_dim) - pinv @ b)
    for n in range(n_observed):
        for m in range(latent_dim):
            grad.B[n, m] += x.dtype.type(change[n, m])


@jit
def add_loss_and_gradient(p, grad, x, seen, w, count, u, strength, clipped, affine, ws):
    """Share of 16 windows in the loss of a batch; their gradient is added to ``grad``.

    Args:
        p: Parameters.
        grad: Parameters of the same shapes.
        x: (n_steps + 1, N, 16) standardised windows, zero where missing: what is to be predicted.
        seen: the same with jitter: what the model is forced with.
        w: (2, n_steps + 1, N, 16) from ``gather``.
        count: sum of the loss weights over the whole batch.
        u: (n_steps + 1, K, 16) inputs.
        strength: (n_steps,) forcing strength of each step.
        clipped: the clipped form of the hidden layer.
        affine: affine readout; its pseudoinverse is in ``ws.pseudo``.
        ws: Workspace.

    Returns:
        sum of squared errors divided by ``count``, float64.
    """
    prepare(p, seen, w, strength, affine, ws)
    forward(p, u, clipped, ws)
    loss = squared_error(p, grad, x, w, count, affine, ws)
    backward(p, grad, u, clipped, ws)
    start_gradient(p, grad, seen, affine, ws)
    return loss
