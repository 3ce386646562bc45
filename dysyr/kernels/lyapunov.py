"""Growth of tangent vectors along orbits of flows and maps: the raw material of Lyapunov spectra.

The state x and m tangent vectors v_k, the columns of V, move together,

    dx/dt = f(x, t), dV/dt = J(x, t) V        or        x <- f(x), V <- J(x) V,

and after every step V = Q R by modified Gram-Schmidt, V <- Q. The exponents are the mean rates of log R_kk.
State and tangent vectors are the rows of one lane-blocked array (dim (1 + m), lane).

Reference:
    benettin1980
"""

import functools

import numpy as np
from numba import types

from dysyr.kernels.elementary64 import log64
from dysyr.kernels.jit import array_type, first_class, jit, right_hand_side
from dysyr.kernels.ode_views import block as block_of
from dysyr.kernels.runge_kutta import ARRIVED, COLLAPSED, RUNNING, error_norm, next_step, smaller_step, step

_TANGENT = '''

def tangent(t, x, p, out):
    """rhs of state and tangent vectors: out = (f(x), J(x) v_1, J(x) v_2, ...)."""
    rhs(t, x[:N_DIM], p, out[:N_DIM])
    for k in range(N_DIM, x.shape[0], N_DIM):
        jvp(t, x[:N_DIM], p, x[k : k + N_DIM], out[k : k + N_DIM])
'''


def tangent_source(system_source):
    """Text of a system's module with ``tangent(t, x, p, out)`` added, which needs rhs, jvp and N_DIM."""
    return system_source + _TANGENT


@jit
def orthonormalise(x, n_dim, overlap, growth):
    """Modified Gram-Schmidt of the tangent vectors of all lanes, which are the rows n_dim.. of x (row, lane).

    A vector that vanishes has the growth minus infinity and becomes zero.

    Args:
        x: (dim (1 + vector), lane), changed in place.
        n_dim: dimension of the state.
        overlap: (lane,) workspace.
        growth: (vector, lane) receives log R_kk.
    """
    n = x.shape[1]
    for k in range(growth.shape[0]):
        own = n_dim * (k + 1)
        for j in range(k + 1):
            other = n_dim * (j + 1)
            for i in range(n):
                overlap[i] = x[own, i] * x[other, i]
            for d in range(1, n_dim):
                for i in range(n):
                    overlap[i] += x[own + d, i] * x[other + d, i]
            if j < k:
                for d in range(n_dim):
                    for i in range(n):
                        x[own + d, i] -= overlap[i] * x[other + d, i]
        for i in range(n):
            norm = np.sqrt(overlap[i])
            growth[k, i] = log64(norm)
            overlap[i] = 0.0 if norm == 0 else 1.0 / norm
        for d in range(n_dim):
            for i in range(n):
                x[own + d, i] *= overlap[i]


def _flow_growth(
    tangent, stages, nodes, weights, errors, n_control, order, tolerance, max_attempts, n_dim, start, block,
    t_end, t, h, x, p, old_error, status, sums, durations,
):  # fmt: skip
    size, n = x.shape
    n_vectors = size // n_dim - 1
    k = np.empty(n_control * size * n)
    y = np.empty_like(x)
    total, wide_h = np.empty(size * n), np.empty(size * n)
    widths, ts, error, overlap, following = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    growth = np.empty((n_vectors, n))
    running = n
    for _ in range(max_attempts):
        running = 0
        for i in range(n):
            widths[i] = 0.0
            if status[i] == RUNNING:
                running += 1
                widths[i] = min(h[i], t_end - t[i])
        if running == 0:
            break
        tangent(t, x, p, block_of(k, 0, size, n))
        step(tangent, stages, nodes, weights, n_control, t, widths, x, p, k, wide_h, total, ts, y)
        error_norm(errors, n_control, widths, x, y, k, tolerance, tolerance, total, error)
        orthonormalise(y, n_dim, overlap, growth)
        for i in range(n):
            following[i] = next_step(widths[i], error[i], old_error[i], order)
        for i in range(n):
            if status[i] != RUNNING:
                continue
            if not error[i] <= 1:
                h[i] = smaller_step(widths[i], error[i], order)
                if h[i] <= 2e-15 * max(abs(t[i]), 1e-30):
                    status[i] = COLLAPSED
                continue
            for d in range(size):
                x[d, i] = y[d, i]
            b = min(int((t[i] - start) / block), sums.shape[0] - 1)
            for v in range(n_vectors):
                sums[b, v, i] += growth[v, i]
            durations[b, i] += widths[i]
            t[i] += widths[i]
            h[i] = max(h[i], following[i]) if widths[i] < h[i] else following[i]
            old_error[i] = max(error[i], 1e-4)
            if t_end - t[i] <= 1e-14 * abs(t_end):
                status[i] = ARRIVED
    return running


