"""The selective scan (Mamba-1 form) on a device, forward and backward.

    dt_t  = softplus(delta_t + bias)
    h_t   = exp(dt_t A) h_{t-1} + dt_t u_t B_t                 (channel, N)
    y_t   = sum_N C_t h_t + D u_t,      out_t = y_t silu(z_t)

and backward, with g_t = dout_t silu(z_t), a_t = exp(dt_t A) and q_t = a_t h_{t-1},

    dh_t  = C_t g_t + a_{t+1} dh_{t+1}
    dC_t  = sum_channels g_t h_t          dB_t = sum_channels dh_t dt_t u_t        du_t = D g_t + sum_N dh_t dt_t B_t
    ddt_t = sum_N dh_t (u_t B_t + A q_t)  dA = sum_t dh_t dt_t q_t
    ddelta_t = ddt_t sigmoid(delta_t + bias),     dz_t = dout_t y_t sig(z_t) (1 + z_t (1 - sig(z_t)))

Arrays are (batch, time, channel), B and C (batch, time, N): neighbouring threads are neighbouring channels. A
thread holds the N states of a channel. The forward pass keeps the states at every CHECKPOINT-th time; the backward
pass recomputes those in between. Sums over channels are made in each block and then over the blocks, in a fixed
order, so that the same input gives the same bits.

Reference:
    gu2023
"""

import functools
import math
from collections import namedtuple

import numpy as np
from numba import cuda

from dysyr.core.errors import InputError
from dysyr.kernels.cuda.compilation import configured, kernel
from dysyr.kernels.cuda.device_arrays import float_dtype, on_device, summed

CHECKPOINT = 16
"""Times between two kept states."""

SHARED_BYTES = 32_768
"""Shared memory for the sums over channels of a block."""

MOST_ROWS = 65_535
"""Most blocks of a grid along its second axis."""

Kernels = namedtuple("Kernels", "forward backward")
Gradients = namedtuple("Gradients", "u delta A B C D bias z h0")


def threads_for(n_states, dtype):
    """Threads of a block, so that its sums over channels fit the shared memory; 0 where none do."""
    size = 2 * n_states * np.dtype(dtype).itemsize
    return next((threads for threads in (128, 64, 32) if threads * size <= SHARED_BYTES), 0)


