"""The affine recurrence as a loop over time in plain torch: the specification of ``affine_scan.py``."""

import torch


def affine_scan(A, b, h0=None):
    """h_t = A_t h_{t-1} + b_t; arguments as in the fast twin.

    Returns:
        h (batch, time, state).
    """
    h = torch.zeros_like(b[:, 0]) if h0 is None else h0
    out = []
    for A_t, b_t in zip(A.unbind(1), b.unbind(1), strict=True):
        h = torch.einsum("bij,bj->bi", A_t, h) + b_t
        out.append(h)
    return torch.stack(out, dim=1)
