"""Iteration of maps for many trajectories at once: x <- f(t, x), lane-blocked as in
:mod:`dysyr.kernels.runge_kutta`."""

import functools

import numba
import numpy as np
from numba import types

from dysyr.kernels.jit import array_type, first_class, jit, right_hand_side
from dysyr.kernels.output import record


def _iterate(rhs, first_time, start, stop, stride, x, p, keep, out, broken):
    n_dim, n = x.shape
    y = np.empty_like(x)
    flat_x, flat_y = x.reshape(n_dim * n), y.reshape(n_dim * n)
    t = np.empty(n, x.dtype)
    for o in range(start, stop):
        for step in range(stride):
            t[:] = first_time + o * stride + step
            rhs(t, x, p, y)
            for j in range(n_dim * n):
                flat_x[j] = flat_y[j]
        record(x, o, keep, out, broken)


@functools.cache
def map_iterator(dtype):
    """The compiled iterator of a dtype.

    ``iterate(rhs, first_time, start, stop, stride, x, p, keep, out, broken)`` advances x (dim, lane) through
    the outputs start to stop - 1, each ``stride`` applications of the map, and stores it in out[o] when
    ``keep`` is true. broken (lane,) int64 receives the index of the first output at which a lane is no longer
    finite, plus one, and else stays -1.

    Args:
        dtype: numpy.float32 or numpy.float64.

    Returns:
        the compiled function.
    """
    real, blocks = numba.from_dtype(np.dtype(dtype)), array_type(dtype, 2)
    signature = types.void(
        types.FunctionType(right_hand_side(dtype)), types.float64, types.int64, types.int64, types.int64,
        blocks, blocks, types.boolean, types.Array(real, 3, "C"), array_type(np.int64, 1),
    )  # fmt: skip
    return first_class(jit(_iterate), signature)