def selective_scan(u, delta, A, B, C, D, bias, z, h0):
    """Outputs of the scan.

    Args:
        u: (batch, time, channel) inputs.
        delta: (batch, time, channel) step sizes before softplus.
        A: (channel, N) negative rates.
        B: (batch, time, N).
        C: (batch, time, N).
        D: (channel,).
        bias: (channel,) added to delta.
        z: (batch, time, channel) gate.
        h0: (batch, channel, N) states before the first time.

    Returns:
        device arrays: out (batch, time, channel), the last states (batch, channel, N), and the checkpoints that
        ``selective_scan_backward`` needs.

    Raises:
        InputError: shapes or dtypes that do not fit, or no device.

    Reference:
        gu2023
    """
    arrays, (n_rows, n_times, n_channels, n_states), dtype = _checked(u, delta, A, B, C, D, bias, z, h0)
    n_checkpoints = -(-n_times // CHECKPOINT)
    out = cuda.device_array((n_rows, n_times, n_channels), dtype)
    last = cuda.device_array((n_rows, n_channels, n_states), dtype)
    checkpoints = cuda.device_array((n_rows, n_checkpoints, n_states, n_channels), dtype)
    threads = threads_for(n_states, dtype)
    forward = selective_scan_kernels(dtype, n_states).forward
    configured(forward, (-(-n_channels // threads), n_rows), threads)(*arrays, out, last, checkpoints)
    return out, last, checkpoints


def selective_scan_backward(u, delta, A, B, C, D, bias, z, h0, checkpoints, d_out, d_last):
    """Gradients of a loss with respect to all inputs of ``selective_scan``.

    Args:
        u, delta, A, B, C, D, bias, z, h0: as there.
        checkpoints: from ``selective_scan``.
        d_out: (batch, time, channel) derivative of the loss with respect to the outputs.
        d_last: (batch, channel, N) derivative with respect to the last states.

    Returns:
        Gradients of device arrays.

    Raises:
        InputError: shapes or dtypes that do not fit, or no device.

    Reference:
        gu2023
    """
    arrays, (n_rows, n_times, n_channels, n_states), dtype = _checked(u, delta, A, B, C, D, bias, z, h0)
    wide = (n_rows, n_times, n_channels)
    shape = (n_rows, -(-n_times // CHECKPOINT), n_states, n_channels)
    checkpoints = on_device("checkpoints", checkpoints, shape, dtype)
    d_out = on_device("d_out", d_out, wide, dtype)
    d_last = on_device("d_last", d_last, (n_rows, n_channels, n_states), dtype)
    threads = threads_for(n_states, dtype)
    n_blocks = -(-n_channels // threads)
    du, d_delta, dz = (cuda.device_array(wide, dtype) for _ in range(3))
    dB, dC = (cuda.device_array((n_blocks, n_rows, n_times, n_states), dtype) for _ in range(2))
    dA, dh0 = (cuda.device_array((n_rows, n_channels, n_states), dtype) for _ in range(2))
    dD, d_bias = (cuda.device_array((n_rows, n_channels), dtype) for _ in range(2))
    backward = selective_scan_kernels(dtype, n_states).backward
    configured(backward, (n_blocks, n_rows), threads)(
        *arrays, checkpoints, d_out, d_last, du, d_delta, dz, dB, dC, dA, dD, d_bias, dh0
    )
    return Gradients(
        u=du, delta=d_delta, A=summed(dA), B=summed(dB), C=summed(dC), D=summed(dD), bias=summed(d_bias), z=dz, h0=dh0
    )


@functools.cache
def selective_scan_kernels(dtype, n_states):
    """The kernels of a dtype and number of states: one thread a channel, blocks (channels, batch)."""
    real = np.dtype(dtype).type
    zero, one, far = real(0), real(1), real(20)
    threads, checkpoint, size = threads_for(n_states, dtype), CHECKPOINT, CHECKPOINT * n_states
    columns, width, n_parts = 2 * n_states, threads + 1, max(1, threads // (2 * n_states))
    part_length = -(-threads // n_parts)

    @kernel
    def forward(u, delta, A, B, C, D, bias, z, h0, out, last, checkpoints):
        d, row = cuda.grid(1), cuda.blockIdx.y
        if d < u.shape[2]:
            h = cuda.local.array(n_states, real)
            rate = cuda.local.array(n_states, real)
            for n in range(n_states):
                h[n] = h0[row, d, n]
                rate[n] = A[d, n]
            for t in range(u.shape[1]):
                if t % checkpoint == 0:
                    for n in range(n_states):
                        checkpoints[row, t // checkpoint, n, d] = h[n]
                raw = delta[row, t, d] + bias[d]
                dt = raw if raw > far else real(math.log1p(math.exp(raw)))
                entered = dt * u[row, t, d]
                y = D[d] * u[row, t, d]
                for n in range(n_states):
                    h[n] = real(math.exp(dt * rate[n])) * h[n] + entered * B[row, t, n]
                    y += C[row, t, n] * h[n]
                gate = z[row, t, d]
                out[row, t, d] = y * gate / (one + real(math.exp(-gate)))
            for n in range(n_states):
                last[row, d, n] = h[n]

    @kernel
    def backward(
        u, delta, A, B, C, D, bias, z, h0, checkpoints, d_out, d_last, du, d_delta, dz, dB, dC, dA, dD, d_bias, dh0
    ):
        terms = cuda.shared.array((columns, width), real)
        parts = cuda.shared.array((n_parts, columns), real)
        history = cuda.local.array(size, real)
        h = cuda.local.array(n_states, real)
        dh = cuda.local.array(n_states, real)
        rate = cuda.local.array(n_states, real)
        rate_sum = cuda.local.array(n_states, real)
        k, row, block = cuda.threadIdx.x, cuda.blockIdx.y, cuda.blockIdx.x
        inside = block * threads + k < u.shape[2]
        d = block * threads + k if inside else 0
        skip_sum, bias_sum = zero, zero
        for n in range(n_states):
            dh[n] = d_last[row, d, n]
            rate[n] = A[d, n]
            rate_sum[n] = zero
        for back in range(checkpoints.shape[1]):
            begin = (checkpoints.shape[1] - 1 - back) * checkpoint
            end = min(begin + checkpoint, u.shape[1])
            for n in range(n_states):
                h[n] = checkpoints[row, begin // checkpoint, n, d]
            for t in range(begin, end):
                raw = delta[row, t, d] + bias[d]
                dt = raw if raw > far else real(math.log1p(math.exp(raw)))
                entered = dt * u[row, t, d]
                for n in range(n_states):
                    history[(t - begin) * n_states + n] = h[n]
                    h[n] = real(math.exp(dt * rate[n])) * h[n] + entered * B[row, t, n]
            for step in range(end - begin):
                t = end - 1 - step
                raw = delta[row, t, d] + bias[d]
                dt = raw if raw > far else real(math.log1p(math.exp(raw)))
                slope = one / (one + real(math.exp(-raw)))
                value = u[row, t, d]
                gate = z[row, t, d]
                open_ = one / (one + real(math.exp(-gate)))
                g = d_out[row, t, d] * gate * open_
                y, dt_sum, u_sum = D[d] * value, zero, D[d] * g
                for n in range(n_states):
                    a = real(math.exp(dt * rate[n]))
                    q = a * history[(t - begin) * n_states + n]
                    state = q + dt * value * B[row, t, n]
                    y += C[row, t, n] * state
                    pull = dh[n] + C[row, t, n] * g
                    u_sum += pull * dt * B[row, t, n]
                    dt_sum += pull * (value * B[row, t, n] + rate[n] * q)
                    rate_sum[n] += pull * dt * q
                    terms[n, k] = pull * dt * value if inside else zero
                    terms[n_states + n, k] = g * state if inside else zero
                    dh[n] = a * pull
                if inside:
                    du[row, t, d] = u_sum
                    d_delta[row, t, d] = dt_sum * slope
                    dz[row, t, d] = d_out[row, t, d] * y * open_ * (one + gate * (one - open_))
                skip_sum += g * value
                bias_sum += dt_sum * slope
                cuda.syncthreads()
                for job in range(k, columns * n_parts, threads):
                    column, part = job % columns, job // columns
                    total = zero
                    for j in range(part * part_length, min((part + 1) * part_length, threads)):
                        total += terms[column, j]
                    parts[part, column] = total
                cuda.syncthreads()
                for column in range(k, columns, threads):
                    total = zero
                    for part in range(n_parts):
                        total += parts[part, column]
                    if column < n_states:
                        dB[block, row, t, column] = total
                    else:
                        dC[block, row, t, column - n_states] = total
        if inside:
            dD[row, d] = skip_sum
            d_bias[row, d] = bias_sum
            for n in range(n_states):
                dA[row, d, n] = rate_sum[n]
                dh0[row, d, n] = dh[n]

    return Kernels(forward, backward)


def _checked(u, delta, A, B, C, D, bias, z, h0):
    dtype = float_dtype("u", u)
    if len(u.shape) != 3 or 0 in tuple(u.shape):
        raise InputError("shape of u", got=str(tuple(u.shape)), expected="(batch, time, channel), none of them zero")
    if len(A.shape) != 2:
        raise InputError("shape of A", got=str(tuple(A.shape)), expected="(channel, N)")
    n_rows, n_times, n_channels = u.shape
    n_states = A.shape[1]
    if n_states < 1 or threads_for(n_states, dtype) == 0:
        limit = SHARED_BYTES // (2 * 32 * dtype.itemsize)
        raise InputError("number of states N", got=str(n_states), expected=f"1 to {limit} in {dtype}")
    if n_rows > MOST_ROWS:
        raise InputError("number of rows", got=str(n_rows), expected=f"at most {MOST_ROWS}", do="split the batch")
    wide, narrow = (n_rows, n_times, n_channels), (n_rows, n_times, n_states)
    shapes = {
        "u": wide, "delta": wide, "A": (n_channels, n_states), "B": narrow, "C": narrow, "D": (n_channels,),
        "bias": (n_channels,), "z": wide, "h0": (n_rows, n_channels, n_states),
    }  # fmt: skip
    values = (u, delta, A, B, C, D, bias, z, h0)
    arrays = [on_device(name, value, shapes[name], dtype) for name, value in zip(shapes, values, strict=True)]
    return arrays, (n_rows, n_times, n_channels, n_states), dtype
