"""How fast the device multiplies and adds: the limit that integrators are compared with.

x_k <- x_k b + c,    k = 0..7, in registers
"""

import numpy as np
from numba import cuda

from dysyr.kernels.cuda.compilation import configured, kernel
from dysyr.kernels.cuda.device import is_simulated

CHAINS = 8
"""Independent multiply-adds of a thread, so that their latency is hidden."""

UNROLLED = 16
"""Rounds that are written out, so that counting them costs little beside them."""


@kernel
def multiply_add(constants, n_rounds, out):
    """n_rounds multiply-adds of each chain, a multiple of UNROLLED; constants (2,), out (thread,)."""
    i = cuda.grid(1)
    b, c = constants[0], constants[1]
    x0, x1, x2, x3, x4, x5, x6, x7 = b, c, b + c, b - c, b * c, b * b, c * c, c - b
    for _ in range(n_rounds // UNROLLED):
        for _ in range(UNROLLED):
            x0 = x0 * b + c
            x1 = x1 * b + c
            x2 = x2 * b + c
            x3 = x3 * b + c
            x4 = x4 * b + c
            x5 = x5 * b + c
            x6 = x6 * b + c
            x7 = x7 * b + c
    out[i] = x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7


def multiply_adds_at_full_speed(dtype, n_rounds=100_000):
    """Keep every multiprocessor busy with multiply-adds.

    Args:
        dtype: numpy.float32 or numpy.float64.
        n_rounds: rounds of each thread, rounded up to a multiple of 16.

    Returns:
        number of floating-point operations, two for each multiply-add.
    """
    blocks, threads = (1, 4) if is_simulated() else (16 * cuda.get_current_device().MULTIPROCESSOR_COUNT, 256)
    out, n_rounds = cuda.device_array(blocks * threads, dtype), -(-n_rounds // UNROLLED) * UNROLLED
    configured(multiply_add, blocks, threads)(cuda.to_device(np.array([0.999, 0.001], dtype)), n_rounds, out)
    cuda.synchronize()
    return 2.0 * CHAINS * n_rounds * blocks * threads
