"""Other programs that integrate ensembles of Lorenz-63 and Lorenz-96: JAX, diffrax, torchdiffeq, scipy, NumPy.

Each function returns another one that does the job once; packages are imported when it is made. All compute in float64
unless a dtype is named.
"""

import importlib.util

import numpy as np
from scipy.integrate import solve_ivp

SIGMA, RHO, BETA = 10.0, 28.0, 8 / 3
FORCING = 8.0


def installed(package):
    """Whether a package can be imported."""
    return importlib.util.find_spec(package) is not None


def lorenz63(t, x):
    """Lorenz-63 on the first axis of x, for NumPy and PyTorch alike."""
    return [SIGMA * (x[1] - x[0]), x[0] * (RHO - x[2]) - x[1], x[0] * x[1] - BETA * x[2]]


def lorenz96(t, x):
    """Lorenz-96 of one state (site,)."""
    return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + FORCING


def scipy_ivp(f, x0, t_end, method, tolerance):
    """One trajectory by ``solve_ivp``; the function returns the result, with its end state and number of calls."""
    return lambda: solve_ivp(f, (0.0, t_end), x0, method=method, rtol=tolerance, atol=tolerance)


def jax_scan(x0, dt, n_steps, dtype):
    """RK4 by a jitted ``lax.scan`` over steps; state (dim, trajectory)."""
    import jax
    import jax.numpy as jnp

    def rates(x):
        return jnp.stack(lorenz63(0.0, x))

    @jax.jit
    def run(x):
        h = jnp.asarray(dt, x.dtype)

        def step(x, _):
            k1 = rates(x)
            k2 = rates(x + h / 2 * k1)
            k3 = rates(x + h / 2 * k2)
            k4 = rates(x + h * k3)
            return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

        return jax.lax.scan(step, x, None, length=n_steps)[0]

    def once():
        with jax.enable_x64(True):
            return np.asarray(run(jnp.asarray(x0.T, dtype))).T

    return once


def diffrax_ensemble(x0, t_end, tolerance):
    """``vmap`` of diffrax' Tsit5 with its own steps for each trajectory."""
    import diffrax
    import jax
    import jax.numpy as jnp

    @jax.jit
    def run(states):
        def one(x):
            solution = diffrax.diffeqsolve(
                diffrax.ODETerm(lambda t, x, args: jnp.stack(lorenz63(t, x))),
                diffrax.Tsit5(), 0.0, t_end, 0.001, x, saveat=diffrax.SaveAt(t1=True), max_steps=None,
                stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
            )  # fmt: skip
            return solution.ys[0]

        return jax.vmap(one)(states)

    def once():
        with jax.enable_x64(True):
            return np.asarray(run(jnp.asarray(x0, "float64")))

    return once


def torch_ensemble(x0, t_end, tolerance):
    """torchdiffeq's dopri5 of all trajectories with common steps."""
    import torch
    import torchdiffeq

    states, ends = torch.tensor(x0.T.copy()), torch.tensor([0.0, t_end], dtype=torch.float64)

    def rates(t, x):
        return torch.stack(lorenz63(t, x))

    def once():
        with torch.no_grad():
            return (
                torchdiffeq.odeint(rates, states, ends, method="dopri5", rtol=tolerance, atol=tolerance)[-1].numpy().T
            )

    return once


def numpy_henon(x0, n_steps):
    """The Henon map of all trajectories at once."""

    def once():
        x, y = x0.T.copy()
        for _ in range(n_steps):
            x, y = 1 - 1.4 * x * x + y, 0.3 * x
        return np.stack([x, y], axis=1)

    return once


def lorenz_jacobian(x):
    """Jacobians (trajectory, 3, 3) of Lorenz-63 at states (trajectory, 3)."""
    zero, one = np.zeros(len(x)), np.ones(len(x))
    a, b, c = x.T
    rows = [[-SIGMA * one, SIGMA * one, zero], [RHO - c, -one, -a], [b, a, -BETA * one]]
    return np.array(rows).transpose(2, 0, 1)


def tangent_step(x, v, dt):
    """An RK4 step of states (trajectory, 3) and tangent vectors (trajectory, 3, vector)."""
    slopes = []
    for width in (0.0, dt / 2, dt / 2, dt):
        y, w = (x, v) if not slopes else (x + width * slopes[-1][0], v + width * slopes[-1][1])
        slopes.append((np.stack(lorenz63(0.0, y.T), axis=1), lorenz_jacobian(y) @ w))
    return tuple(
        a + dt / 6 * (slopes[0][i] + 2 * slopes[1][i] + 2 * slopes[2][i] + slopes[3][i]) for i, a in enumerate((x, v))
    )


def numpy_growth(x0, vectors, dt, n_steps, every):
    """RK4 of states and tangent vectors with a QR every few steps: sums of log R_kk (trajectory, vector)."""

    def once():
        x, v = x0, vectors
        total = np.zeros((len(x0), v.shape[-1]))
        for step in range(n_steps):
            x, v = tangent_step(x, v, dt)
            if step % every == every - 1:
                v, r = np.linalg.qr(v)
                total += np.log(np.abs(np.diagonal(r, axis1=1, axis2=2)))
        return total

    return once
