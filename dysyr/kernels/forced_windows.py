"""Forced windows of any recurrent network: layout, forcing signal, loss and the gradient of the first state.

Windows come in groups of 16 lanes, arrays are (group, time, dim, lane). Each group belongs to a model, one row of the
flat parameters, so that the batches of many models are one call. A workspace that holds fewer groups than the batch is
used again and again: that of one group fits the second-level cache.

    identity readout   O(z) = z[:N],    zbar = [x; 0],   z[0] = [x[0]; L x[0]]
    affine readout     O(z) = B z,      zbar = pinv(B) x = z[0] at the start, forced where every variable is observed
    loss = sum_t w[t] (O(z[t]) - x[t])^2 / sum_t w[t],       t = 1..T, scored before forcing

Families of networks share the parts A (M,), L (M-N, N) and B (N, M) of their parameters and the ``buffers`` of their
workspaces. Source: hess2023.
"""

from collections import namedtuple

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels.jit import jit
from dysyr.kernels.lane_products import add_product, copy, residual
from dysyr.kernels.vector_blocks import outer
from dysyr.kernels.vector_code import LANES, lane_zeros

STEPS_PER_BLOCK = 16
"""Steps of the backward pass between two sums of weight gradients: what they need is then still in the cache."""

Batch = namedtuple("Batch", "x seen observed counts u")
"""Windows of n samples: x (group, n, N, 16) what is to be predicted, zero where missing; seen, the same with jitter,
what the model is forced with; observed, 1 where there is a value; counts, 1 where it counts in the loss; u
(group, n, K, 16) inputs."""


def start_shape(latent_dim, n_observed, affine):
    """Shape of L, which gives the unobserved units their first values."""
    if not affine and n_observed > latent_dim:
        raise InputError(
            "an identity readout needs a unit for each variable", got=f"{n_observed} variables, {latent_dim} units",
            do="add units or a readout matrix",
        )  # fmt: skip
    return (0 if affine else latent_dim - n_observed, n_observed)


def n_observed(part_shapes):
    """N, from the shapes of the readout or of the start."""
    return part_shapes.B[0] or part_shapes.A[0] - part_shapes.L[0]


def n_parameters(part_shapes):
    """Length of the flat vector."""
    return sum(int(np.prod(shape)) for shape in part_shapes)


def offsets(part_shapes):
    """Where each part begins in the flat vector, as the same tuple of whole numbers."""
    sizes = [int(np.prod(shape)) for shape in part_shapes]
    return type(part_shapes)(*(int(start) for start in np.cumsum([0, *sizes[:-1]])))


def views(flat, part_shapes):
    """The same tuple of arrays that are views into the flat vector."""
    return type(part_shapes)(
        *(
            flat[start : start + int(np.prod(shape))].reshape(shape)
            for start, shape in zip(offsets(part_shapes), part_shapes, strict=True)
        )
    )


def empty_batch(part_shapes, n_groups, n, dtype=np.float32):
    """``Batch`` of zeros for ``n_groups`` groups of windows of ``n`` samples."""
    windows = [lane_zeros((n_groups, n, n_observed(part_shapes), LANES), dtype) for _ in range(4)]
    return Batch(*windows, u=lane_zeros((n_groups, n, part_shapes.C[1], LANES), dtype))


def buffers(part_shapes, n_steps, n_hidden, dtype, n_groups, n_models):
    """Buffers that all families need, by name; those of one time block are shared by all groups.

    Args:
        part_shapes: shapes of the parameters.
        n_steps: forced steps of a window.
        n_hidden: rows of lanes that the family keeps for each step of the backward pass.
        dtype: real type.
        n_groups: groups that the workspace holds.
        n_models: models.
    """
    latent_dim, n, affine = part_shapes.A[0], n_observed(part_shapes), part_shapes.B[0] > 0
    block = min(n_steps, STEPS_PER_BLOCK)

    def empty(*shape):
        return lane_zeros((*shape, LANES), dtype)

    return {
        "s": empty(n_groups, n_steps, latent_dim),
        "r": empty(n_groups, n_steps, n_hidden),
        "z": empty(n_groups, n_steps + 1, latent_dim),
        "zbar": empty(n_groups, n_steps if affine else 0, latent_dim),
        "known": empty(n_groups, n_steps if affine else 0, latent_dim),
        "g": empty(n_groups, n_steps, latent_dim),
        "c": empty(n_groups, latent_dim),
        "lam": empty(block, latent_dim),
        "d": empty(block, n_hidden),
        "sum_A": empty(latent_dim),
        "sum_h": empty(latent_dim),
        "residual": empty(n_groups, n_steps if affine else 0, n),
        "partial": empty(n_groups, n),
        "scale": np.zeros(n_groups, dtype),
        "pseudo": np.zeros((n_models, latent_dim, n), dtype),
    }


