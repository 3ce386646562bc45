"""The affine recurrence with matrices on a device, forward and backward.

    h_t = A_t h_{t-1} + b_t,                          t = 0..L-1
    db_t = g_t + A_{t+1}' db_{t+1},    dA_t = db_t h_{t-1}',    dh_{-1} = A_0' db_0

with g = dloss/dh. Arrays are (batch, time, state), matrices (batch, time, state, state). A block runs a few rows of
the batch through all times, in chunks: all its threads load the matrices of a chunk into shared memory, in
neighbouring order and with many reads on their way at once; then one thread for each state of a row makes the
steps, one barrier each; backward, all threads write the outer products of the chunk. So every matrix is read once
and its gradient written once. Sums run over the states in order: the same input gives the same bits.

The rows of a matrix in shared memory are an odd number of entries apart, so that neighbouring threads, which read
one column, meet different banks. The slow twin is ``dysyr/kernels/scans/affine_scan_reference.py``.
"""

import functools
from collections import namedtuple

import numpy as np
from numba import cuda

from dysyr.core.errors import InputError
from dysyr.kernels.cuda.compilation import configured, kernel
from dysyr.kernels.cuda.device_arrays import float_dtype, on_device

MOST_STATES = 64
"""Largest matrix; one of float64 must fit the shared memory."""

SHARED_BYTES = 36_864
"""Shared memory for the matrices and vectors of a chunk."""

Blocking = namedtuple("Blocking", "rows times threads")
"""Rows of the batch of a block, times of a chunk, threads of a block (at least rows times states)."""

Kernels = namedtuple("Kernels", "forward backward")


