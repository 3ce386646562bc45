"""Contests of linear recurrences and state spaces with loops over time in torch, and with JAX where it is installed.

The loops run over ``unbind`` views: indexing a tensor at each step makes the backward pass quadratic in time.
"""

import functools
import importlib.util

import numpy as np
import torch

from dysyr.benchmark.speed.contest import REPEATS, Contest, Disagreement, Share
from dysyr.kernels.scans import affine_scan_reference, linear_scan_reference, newton_reference, selective_scan_reference
from dysyr.kernels.scans import state_space_duality_reference as ssd_reference
from dysyr.kernels.scans.affine_scan import affine_scan
from dysyr.kernels.scans.buffers import Workspace
from dysyr.kernels.scans.linear_scan import linear_scan
from dysyr.kernels.scans.newton import piecewise_linear_newton
from dysyr.kernels.scans.selective_scan import selective_scan
from dysyr.kernels.scans.state_space_duality import ssd

TOLERANCE = 1e-5
"""Largest difference of two results in float32, relative to the largest number of each tensor."""

TOLERANCE_OF_A_SUM = 1e-4
"""The same for the gradient of the one rate of a head, a sum over all times and states of numbers of both signs: in
float32 the loop itself is off by 1e-5 from float64."""

LOOP = "loop over unbind views in torch"


def contests(*, quick):
    """Contests of the scans.

    Args:
        quick: small sizes and few repeats.

    Yields:
        Contest or Share.
    """
    repeats = 3 if quick else REPEATS
    yield from _linear((4, 1024, 256) if quick else (16, 4096, 256), repeats)
    yield from _affine((4, 500, 16) if quick else (16, 1000, 16), repeats)
    yield from _selective((4, 512, 256, 16) if quick else (4, 1024, 256, 16), repeats)
    for n_steps in (64, 512) if quick else (64, 512, 2048):
        yield from _duality((4, n_steps, 1, 32, 16), repeats)
    if not quick:
        yield from _duality((4, 512, 4, 64, 64), repeats)
    yield from _newton((4, 200, 10, 50), repeats)


def _linear(shape, repeats):
    a, b, upstream = (_random(k, *shape) for k in range(3))
    out, workspace = torch.empty(shape), Workspace()
    size = f"{shape[0]} x {shape[1]:,} steps x {shape[2]} channels, float32"

    def add():
        torch.add(a, b, out=out)
        return 12.0 * a.numel()

    yield Share(
        job="linear scan, forward", size=size, limit="torch.add(out=), the same two reads and one write",
        ours=functools.partial(linear_scan, a, b, out=torch.empty(shape)), work=12.0 * a.numel(), unit="GB/s",
        capacity=add, goal=1 / 1.5, floor=0.5, repeats=3 * repeats, note="both into memory that is there already",
    )  # fmt: skip
    yield Contest(
        job="linear scan, forward", size=size, baseline=LOOP,
        ours=functools.partial(linear_scan, a, b, out=torch.empty(shape)),
        theirs=functools.partial(linear_scan_reference.linear_scan, a, b), compare=_same, repeats=repeats,
        note="ours into memory that is there already",
    )  # fmt: skip
    inputs = [_leaf(a), _leaf(b)]
    theirs = functools.partial(_gradients, linear_scan_reference.linear_scan, inputs, upstream)
    yield Contest(
        job="linear scan, forward and backward", size=size, baseline=LOOP,
        ours=functools.partial(_gradients, functools.partial(linear_scan, workspace=workspace), inputs, upstream),
        theirs=theirs, compare=_same, goal=10.0, floor=5.0, repeats=repeats,
        note="with a workspace: results take the memory of earlier ones",
    )  # fmt: skip
    yield Contest(
        job="linear scan, forward and backward, fresh memory", size=size, baseline=LOOP,
        ours=functools.partial(_gradients, linear_scan, inputs, upstream), theirs=theirs, compare=_same, floor=4.0,
        repeats=repeats,
    )  # fmt: skip
    has_jax = importlib.util.find_spec("jax") is not None
    yield Contest(
        job="linear scan, forward and backward", size=size, baseline="JAX, jitted lax.scan and its vjp, time first",
        ours=functools.partial(_gradients, functools.partial(linear_scan, workspace=workspace), inputs, upstream),
        theirs=_jax_gradients(a, b, upstream) if has_jax else None, compare=_same if has_jax else None,
        repeats=repeats, note="with a workspace" if has_jax else "jax is not installed",
    )  # fmt: skip


def _affine(shape, repeats):
    n_batch, n_steps, n = shape
    A, b, upstream = _random(0, *shape, n) / n**0.5, _random(1, *shape), _random(2, *shape)
    inputs = [_leaf(A), _leaf(b)]
    yield Contest(
        job="affine scan, forward and backward", size=f"{n_batch} x {n_steps:,} steps x {n} x {n}, float32",
        baseline=LOOP, ours=functools.partial(_gradients, affine_scan, inputs, upstream),
        theirs=functools.partial(_gradients, affine_scan_reference.affine_scan, inputs, upstream), compare=_same,
        repeats=repeats,
    )  # fmt: skip


