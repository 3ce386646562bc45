"""Contests on a CUDA device: kernels of dysyr against torch on the same card, and against the card's limits.

Wall time with synchronisation; arrays lie on the device before the clock starts. A torch loop over time steps does
a part of the job and its time is scaled; it is compared with ours at the number of steps it did. In numba's
simulator the contests run at toy size against torch on the processor, which tests them and says nothing of speed.
"""

import functools
import time

import numpy as np
import torch

from dysyr.benchmark.speed import cuda_torch
from dysyr.benchmark.speed.contest import REPEATS, Contest, Disagreement, Share
from dysyr.core.catalogue import catalogue_system
from dysyr.kernels.cuda.device import describe_device, is_simulated, require_device
from dysyr.kernels.philox import key_of
from dysyr.simulation.cuda_ensembles import CudaSystem

FLOPS = {"rk4": 71, "tsit5": 174}
"""Floating-point operations of one step of Lorenz-63."""

SIZES = ((3, 50), (10, 100), (20, 200), (30, 512))


def contests(*, quick):
    """Contests of all kernels for CUDA.

    Args:
        quick: fewer lanes, steps and repeats.

    Yields:
        Contest or Share.

    Raises:
        InputError: no CUDA kernel can run here.
    """
    require_device()
    note = describe_device()
    repeats = 1 if is_simulated() else 3 if quick else REPEATS
    yield from _integrator_contests(quick, repeats, note)
    yield _noise_contest(quick, repeats, note)
    yield from _scan_contests(quick, repeats, note)
    for sizes in SIZES[:1] if is_simulated() else SIZES:
        yield from _plrnn_contests(*sizes, quick, repeats, note)


def _scaled(full, small, toy, quick):
    """A size, by the kind of run."""
    return toy if is_simulated() else small if quick else full


def _integrator_contests(quick, repeats, note):
    from dysyr.kernels.cuda.peak import multiply_adds_at_full_speed

    n_lanes, n_steps = _scaled(1 << 20, 1 << 18, 3, quick), _scaled(10_000, 2_000, 4, quick)
    for dtype in ("float32", "float64"):
        for method in ("rk4", "tsit5"):
            run = _prepared_run("lorenz63", method, dtype, n_lanes)
            yield Share(
                job=f"Lorenz-63 ensemble, {method}, CUDA", size=f"{n_lanes:,} x {n_steps:,} steps, {dtype}",
                limit=f"multiply-add peak of the card, {dtype}", ours=functools.partial(run, n_steps),
                work=float(FLOPS[method] * n_lanes * n_steps), unit="GF/s",
                capacity=functools.partial(multiply_adds_at_full_speed, dtype, _scaled(100_000, 20_000, 2, quick)),
                goal=0.40 if dtype == "float32" else None, repeats=repeats, note=note, clock=time.perf_counter,
            )  # fmt: skip
    run = _prepared_run("lorenz63", "rk4", "float32", n_lanes)
    n_compared = min(n_steps, 100)
    start = _starts("lorenz63", n_lanes)
    forms = (
        (cuda_torch.all_lanes_rk4, "torch, all lanes in one tensor"),
        (cuda_torch.vmap_rk4, "torch.func.vmap of one lane"),
    )
    for form, baseline in forms:
        yield Contest(
            job="Lorenz-63 ensemble, rk4, CUDA", size=f"{n_lanes:,} x {n_steps:,} steps, float32", baseline=baseline,
            ours=functools.partial(run, n_steps), theirs=_on_torch(form, start, n_compared),
            compare=lambda ours, theirs: _close(run(n_compared), theirs, 2e-3), goal=40.0,
            scale=n_steps / n_compared, repeats=repeats, note=_with_torch(note), clock=time.perf_counter,
        )  # fmt: skip


