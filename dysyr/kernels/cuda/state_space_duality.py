"""State-space duality (Mamba-2 form) on a device, forward and backward, time by time.

    dt_t = softplus(delta_t + bias)                     or delta_t + bias
    a_t  = exp(dt_t A),    S_t = a_t S_{t-1} + dt_t x_t B_t'       one matrix (dim, N) per head
    y_t  = S_t C_t + D x_t,    out_t = y_t silu(z_t)

and backward, with g_t = dout_t silu(z_t) and q_t = a_t S_{t-1},

    dS_t  = g_t C_t' + a_{t+1} dS_{t+1}
    dC_t  = sum_heads S_t' g_t            dB_t = sum_heads dt_t dS_t' x_t         dx_t = D g_t + dt_t dS_t B_t
    ddt_t = x_t' dS_t B_t + A <dS_t, q_t>             dA = sum_t dt_t <dS_t, q_t>         dD = sum_t <g_t, x_t>
    dz_t  = dout_t y_t sig(z_t) (1 + z_t (1 - sig(z_t))),      ddelta_t = ddt_t sigmoid(delta_t + bias)

The kernels are those of ``duality_kernels.py``. The slow twin is
``dysyr/kernels/scans/state_space_duality_reference.py``.

Reference:
    dao2024
"""

from collections import namedtuple

import numpy as np
from numba import cuda

from dysyr.core.errors import InputError
from dysyr.kernels.cuda.compilation import configured
from dysyr.kernels.cuda.device_arrays import float_dtype, on_device, summed
from dysyr.kernels.cuda.duality_kernels import checkpoint_for, duality_kernels, step_kernels

MOST_STATES = 128
MOST_DIMS = 256

STEP_THREADS = 128
"""Threads of a block of the kernels over steps."""

OPTIONAL = ("D", "z", "dt_bias", "h0")

Gradients = namedtuple("Gradients", "x dt A B C D z dt_bias h0")

Problem = namedtuple("Problem", "arrays sizes dtype gated softplus given")
"""Arrays on the device in the order of Gradients, (batch, time, head, dim, group, state), and which were given."""


def ssd(x, dt, A, B, C, D=None, z=None, dt_bias=None, dt_softplus=False, h0=None):
    """Outputs of a state space with one decay per head.

        S_t = exp(dt_t A) S_{t-1} + dt_t x_t B_t',    y_t = (S_t C_t + D x_t) silu(z_t)

    Args:
        x: (batch, time, head, dim) inputs, on the device or not.
        dt: (batch, time, head) step sizes, in units of the inverse of A.
        A: (head,) rates, negative where the state is to forget.
        B: (batch, time, state), or (batch, time, group, state) with the heads in equal groups.
        C: shape of B.
        D: (head,) direct path from x to y, or None.
        z: (batch, time, head, dim) gate, or None.
        dt_bias: (head,) added to dt, or None.
        dt_softplus: whether step sizes are softplus(dt + dt_bias).
        h0: (batch, head, dim, state) state before the first time, zero when None.

    Returns:
        device arrays: y (batch, time, head, dim), the last state (batch, head, dim, state), and the checkpoints that
        ``ssd_backward`` needs.

    Raises:
        InputError: shapes or dtypes that do not fit, or no device.

    Reference:
        dao2024
    """
    problem = _checked(x, dt, A, B, C, D, z, dt_bias, dt_softplus, h0)
    n_batch, _, n_heads, n_dims, _, n_states = problem.sizes
    arrays, dtype = problem.arrays, problem.dtype
    step, decay, _ = _steps(problem)
    y = cuda.device_array(arrays.x.shape, dtype)
    last = cuda.device_array((n_batch, n_heads, n_dims, n_states), dtype)
    checkpoints = cuda.device_array(_checkpoints_shape(problem), dtype)
    forward = duality_kernels(dtype, n_dims, n_states, problem.gated).forward
    configured(forward, n_batch * n_heads, n_dims)(
        arrays.x, step, decay, arrays.B, arrays.C, arrays.D, arrays.z, arrays.h0, y, last, checkpoints
    )
    return y, last, checkpoints


