"""The affine recurrence with matrices, with gradients.

    h_t = A_t h_{t-1} + b_t                                            t = 1..L
    backward: db_t = dh_t + A_{t+1}' db_{t+1},    dA_t = db_t h_{t-1}'
"""

import torch

from dysyr.kernels.scans import affine_kernels
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


def affine_scan(A, b, h0=None, *, method="sequential", workspace=None):
    """Run the recurrence h_t = A_t h_{t-1} + b_t.

        h_t = A_t h_{t-1} + b_t

    Args:
        A: (batch, time, state, state) matrices, singular ones included.
        b: (batch, time, state) inputs.
        h0: (batch, state) state before the first step, zero when None.
        method: "sequential".
        workspace: Workspace whose memory the results take, also those of the backward pass, or None for fresh memory.

    Returns:
        h (batch, time, state), with gradients to A, b and h0, once.

    Raises:
        InputError: a tensor has a wrong shape, dtype or device, or the method does not exist.

    Reference:
        blelloch1990
    """
    name = "affine_scan"
    check_method(name, method, METHODS)
    check_tensors(name, A=A, b=b, h0=h0)
    check_axes(name, "b", b, 3, "(batch, time, state)")
    check_shape(name, "A", A, (*b.shape, b.shape[2]), "(batch, time, state, state)")
    check_shape(name, "h0", h0, (b.shape[0], b.shape[2]), "(batch, state)")
    return _AffineScan.apply(A, b, h0, workspace)


class _AffineScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, b, h0, workspace):
        h = empty(b.shape, b.dtype, workspace)
        state = b.new_zeros((b.shape[0], b.shape[2])) if h0 is None else h0.detach().clone().contiguous()
        arrays, sizes = [flat(contiguous(A)), flat(contiguous(b))], tuple(b.shape[1:])
        results = [flat(state), flat(h)]
        _in_units(lambda *part: affine_kernels.forward(*arrays, sizes, *part, *results), b)
        ctx.save_for_backward(A, h, h0)
        ctx.workspace = workspace
        return h

    @staticmethod
    def backward(ctx, dh):
        refuse_second_derivatives("affine_scan")
        A, h, h0 = ctx.saved_tensors
        wanted = ctx.needs_input_grad[0]
        dA = empty(A.shape if wanted else (0,), A.dtype, ctx.workspace)
        db = empty(h.shape, h.dtype, ctx.workspace)
        state = h.new_zeros((h.shape[0], h.shape[2]))
        past = torch.zeros_like(state) if h0 is None else contiguous(h0)
        arrays = [flat(tensor) for tensor in (contiguous(A), h, past, contiguous(dh))]
        results = [flat(tensor) for tensor in (state, dA, db)]
        sizes = tuple(h.shape[1:])
        _in_units(
            lambda *part: affine_kernels.backward(*arrays, sizes, *part, wanted, *results), h, reverse=True
        )  # fmt: skip
        return dA if wanted else None, db, None if h0 is None else state, None


def _in_units(call, b, *, reverse=False):
    n_batch, n_steps, n = b.shape
    run_units(call, n_batch, n_steps, 4 * n * (n + 1), reverse=reverse)
