"""Free runs of PLRNNs whose nonlinearity acts on each unit alone, float64, compiled."""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels.elementwise_plrnn import Form, Parameters, shapes
from dysyr.kernels.jit import jit
from dysyr.kernels.lane_products import add_product, copy, next_state, rectify
from dysyr.kernels.spline_blocks import spline, spline_clipped
from dysyr.kernels.vector_code import LANES, lane_zeros

STEPS_PER_CALL = 500
"""So that the states of a call stay in the cache."""


def in_double_precision(arrays, z, n_rectified, clipped):
    """Parameters, states and form for kernels that know no lengths but those of W and alpha.

    Args:
        arrays: Parameters.
        z: (batch, M) states.
        n_rectified: P, how many of the last units are rectified; None exactly where there are dendrites.
        clipped: the clipped form of the dendrites.

    Returns:
        Parameters and states, float64 and contiguous, and the Form.

    Raises:
        InputError: parameters that do not fit together, or states that do not fit them.
    """
    p = Parameters(*(np.ascontiguousarray(part, dtype=np.float64) for part in arrays))
    z = np.ascontiguousarray(z, dtype=np.float64)
    latent_dim, n_bases = p.W.shape[0], p.alpha.size
    needed = shapes(latent_dim, n_bases, latent_dim, p.C.shape[-1], False)
    for name in ("A", "W", "h", "alpha", "H", "C"):
        shape, wanted = getattr(p, name).shape, getattr(needed, name)
        if shape != wanted:
            got = f"{name} {shape} with W {p.W.shape} and {n_bases} bases"
            raise InputError("parameters do not fit together", got=got, expected=f"{name} {wanted}")
    if z.ndim != 2 or z.shape[1] != latent_dim:
        raise InputError("starts do not fit the model", got=f"shape {z.shape}", expected=f"(batch, {latent_dim})")
    if (n_rectified is None) != (n_bases > 0) or not 0 <= (n_rectified or 0) <= latent_dim:
        got = f"n_rectified={n_rectified} with {n_bases} bases"
        expected = f"None where there are dendrites, else 0 to {latent_dim}"
        raise InputError("rectified units do not fit the parameters", got=got, expected=expected)
    return p, z, Form(latent_dim - (n_rectified or 0), bool(clipped), False)


@jit
def step(p, form, now, r, after, at):
    """One step of 16 lanes without inputs, F(z) = A * z + W phi(z) + h: from the flat rows ``now`` (M, 16) to those of
    ``after`` from ``at`` on; ``r`` (M, 16) receives phi(z)."""
    dim, n_bases = p.A.size, p.alpha.size
    linear = form.n_linear * LANES
    if n_bases == 0:
        copy(form.n_linear, now, 0, r, 0)
        rectify(dim - form.n_linear, now, linear, r, linear)
    elif form.clipped:
        spline_clipped(dim, n_bases, now, 0, p.H.reshape(-1), 0, p.alpha, 0, r, 0)
    else:
        spline(dim, n_bases, now, 0, p.H.reshape(-1), 0, p.alpha, 0, r, 0)
    next_state(p.W.reshape(-1), 0, dim, 1, dim, dim, r, 0, p.A, 0, now, 0, p.h, 0, after, at)


@jit
def _run(p, form, z, u, r, out):
    """n_steps free steps of 16 lanes: out[t] = F^(t+1)(z); z (M, 16), u (n_steps, K, 16), out (n_steps, M, 16)."""
    n_steps, latent_dim, lanes = out.shape
    n_inputs = p.C.shape[1]
    now, flat, inputs, c = z.reshape(-1), out.reshape(-1), u.reshape(-1), p.C.reshape(-1)
    for t in range(n_steps):
        after = t * latent_dim * lanes
        step(p, form, now, r, flat, after)
        if n_inputs:
            add_product(c, 0, n_inputs, 1, latent_dim, n_inputs, inputs, t * n_inputs * lanes, flat, after)
        copy(latent_dim, flat, after, now, 0)


