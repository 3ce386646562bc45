"""The shallow PLRNN under teacher forcing in plain torch: the specification of ``shallow_plrnn.py``."""

import functools

import torch

from dysyr.kernels import forced_windows_reference


def step(p, s, u=None, *, clipped=False):
    """One step of the map, F(s) = A * s + W1 r + h1 + C u.

    Args:
        p: Parameters of tensors.
        s: (batch, M).
        u: (batch, K) or None.
        clipped: r = relu(W2 s + h2) - relu(W2 s) instead of relu(W2 s + h2).

    Returns:
        (batch, M).
    """
    active = s @ p.W2.T
    r = torch.relu(active + p.h2)
    if clipped:
        r = r - torch.relu(active)
    out = p.A * s + r @ p.W1.T + p.h1
    return out if u is None else out + u @ p.C.T


def predictions(p, seen, observed, u, strength, *, clipped, affine):
    """``forced_windows_reference.predictions`` of this family."""
    own = functools.partial(step, clipped=clipped)
    return forced_windows_reference.predictions(own, p, seen, observed, u, strength, affine=affine)


def loss(p, x, seen, observed, counts, u, strength, *, clipped, affine):
    """``forced_windows_reference.loss`` of this family."""
    own = functools.partial(step, clipped=clipped)
    return forced_windows_reference.loss(own, p, x, seen, observed, counts, u, strength, affine=affine)
