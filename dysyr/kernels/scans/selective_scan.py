"""The selective scan of Mamba-1: a diagonal state space whose step size, input and output vectors depend on time.

    dt_t = softplus(delta_t + bias)                      or delta_t + bias
    h_t  = exp(dt_t A) h_{t-1} + dt_t u_t B_t            one row of states per channel
    y_t  = (C_t . h_t + D u_t) silu(z_t)

The state is held exactly over a step, the input by Euler's rule, as in the source. Backward, with g_t the gradient
before the gate and h_t computed again from states kept every few steps:

    dh_t = C_t g_t + exp(dt_{t+1} A) dh_{t+1}            dB_t = sum_d dh_t dt_t u_t,     dC_t = sum_d g_t h_t

Sums over channels and times have a fixed order: the same input, the same bits. Source: gu2023.
"""

import numpy as np
import torch

from dysyr.core.errors import InputError
from dysyr.kernels.scans import selective_kernels
from dysyr.kernels.scans.arguments import (
    check_axes,
    check_method,
    check_shape,
    check_tensors,
    refuse_second_derivatives,
)
from dysyr.kernels.scans.buffers import aligned, contiguous, empty, flat
from dysyr.kernels.scans.lanes import LANES
from dysyr.kernels.scans.work_parts import run_units

METHODS = ("sequential",)
LOG2_E = 1.4426950408889634
"""Kernels take powers of two."""


def selective_scan(
    u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False, h0=None, return_last_state=False, *,
    method="sequential", workspace=None,
):  # fmt: skip
    """Run a selective state space over time.

        h_t = exp(dt_t A) h_{t-1} + dt_t u_t B_t,    y_t = (C_t . h_t + D u_t) silu(z_t)

    Args:
        u: (batch, time, channel) inputs. Mamba's own code has time last: pass ``u.transpose(1, 2)``.
        delta: (batch, time, channel) step sizes, in units of the inverse of A.
        A: (channel, state) rates, negative where the state is to forget.
        B: (batch, time, state), or (batch, time, group, state) with the channels in equal groups.
        C: shape of B.
        D: (channel,) direct path from u to y, or None.
        z: (batch, time, channel) gate, or None.
        delta_bias: (channel,) added to delta, or None.
        delta_softplus: whether step sizes are softplus(delta + delta_bias).
        h0: (batch, channel, state) state before the first step, zero when None.
        return_last_state: whether the state after the last step is returned too.
        method: "sequential".
        workspace: Workspace whose memory the results take, or None for fresh memory.

    Returns:
        y (batch, time, channel), or (y, last state (batch, channel, state)). Both carry gradients, once.

    Raises:
        InputError: a tensor has a wrong shape, dtype or device, or the method does not exist.

    Reference:
        gu2023
    """
    name = "selective_scan"
    check_method(name, method, METHODS)
    check_tensors(name, u=u, delta=delta, A=A, B=B, C=C, D=D, z=z, delta_bias=delta_bias, h0=h0)
    check_axes(name, "u", u, 3, "(batch, time, channel)")
    check_axes(name, "A", A, 2, "(channel, state)")
    check_axes(name, "B", B, 3, "(batch, time, state) or (batch, time, group, state)", n_more=1)
    n_batch, n_steps, n_channels = u.shape
    n_states = A.shape[1]
    check_shape(name, "delta", delta, u.shape, "(batch, time, channel) of u")
    check_shape(name, "z", z, u.shape, "(batch, time, channel) of u")
    check_shape(name, "A", A, (n_channels, n_states), "(channel, state)")
    n_groups = B.shape[2] if B.ndim == 4 else 1
    groups = (n_groups,) if B.ndim == 4 else ()
    check_shape(name, "B", B, (n_batch, n_steps, *groups, n_states), "(batch, time[, group], state)")
    check_shape(name, "C", C, B.shape, "the shape of B")
    if n_channels % n_groups:
        raise InputError(
            f"{name}: channels do not divide into groups", got=f"{n_channels} channels, {n_groups} groups in B and C"
        )
    check_shape(name, "D", D, (n_channels,), "(channel,)")
    check_shape(name, "delta_bias", delta_bias, (n_channels,), "(channel,)")
    check_shape(name, "h0", h0, (n_batch, n_channels, n_states), "(batch, channel, state)")
    y, last = _SelectiveScan.apply(u, delta, A, B, C, D, z, delta_bias, h0, bool(delta_softplus), workspace)
    return (y, last) if return_last_state else y