def _map_growth(tangent, n_dim, first_time, start, stop, block, x, p, sums, broken):
    size, n = x.shape
    y = np.empty_like(x)
    t, overlap = np.empty(n), np.empty(n)
    growth = np.empty((size // n_dim - 1, n))
    for step_number in range(start, stop):
        t[:] = first_time + step_number
        tangent(t, x, p, y)
        orthonormalise(y, n_dim, overlap, growth)
        x[:] = y
        b = step_number // block
        for v in range(growth.shape[0]):
            for i in range(n):
                sums[b, v, i] += growth[v, i]
        lost = 0
        for d in range(n_dim):
            for i in range(n):
                lost += not abs(x[d, i]) < np.inf
        if lost:
            for i in range(n):
                for d in range(n_dim):
                    if broken[i] < 0 and not np.isfinite(x[d, i]):
                        broken[i] = step_number + 1


@functools.cache
def flow_growth():
    """The compiled ``growth(tangent, stages, nodes, weights, errors, n_control, order, tolerance,
    max_attempts, n_dim, start, block, t_end, t, h, x, p, old_error, status, sums, durations)`` for flows,
    float64.

    Each lane goes from its t to t_end with its own step; the tangent vectors count in the error estimate.
    After each accepted step log R_kk is added to sums (block, vector, lane) and the step to durations (block,
    lane), in the block in which the step began (blocks of length ``block`` from ``start``). Returns the
    number of lanes that still run; call again.
    """
    one, two, three = array_type(np.float64, 1), array_type(np.float64, 2), array_type(np.float64, 3)
    real, integer = types.float64, types.int64
    signature = types.int64(
        types.FunctionType(right_hand_side(np.float64)), two, one, one, two, integer, real, real, integer,
        integer, real, real, real, one, one, two, two, one, array_type(np.int64, 1), three, two,
    )  # fmt: skip
    return first_class(jit(_flow_growth), signature)


@functools.cache
def map_growth():
    """The compiled ``growth(tangent, n_dim, first_time, start, stop, block, x, p, sums, broken)`` for maps,
    float64.

    Steps start to stop - 1; log R_kk of step s is added to sums[s // block] (vector, lane). broken (lane,)
    receives the number of the step after which a lane was no longer finite.
    """
    two, three, integer = array_type(np.float64, 2), array_type(np.float64, 3), types.int64
    signature = types.void(
        types.FunctionType(right_hand_side(np.float64)), integer, types.float64, integer, integer, integer,
        two, two, three, array_type(np.int64, 1),
    )  # fmt: skip
    return first_class(jit(_map_growth), signature)


def growth_of_map(advance, jacobian, z, n_steps, *, seed=0, every=1, n_vectors=None):
    """Growth of tangent vectors of any batched map, in NumPy: for models without a compiled kernel, and the
    slow twin.

    Args:
        advance: function of states (batch, dim) to the next states.
        jacobian: function of states (batch, dim) to (batch, dim, dim).
        z: (batch, dim) states.
        n_steps: number of steps, a multiple of ``every``.
        seed: seed of the first tangent vectors.
        every: steps between two QR decompositions.
        n_vectors: number of leading tangent vectors; by default all.

    Returns:
        (batch, n_steps // every, n_vectors) sums of log R_kk per decomposition, and the last states (batch, dim).

    Reference:
        benettin1980
    """
    z = np.array(z, dtype=float)
    batch, dim = z.shape
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.standard_normal((batch, dim, dim)))[0][:, :, :n_vectors]
    growth = np.empty((batch, n_steps // every, q.shape[2]))
    for n in range(growth.shape[1]):
        for _ in range(every):
            q = jacobian(z) @ q
            z = advance(z)
        if not np.isfinite(q).all():
            growth[:, n:] = np.nan
            break
        q, r = np.linalg.qr(q)
        with np.errstate(divide="ignore"):
            growth[:, n] = np.log(np.abs(np.diagonal(r, axis1=1, axis2=2)))
    return growth, z
