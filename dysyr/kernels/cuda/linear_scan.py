"""The linear recurrence on a device, forward and backward.

    h_t = a_t h_{t-1} + b_t,                      t = 0..L-1
    db_t = g_t + a_{t+1} db_{t+1},    da_t = db_t h_{t-1},    dh_{-1} = a_0 db_0

with g = dloss/dh. Arrays are (batch, time, channel). With many channels a thread runs one channel through all
times, which reads and writes each number once, in order. With few channels a block runs one channel: each of its
threads composes the maps of a part of the times to one map, (a1, b1) then (a2, b2) = (a2 a1, a2 b1 + b2), the
parts are chained, and each thread runs its part from the state where the part before it ends.
"""

import functools
from collections import namedtuple

import numpy as np
from numba import cuda

from dysyr.core.errors import InputError
from dysyr.kernels.cuda.compilation import configured, kernel
from dysyr.kernels.cuda.device_arrays import float_dtype, on_device
from dysyr.kernels.cuda.ensembles import grid_of

ENOUGH_CHANNELS = 16_384
"""Channels from which on one thread a channel fills a large card."""

PARTS = 128
"""Most parts into which the times of a channel are cut."""

Kernels = namedtuple("Kernels", "forward backward forward_in_parts backward_in_parts")


def linear_scan(a, b, h0, *, parts=None):
    """All states of the recurrence.

    Args:
        a: (batch, time, channel) factors, on the device or not.
        b: same shape, inputs.
        h0: (batch, channel) state before the first time.
        parts: threads that share a channel; chosen by the number of channels when None.

    Returns:
        device array (batch, time, channel).

    Raises:
        InputError: shapes or dtypes that do not fit, or no device.
    """
    dtype, shape = _shape("a", a)
    a, b = on_device("a", a, shape, dtype), on_device("b", b, shape, dtype)
    h0 = on_device("h0", h0, (shape[0], shape[2]), dtype)
    h = cuda.device_array(shape, dtype)
    kernels, parts = linear_scan_kernels(dtype), _parts(parts, shape)
    if parts == 1:
        configured(kernels.forward, *grid_of(shape[0] * shape[2]))(a, b, h0, h)
    else:
        configured(kernels.forward_in_parts, shape[0] * shape[2], parts)(a, b, h0, h)
    return h


def linear_scan_backward(a, h, h0, g, *, parts=None):
    """Gradients of a loss with respect to the factors, the inputs and the first state.

    Args:
        a: (batch, time, channel) factors.
        h: same shape, the states from ``linear_scan``.
        h0: (batch, channel) state before the first time.
        g: same shape as h, derivative of the loss with respect to each state.
        parts: as in ``linear_scan``.

    Returns:
        device arrays (da, db, dh0).

    Raises:
        InputError: shapes or dtypes that do not fit, or no device.
    """
    dtype, shape = _shape("a", a)
    a, h, g = on_device("a", a, shape, dtype), on_device("h", h, shape, dtype), on_device("g", g, shape, dtype)
    h0 = on_device("h0", h0, (shape[0], shape[2]), dtype)
    da, db, dh0 = (cuda.device_array(size, dtype) for size in (shape, shape, (shape[0], shape[2])))
    kernels, parts = linear_scan_kernels(dtype), _parts(parts, shape)
    if parts == 1:
        configured(kernels.backward, *grid_of(shape[0] * shape[2]))(a, h, h0, g, da, db, dh0)
    else:
        configured(kernels.backward_in_parts, shape[0] * shape[2], parts)(a, h, h0, g, da, db, dh0)
    return da, db, dh0


