"""The linear recurrence on a device, forward and backward.

    h_t = a_t h_{t-1} + b_t,                      t = 0..L-1
    db_t = g_t + a_{t+1} db_{t+1},    da_t = db_t h_{t-1},    dh_{-1} = a_0 db_0

with g = dloss/dh. Arrays are (batch, time, channel). A block runs 32 neighbouring channels through all times, in
chunks. Each thread loads a few consecutive times of its channel into registers and composes their maps to one,
(a1, b1) then (a2, b2) = (a2 a1, a2 b1 + b2); the maps of a chunk meet in shared memory; then each thread runs its
times from where the threads before it end. So every number is read once and written once, in neighbouring order,
with many reads on their way at once. Times behind the end are the identity, a = 1 and b = 0.
"""

import functools
from collections import namedtuple

import numpy as np
from numba import cuda

from dysyr.core.errors import InputError
from dysyr.kernels.cuda.compilation import configured, kernel
from dysyr.kernels.cuda.device_arrays import float_dtype, on_device

Blocking = namedtuple("Blocking", "channels parts times")
"""Channels of a block, threads that share a channel, consecutive times of a thread."""

BLOCKING = Blocking(32, 8, 8)

Kernels = namedtuple("Kernels", "forward backward")


def linear_scan(a, b, h0, *, blocking=BLOCKING):
    """All states of the recurrence.

    Args:
        a: (batch, time, channel) factors, on the device or not.
        b: same shape, inputs.
        h0: (batch, channel) state before the first time.
        blocking: Blocking.

    Returns:
        device array (batch, time, channel).

    Raises:
        InputError: shapes or dtypes that do not fit, or no device.
    """
    dtype, shape = _shape("a", a)
    a, b = on_device("a", a, shape, dtype), on_device("b", b, shape, dtype)
    h0 = on_device("h0", h0, (shape[0], shape[2]), dtype)
    h = cuda.device_array(shape, dtype)
    configured(linear_scan_kernels(dtype, blocking).forward, *_grid(shape, blocking))(a, b, h0, h)
    return h


def linear_scan_backward(a, h, h0, g, *, blocking=BLOCKING):
    """Gradients of a loss with respect to the factors, the inputs and the first state.

    Args:
        a: (batch, time, channel) factors.
        h: same shape, the states from ``linear_scan``.
        h0: (batch, channel) state before the first time.
        g: same shape as h, derivative of the loss with respect to each state.
        blocking: Blocking.

    Returns:
        device arrays (da, db, dh0).

    Raises:
        InputError: shapes or dtypes that do not fit, or no device.
    """
    dtype, shape = _shape("a", a)
    a, h, g = on_device("a", a, shape, dtype), on_device("h", h, shape, dtype), on_device("g", g, shape, dtype)
    h0 = on_device("h0", h0, (shape[0], shape[2]), dtype)
    da, db, dh0 = (cuda.device_array(size, dtype) for size in (shape, shape, (shape[0], shape[2])))
    configured(linear_scan_kernels(dtype, blocking).backward, *_grid(shape, blocking))(a, h, h0, g, da, db, dh0)
    return da, db, dh0


@functools.cache
def linear_scan_kernels(dtype, blocking=BLOCKING):
    """The kernels of a dtype: blocks of (channels, parts) threads, one for each group of channels of a row."""
    real = np.dtype(dtype).type
    zero, one = real(0), real(1)
    n_lanes, n_parts, n_own = blocking
    chunk = n_parts * n_own

    @kernel
    def forward(a, b, h0, h):
        factors = cuda.shared.array((n_parts, n_lanes), real)
        inputs = cuda.shared.array((n_parts, n_lanes), real)
        own_a = cuda.local.array(n_own, real)
        own_b = cuda.local.array(n_own, real)
        lane, part = cuda.threadIdx.x, cuda.threadIdx.y
        n_groups, n_times = (a.shape[2] + n_lanes - 1) // n_lanes, a.shape[1]
        row, d = cuda.blockIdx.x // n_groups, (cuda.blockIdx.x % n_groups) * n_lanes + lane
        inside = d < a.shape[2]
        carried = h0[row, d] if inside else zero
        for c in range((n_times + chunk - 1) // chunk):
            begin = c * chunk + part * n_own
            for j in range(n_own):
                there = inside and begin + j < n_times
                own_a[j] = a[row, begin + j, d] if there else one
                own_b[j] = b[row, begin + j, d] if there else zero
            factor, state = one, zero
            for j in range(n_own):
                factor = own_a[j] * factor
                state = own_a[j] * state + own_b[j]
            factors[part, lane] = factor
            inputs[part, lane] = state
            cuda.syncthreads()
            state = carried
            for other in range(n_parts):
                if other < part:
                    state = factors[other, lane] * state + inputs[other, lane]
                carried = factors[other, lane] * carried + inputs[other, lane]
            for j in range(n_own):
                state = own_a[j] * state + own_b[j]
                if inside and begin + j < n_times:
                    h[row, begin + j, d] = state
            cuda.syncthreads()

    @kernel
    def backward(a, h, h0, g, da, db, dh0):
        factors = cuda.shared.array((n_parts, n_lanes), real)
        inputs = cuda.shared.array((n_parts, n_lanes), real)
        own_a = cuda.local.array(n_own, real)
        own_g = cuda.local.array(n_own, real)
        before = cuda.local.array(n_own, real)
        lane, part = cuda.threadIdx.x, cuda.threadIdx.y
        n_groups, n_times = (a.shape[2] + n_lanes - 1) // n_lanes, a.shape[1]
        row, d = cuda.blockIdx.x // n_groups, (cuda.blockIdx.x % n_groups) * n_lanes + lane
        inside = d < a.shape[2]
        carried = zero
        for c in range((n_times + chunk - 1) // chunk):
            last = n_times - 1 - c * chunk - part * n_own
            for j in range(n_own):
                t = last - j
                there = inside and t >= 0
                own_a[j] = a[row, t, d] if there else one
                own_g[j] = g[row, t, d] if there else zero
                before[j] = zero
                if there:
                    before[j] = h[row, t - 1, d] if t > 0 else h0[row, d]
            factor, pull = one, zero
            for j in range(n_own):
                factor = own_a[j] * factor
                pull = own_a[j] * (own_g[j] + pull)
            factors[part, lane] = factor
            inputs[part, lane] = pull
            cuda.syncthreads()
            pull = carried
            for other in range(n_parts):
                if other < part:
                    pull = factors[other, lane] * pull + inputs[other, lane]
                carried = factors[other, lane] * carried + inputs[other, lane]
            for j in range(n_own):
                slope = own_g[j] + pull
                if inside and last - j >= 0:
                    db[row, last - j, d] = slope
                    da[row, last - j, d] = slope * before[j]
                pull = own_a[j] * slope
            cuda.syncthreads()
        if inside and part == 0:
            dh0[row, d] = carried

    return Kernels(forward, backward)


def _grid(shape, blocking):
    """(blocks, threads of a block)."""
    return shape[0] * -(-shape[2] // blocking.channels), (blocking.channels, blocking.parts)


def _shape(name, array):
    dtype = float_dtype(name, array)
    shape = tuple(array.shape)
    if len(shape) != 3 or 0 in shape:
        raise InputError(f"shape of {name}", got=str(shape), expected="(batch, time, channel), none of them zero")
    return dtype, shape
