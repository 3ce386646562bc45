"""The elementwise linear recurrence with gradients.

    h_t = a_t h_{t-1} + b_t                                            t = 1..L, or from L down to 1
    backward: db_t = dh_t + a_{t+1} db_{t+1},    da_t = db_t h_{t-1}

No form with logarithms or ratios of running products is used: those need a > 0 and overflow.
"""

import math

import torch

from dysyr.core.errors import InputError
from dysyr.kernels.scans import linear_kernels
from dysyr.kernels.scans.arguments import (
    check_axes,
    check_method,
    check_shape,
    check_tensors,
    refuse_second_derivatives,
)
from dysyr.kernels.scans.buffers import contiguous, empty, flat
from dysyr.kernels.scans.work_parts import run_units

METHODS = ("sequential",)


def linear_scan(a, b, h0=None, *, reverse=False, method="sequential", out=None, workspace=None):
    """Run the recurrence h_t = a_t h_{t-1} + b_t elementwise.

        h_t = a_t h_{t-1} + b_t        reverse: h_t = a_t h_{t+1} + b_t

    Args:
        a: (batch, time, ...) factors of any sign and size, zero included.
        b: (batch, time, ...) inputs.
        h0: (batch, ...) state before the first step, when ``reverse`` after the last one; zero when None.
        reverse: whether time runs from the last step to the first.
        method: "sequential".
        out: (batch, time, ...) contiguous tensor that takes the result; only where no gradient is needed.
        workspace: Workspace whose memory the results take, also those of the backward pass, or None for fresh memory.

    Returns:
        h, shape of a, with gradients to a, b and h0, once. The state at the end is ``h[:, -1]``, or ``h[:, 0]`` when
        ``reverse``.

    Raises:
        InputError: a tensor has a wrong shape, dtype or device, the method does not exist, or ``out`` cannot be used.

    Reference:
        blelloch1990
    """
    name = "linear_scan"
    check_method(name, method, METHODS)
    check_tensors(name, a=a, b=b, h0=h0, out=out)
    check_axes(name, "a", a, 3, "(batch, time, state ...)", n_more=8)
    check_shape(name, "b", b, a.shape, "the shape of a")
    check_shape(name, "h0", h0, (a.shape[0], *a.shape[2:]), "(batch, state ...)")
    if out is None:
        return _LinearScan.apply(a, b, h0, bool(reverse), workspace)
    check_shape(name, "out", out, a.shape, "the shape of a")
    given = [tensor for tensor in (a, b, h0) if tensor is not None]
    if out.requires_grad or (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given)):
        raise InputError(f"{name}: out= has no gradients", do="pass a workspace instead, or call under torch.no_grad()")
    if not out.is_contiguous():
        raise InputError(f"{name}: out= must be contiguous", got=f"strides {out.stride()}", do="use torch.empty")
    for label, tensor in (("a", a), ("b", b), ("h0", h0)):
        if tensor is not None and _overlap(tensor, out):
            raise InputError(f"{name}: out= must share no memory with the inputs", got=f"memory of {label}")
    _run(a, b, h0, bool(reverse), out)
    return out


class _LinearScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b, h0, reverse, workspace):
        h = empty(a.shape, a.dtype, workspace)
        _run(a, b, h0, reverse, h)
        ctx.save_for_backward(a, h, h0)
        ctx.reverse, ctx.workspace = reverse, workspace
        return h

    @staticmethod
    def backward(ctx, dh):
        refuse_second_derivatives("linear_scan")
        a, h, h0 = ctx.saved_tensors
        da, db = (empty(a.shape, a.dtype, ctx.workspace) for _ in range(2))
        state = h.new_zeros((h.shape[0], *h.shape[2:]))
        past = torch.zeros_like(state) if h0 is None else contiguous(h0)
        arrays = [flat(tensor) for tensor in (contiguous(a), h, past, contiguous(dh))]
        results = [flat(tensor) for tensor in (state, da, db)]
        sizes = _sizes(a)
        _in_units(
            lambda *part: linear_kernels.backward(*arrays, sizes, ctx.reverse, *part, *results),
            a, not ctx.reverse,
        )  # fmt: skip
        return da, db, None if h0 is None else state, None, None


def _overlap(first, second):
    """Whether the memory from the first to the last number of each tensor has a part in common."""
    ends = []
    for tensor in (first, second):
        reach = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
        ends.append((tensor.data_ptr(), tensor.data_ptr() + (reach + 1) * tensor.itemsize))
    return max(ends[0][0], ends[1][0]) < min(ends[0][1], ends[1][1])


def _run(a, b, h0, reverse, h):
    state = h.new_zeros((h.shape[0], *h.shape[2:])) if h0 is None else h0.detach().clone().contiguous()
    arrays = [flat(contiguous(a)), flat(contiguous(b))]
    results = [flat(state), flat(h)]
    sizes = _sizes(a)
    _in_units(lambda *part: linear_kernels.forward(*arrays, sizes, reverse, *part, *results), a, reverse)


def _sizes(a):
    return a.shape[1], math.prod(a.shape[2:])


def _in_units(call, a, reverse):
    n_steps, n_channels = _sizes(a)
    n_blocks = -(-n_channels // linear_kernels.WIDTH)
    per_step = min(n_channels, linear_kernels.WIDTH)
    run_units(call, a.shape[0] * n_blocks, n_steps, per_step, reverse=reverse)