def check(part_shapes, theta, owner, batch, strength, ws):
    """Refuse arrays that do not fit together, before kernels read them: those look at no shape.

    Args:
        part_shapes: shapes of the parameters.
        theta: (model, n) flat parameters.
        owner: (group,) int64, the model of each group.
        batch: Batch.
        strength: (model, n_steps) forcing strengths.
        ws: Workspace of the family.

    Raises:
        InputError: the first array that does not fit.
    """
    n_models, n_groups, n_steps = len(theta), len(owner), ws.s.shape[1]
    windows = (n_groups, n_steps + 1, n_observed(part_shapes), LANES)
    wanted = {
        "theta": (theta, (n_models, n_parameters(part_shapes))),
        "strength": (strength, (n_models, n_steps)),
        **{name: (getattr(batch, name), windows) for name in ("x", "seen", "observed", "counts")},
        "u": (batch.u, (n_groups, n_steps + 1, part_shapes.C[1], LANES)),
        "pseudo": (ws.pseudo, (n_models, part_shapes.A[0], n_observed(part_shapes))),
    }
    for name, (array, shape) in wanted.items():
        if array.shape != shape or not array.flags.c_contiguous:
            expected = f"{shape} in order C"
            raise InputError(f"{name} does not fit the other arrays", got=str(array.shape), expected=expected)
        if array.dtype != theta.dtype or array.dtype not in (np.float32, np.float64):
            raise InputError(f"{name} has another dtype", got=str(array.dtype), expected=str(theta.dtype))
    if owner.dtype != np.int64 or owner.min(initial=0) < 0 or owner.max(initial=0) >= n_models:
        expected = f"0 to {n_models - 1}, int64"
        raise InputError("owner names models that are not there", got=str(owner), expected=expected)


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
            add_product(flat, own * size + at.L, n_observed, 1, extra, n_observed, seen, window, z, start)
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
                pseudo, 0, n_observed, 1, latent_dim, n_observed, seen, window + t * n_observed * lanes, bar, here
            )  # fmt: skip
        ws.z[k, 0] = ws.zbar[k, 0]


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
            add_product(p, own + at.B, latent_dim, 1, n_observed, latent_dim, z, after, output, here)
            residual(
                n_observed, output, here, target, wanted, weight, wanted, ws.scale, k, partial, total,
                output, here, partial, total,
            )  # fmt: skip
            add_product(p, own + at.B, 1, latent_dim, latent_dim, n_observed, output, here, g, now)
        if affine:
            outer(
                output, k * n_steps * width, width, n_observed, z, (k * (n_steps + 1) + 1) * state, state, latent_dim,
                n_steps, grad.reshape(-1), own + at.B,
            )  # fmt: skip
        for j in range(n_observed):
            for i in range(lanes):
                losses[model] += ws.partial[k, j, i] / weights


@jit
def _readout_gradient(b, pseudo, g):
    """-P' G P' + (I - B P) G' P P' + P' P G' (I - P B) in float64, (N, M); b (N, M), pseudo = P and g = G (M, N)."""
    b, p = b.astype(np.float64), pseudo.astype(np.float64)
    pt, gt = p.T, g.T
    first, second = _dot(_dot(pt, g), pt), _dot(gt, _dot(p, pt))
    third = _dot(_dot(pt, p), gt)
    return second - first - _dot(b, _dot(p, second)) + third - _dot(third, _dot(p, b))


@jit
def _dot(a, b):
    """Matrix product, in loops: small, and a call of BLAS takes longer to compile than the rest of the kernel."""
    out = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                out[i, j] += a[i, k] * b[k, j]
    return out


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
        slope = _readout_gradient(b, ws.pseudo[model], g)
        for j in range(n_observed):
            for m in range(latent_dim):
                change[start + j * latent_dim + m] += theta.dtype.type(slope[j, m])
