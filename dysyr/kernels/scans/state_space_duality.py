"""State-space duality of Mamba-2: one scalar decay per head and step, evaluated in chunks by matrix products.

    dt_t = softplus(dt_t + bias)                         or dt_t + bias
    S_t  = exp(dt_t A) S_{t-1} + dt_t x_t B_t'           one matrix per head
    y_t  = (S_t C_t + D x_t) silu(z_t)

Within a chunk of Q steps, with cs the running sum of dt A from its start,

    y within  = ((C B') * decay) (dt x)                  decay[i, j] = exp(sum of dt A over j+1..i), i >= j
    S after   = exp(cs_Q) S before + sum_j decay[Q, j] dt_j x_j B_j'
    y before  = exp(cs_i) S before C_i

and the states at the chunk borders are a linear scan. For A <= 0 all exponents are at most 0. Lengths that are not a
multiple of Q are filled up with steps that do nothing, dt = 0 after the softplus. Source: dao2024.
"""

import torch
from torch.nn import functional

from dysyr.core.errors import InputError
from dysyr.kernels.scans.arguments import check_axes, check_count, check_method, check_shape, check_tensors
from dysyr.kernels.scans.linear_scan import linear_scan
from dysyr.kernels.scans.segment_decay import segment_decay
from dysyr.kernels.scans.selective_scan import selective_scan

METHODS = ("chunked", "sequential")
CHUNK = 64


def ssd(
    x, dt, A, B, C, D=None, z=None, dt_bias=None, dt_softplus=False, h0=None, return_last_state=False, *,
    chunk=CHUNK, method="chunked",
):  # fmt: skip
    """Run a state space with one decay per head over time.

        S_t = exp(dt_t A) S_{t-1} + dt_t x_t B_t',    y_t = (S_t C_t + D x_t) silu(z_t)

    Args:
        x: (batch, time, head, dim) inputs.
        dt: (batch, time, head) step sizes, in units of the inverse of A.
        A: (head,) rates, negative where the state is to forget.
        B: (batch, time, state), or (batch, time, group, state) with the heads in equal groups.
        C: shape of B.
        D: (head,) direct path from x to y, or None.
        z: (batch, time, head, dim) gate, or None.
        dt_bias: (head,) added to dt, or None.
        dt_softplus: whether step sizes are softplus(dt + dt_bias).
        h0: (batch, head, dim, state) state before the first step, zero when None.
        return_last_state: whether the state after the last step is returned too.
        chunk: steps per chunk Q of the method "chunked".
        method: "chunked", matrix products; "sequential", the selective scan over all channels, which does the
            exponential of each state instead of each head and is as fast for small states.

    Returns:
        y (batch, time, head, dim), or (y, last state (batch, head, dim, state)). Both carry gradients, once.

    Raises:
        InputError: a tensor has a wrong shape, dtype or device, the method does not exist, or ``chunk`` is no count.

    Reference:
        dao2024
    """
    name = "ssd"
    check_method(name, method, METHODS)
    check_tensors(name, x=x, dt=dt, A=A, B=B, C=C, D=D, z=z, dt_bias=dt_bias, h0=h0)
    check_axes(name, "x", x, 4, "(batch, time, head, dim)")
    check_axes(name, "B", B, 3, "(batch, time, state) or (batch, time, group, state)", n_more=1)
    n_batch, n_steps, n_heads, n_dims = x.shape
    n_states = B.shape[-1]
    groups = tuple(B.shape[2:3]) if B.ndim == 4 else ()
    check_shape(name, "dt", dt, (n_batch, n_steps, n_heads), "(batch, time, head)")
    check_shape(name, "A", A, (n_heads,), "(head,)")
    check_shape(name, "B", B, (n_batch, n_steps, *groups, n_states), "(batch, time[, group], state)")
    check_shape(name, "C", C, B.shape, "the shape of B")
    check_shape(name, "D", D, (n_heads,), "(head,)")
    check_shape(name, "z", z, x.shape, "the shape of x")
    check_shape(name, "dt_bias", dt_bias, (n_heads,), "(head,)")
    check_shape(name, "h0", h0, (n_batch, n_heads, n_dims, n_states), "(batch, head, dim, state)")
    if groups and n_heads % groups[0]:
        got = f"{n_heads} heads, {groups[0]} groups in B and C"
        raise InputError(f"{name}: heads do not divide into groups", got=got)
    check_count(name, "chunk", chunk)
    dt = dt if dt_bias is None else dt + dt_bias
    dt = functional.softplus(dt) if dt_softplus else dt
    if method == "chunked":
        y, last = _chunked(x, dt, A, _with_groups(B), _with_groups(C), h0, min(chunk, n_steps))
    else:
        y, last = _sequential(x, dt, A, B, C, h0)
    if D is not None:
        y = y + D.unsqueeze(-1) * x
    if z is not None:
        y = y * functional.silu(z)
    return (y, last) if return_last_state else y


def _with_groups(matrix):
    return matrix if matrix.ndim == 4 else matrix.unsqueeze(2)


def _sequential(x, dt, A, B, C, h0):
    """The same as a selective scan whose channels are heads times dims."""
    n_batch, n_steps, n_heads, n_dims = x.shape
    n_states = B.shape[-1]
    y, last = selective_scan(
        x.flatten(2),
        dt.repeat_interleave(n_dims, dim=2),
        A.repeat_interleave(n_dims).unsqueeze(1).expand(-1, n_states),
        B,
        C,
        h0=None if h0 is None else h0.flatten(1, 2),
        return_last_state=True,
    )
    return y.view(x.shape), last.view(n_batch, n_heads, n_dims, n_states)


def _chunked(x, dt, A, B, C, h0, chunk):
    """y without D and gate, and the last state; dt after the softplus."""
    n_batch, n_steps, n_heads, n_dims = x.shape
    n_groups, n_states = B.shape[2:]
    per_group = n_heads // n_groups
    missing = -n_steps % chunk

    def in_chunks(tensor, *axes):
        """(batch, time, head or group, ...) to (batch, chunk, group, head of it, step, ...), filled up with zeros."""
        padded = functional.pad(tensor, (0, 0) * (tensor.ndim - 2) + (0, missing)) if missing else tensor
        return padded.view(n_batch, -1, chunk, *axes).movedim(2, 4)

    step = in_chunks(dt, n_groups, per_group)
    x = in_chunks(x, n_groups, per_group, n_dims) * step.unsqueeze(-1)
    B, C = (in_chunks(matrix, n_groups, 1, n_states) for matrix in (B, C))
    a = step * A.view(n_groups, per_group, 1)
    decay = segment_decay(a)
    within = (C @ B.transpose(-1, -2) * decay) @ x
    driven = (x * decay[..., -1, :].unsqueeze(-1)).transpose(-1, -2) @ B
    since_start = torch.exp(torch.cumsum(a, dim=-1)).unsqueeze(-1)
    over_chunk = since_start[..., -1:, :].expand_as(driven)
    start = None if h0 is None else h0.reshape(driven[:, 0].shape)
    states = linear_scan(over_chunk, driven, start)
    start = torch.zeros_like(states[:, :1]) if start is None else start.unsqueeze(1)
    before = torch.cat([start, states[:, :-1]], dim=1)
    y = within + since_start * (C @ before.transpose(-1, -2))
    y = y.movedim(4, 2).reshape(n_batch, -1, n_heads, n_dims)[:, :n_steps]
    return y, states[:, -1].reshape(n_batch, n_heads, n_dims, n_states)
