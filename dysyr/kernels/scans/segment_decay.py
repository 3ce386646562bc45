"""Decays between all pairs of steps of a chunk, with gradients.

    decay[i, j] = exp(a_{j+1} + ... + a_i)  for i >= j, else 0
    backward:  r[i, j] = ddecay[i, j] decay[i, j],    da_k = sum of r[i, j] over j < k <= i

Each sum is built up by itself, row after row, and is never a difference of two running sums, which would cancel. The
slow twin is ``segment_decay`` of ``state_space_duality_reference.py``. Source: dao2024.
"""

import numpy as np
import torch

from dysyr.kernels.jit import jit
from dysyr.kernels.scans.arguments import check_axes, check_tensors, refuse_second_derivatives
from dysyr.kernels.scans.buffers import contiguous, empty, flat
from dysyr.kernels.scans.lane_functions import exp
from dysyr.kernels.scans.lanes import LANES, load, load_part, spread, store, store_part, total, zeros
from dysyr.kernels.scans.work_parts import run_units


def segment_decay(a):
    """Decays between all pairs of steps.

        decay[i, j] = exp(a_{j+1} + ... + a_i)  for i >= j, else 0

    Args:
        a: (..., step) logarithms of the decays of single steps, float32 or float64.

    Returns:
        (..., step, step), with gradients to a, once.

    Raises:
        InputError: ``a`` is no such tensor, or empty.

    Reference:
        dao2024
    """
    check_tensors("segment_decay", a=a)
    check_axes("segment_decay", "a", a, 1, "(..., step)", n_more=8)
    return _SegmentDecay.apply(a)


class _SegmentDecay(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        decay = empty((*a.shape, a.shape[-1]), a.dtype)
        arrays, n = (flat(contiguous(a)), flat(decay)), a.shape[-1]
        run_units(lambda first, last, *_: _forward(*arrays, n, first, last), a.numel() // n, 1, n * n)
        ctx.save_for_backward(decay)
        return decay

    @staticmethod
    def backward(ctx, gradient):
        refuse_second_derivatives("segment_decay")
        (decay,) = ctx.saved_tensors
        n = decay.shape[-1]
        da = torch.empty(decay.shape[:-1], dtype=decay.dtype)
        arrays = flat(decay), flat(contiguous(gradient)), flat(da)
        run_units(lambda first, last, *_: _backward(*arrays, n, first, last), da.numel() // n, 1, n * n)
        return da


@jit
def _forward(a, decay, n, first, last):
    padded = (n + LANES - 1) // LANES * LANES
    sums = np.empty(padded, a.dtype)
    for unit in range(first, last):
        sums[:] = -np.inf
        for i in range(n):
            at = (unit * n + i) * n
            for j in range(0, n, LANES):
                row = load(sums, j) + spread(a, unit * n + i)
                store(sums, j, row)
                if j <= i < j + LANES:
                    sums[i] = 0
                store_part(decay, at + j, min(LANES, n - j), exp(load(sums, j)))


@jit
def _backward(decay, gradient, da, n, first, last):
    padded = (n + LANES - 1) // LANES * LANES
    sums = np.empty(padded, da.dtype)
    for unit in range(first, last):
        sums[:] = 0
        for i in range(n - 1, -1, -1):
            at = (unit * n + i) * n
            value = total(zeros(da))
            for j in range(0, i, LANES):
                count = min(LANES, i - j)
                row = load_part(decay, at + j, count) * load_part(gradient, at + j, count)
                row = row + load_part(sums, j, count)
                store(sums, j, row)
                value += total(row)
            da[unit * n + i] = value