def blocking_for(n_states, dtype):
    """Blocking of a size: the steps keep one warp busy where a row has fewer states, the loads keep four."""
    size = n_states * ((n_states | 1) + 2) * np.dtype(dtype).itemsize
    times = min(8, SHARED_BYTES // size)
    return Blocking(max(1, min(32 // n_states, SHARED_BYTES // (size * times))), times, 128)


def affine_scan(A, b, h0, *, blocking=None):
    """All states of the recurrence.

        h_t = A_t h_{t-1} + b_t

    Args:
        A: (batch, time, state, state) matrices, on the device or not, singular ones included.
        b: (batch, time, state) inputs.
        h0: (batch, state) state before the first time.
        blocking: Blocking, or None for that of the size.

    Returns:
        device array (batch, time, state).

    Raises:
        InputError: shapes or dtypes that do not fit, or no device.

    Reference:
        blelloch1990
    """
    dtype, shape, blocking = _checked(b, blocking)
    A, b = on_device("A", A, (*shape, shape[2]), dtype), on_device("b", b, shape, dtype)
    h0 = on_device("h0", h0, (shape[0], shape[2]), dtype)
    h = cuda.device_array(shape, dtype)
    forward = affine_scan_kernels(dtype, shape[2], blocking).forward
    configured(forward, -(-shape[0] // blocking.rows), blocking.threads)(A, b, h0, h)
    return h


def affine_scan_backward(A, h, h0, g, *, blocking=None):
    """Gradients of a loss with respect to the matrices, the inputs and the first state.

    Args:
        A: (batch, time, state, state) matrices.
        h: (batch, time, state) states from ``affine_scan``.
        h0: (batch, state) state before the first time.
        g: (batch, time, state) derivative of the loss with respect to each state; that of the last state adds to its
            last time.
        blocking: Blocking, or None for that of the size.

    Returns:
        device arrays (dA, db, dh0).

    Raises:
        InputError: shapes or dtypes that do not fit, or no device.

    Reference:
        blelloch1990
    """
    dtype, shape, blocking = _checked(h, blocking, "h")
    A = on_device("A", A, (*shape, shape[2]), dtype)
    h, g = on_device("h", h, shape, dtype), on_device("g", g, shape, dtype)
    h0 = on_device("h0", h0, (shape[0], shape[2]), dtype)
    dA, db, dh0 = (cuda.device_array(size, dtype) for size in ((*shape, shape[2]), shape, (shape[0], shape[2])))
    backward = affine_scan_kernels(dtype, shape[2], blocking).backward
    configured(backward, -(-shape[0] // blocking.rows), blocking.threads)(A, h, h0, g, dA, db, dh0)
    return dA, db, dh0


@functools.cache
def affine_scan_kernels(dtype, n_states, blocking):
    """The kernels of a dtype and size: one-dimensional blocks, each with ``blocking.rows`` rows of the batch."""
    real = np.dtype(dtype).type
    zero = real(0)
    n, n_rows, n_times, n_threads, n_points = n_states, *blocking, blocking.times + 1
    stride, n_vectors, n_entries = n | 1, n_rows * n_times * n, n_rows * n_times * n * n

    @kernel(threads=n_threads)
    def forward(A, b, h0, h):
        matrices = cuda.shared.array((n_rows, n_times, n, stride), real)
        inputs = cuda.shared.array((n_rows, n_times, n), real)
        states = cuda.shared.array((n_rows, n_points, n), real)
        k, first = cuda.threadIdx.x, cuda.blockIdx.x * n_rows
        own, i = k // n, k % n
        row = first + own
        stepping = own < n_rows and row < A.shape[0]
        state = h0[row, i] if stepping else zero
        for c in range((A.shape[1] + n_times - 1) // n_times):
            begin = c * n_times
            count = min(n_times, A.shape[1] - begin)
            for entry in range(k, n_entries, n_threads):
                line, column = entry // n % n, entry % n
                r, j = entry // (n * n * n_times), entry // (n * n) % n_times
                if j < count and first + r < A.shape[0]:
                    matrices[r, j, line, column] = A[first + r, begin + j, line, column]
            for entry in range(k, n_vectors, n_threads):
                r, j, line = entry // (n * n_times), entry // n % n_times, entry % n
                if j < count and first + r < A.shape[0]:
                    inputs[r, j, line] = b[first + r, begin + j, line]
            if stepping:
                states[own, 0, i] = state
            cuda.syncthreads()
            for j in range(count):
                if stepping:
                    state = inputs[own, j, i]
                    for m in range(n):
                        state += matrices[own, j, i, m] * states[own, j, m]
                    states[own, j + 1, i] = state
                    h[row, begin + j, i] = state
                cuda.syncthreads()

    @kernel(threads=n_threads)
    def backward(A, h, h0, g, dA, db, dh0):
        matrices = cuda.shared.array((n_rows, n_times, n, stride), real)
        pulls = cuda.shared.array((n_rows, n_times, n), real)
        slopes = cuda.shared.array((n_rows, n_times, n), real)
        k, first = cuda.threadIdx.x, cuda.blockIdx.x * n_rows
        own, i = k // n, k % n
        row = first + own
        stepping = own < n_rows and row < A.shape[0]
        carried = zero
        n_chunks = (A.shape[1] + n_times - 1) // n_times
        for c in range(n_chunks):
            begin = (n_chunks - 1 - c) * n_times
            count = min(n_times, A.shape[1] - begin)
            for entry in range(k, n_entries, n_threads):
                line, column = entry // n % n, entry % n
                r, j = entry // (n * n * n_times), entry // (n * n) % n_times
                if j < count and first + r < A.shape[0]:
                    matrices[r, j, line, column] = A[first + r, begin + j, line, column]
            for entry in range(k, n_vectors, n_threads):
                r, j, line = entry // (n * n_times), entry // n % n_times, entry % n
                if j < count and first + r < A.shape[0]:
                    pulls[r, j, line] = g[first + r, begin + j, line]
            cuda.syncthreads()
            for step in range(count):
                j = count - 1 - step
                if stepping:
                    slope = pulls[own, j, i] + carried
                    slopes[own, j, i] = slope
                    db[row, begin + j, i] = slope
                cuda.syncthreads()
                if stepping:
                    carried = zero
                    for m in range(n):
                        carried += matrices[own, j, m, i] * slopes[own, j, m]
            for entry in range(k, n_entries, n_threads):
                line, column = entry // n % n, entry % n
                r, j = entry // (n * n * n_times), entry // (n * n) % n_times
                if j < count and first + r < A.shape[0]:
                    t = begin + j
                    before = h[first + r, t - 1, column] if t > 0 else h0[first + r, column]
                    dA[first + r, t, line, column] = slopes[r, j, line] * before
            cuda.syncthreads()
        if stepping:
            dh0[row, i] = carried

    return Kernels(forward, backward)


def _checked(vectors, blocking, name="b"):
    """dtype, shape (batch, time, state) and Blocking of the vectors."""
    dtype = float_dtype(name, vectors)
    shape = tuple(vectors.shape)
    if len(shape) != 3 or 0 in shape:
        raise InputError(f"shape of {name}", got=str(shape), expected="(batch, time, state), none of them zero")
    if shape[2] > MOST_STATES:
        raise InputError("number of states", got=str(shape[2]), expected=f"at most {MOST_STATES}")
    blocking = blocking_for(shape[2], dtype) if blocking is None else blocking
    if blocking.threads < blocking.rows * shape[2]:
        expected = f"at least {blocking.rows} rows times {shape[2]} states"
        raise InputError("threads of a block", got=str(blocking.threads), expected=expected)
    return dtype, shape, blocking