class _SelectiveScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u, delta, A, B, C, D, z, bias, h0, positive, workspace):
        ctx.set_materialize_grads(False)
        run = _Run(u, delta, A, B, C, D, z, bias, positive)
        state = run.zero_states() if h0 is None else run.tiled(h0)
        keep = any(ctx.needs_input_grad)
        borders = aligned(run.n_borders if keep else 0, run.dtype)
        y = empty(u.shape, u.dtype, workspace)
        run_units(
            lambda *part: selective_kernels.forward(*run.inputs, *part, state, keep, borders, flat(y)),
            run.n_units, run.n_steps, run.per_step, grain=selective_kernels.CHUNK,
        )  # fmt: skip
        ctx.save_for_backward(u, delta, A, B, C, D, z, bias)
        ctx.positive, ctx.workspace, ctx.borders = positive, workspace, borders
        ctx.has_h0 = h0 is not None
        return y, run.untiled(state)

    @staticmethod
    def backward(ctx, dy, dlast):
        refuse_second_derivatives("selective_scan")
        u, delta, A, B, C, D, z, bias = ctx.saved_tensors
        run = _Run(u, delta, A, B, C, D, z, bias, ctx.positive)
        state = run.zero_states() if dlast is None else run.tiled(dlast)
        dy = torch.zeros_like(u) if dy is None else contiguous(dy)
        du, ddelta = (empty(u.shape, u.dtype, ctx.workspace) for _ in range(2))
        dz = empty(u.shape if z is not None else (0,), u.dtype, ctx.workspace)
        dB, dC = (empty(B.shape, u.dtype, ctx.workspace) for _ in range(2))
        drates, dskip, dbias = run.zero_states(), run.zero_rows(), run.zero_rows()
        outputs = [flat(tensor) for tensor in (du, ddelta, dz, dB, dC)]
        run_units(
            lambda *part: selective_kernels.backward(
                *run.inputs, *part, ctx.borders, flat(dy), state, *outputs, drates, dskip, dbias
            ),
            run.n_units, run.n_steps, 2 * run.per_step, grain=selective_kernels.CHUNK, reverse=True,
        )  # fmt: skip
        dA = run.untiled(drates).sum(0)
        dD = None if D is None else run.untiled_rows(dskip)
        dbias = None if bias is None else run.untiled_rows(dbias)
        dh0 = run.untiled(state) if ctx.has_h0 else None
        return du, ddelta, dA, dB, dC, dD, None if z is None else dz, dbias, dh0, None, None


class _Run:
    """The arguments of one call as the kernels want them: flat arrays, channels in tiles of lanes."""

    def __init__(self, u, delta, A, B, C, D, z, bias, positive):
        n_batch, self.n_steps, n_channels = u.shape
        self.n_groups = B.shape[2] if B.ndim == 4 else 1
        self.n_states = A.shape[1]
        self.width = n_channels // self.n_groups
        self.n_tiles = -(-self.width // LANES)
        self.n_units = n_batch * self.n_groups
        self.per_step = 2 * self.n_tiles * LANES * self.n_states
        self.dtype = np.float32 if u.dtype == torch.float32 else np.float64
        sizes = (self.n_steps, self.n_groups, self.width, self.n_states)
        blank = u.new_zeros(0)
        gate = blank if z is None else contiguous(z)
        inputs = [flat(contiguous(tensor)) for tensor in (u, delta, gate, B, C)]
        rows = [self.tiled((u.new_zeros(n_channels) if row is None else row).view(1, -1, 1)) for row in (D, bias)]
        self.inputs = (*inputs, self.tiled(A.detach().unsqueeze(0) * LOG2_E), *rows, z is not None, positive, sizes)

    @property
    def n_borders(self):
        """Size of the states at the starts of all chunks."""
        n_chunks = -(-self.n_steps // selective_kernels.CHUNK)
        return self.n_units * n_chunks * self.n_tiles * self.n_states * LANES

    def zero_states(self):
        """(unit, tile, state, lane) zeros, flat."""
        return self._zeros(self.n_units * self.n_tiles * self.n_states * LANES)

    def zero_rows(self):
        """(unit, tile, lane) zeros, flat."""
        return self._zeros(self.n_units * self.n_tiles * LANES)

    def _zeros(self, size):
        array = aligned(size, self.dtype)
        array[:] = 0
        return array

    def tiled(self, tensor):
        """(batch, channel, state) to (batch, group, tile, state, lane), flat."""
        n_batch, _, n_states = tensor.shape
        padded = tensor.new_zeros((n_batch, self.n_groups, self.n_tiles * LANES, n_states))
        padded[:, :, : self.width] = tensor.detach().reshape(n_batch, self.n_groups, self.width, n_states)
        tiles = padded.view(n_batch, self.n_groups, self.n_tiles, LANES, n_states).transpose(3, 4)
        array = aligned(tiles.numel(), self.dtype)
        array[:] = flat(tiles.contiguous())
        return array

    def untiled(self, array, n_states=None):
        """(batch, group, tile, state, lane), flat, to (batch, channel, state)."""
        n_states = self.n_states if n_states is None else n_states
        tiles = torch.from_numpy(array).view(-1, self.n_groups, self.n_tiles, n_states, LANES).transpose(3, 4)
        padded = tiles.reshape(-1, self.n_groups, self.n_tiles * LANES, n_states)
        return padded[:, :, : self.width].reshape(-1, self.n_groups * self.width, n_states)

    def untiled_rows(self, array):
        """Sum over sequences of (batch, group, tile, lane), flat, to (channel,)."""
        return self.untiled(array, 1).sum(0).squeeze(-1)
