"""State-space duality over a few steps, as one product of small matrices.

    S_t = exp(dt_t A) S_{t-1} + dt_t x_t B_t',    y_t = S_t C_t          one matrix S per head
    y   = ((C B') * decay) (dt x) + exp(cs) C S_0,    decay[i, j] = exp(sum of dt A over j+1..i), i >= j

The windows of forecasters hold a few patches. There a whole window is one chunk, and this takes a twentieth to a half
of the time of ``kernels.scans.state_space_duality``, which divides long series into chunks. Sums of the decays are
cumulative sums of a masked matrix, never differences of running sums. Source: dao2024.
"""

import torch


def short_ssd(x, dt, A, B, C, S=None, *, return_last_state=True):
    """Run a state space with one decay per head over a few steps, quadratic in their number.

        S_t = exp(dt_t A) S_{t-1} + dt_t x_t B_t',    y_t = S_t C_t

    Args:
        x: (batch, time, head, dim) inputs.
        dt: (batch, time, head) step sizes, positive.
        A: (head,) rates, negative.
        B: (batch, time, state).
        C: (batch, time, state).
        S: (batch, head, dim, state) state before the first step, zero when None.
        return_last_state: leave it out where nobody goes on from it: with many states it is most of the work.

    Returns:
        y (batch, time, head, dim), and the last state (batch, head, dim, state) or None.

    Reference:
        dao2024
    """
    a = (dt * A).transpose(1, 2)
    n_steps = a.shape[-1]
    below = torch.ones(n_steps, n_steps, dtype=a.dtype, device=a.device).tril(-1)
    decay = torch.exp((a.unsqueeze(-1) * below).cumsum(-2)).tril()
    driven = (x * dt.unsqueeze(-1)).transpose(1, 2)
    y = ((C @ B.transpose(1, 2)).unsqueeze(1) * decay) @ driven
    if S is not None:
        since = torch.exp(a.cumsum(-1)).unsqueeze(-1)
        y = y + since * (C.unsqueeze(1) @ S.transpose(-1, -2))
    if not return_last_state:
        return y.transpose(1, 2), None
    last = (driven * decay[:, :, -1].unsqueeze(-1)).transpose(-1, -2) @ B.unsqueeze(1)
    return y.transpose(1, 2), last if S is None else last + since[:, :, -1:] * S
