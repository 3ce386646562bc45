"""Lyapunov spectrum of a fitted model from its own Jacobian."""

import math

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels.model_growth import growth_of_model

BURN_IN = 1_000
LARGE_STATE = 40
N_LEADING, MAX_ORBITS, MAX_STEPS = 20, 10, 2_000


def exponent_effort(latent_dim, n_orbits, n_steps):
    """How many exponents, orbits and steps are computed.

    Those asked for; or, for states of more than 40 dimensions, the 20 leading exponents of at most 10 orbits of 2,000
    steps, since the cost of a whole spectrum grows with the cube of the dimension.

    Returns:
        (n_exponents, n_orbits, n_steps).
    """
    if latent_dim <= LARGE_STATE:
        return latent_dim, n_orbits, n_steps
    return N_LEADING, min(n_orbits, MAX_ORBITS), min(n_steps, MAX_STEPS)


def model_exponents(model, *, n_orbits=50, n_steps=10_000, seed=0):
    """Lyapunov exponents of z[t+1] = F(z[t]) by repeated QR decomposition, many orbits side by side.

        J(z_t) Q_t = Q_{t+1} R_{t+1},    lambda_i = < ln |R_ii| > / dt

    The orbits start from the model's initial states after 1,000 steps; ``n_steps // 4`` further steps align
    the frames before averaging begins.

    Args:
        model: StateSpace without external inputs.
        n_orbits: independent orbits, see ``exponent_effort``.
        n_steps: steps of each that enter the average, see ``exponent_effort``.
        seed: chooses the initial states.

    Returns:
        (n_orbits, n_exponents) exponents of each orbit, largest first, per time unit; NaN for orbits that
        diverged.

    Raises:
        InputError: the model needs external inputs.

    Reference: benettin1980
    """
    if model.n_inputs:
        got = f"{model.n_inputs} inputs"
        raise InputError("Lyapunov exponents of a driven model need its inputs", got=got)
    n_vectors, n_orbits, n_steps = exponent_effort(model.latent_dim, n_orbits, n_steps)
    rng = np.random.default_rng([seed, 0x6C7961])
    pool = model.initial_states
    z = pool[rng.choice(len(pool), n_orbits, replace=n_orbits > len(pool))]
    align = n_steps // 4
    orbits = model.trajectory(z, BURN_IN + align + n_steps)
    alive = np.isfinite(orbits).all(axis=(1, 2))
    exponents = np.full((n_orbits, n_vectors), math.nan)
    if alive.any():
        start = orbits[alive, BURN_IN - 1]
        growth = growth_of_model(model, start, align + n_steps, n_vectors=n_vectors, seed=seed)
        growth = np.maximum(growth[:, align:], math.log(np.finfo(np.float64).tiny))
        exponents[alive] = -np.sort(-growth.sum(axis=1) / (n_steps * model.dt), axis=1)
    return exponents
