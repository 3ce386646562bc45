"""State-space duality as a loop over time in plain torch: the specification of ``state_space_duality.py`` and of
``segment_decay.py``."""

import torch
from torch.nn import functional


def ssd(x, dt, A, B, C, D=None, z=None, dt_bias=None, dt_softplus=False, h0=None):
    """S_t = exp(dt_t A) S_{t-1} + dt_t x_t B_t', y_t = (S_t C_t + D x_t) silu(z_t); arguments as in the fast twin.

    Returns:
        (y, S): y (batch, time, head, dim), last state S (batch, head, dim, state).
    """
    n_batch, _, n_heads, n_dims = x.shape
    B, C = (_per_head(matrix, n_heads) for matrix in (B, C))
    dt = dt if dt_bias is None else dt + dt_bias
    dt = functional.softplus(dt) if dt_softplus else dt
    decay = torch.exp(dt * A)
    driven = dt.unsqueeze(-1) * x
    S = x.new_zeros(n_batch, n_heads, n_dims, B.shape[-1]) if h0 is None else h0
    out = []
    for decay_t, driven_t, B_t, C_t in zip(decay.unbind(1), driven.unbind(1), B.unbind(1), C.unbind(1), strict=True):
        S = decay_t[..., None, None] * S + driven_t.unsqueeze(-1) * B_t.unsqueeze(-2)
        out.append((S * C_t.unsqueeze(-2)).sum(-1))
    y = torch.stack(out, dim=1)
    if D is not None:
        y = y + D.unsqueeze(-1) * x
    return (y if z is None else y * functional.silu(z)), S


def segment_decay(a):
    """exp of the sums of a over j+1..i: a masked square, summed along its first axis."""
    n = a.shape[-1]
    square = a.unsqueeze(-1).expand(*a.shape, n)
    below = torch.ones(n, n, dtype=torch.bool).tril(-1)
    sums = square.masked_fill(~below, 0).cumsum(dim=-2)
    return torch.exp(sums.masked_fill(~torch.ones(n, n, dtype=torch.bool).tril(), -torch.inf))


def _per_head(matrix, n_heads):
    """(batch, time, state) or (batch, time, group, state) to (batch, time, head or 1, state)."""
    if matrix.ndim == 3:
        return matrix.unsqueeze(2)
    return matrix.repeat_interleave(n_heads // matrix.shape[2], dim=2)