@functools.cache
def linear_scan_kernels(dtype):
    """The kernels of a dtype; those in parts run one block a channel, of at most PARTS threads."""
    real = np.dtype(dtype).type
    zero, one, most = real(0), real(1), PARTS

    @kernel
    def forward(a, b, h0, h):
        lane = cuda.grid(1)
        n_channels = a.shape[2]
        if lane < a.shape[0] * n_channels:
            row, d = lane // n_channels, lane % n_channels
            state = h0[row, d]
            for t in range(a.shape[1]):
                state = a[row, t, d] * state + b[row, t, d]
                h[row, t, d] = state

    @kernel
    def backward(a, h, h0, g, da, db, dh0):
        lane = cuda.grid(1)
        n_channels, last = a.shape[2], a.shape[1] - 1
        if lane < a.shape[0] * n_channels:
            row, d = lane // n_channels, lane % n_channels
            carried = zero
            for back in range(last + 1):
                t = last - back
                state = g[row, t, d] + carried
                db[row, t, d] = state
                da[row, t, d] = state * (h[row, t - 1, d] if t > 0 else h0[row, d])
                carried = a[row, t, d] * state
            dh0[row, d] = carried

    @kernel
    def forward_in_parts(a, b, h0, h):
        factors = cuda.shared.array(most, real)
        inputs = cuda.shared.array(most, real)
        k, n_parts = cuda.threadIdx.x, cuda.blockDim.x
        row, d = cuda.blockIdx.x // a.shape[2], cuda.blockIdx.x % a.shape[2]
        n_times = a.shape[1]
        length = (n_times + n_parts - 1) // n_parts
        first = min(k * length, n_times)
        stop = min(first + length, n_times)
        factor, state = one, zero
        for t in range(first, stop):
            factor = a[row, t, d] * factor
            state = a[row, t, d] * state + b[row, t, d]
        factors[k] = factor
        inputs[k] = state
        cuda.syncthreads()
        if k == 0:
            state = h0[row, d]
            for j in range(n_parts):
                after = factors[j] * state + inputs[j]
                inputs[j] = state
                state = after
        cuda.syncthreads()
        state = inputs[k]
        for t in range(first, stop):
            state = a[row, t, d] * state + b[row, t, d]
            h[row, t, d] = state

    @kernel
    def backward_in_parts(a, h, h0, g, da, db, dh0):
        factors = cuda.shared.array(most, real)
        inputs = cuda.shared.array(most, real)
        k, n_parts = cuda.threadIdx.x, cuda.blockDim.x
        row, d = cuda.blockIdx.x // a.shape[2], cuda.blockIdx.x % a.shape[2]
        n_times = a.shape[1]
        length = (n_times + n_parts - 1) // n_parts
        first = min(k * length, n_times)
        stop = min(first + length, n_times)
        factor, carried = one, zero
        for back in range(stop - first):
            t = stop - 1 - back
            factor = a[row, t, d] * factor
            carried = a[row, t, d] * (g[row, t, d] + carried)
        factors[k] = factor
        inputs[k] = carried
        cuda.syncthreads()
        if k == 0:
            carried = zero
            for back in range(n_parts):
                j = n_parts - 1 - back
                after = factors[j] * carried + inputs[j]
                inputs[j] = carried
                carried = after
            dh0[row, d] = carried
        cuda.syncthreads()
        carried = inputs[k]
        for back in range(stop - first):
            t = stop - 1 - back
            state = g[row, t, d] + carried
            db[row, t, d] = state
            da[row, t, d] = state * (h[row, t - 1, d] if t > 0 else h0[row, d])
            carried = a[row, t, d] * state

    return Kernels(forward, backward, forward_in_parts, backward_in_parts)


def _shape(name, array):
    dtype = float_dtype(name, array)
    shape = tuple(array.shape)
    if len(shape) != 3 or 0 in shape:
        raise InputError(f"shape of {name}", got=str(shape), expected="(batch, time, channel), none of them zero")
    return dtype, shape


def _parts(parts, shape):
    """Threads that share a channel: none where channels alone fill the card or times are few."""
    if parts is None:
        few = shape[0] * shape[2] < ENOUGH_CHANNELS and shape[1] >= 256
        return PARTS if few else 1
    if not 1 <= parts <= PARTS:
        raise InputError("number of parts", got=repr(parts), expected=f"1 to {PARTS}")
    return parts
