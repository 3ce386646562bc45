"""The selective scan as a loop over time in plain torch: the specification of ``selective_scan.py``."""

import torch
from torch.nn import functional


def selective_scan(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False, h0=None):
    """y_t = C_t h_t + D u_t with h_t = exp(dt_t A) h_{t-1} + dt_t u_t B_t; arguments as in the fast twin.

    Returns:
        (y, h): y (batch, time, channel), last state h (batch, channel, state).
    """
    n_channels = u.shape[2]
    B, C = (_per_channel(matrix, n_channels) for matrix in (B, C))
    dt = delta if delta_bias is None else delta + delta_bias
    dt = functional.softplus(dt) if delta_softplus else dt
    decay = torch.exp(dt.unsqueeze(-1) * A)
    driven = (dt * u).unsqueeze(-1) * B
    h = torch.zeros_like(decay[:, 0]) if h0 is None else h0
    out = []
    for decay_t, driven_t, C_t in zip(decay.unbind(1), driven.unbind(1), C.unbind(1), strict=True):
        h = decay_t * h + driven_t
        out.append((h * C_t).sum(-1))
    y = torch.stack(out, dim=1)
    if D is not None:
        y = y + D * u
    return (y if z is None else y * functional.silu(z)), h


def _per_channel(matrix, n_channels):
    """(batch, time, state) or (batch, time, group, state) to (batch, time, channel or 1, state)."""
    if matrix.ndim == 3:
        return matrix.unsqueeze(2)
    return matrix.repeat_interleave(n_channels // matrix.shape[2], dim=2)
