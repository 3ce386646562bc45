"""Nonlinear recurrences as a loop over time, with gradients through every step: the specification of ``newton.py``."""

import torch


def states(f, x, y0):
    """y_t = f(y_{t-1}, x_t); arguments as in ``newton.parallel_newton``.

    Returns:
        (batch, time, state).
    """
    y, out = y0.unsqueeze(1), []
    for x_t in x.split(1, dim=1):
        y = f(y, x_t)
        out.append(y)
    return torch.cat(out, dim=1)


def piecewise_linear_states(linearise, z0, n_steps):
    """z_t = J_t z_{t-1} + c_t; arguments as in ``newton.piecewise_linear_newton``.

    Returns:
        (batch, time, state).
    """
    z, out = z0.unsqueeze(1), []
    for t in range(n_steps):
        J, c, _ = linearise(z, slice(t, t + 1))
        z = torch.einsum("btij,btj->bti", J, z) + c
        out.append(z)
    return torch.cat(out, dim=1)