def ssd_backward(x, dt, A, B, C, D, z, dt_bias, dt_softplus, h0, checkpoints, d_y, d_last):
    """Gradients of a loss with respect to all inputs of ``ssd``.

    Args:
        x, dt, A, B, C, D, z, dt_bias, dt_softplus, h0: as there; D, z, dt_bias and h0 may be None.
        checkpoints: from ``ssd``.
        d_y: (batch, time, head, dim) derivative of the loss with respect to the outputs.
        d_last: (batch, head, dim, state) derivative with respect to the last state.

    Returns:
        Gradients of device arrays, None for what was not given.

    Raises:
        InputError: shapes or dtypes that do not fit, or no device.

    Reference:
        dao2024
    """
    problem = _checked(x, dt, A, B, C, D, z, dt_bias, dt_softplus, h0)
    n_batch, n_times, n_heads, n_dims, n_groups, n_states = problem.sizes
    arrays, dtype, gated = problem.arrays, problem.dtype, problem.gated
    checkpoints = on_device("checkpoints", checkpoints, _checkpoints_shape(problem), dtype)
    d_y = on_device("d_y", d_y, arrays.x.shape, dtype)
    d_last = on_device("d_last", d_last, (n_batch, n_heads, n_dims, n_states), dtype)
    step, decay, slope = _steps(problem)
    dx, d_dt, dh0 = (cuda.device_array(array.shape, dtype) for array in (arrays.x, step, d_last))
    g, dz = (cuda.device_array(arrays.x.shape, dtype) if gated else d_y for _ in range(2))
    dA, dD, d_bias = (cuda.device_array((n_batch, n_heads), dtype) for _ in range(3))
    shape = (n_heads // n_groups, n_batch, n_times, n_groups, n_states)
    dB, dC = (cuda.device_array(shape, dtype) for _ in range(2))
    kernels, n_blocks = duality_kernels(dtype, n_dims, n_states, gated), n_batch * n_heads
    configured(kernels.backward, n_blocks, n_dims)(
        arrays.x, step, decay, slope, arrays.A, arrays.B, arrays.C, arrays.D, arrays.z, checkpoints, d_y, d_last,
        dx, d_dt, g, dz, dA, dD, d_bias, dh0,
    )  # fmt: skip
    configured(kernels.columns_forward, n_blocks, n_states)(arrays.x, step, decay, arrays.B, arrays.h0, g, dC)
    configured(kernels.columns_backward, n_blocks, n_states)(arrays.x, step, decay, arrays.C, d_last, g, dB)
    gradients = {
        "x": dx, "dt": d_dt, "A": summed(dA), "B": summed(dB).reshape(*B.shape), "C": summed(dC).reshape(*C.shape),
        "D": summed(dD), "z": dz, "dt_bias": summed(d_bias), "h0": dh0,
    }  # fmt: skip
    return Gradients(**{name: value if name in problem.given else None for name, value in gradients.items()})


def _steps(problem):
    """Step sizes, decays exp(dt A), and derivatives of the step sizes by what the softplus takes."""
    arrays, dtype = problem.arrays, problem.dtype
    results = [cuda.device_array(arrays.dt.shape, dtype) for _ in range(3)]
    flat = [array.reshape(array.size) for array in (arrays.dt, *results)]
    n_blocks = -(-arrays.dt.size // STEP_THREADS)
    configured(step_kernels(dtype, problem.softplus), n_blocks, STEP_THREADS)(
        flat[0], arrays.dt_bias, arrays.A, *flat[1:]
    )
    return results


def _checkpoints_shape(problem):
    n_batch, n_times, n_heads, n_dims, _, n_states = problem.sizes
    checkpoint = checkpoint_for(n_dims, n_states, problem.dtype)
    return n_batch, -(-n_times // checkpoint), n_heads, n_states, n_dims


def _checked(x, dt, A, B, C, D, z, dt_bias, dt_softplus, h0):
    dtype = float_dtype("x", x)
    if len(x.shape) != 4 or 0 in tuple(x.shape):
        raise InputError("shape of x", got=str(tuple(x.shape)), expected="(batch, time, head, dim), none of them zero")
    float_dtype("B", B)
    if len(B.shape) not in (3, 4) or 0 in tuple(B.shape):
        expected = "(batch, time, state) or (batch, time, group, state), none of them zero"
        raise InputError("shape of B", got=str(tuple(B.shape)), expected=expected)
    n_batch, n_times, n_heads, n_dims = x.shape
    groups, n_states = tuple(B.shape[2:-1]), B.shape[-1]
    if n_dims > MOST_DIMS:
        raise InputError("dims of a head", got=str(n_dims), expected=f"at most {MOST_DIMS}", do="use more heads")
    if n_states > MOST_STATES:
        raise InputError("number of states", got=str(n_states), expected=f"at most {MOST_STATES}")
    n_groups = groups[0] if groups else 1
    if n_heads % n_groups:
        raise InputError("heads do not divide into groups", got=f"{n_heads} heads, {n_groups} groups in B and C")
    wide, narrow, steps = (n_batch, n_times, n_heads, n_dims), (n_batch, n_times, *groups, n_states), tuple(x.shape[:3])
    shapes = Gradients(
        x=wide, dt=steps, A=(n_heads,), B=narrow, C=narrow, D=(n_heads,), z=wide, dt_bias=(n_heads,),
        h0=(n_batch, n_heads, n_dims, n_states),
    )  # fmt: skip
    values = Gradients(x, dt, A, B, C, D, z, dt_bias, h0)._asdict()
    given = {name for name, value in values.items() if value is not None or name not in OPTIONAL}
    arrays = {}
    for name, shape in shapes._asdict().items():
        if name in given:
            arrays[name] = on_device(name, values[name], shape, dtype)
        elif name != "z":
            arrays[name] = on_device(name, np.zeros(shape, dtype), shape, dtype)
    # a kernel without a gate takes an array in its place and does not read it
    arrays.setdefault("z", arrays["x"])
    for name in ("B", "C"):
        arrays[name] = arrays[name].reshape(n_batch, n_times, n_groups, n_states)
    sizes = (n_batch, n_times, n_heads, n_dims, n_groups, n_states)
    return Problem(Gradients(**arrays), sizes, dtype, "z" in given, bool(dt_softplus), given)
