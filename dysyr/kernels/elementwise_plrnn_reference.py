"""PLRNNs with an elementwise nonlinearity in plain torch: the specification of ``elementwise_plrnn.py``."""

import torch


def nonlinearity(p, s, form):
    """phi(s) of the family.

    Args:
        p: Parameters of tensors.
        s: (batch, M).
        form: Form.

    Returns:
        (batch, M).
    """
    if p.alpha.numel() == 0:
        return torch.cat([s[:, : form.n_linear], torch.relu(s[:, form.n_linear :])], dim=1)
    bends = torch.relu(s[:, :, None] - p.H)
    if form.clipped:
        bends = bends - torch.relu(s)[:, :, None]
    return bends @ p.alpha


def step(p, s, u=None, *, form):
    """One step of the map, F(s) = A * s + W phi(s) + h + C u.

    Args:
        p: Parameters of tensors.
        s: (batch, M).
        u: (batch, K) or None.
        form: Form.

    Returns:
        (batch, M).
    """
    w = p.W - torch.diag(torch.diag(p.W)) if form.hollow else p.W
    out = p.A * s + nonlinearity(p, s, form) @ w.T + p.h
    return out if u is None else out + u @ p.C.T