def _noise_contest(quick, repeats, note):
    n_lanes, n_steps = _scaled(1 << 20, 1 << 18, 16, quick), _scaled(1_000, 500, 4, quick)
    n_compared = max(n_steps // 10, 2)
    run = _prepared_run("stochastic_lorenz63", "euler_maruyama", "float32", n_lanes, step=cuda_torch.NOISE_STEP, seed=3)
    start = _starts("stochastic_lorenz63", n_lanes)
    return Contest(
        job="Lorenz-63 with noise, Euler-Maruyama, CUDA", size=f"{n_lanes:,} x {n_steps:,} steps, float32",
        baseline="torch, all paths in one tensor", ours=functools.partial(run, n_steps),
        theirs=_on_torch(cuda_torch.euler_maruyama, start, n_compared),
        compare=lambda ours, theirs: _same_moments(run(n_compared), theirs), scale=n_steps / n_compared,
        repeats=repeats, note=_with_torch(note + "; other random numbers, so that distributions are compared"),
        clock=time.perf_counter,
    )  # fmt: skip


def _scan_contests(quick, repeats, note):
    from numba import cuda

    from dysyr.kernels.cuda.linear_scan import linear_scan, linear_scan_backward

    shape = _scaled((16, 4096, 256), (8, 2048, 256), (1, 9, 2), quick)
    rng = np.random.default_rng(5)
    a, b, g = (rng.uniform(0.5, 1, shape).astype(np.float32) for _ in range(3))
    h0 = np.zeros((shape[0], shape[2]), np.float32)
    held = [cuda.to_device(array) for array in (a, b, h0, g)]
    size = f"{shape}, float32"

    def forward():
        h = linear_scan(*held[:3])
        cuda.synchronize()
        return h

    def both():
        h = linear_scan(*held[:3])
        gradients = linear_scan_backward(held[0], h, held[2], held[3])
        cuda.synchronize()
        return gradients[:2]

    if _torch_device() is not None:
        yield Share(
            job="linear scan forward, CUDA", size=size, limit="rate of torch.add(a, b, out=c)", ours=forward,
            work=3.0 * a.nbytes, unit="GB/s", capacity=_on_torch(cuda_torch.add, a, b), goal=1 / 1.5, repeats=repeats,
            note=note, clock=time.perf_counter,
        )  # fmt: skip
    yield Contest(
        job="linear scan forward and backward, CUDA", size=size, baseline="torch loop over unbound views",
        ours=both, theirs=_on_torch(cuda_torch.scan_over_views, a, b, g), goal=10.0, repeats=repeats,
        note=_with_torch(note),
        compare=lambda ours, theirs: _close(np.stack([_host(array) for array in ours]), theirs, 1e-4),
        clock=time.perf_counter,
    )  # fmt: skip
    yield _selective_contest(quick, repeats, note)


def _selective_contest(quick, repeats, note):
    from numba import cuda

    from dysyr.kernels.cuda.selective_scan import selective_scan, selective_scan_backward

    n_rows, n_times, n_channels, n_states = _scaled((4, 1024, 256, 16), (2, 256, 256, 16), (1, 3, 2, 2), quick)
    rng = np.random.default_rng(6)
    wide, narrow = (n_rows, n_times, n_channels), (n_rows, n_times, n_states)
    inputs = [
        rng.normal(size=wide), rng.normal(size=wide) - 2, -rng.uniform(0.5, 4, (n_channels, n_states)),
        rng.normal(size=narrow), rng.normal(size=narrow), rng.normal(size=n_channels), np.zeros(n_channels),
        rng.normal(size=wide), np.zeros((n_rows, n_channels, n_states)),
    ]  # fmt: skip
    inputs = [array.astype(np.float32) for array in inputs]
    held = [cuda.to_device(array) for array in inputs]
    ones, none = (cuda.to_device(array) for array in (np.ones(wide, np.float32), inputs[-1]))

    def ours():
        *_, checkpoints = selective_scan(*held)
        gradients = selective_scan_backward(*held, checkpoints, ones, none)
        cuda.synchronize()
        return gradients

    return Contest(
        job="selective scan forward and backward, CUDA", size=f"{(n_rows, n_times, n_channels, n_states)}, float32",
        baseline="torch loop over times, autograd", ours=ours, theirs=_on_torch(cuda_torch.selective_loop, *inputs),
        goal=15.0,
        compare=lambda ours, theirs: _close(_host(ours.u), theirs, 1e-3), repeats=repeats, note=_with_torch(note),
        clock=time.perf_counter,
    )  # fmt: skip


def _plrnn_contests(latent_dim, hidden_dim, quick, repeats, note):
    n_windows, n_steps = _scaled(16, 16, 1, quick), _scaled(200, 50, 2, quick)
    hidden_dim = hidden_dim if not is_simulated() else 5
    size = f"M {latent_dim}, H {hidden_dim}, {n_windows} windows of {n_steps} steps, float32"
    single, arrays = _prepared_update(1, latent_dim, hidden_dim, n_windows, n_steps)
    forms = [("eager torch", cuda_torch.plrnn), ("CUDA graph of eager torch", cuda_torch.plrnn_in_a_graph)]
    for baseline, form in forms[:1] if is_simulated() else forms:
        yield Contest(
            job="shallow PLRNN, loss and gradient, CUDA", size=size, baseline=baseline, ours=single,
            theirs=_on_torch(form, (latent_dim, hidden_dim), *arrays), repeats=repeats, note=_with_torch(note),
            compare=lambda ours, theirs: _close(_host(ours[1])[0], theirs, 1e-4), clock=time.perf_counter,
        )  # fmt: skip
    n_models = _scaled(20, 20, 2, quick)
    several, _ = _prepared_update(n_models, latent_dim, hidden_dim, n_windows, n_steps)

    def one_by_one():
        return [single() for _ in range(n_models)][0]

    yield Contest(
        job=f"{n_models} shallow PLRNNs in one launch, CUDA", size=size, baseline="one after the other, dysyr",
        ours=several, theirs=one_by_one, compare=lambda ours, theirs: _close(_host(ours[1])[0], _host(theirs[1])[0], 0),
        repeats=repeats, note=note, clock=time.perf_counter,
    )  # fmt: skip


def _prepared_run(name, method, dtype, n_lanes, step=cuda_torch.STEP, seed=None):
    """Function of a number of steps: final states (dim, lane) of an ensemble, always from the same start."""
    from numba import cuda

    from dysyr.kernels.cuda.ensembles import advance_fixed, parameter_lanes

    system = catalogue_system(name)
    kernel = CudaSystem(system, dtype).kernel(method)
    start = cuda.to_device(_starts(name, n_lanes).astype(dtype))
    states = cuda.device_array(start.shape, dtype)
    p = parameter_lanes(list(system.parameters.values()), n_lanes, dtype)
    none = cuda.to_device(np.full(n_lanes, -1, np.int64))
    broken, out = cuda.device_array(n_lanes, np.int64), cuda.device_array((1, 1, 1), dtype)
    starts, widths = cuda.to_device(np.zeros(1, dtype)), cuda.to_device(np.full(1, step, dtype))
    further = () if seed is None else (0, *(int(word) for word in key_of(seed)), 0)

    def run(n_steps):
        states.copy_to_device(start)
        broken.copy_to_device(none)
        advance_fixed(kernel, starts, widths, n_steps, states, p, False, out, broken, further)
        return states

    return run


@functools.cache
def _starts(name, n_lanes):
    """Initial states (dim, lane) about the default one."""
    state = catalogue_system(name).initial_state
    return state[:, None] + np.random.default_rng(4).normal(size=(state.size, n_lanes))


def _prepared_update(n_models, latent_dim, hidden_dim, n_windows, n_steps):
    """Function that returns (loss, gradient) of all models, and the arrays of the first of them."""
    from numba import cuda

    from dysyr.kernels.cuda.shallow_plrnn import flat_size, loss_and_gradient

    rng = np.random.default_rng(7)
    shape = (1, n_windows, n_steps + 1, latent_dim)
    x = rng.normal(size=shape)
    flat = 0.2 * rng.normal(size=(1, flat_size(latent_dim, hidden_dim, latent_dim, 0))) / np.sqrt(hidden_dim)
    arrays = [flat, x, x, np.ones(shape), np.ones(shape), np.full((1, n_steps), 0.1)]
    arrays = [np.repeat(array, n_models, axis=0).astype(np.float32) for array in arrays]
    flat, x, seen, known, weight, strength = (cuda.to_device(array) for array in arrays)

    def update():
        result = loss_and_gradient(
            flat, (latent_dim, hidden_dim, latent_dim, 0), x, seen, known, weight, None, strength
        )
        cuda.synchronize()
        return result

    return update, [array[0] for array in arrays]


def _torch_device():
    """Where torch runs the baselines: the card, the processor for a dry run, or None where torch sees no card."""
    if is_simulated():
        return "cpu"
    return "cuda" if torch.cuda.is_available() else None


def _with_torch(note):
    return note if _torch_device() else f"{note}; this torch sees no CUDA device"


def _on_torch(form, *arguments):
    """A function without arguments for ``form(device, *arguments)``, which prepares; None where torch has no card."""
    device = _torch_device()
    if device is None:
        return None
    prepared = []

    def run():
        if not prepared:
            prepared.append(form(device, *arguments))
        result = prepared[0]()
        if device == "cuda":
            torch.cuda.synchronize()
        return result

    return run


def _host(array):
    """NumPy array of a device array or a tensor."""
    if hasattr(array, "copy_to_host"):
        return array.copy_to_host()
    return array.detach().cpu().numpy() if hasattr(array, "detach") else np.asarray(array)


def _close(ours, theirs, tolerance):
    """Line on the largest difference, relative to the largest value.

    Raises:
        Disagreement: it exceeds the tolerance.
    """
    ours, theirs = _host(ours).astype(float), _host(theirs).astype(float)
    difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
    if not difference <= tolerance:
        raise Disagreement(
            "results differ", got=f"{difference:.2g} of the largest value", expected=f"at most {tolerance:.2g}"
        )
    return f"agree to {difference:.1g} of the largest value"


def _same_moments(ours, theirs):
    """Line on means and standard deviations of two ensembles (dim, lane).

    Raises:
        Disagreement: a mean or a standard deviation differs by more than five standard errors.
    """
    ours, theirs = _host(ours).astype(float), _host(theirs).astype(float)
    spread, n = theirs.std(axis=1), ours.shape[1]
    means = np.abs(ours.mean(axis=1) - theirs.mean(axis=1)) / (spread * np.sqrt(2 / n))
    spreads = np.abs(ours.std(axis=1) - spread) / (spread * np.sqrt(1 / n))
    worst = max(means.max(), spreads.max())
    if not worst <= 5:
        raise Disagreement("distributions differ", got=f"{worst:.1f} standard errors", expected="at most 5")
    return f"moments agree to {worst:.1f} standard errors"