def _selective(shape, repeats):
    n_batch, n_steps, n_channels, n_states = shape
    rows, vectors = shape[:3], (n_batch, n_steps, n_states)
    tensors = [
        _random(0, *rows), _random(1, *rows) - 1, -torch.exp(_random(2, n_channels, n_states)), _random(3, *vectors),
        _random(4, *vectors), _random(5, n_channels), _random(6, *rows), _random(7, n_channels),
    ]  # fmt: skip
    size = f"{n_batch} x {n_steps:,} steps x {n_channels} channels x {n_states} states, float32"
    ours = functools.partial(selective_scan, delta_softplus=True)
    theirs = _first(functools.partial(selective_scan_reference.selective_scan, delta_softplus=True))
    yield Contest(
        job="selective scan, forward", size=size, baseline=LOOP,
        ours=functools.partial(ours, *tensors, workspace=Workspace()),
        theirs=functools.partial(theirs, *tensors), compare=_same, goal=15.0, floor=7.0, repeats=repeats,
        note="with a workspace; the loop's time depends threefold on what fresh memory costs",
    )  # fmt: skip
    inputs, upstream = [_leaf(tensor) for tensor in tensors], _random(8, *rows)
    yield Contest(
        job="selective scan, forward and backward", size=size, baseline=LOOP,
        ours=functools.partial(_gradients, ours, inputs, upstream),
        theirs=functools.partial(_gradients, theirs, inputs, upstream), compare=_same, goal=20.0, floor=10.0,
        repeats=repeats,
    )  # fmt: skip


def _duality(shape, repeats):
    n_batch, n_steps, n_heads, n_dims, n_states = shape
    rows, vectors = (n_batch, n_steps, n_heads, n_dims), (n_batch, n_steps, n_states)
    inputs = [
        _random(0, *rows), _random(1, n_batch, n_steps, n_heads) - 1, -torch.exp(_random(2, n_heads)),
        _random(3, *vectors), _random(4, *vectors),
    ]  # fmt: skip
    inputs, upstream = [_leaf(tensor) for tensor in inputs], _random(5, *rows)
    theirs = _first(functools.partial(ssd_reference.ssd, dt_softplus=True))
    size = f"{n_batch} x {n_steps:,} steps x {n_heads} heads x {n_dims} x {n_states} states, float32"
    for method in ("chunked", "sequential"):
        yield Contest(
            job=f"state-space duality, {method}, forward and backward", size=size, baseline=LOOP,
            ours=functools.partial(
                _gradients, functools.partial(ssd, dt_softplus=True, method=method), inputs, upstream
            ),
            theirs=functools.partial(_gradients, theirs, inputs, upstream),
            compare=functools.partial(_same, tolerance=TOLERANCE_OF_A_SUM),
            goal=1.0 if n_steps >= 512 else None, floor=1.0 if n_steps >= 512 else None, repeats=repeats,
        )  # fmt: skip


def _newton(shape, repeats):
    n_batch, n_steps, n, hidden = shape
    W, V, h = _random(0, n, hidden) / hidden**0.5, _random(1, hidden, n) / n**0.5, _random(2, hidden)
    seen, z0, strength = _random(3, n_batch, n_steps, n), _random(4, n_batch, n), 0.3

    def linearise(z, part):
        mask = ((1 - strength) * z + strength * seen[:, part]) @ V.T + h > 0
        gate = mask.to(z.dtype)
        step = (gate.unsqueeze(-2) * W) @ V
        c = strength * torch.einsum("btij,btj->bti", step, seen[:, part]) + (gate * h) @ W.T
        return (1 - strength) * step, c, mask

    yield Contest(
        job="forced piecewise-linear recurrence by Newton's method over time",
        size=f"{n_batch} x {n_steps} steps, {n} states, {hidden} hidden units, forcing {strength}, float32",
        baseline="loop over time in torch, with the same linearisation",
        ours=lambda: piecewise_linear_newton(linearise, z0, n_steps).states,
        theirs=functools.partial(newton_reference.piecewise_linear_states, linearise, z0, n_steps), compare=_same,
        repeats=repeats, note="no goal: on one core the compiled loops of shallow_plrnn are the way to do this",
    )  # fmt: skip


def _random(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32))


def _leaf(tensor):
    """The same numbers with gradients; the tensor itself stays without, for the contests before."""
    return tensor.detach().requires_grad_()


def _first(scan):
    return lambda *tensors: scan(*tensors)[0]


def _gradients(scan, inputs, upstream):
    result = scan(*inputs)
    return result.detach(), *torch.autograd.grad(result, inputs, upstream)


def _jax_gradients(a, b, upstream):
    """Function of nothing to the same as ``_gradients``; compiled at its first call."""
    import jax

    def step(h, factors):
        h = factors[0] * h + factors[1]
        return h, h

    def forward(a, b):
        return jax.lax.scan(step, jax.numpy.zeros_like(a[0]), (a, b))[1]

    @jax.jit
    def both(a, b, upstream):
        h, pull = jax.vjp(forward, a, b)
        return h, *pull(upstream)

    given = [jax.numpy.asarray(tensor.detach().transpose(0, 1).contiguous().numpy()) for tensor in (a, b, upstream)]

    def run():
        return [np.asarray(result).swapaxes(0, 1) for result in jax.block_until_ready(both(*given))]

    return run


def _same(ours, theirs, *, tolerance=TOLERANCE):
    """Compare tensors one by one, each relative to its largest number."""
    ours, theirs = ([results] if isinstance(results, torch.Tensor) else list(results) for results in (ours, theirs))
    worst = 0.0
    for mine, other in zip(ours, theirs, strict=True):
        mine, other = _array(mine), _array(other)
        if mine.shape != other.shape:
            raise Disagreement("results have other shapes", got=f"{mine.shape} and {other.shape}")
        error = float(np.abs(mine - other).max() / np.abs(other).max())
        if not error <= tolerance:
            raise Disagreement("results differ", got=f"relative error {error:.2g}", expected=f"at most {tolerance:g}")
        worst = max(worst, error)
    return f"relative error {worst:.1g}"


def _array(result):
    return result.detach().numpy() if isinstance(result, torch.Tensor) else result
