"""Forced states of a shallow PLRNN for all times at once, by Newton's method in time: for study.

    s[t]   = z[t] + f[t] (zbar[t] - z[t])
    z[t+1] = A * s[t] + W1 r[t] + h1 + C u[t+1],      r[t] = relu(W2 s[t] + h2)   clipped: - relu(W2 s[t])
           = J[t] z[t] + c[t]                         while no mask changes, J = (diag A + W1 G W2) diag(1 - f)

Where no mask changes any more the states are exact, so the rounds end there and not at a tolerance. Under teacher
forcing a few rounds do; a chaotic map that runs freely needs about one for each step. On a processor core the fused
loop of :mod:`dysyr.kernels.shallow_plrnn` is faster. Source: lim2024, hess2023.
"""

import torch

from dysyr.core.errors import InputError
from dysyr.kernels.scans.arguments import check_axes, check_shape, check_tensors
from dysyr.kernels.scans.newton import N_ROUNDS, piecewise_linear_newton


def forced_states(
    p, z0, zbar, forcing, u=None, *, clipped=False, parallel="newton", start=None, max_iterations=N_ROUNDS
):  # fmt: skip
    """States after each of T steps under forcing, with gradients to the parameters.

    Args:
        p: Parameters of tensors.
        z0: (batch, M) first states.
        zbar: (batch, T, M) forcing signal at the times 0..T-1.
        forcing: (batch, T, M) strengths f in [0, 1]; 0 where nothing is known.
        u: (batch, T, K) inputs that act in each step, or None.
        clipped: the clipped form.
        parallel: "newton"; "sequential", a loop over time; "auto", Newton's method, and the loop where that does not
            converge.
        start: (batch, T, M) first guess; z0 at all times when None.
        max_iterations: most rounds.

    Returns:
        Solution with states (batch, T, M), residual, number of rounds, and what was done.

    Raises:
        NotConverged: masks still change after ``max_iterations`` rounds.
        InputError: shapes or types that do not fit, or strengths that are no shares.

    Reference:
        lim2024
    """
    name, latent_dim = "forced_states", p.A.shape[0]
    check_tensors(name, z0=z0, zbar=zbar, forcing=forcing, u=u, A=p.A)
    check_axes(name, "zbar", zbar, 3, "(batch, time, latent)")
    n_batch, n_steps = zbar.shape[:2]
    check_shape(name, "z0", z0, (n_batch, latent_dim), "(batch, latent)")
    check_shape(name, "zbar", zbar, (n_batch, n_steps, latent_dim), "(batch, time, latent)")
    check_shape(name, "forcing", forcing, zbar.shape, "(batch, time, latent)")
    check_shape(name, "u", u, (n_batch, n_steps, p.C.shape[1]), "(batch, time, input)")
    if not ((forcing >= 0) & (forcing <= 1)).all():
        got = f"{float(forcing.min()):g} to {float(forcing.max()):g}"
        raise InputError(f"{name}: forcing strengths are shares", got=got, expected="0 to 1")
    target = forcing * zbar
    drive = p.h1 if u is None else p.h1 + u @ p.C.T

    def linearise(z, part):
        kept, given = 1 - forcing[:, part], target[:, part]
        active = (kept * z + given) @ p.W2.T
        above = active + p.h2 > 0
        gates, shift = above.to(z.dtype), above * p.h2
        mask = above
        if clipped:
            below = active > 0
            gates, mask = gates - below.to(z.dtype), torch.cat([above, below], dim=2)
        jacobian = torch.diag(p.A) + (p.W1 * gates.unsqueeze(-2)) @ p.W2
        constant = (jacobian @ given.unsqueeze(-1)).squeeze(-1) + shift @ p.W1.T
        return jacobian * kept.unsqueeze(-2), constant + (drive if u is None else drive[:, part]), mask

    return piecewise_linear_newton(
        linearise, z0, n_steps, start=start, parallel=parallel, max_iterations=max_iterations
    )  # fmt: skip
