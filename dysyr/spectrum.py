"""Lyapunov spectra of systems and of models, by one function."""

import numpy as np

from dysyr.core.blocking import blocked_stderr
from dysyr.core.catalogue import as_system
from dysyr.core.errors import InputError
from dysyr.core.measure import Measure
from dysyr.core.model import StateSpace
from dysyr.core.system import System
from dysyr.kernels.model_growth import growth_of_model
from dysyr.simulation.exponents import growth_rates

BLOCKS_PER_TRAJECTORY = 256


def lyapunov_spectrum(
    system_or_model, *, n_steps, dt=None, initial_state=None, n_trajectories=1, n_exponents=None, seed=0
):
    """Lyapunov spectrum by the growth of orthonormal tangent vectors under the exact Jacobian.

    .. math:: \\lambda_k = \\frac{1}{T} \\sum \\log R_{kk}, \\quad J Q = Q' R

    Flows are integrated with their tangent vectors by DOP853 at tolerance 1e-9 with a decomposition after
    each step, maps and models have one after each iteration. Tangent vectors align during a tenth of the time
    before the measured one. The standard error comes from blocks longer than the correlation, pooled over
    trajectories.

    Args:
        system_or_model: a System (ode, pde on its grid, map) or its name in the catalogue, a StateSpace model, or a
            fitted Reconstructor.
        n_steps: measured steps of length dt for each trajectory.
        dt: step in system time units; by default the system's own; a model has its own.
        initial_state: (dim,) or (trajectory, dim) states, see ``simulate``; for models latent states.
        n_trajectories: number of trajectories.
        n_exponents: how many of the leading exponents (systems only); by default all.
        seed: seed of initial states and of the first tangent vectors.

    Returns:
        Measure whose value is the list of exponents per system time unit, in descending order, with its
        standard error.

    Raises:
        InputError: a system or model that has no exponents, or an argument that does not fit.
        DivergedError: a trajectory of a system blew up.

    Reference:
        benettin1980
    """
    if isinstance(n_steps, bool) or not isinstance(n_steps, (int, np.integer)) or n_steps < 2:
        raise InputError("n_steps", got=repr(n_steps), expected="a whole number >= 2")
    from dysyr.core.reconstructor import Reconstructor

    if isinstance(system_or_model, Reconstructor):
        system_or_model = system_or_model.model_
    if isinstance(system_or_model, str):
        system_or_model = as_system(system_or_model)
    if isinstance(system_or_model, System):
        system = system_or_model
        if system.kind in ("sde", "jump", "open_quantum"):
            raise InputError(
                f"{system.name or 'the system'} is {'a linear equation of states' if system.spins else 'stochastic'}",
                expected="Lyapunov exponents are computed for kinds ode, pde and map",
            )
        dt = system.dt if dt is None else dt
        growth, durations = growth_rates(
            system, duration=n_steps * dt, n_blocks=int(min(BLOCKS_PER_TRAJECTORY, max(2, n_steps // 8))),
            initial_state=initial_state, n_trajectories=n_trajectories, n_exponents=n_exponents, seed=seed,
        )  # fmt: skip
        method = "QR after each iteration" if system.kind == "map" else "QR after each DOP853 step, tolerance 1e-9"
    elif isinstance(system_or_model, StateSpace):
        model = system_or_model
        dt = model.dt
        growth, durations = _model_growth(model, n_steps, initial_state, n_trajectories, seed)
        method = "QR of the model's Jacobian after each step"
    else:
        raise InputError(
            "Lyapunov exponents need equations or a model with a Jacobian",
            got=type(system_or_model).__name__,
            expected="a System or a StateSpace model",
        )
    value = growth.sum(axis=(0, 1)) / durations.sum()
    with np.errstate(invalid="ignore"):
        stderr = blocked_stderr(growth / durations[..., None])
        runs = growth.sum(axis=1) / durations.sum(axis=1)[:, None]
    order = np.argsort(-value, kind="stable")
    return Measure(
        name="lyapunov_spectrum",
        kind="invariant",
        value=value[order].tolist(),
        stderr=stderr[order].tolist(),
        unit="1/time",
        better="match",
        status="ok" if np.isfinite(value[0]) else "the orbit diverged",
        n=int(n_steps) * len(growth),
        dt=float(dt),
        settings={
            "method": method,
            "n_steps": int(n_steps),
            "n_trajectories": len(growth),
            "seed": int(seed),
        },
        runs=tuple(tuple(run[order].tolist()) for run in runs),
    )


def _model_growth(model, n_steps, initial_state, n_trajectories, seed):
    """Growth and durations (trajectory, block, ...) of a model's tangent vectors, after n_steps / 4 steps."""
    if initial_state is None:
        pool = np.asarray(model.initial_states)
        rng = np.random.default_rng([seed, 2])
        z = pool[rng.choice(len(pool), n_trajectories, replace=n_trajectories > len(pool))]
    else:
        z = np.atleast_2d(np.asarray(initial_state, dtype=float))
    n_alignment = max(n_steps // 4, 1)
    growth = growth_of_model(model, z, n_alignment + n_steps, seed=seed)
    length = max(1, n_steps // BLOCKS_PER_TRAJECTORY)
    n_blocks = n_steps // length
    kept = growth[:, n_alignment : n_alignment + n_blocks * length]
    blocks = kept.reshape(len(z), n_blocks, length, -1).sum(axis=2)
    return blocks, np.full((len(z), n_blocks), length * model.dt)
