"""Contests of stochastic integration: Lorenz-63 with noise, many paths, against torchsde and a loop in torch."""

import functools
import importlib.util

import numpy as np

from dysyr.benchmark.speed.contest import REPEATS, Contest, Disagreement
from dysyr.core.system import System
from dysyr.simulation.compiled import CompiledSystem
from dysyr.simulation.sdes import integrate_paths

STEP = 1e-3
N_PATHS = 1_000
START = (1.0, 2.0, 20.0)
NOISE = {"additive": ("2.0", "2.0", "2.0"), "multiplicative": ("0.1*x", "0.1*y", "0.1*z")}
STANDARD_ERRORS = 5.0
"""Largest difference of means and variances of two ensembles of independent paths."""


def contests(*, quick):
    """Contests of the stochastic integrators.

    Args:
        quick: half of the steps, and few repeats.

    Yields:
        Contest.
    """
    n_steps, repeats = (500, 3) if quick else (1_000, REPEATS)
    for dtype in ("float32", "float64"):
        yield _against_torchsde("Euler-Maruyama", "additive", dtype, n_steps, repeats, goal=20.0, floor=14.0)
        yield _against_torchsde("Euler-Maruyama", "additive", dtype, n_steps, repeats, prepared=True)
        yield Contest(
            job="Lorenz-63 with additive noise, Euler-Maruyama", size=_size(n_steps, dtype),
            baseline="loop over steps in torch, all paths at once",
            ours=_ours("euler_maruyama", "additive", dtype, n_steps),
            theirs=functools.partial(_torch_loop, dtype, n_steps), compare=_same_distribution, repeats=repeats,
        )  # fmt: skip
    yield _against_torchsde("Euler-Maruyama", "additive", "float32", n_steps, repeats, every=10)
    yield _against_torchsde("stochastic Runge-Kutta 1.5", "additive", "float64", n_steps, repeats)
    yield _against_torchsde("Milstein", "multiplicative", "float64", n_steps, repeats)


METHODS = {
    "Euler-Maruyama": ("euler_maruyama", "euler"),
    "stochastic Runge-Kutta 1.5": ("sri", "srk"),
    "Milstein": ("milstein", "milstein"),
}
"""Name of each method here and in torchsde."""


def _against_torchsde(method, noise, dtype, n_steps, repeats, *, every=None, prepared=False, goal=None, floor=None):
    """One method; states are kept at the end or every few steps. A prepared Brownian path knows the step size."""
    own, other = METHODS[method]
    installed = importlib.util.find_spec("torchsde") is not None
    notes = ["other random numbers, so that distributions are compared"]
    if not installed:
        notes = ["torchsde is not installed"]
    if own == "milstein":
        notes.append("torchsde differentiates the noise, ours takes a difference")
    return Contest(
        job=f"Lorenz-63 with {noise} noise, {method}" + (f", kept every {every} steps" if every else ""),
        size=_size(n_steps, dtype),
        baseline=f"torchsde sdeint, {other}" + (", Brownian path with the step size" if prepared else ""),
        ours=_ours(own, noise, dtype, n_steps, every),
        theirs=functools.partial(_torchsde, other, noise, dtype, n_steps, every, prepared) if installed else None,
        compare=_same_distribution if installed else None, goal=goal, floor=floor, repeats=repeats,
        note="; ".join(notes),
    )  # fmt: skip


def _size(n_steps, dtype):
    return f"{N_PATHS:,} paths x {n_steps:,} steps, {dtype}"


@functools.cache
def _compiled(noise, dtype):
    equations = {"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8/3*z"}
    diffusion = dict(zip("xyz", NOISE[noise], strict=True))
    return CompiledSystem(System.sde(equations, diffusion=diffusion, interpretation="ito"), dtype)


def _ours(method, noise, dtype, n_steps, every=None):
    """Function that integrates: final states (path, dim), or states every few steps (path, time, dim)."""
    start = np.tile(START, (N_PATHS, 1))
    times = np.linspace(0, n_steps * STEP, 2 if every is None else n_steps // every + 1)
    substeps = n_steps if every is None else every

    def run():
        paths = integrate_paths(_compiled(noise, dtype), method, start, times, substeps, 1, keep=every is not None)
        return paths.astype(float, copy=False)

    return run


def _torchsde(method, noise, dtype, n_steps, every, prepared):
    """Final states (path, dim), or (path, time, dim)."""
    import torch
    import torchsde

    real = getattr(torch, dtype)
    start = torch.tensor(START, dtype=real).repeat(N_PATHS, 1)
    times = torch.linspace(0, n_steps * STEP, 2 if every is None else n_steps // every + 1, dtype=real)
    path = torchsde.BrownianInterval(
        t0=times[0], t1=times[-1], size=start.shape, dtype=real, entropy=1, dt=STEP if prepared else None,
        levy_area_approximation="space-time" if method == "srk" else "none",
    )  # fmt: skip
    with torch.no_grad():
        states = torchsde.sdeint(_lorenz(noise), start, times, bm=path, method=method, dt=STEP)
    return (states[-1] if every is None else states.transpose(0, 1)).numpy()


@functools.cache
def _lorenz(noise):
    import torch

    class Lorenz(torch.nn.Module):
        noise_type = "diagonal"
        sde_type = "ito"

        def f(self, t, y):
            return _drift(torch, y)

        def g(self, t, y):
            return torch.full_like(y, 2.0) if noise == "additive" else 0.1 * y

    return Lorenz()


def _drift(torch, state):
    x, y, z = state.unbind(1)
    return torch.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], 1)


def _torch_loop(dtype, n_steps):
    """Final states (path, dim)."""
    import torch

    real = getattr(torch, dtype)
    generator = torch.Generator().manual_seed(1)
    state = torch.tensor(START, dtype=real).repeat(N_PATHS, 1)
    normals = torch.empty_like(state)
    strength = 2.0 * STEP**0.5
    with torch.no_grad():
        for _ in range(n_steps):
            normals.normal_(generator=generator)
            state = state.add(_drift(torch, state), alpha=STEP).add_(normals, alpha=strength)
    return state.numpy()


def _same_distribution(ours, theirs):
    """Compare means and variances over paths, at each time and variable.

    Raises:
        Disagreement: one differs by more than STANDARD_ERRORS, or nothing is random.
    """
    if ours.shape != theirs.shape:
        raise Disagreement("shapes of the paths", got=str(ours.shape), expected=str(theirs.shape))
    # every path starts in the same state
    pair = [paths.reshape(len(paths), -1)[:, 3 if paths.ndim == 3 else 0 :] for paths in (ours, theirs)]
    means = [x.mean(axis=0) for x in pair]
    squares = [(x - mean) ** 2 for x, mean in zip(pair, means, strict=True)]
    variances = [square.mean(axis=0) for square in squares]
    errors = [
        np.abs(means[0] - means[1]) / np.sqrt(sum(variances) / N_PATHS),
        np.abs(variances[0] - variances[1]) / np.sqrt(sum(square.var(axis=0) for square in squares) / N_PATHS),
    ]
    worst = float(np.max(errors))
    if not worst < STANDARD_ERRORS:
        raise Disagreement(
            "means or variances of the paths differ", got=f"{worst:.1f} standard errors",
            expected=f"less than {STANDARD_ERRORS:g}",
        )  # fmt: skip
    return f"means and variances within {worst:.1f} standard errors"
