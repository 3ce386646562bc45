"""The elementwise linear recurrence as a loop over time in plain torch: the specification of ``linear_scan.py``."""

import torch


def linear_scan(a, b, h0=None, *, reverse=False):
    """h_t = a_t h_{t-1} + b_t; arguments as in the fast twin.

    Returns:
        h, shape of a.
    """
    h = torch.zeros_like(b[:, 0]) if h0 is None else h0
    out = []
    steps = list(zip(a.unbind(1), b.unbind(1), strict=True))
    for a_t, b_t in reversed(steps) if reverse else steps:
        h = a_t * h + b_t
        out.append(h)
    return torch.stack(out[::-1] if reverse else out, dim=1)