def run(arrays, z, n_steps, u=None, *, n_rectified=None, clipped=False):
    """Iterate the map without forcing.

    Args:
        arrays: Parameters.
        z: (batch, M) states before the first step.
        n_steps: number of steps.
        u: (batch, n_steps, K) inputs; None for inputs of zero.
        n_rectified: P, how many of the last units are rectified; None exactly where there are dendrites.
        clipped: the clipped form of the dendrites.

    Returns:
        (batch, n_steps, M) float64, the states after each step.

    Raises:
        InputError: shapes that do not fit, or a negative number of steps.
    """
    p, z, form = in_double_precision(arrays, z, n_rectified, clipped)
    _check_run(p, z, n_steps, u)
    result = np.empty((len(z), n_steps, z.shape[1]))
    for orbits, steps, out in _calls(p, form, z, n_steps, u):
        result[orbits, steps] = out.transpose(2, 0, 1)
    return result


def observed_run(arrays, z, n_steps, stride, *, n_observed, n_rectified=None, clipped=False):
    """Iterate the map without forcing and keep little of it.

    Args:
        arrays: Parameters.
        z: (batch, M) states before the first step.
        n_steps: number of steps.
        stride: steps between two states that are kept.
        n_observed: N, how many of the first units are observed, where the readout B has no rows.
        n_rectified: P, how many of the last units are rectified; None exactly where there are dendrites.
        clipped: the clipped form of the dendrites.

    Returns:
        readouts (batch, n_steps, N) after each step; states (batch, ceil(n_steps / stride), M) after the first step and
        every stride-th one from there; (batch, M) states after the last one.

    Raises:
        InputError: shapes that do not fit, or a negative number of steps.
    """
    p, z, form = in_double_precision(arrays, z, n_rectified, clipped)
    _check_run(p, z, n_steps, None)
    affine = p.B.shape[0] > 0
    observed = np.empty((len(z), n_steps, p.B.shape[0] if affine else n_observed))
    states, last = np.empty((len(z), -(-n_steps // stride), z.shape[1])), z.copy()
    for orbits, steps, out in _calls(p, form, z, n_steps, None):
        with np.errstate(over="ignore", invalid="ignore"):
            seen = p.B @ out if affine else out[:, :n_observed]
        observed[orbits, steps] = seen.transpose(2, 0, 1)
        first = -(-steps.start // stride)
        some = out[first * stride - steps.start :: stride]
        states[orbits, first : first + len(some)] = some.transpose(2, 0, 1)
        last[orbits] = out[-1].T
    return observed, states, last


def _check_run(p, z, n_steps, u):
    if n_steps < 0:
        raise InputError("a free run has no negative number of steps", got=f"n_steps={n_steps}")
    wanted = (len(z), n_steps, p.C.shape[1])
    if u is not None and u.shape != wanted:
        raise InputError("inputs do not fit the run", got=f"{u.shape}", expected=f"{wanted}")


def _calls(p, form, z, n_steps, u):
    """(slice of orbits, slice of steps, states (step, M, orbit)) piece by piece; the states are overwritten after."""
    (batch, latent_dim), n_inputs = z.shape, p.C.shape[1]
    now, r = lane_zeros((latent_dim, LANES), np.float64), lane_zeros((latent_dim * LANES,), np.float64)
    out = lane_zeros((min(n_steps, STEPS_PER_CALL), latent_dim, LANES), np.float64)
    drive = lane_zeros((len(out), n_inputs, LANES), np.float64)
    for start in range(0, batch, LANES):
        rows = np.minimum(np.arange(start, start + LANES), batch - 1)
        width = min(LANES, batch - start)
        now[:] = z[rows].T
        for first in range(0, n_steps, STEPS_PER_CALL):
            stop = min(first + STEPS_PER_CALL, n_steps)
            if u is not None:
                drive[: stop - first] = u[rows, first:stop].transpose(1, 2, 0)
            _run(p, form, now, drive[: stop - first], r, out[: stop - first])
            yield slice(start, start + width), slice(first, stop), out[: stop - first, :, :width]
