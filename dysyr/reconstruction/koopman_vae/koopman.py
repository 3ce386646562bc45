"""The Koopman matrix: least squares between successive latent states, its error, its spectrum and penalties on it.

Row convention: z[t+1] ~ z[t] C, so that the operator on columns is C^T; eigenvalues agree.
"""

import numpy as np
import torch

RIDGE = 1e-6
"""Relative to the mean square of a latent variable: a collapsed latent gives a singular system otherwise."""


def fit(before, after):
    """C = argmin sum ||z' - z C||^2 + ridge ||C||^2, differentiable, in float64.

    Args:
        before: (pair, latent) states z, a tensor.
        after: (pair, latent) states z' one step later.

    Returns:
        (latent, latent) float64 tensor.

    Reference: naiman2024
    """
    before, after = before.double(), after.double()
    return solved(before.T @ before, before.T @ after)


def solved(gram, cross):
    """C of ``fit`` from z^T z and z^T z', (latent, latent) float64 tensors."""
    ridge = RIDGE * gram.diagonal().mean() + torch.finfo(torch.float64).tiny
    return torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=gram.dtype), cross)


def transitions(z):
    """(z, z') of all neighbours in windows z (window, time, latent), each (pair, latent)."""
    return z[:, :-1].reshape(-1, z.shape[2]), z[:, 1:].reshape(-1, z.shape[2])


def prediction_error(z, matrix, *, n_steps=1, form="relative"):
    """How badly the matrix predicts the latent states.

        relative:  sum_j < (z_t C^j - z_(t+j))^2 > / < z_(t+j)^2 >
        published: sum_j < (z_t C^j - z_(t+j))^2 > / || Z C^j ||_F

    for j = 1 .. n_steps. The relative form does not change with the scale of z; the published one grows with it, so
    that it can be lowered by shrinking the latent space.

    Args:
        z: (window, time, latent) states.
        matrix: (latent, latent).
        n_steps: how many steps ahead, fewer than a window has.
        form: "relative" or "published".

    Returns:
        scalar tensor.
    """
    z = z.double()
    ahead, total = z, z.new_zeros(())
    for j in range(1, n_steps + 1):
        ahead = ahead[:, : z.shape[1] - j] @ matrix
        truth = z[:, j:]
        norm = truth.square().mean() if form == "relative" else torch.linalg.norm(ahead)
        total = total + (ahead - truth).square().mean() / (norm + torch.finfo(torch.float64).tiny)
    return total


def spectral_penalty(matrix, constraint, n_unit):
    """How far the eigenvalues lie from where they should.

        unit_circle: mean of (|lambda_i| - 1)^2 over the n_unit largest, of max(|lambda_i| - 1, 0)^2 over the others
        stable:      mean of max(|lambda_i| - 1, 0)^2 over all

    Args:
        matrix: (latent, latent) tensor.
        constraint: "unit_circle" or "stable".
        n_unit: eigenvalues that should lie on the unit circle.

    Returns:
        scalar tensor.
    """
    moduli = torch.linalg.eigvals(matrix).abs().sort(descending=True).values
    if constraint == "stable":
        return (moduli - 1).clamp(min=0).square().mean()
    inside = (moduli[n_unit:] - 1).clamp(min=0).square()
    return torch.cat([(moduli[:n_unit] - 1).square(), inside]).sum() / len(moduli)


def constrained(matrix, constraint, n_unit):
    """The matrix with its eigenvalues moved to where the constraint has them, its eigenvectors as they were.

    Args:
        matrix: (latent, latent) tensor; the result is differentiable where its eigenvalues are distinct.
        constraint: None, "unit_circle" or "stable", as in ``spectral_penalty``.
        n_unit: eigenvalues on the unit circle; a complex pair is never parted.

    Returns:
        (latent, latent) tensor.
    """
    if constraint is None:
        return matrix
    values, vectors = torch.linalg.eig(matrix)
    moduli = values.abs()
    target = moduli.clamp(max=1.0)
    if constraint == "unit_circle":
        last = moduli.sort(descending=True).values[n_unit - 1]
        target = torch.where(moduli >= last * (1 - 1e-9), 1.0, target)
    scale = torch.where(moduli > 0, target / torch.where(moduli > 0, moduli, 1.0), 0.0)
    return ((vectors * (values * scale)) @ torch.linalg.inv(vectors)).real


def rolled(z, matrix, n_steps):
    """(window, n_steps, latent) states z, z C, z C^2, ... in the precision of z (window, latent)."""
    states = [z.to(matrix.dtype)]
    for _ in range(n_steps - 1):
        states.append(states[-1] @ matrix)
    return torch.stack(states, dim=1).to(z.dtype)


def modes(matrix, dt):
    """Eigenvalues of the matrix as frequencies and decay rates, slowest decay first.

        lambda = exp((-rate + 2 pi i frequency) dt)

    Args:
        matrix: (latent, latent).
        dt: sampling interval in system time units.

    Returns:
        dict: ``eigenvalue`` (mode,) complex, ``modulus``, ``frequency`` in cycles per time unit, ``decay_rate`` in 1
        per time unit (infinite for an eigenvalue 0), and ``vector`` (mode, latent), the left eigenvectors: a state w
        has the modal coordinates w @ inv(vector).
    """
    values, right = np.linalg.eig(matrix.T)
    order = np.lexsort((-values.imag, -np.abs(values)))
    values, right = values[order], right[:, order]
    moduli = np.abs(values)
    with np.errstate(divide="ignore"):
        rate = -np.log(moduli) / dt
    return {
        "eigenvalue": values, "modulus": moduli, "frequency": np.angle(values) / (2 * np.pi * dt), "decay_rate": rate,
        "vector": right.T,
    }  # fmt: skip
