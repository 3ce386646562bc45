"""Explicit Runge-Kutta integration of many trajectories at once, with fixed and with adaptive steps.

All arrays are lane-blocked: x (dim, lane), one lane per trajectory, storage (time, dim, lane). The right-hand
side comes as a function pointer, the method as its coefficients, so that these kernels are compiled once for
all systems and methods. A step computes for all lanes

    k_s = f(t + c_s h, x + h sum_r a_sr k_r),    y = x + h sum_s b_s k_s.

The slow twins are in :mod:`dysyr.kernels.runge_kutta_reference`.
"""

import functools

import numba
import numpy as np
from numba import types

from dysyr.kernels.elementary64 import exp64, log64
from dysyr.kernels.jit import array_type, first_class, jit, right_hand_side
from dysyr.kernels.ode_views import aligned, block, window
from dysyr.kernels.ode_width import wide_vectors
from dysyr.kernels.output import record

RUNNING, ARRIVED, COLLAPSED = 0, 1, 2
"""Status of a lane: on its way, at its end time, stopped because its step shrank to nothing (a blow-up)."""


@jit
def combine(weights, k, total):
    """total = sum_s weights_s k_s; weights (stage,), k (stage*dim*lane,), total (dim*lane,)."""
    size, last = total.shape[0], weights.shape[0] - 1
    s = 0
    while s < last and weights[s] == 0:
        s += 1
    begun = s
    while s <= last:
        zero = total.dtype.type(0)
        s1, s2, s3 = min(s + 1, last), min(s + 2, last), min(s + 3, last)
        a = weights[s]
        b = weights[s1] if s1 == s + 1 else zero
        c = weights[s2] if s2 == s + 2 else zero
        d = weights[s3] if s3 == s + 3 else zero
        q, r = window(k, s * size, size), window(k, s1 * size, size)
        u, v = window(k, s2 * size, size), window(k, s3 * size, size)
        if s > begun:
            for j in range(size):
                total[j] += a * q[j] + b * r[j] + c * u[j] + d * v[j]
        else:
            for j in range(size):
                total[j] = a * q[j] + b * r[j] + c * u[j] + d * v[j]
        s += 4


@jit
def advance(weights, h, x, k, total, y):
    """y = x + h sum_s weights_s k_s with a step for each lane.

    Args:
        weights: (stage,) of the stages that count.
        h: (dim*lane,) steps, repeated for each variable.
        x: (dim*lane,).
        k: (stage*dim*lane,).
        total: (dim*lane,) workspace.
        y: (dim*lane,) result.
    """
    combine(weights, k, total)
    for j in range(x.shape[0]):
        y[j] = x[j] + h[j] * total[j]


@jit
def step(rhs, stages, nodes, weights, n_control, t, h, x, p, k, wide_h, total, ts, y):
    """All stages of one step with a step for each lane; the first stage f(t, x) is given.

    With n_control > len(weights) the stage n_control - 1, f(t + h, y), is computed too.

    Args:
        rhs: right-hand side.
        stages, nodes, weights: coefficients of the method.
        n_control: stages needed before a step is accepted.
        t, h: (lane,) times and steps.
        x: (dim, lane) states.
        p: (parameter, lane).
        k: (stage*dim*lane,) stages; the first is read, the others are filled.
        wide_h, total: (dim*lane,) workspaces; wide_h receives h for each variable.
        ts: (lane,) workspace.
        y: (dim, lane) receives the states after the step.
    """
    n_dim, n = x.shape
    size, n_stages = n_dim * n, weights.shape[0]
    flat_x, flat_y = window(x, 0, size), window(y, 0, size)
    for d in range(n_dim):
        for i in range(n):
            wide_h[d * n + i] = h[i]
    for s in range(1, n_stages):
        advance(window(stages, s * stages.shape[1], s), wide_h, flat_x, k, total, flat_y)
        for i in range(n):
            ts[i] = t[i] + nodes[s] * h[i]
        rhs(ts, y, p, block(k, s * size, n_dim, n))
    advance(window(weights, 0, n_stages), wide_h, flat_x, k, total, flat_y)
    if n_control > n_stages:
        for i in range(n):
            ts[i] = t[i] + h[i]
        rhs(ts, y, p, block(k, n_stages * size, n_dim, n))


@jit
def fill(values, value):
    """values[i] = value."""
    for i in range(values.shape[0]):
        values[i] = value


@jit
def advance_flat(weights, h, x, k, total, y):
    """y = x + sum_s (h weights_s) k_s, all of one length; the sum is complete before x is added.

    Args:
        weights: (stage,) of the stages that count.
        h: step, the same for all.
        x: (dim*lane,).
        k: (stage*dim*lane,).
        total: (dim*lane,) workspace.
        y: (dim*lane,) result.
    """
    size, last = x.shape[0], weights.shape[0] - 1
    s = 0
    while s < last and weights[s] == 0:
        s += 1
    begun = s
    while last - s >= 4:
        a, b, c, d = h * weights[s], h * weights[s + 1], h * weights[s + 2], h * weights[s + 3]
        q, r, u, v = (
            window(k, s * size, size),
            window(k, (s + 1) * size, size),
            window(k, (s + 2) * size, size),
            window(k, (s + 3) * size, size),
        )
        if s == begun:
            for j in range(size):
                total[j] = a * q[j] + b * r[j] + c * u[j] + d * v[j]
        else:
            for j in range(size):
                total[j] += a * q[j] + b * r[j] + c * u[j] + d * v[j]
        s += 4
    zero = x.dtype.type(0)
    s1, s2, s3 = min(s + 1, last), min(s + 2, last), min(s + 3, last)
    a = h * weights[s]
    b = h * weights[s1] if s1 == s + 1 else zero
    c = h * weights[s2] if s2 == s + 2 else zero
    d = h * weights[s3] if s3 == s + 3 else zero
    q, r, u, v = (
        window(k, s * size, size),
        window(k, s1 * size, size),
        window(k, s2 * size, size),
        window(k, s3 * size, size),
    )
    if s > begun:
        for j in range(size):
            y[j] = x[j] + (total[j] + a * q[j] + b * r[j] + c * u[j] + d * v[j])
    elif s == last:
        for j in range(size):
            y[j] = x[j] + a * q[j]
    elif s1 == last:
        for j in range(size):
            y[j] = x[j] + (a * q[j] + b * r[j])
    else:
        for j in range(size):
            y[j] = x[j] + (a * q[j] + b * r[j] + c * u[j] + d * v[j])


def _integrate_fixed(rhs, stages, nodes, weights, times, start, stop, substeps, x, p, keep, out, first, broken):
    wide_vectors()
    n_dim, n = x.shape
    size, n_stages = n_dim * n, weights.shape[0]
    owner = aligned((n_stages + 3) * size + n, x)
    k, now, y, total = (
        window(owner, 0, n_stages * size),
        window(owner, n_stages * size, size),
        window(owner, (n_stages + 1) * size, size),
        window(owner, (n_stages + 2) * size, size),
    )
    now_block, y_block, t = block(now, 0, n_dim, n), block(y, 0, n_dim, n), window(owner, (n_stages + 3) * size, n)
    now_block[:] = x
    for o in range(start, stop):
        width = (times[o + 1] - times[o]) / substeps
        h = x.dtype.type(width)
        for j in range(substeps):
            begin = x.dtype.type(times[o] + j * width)
            fill(t, begin)
            rhs(t, now_block, p, block(k, 0, n_dim, n))
            for s in range(1, n_stages):
                advance_flat(window(stages, s * stages.shape[1], s), h, now, k, total, y)
                fill(t, begin + nodes[s] * h)
                rhs(t, y_block, p, block(k, s * size, n_dim, n))
            advance_flat(window(weights, 0, n_stages), h, now, k, total, now)
        record(now_block, o, keep, out, broken, first)
    x[:] = now_block
    # numba frees an array after its last use, and the views do not count as uses
    owner[0] = 0


@jit
def error_norm(errors, n_control, h, x, y, k, rtol, atol, total, error):
    """Root mean square of the estimated error over atol + rtol max(|x|, |y|), per lane; <= 1 accepts the
    step.

    With two estimates e, e' it is |h| sum e^2 / sqrt(dim (sum e^2 + 0.01 sum e'^2)), as in DOP853.
    """
    n_dim, n = x.shape
    size = n_dim * n
    flat_x, flat_y = window(x, 0, size), window(y, 0, size)
    second = np.zeros(n, x.dtype)
    fill(error, x.dtype.type(0))
    for r in range(errors.shape[0]):
        combine(window(errors, r * errors.shape[1], n_control), k, total)
        for j in range(size):
            scaled = total[j] / (atol + rtol * max(abs(flat_x[j]), abs(flat_y[j])))
            total[j] = scaled * scaled
        target = error if r == 0 else second
        for d in range(n_dim):
            for i in range(n):
                target[i] += total[d * n + i]
    for i in range(n):
        if errors.shape[0] == 1:
            error[i] = h[i] * np.sqrt(error[i] / n_dim)
        elif error[i] != 0:
            error[i] = h[i] * error[i] / np.sqrt(n_dim * (error[i] + second[i] * 0.01))


@jit(inline="always")
def next_step(h, error, old_error, order):
    """Proportional-integral step rule h <- 0.9 h err^(-0.7/order) err_old^(0.4/order), within a factor 0.2 to
    6."""
    # selects rather than min and max, whose rules for NaN keep a loop over lanes from being vectorised
    least = error if error > 1e-8 else 1e-8
    factor = 0.9 * exp64((0.4 * log64(old_error) - 0.7 * log64(least)) / order)
    factor = factor if factor > 0.2 else 0.2
    return h * (factor if factor < 6.0 else 6.0)


@jit
def smaller_step(h, error, order):
    """The step after a refusal: h <- 0.9 h err^(-1/order), within a factor 0.1 to 0.9."""
    if not np.isfinite(error):
        return 0.1 * h
    return h * min(max(0.9 * error ** (-1.0 / order), 0.1), 0.9)


def _integrate_adaptive(
    rhs, stages, nodes, weights, errors, dense, n_control, order, rtol, atol, max_attempts, t_end, times,
    first_output, t, h, x, p, old_error, next_output, status, counts, out,
):  # fmt: skip
    wide_vectors()
    n_dim, n = x.shape
    n_stages, n_all, n_powers = weights.shape[0], nodes.shape[0], dense.shape[0]
    n_outputs = times.shape[0]
    size = n_dim * n
    owner = aligned((n_all + n_powers + 4) * size, x)
    flat, rest = window(owner, 0, n_all * size), n_all * size
    total, wide_h = window(owner, rest, size), window(owner, rest + size, size)
    y, extra = block(owner, rest + 2 * size, n_dim, n), block(owner, rest + 3 * size, n_dim, n)
    powers = block(owner, rest + 4 * size, n_powers, size)
    first, last_stage = block(flat, 0, n_dim, n), block(flat, n_stages * size, n_dim, n)
    typed_t = np.empty(n, x.dtype)
    typed_h = np.empty(n, x.dtype)
    ts = np.empty(n, x.dtype)
    error, accepted = np.empty(n, x.dtype), np.empty(n, x.dtype)
    following = np.empty(n)
    resolution = np.finfo(x.dtype).eps
    running = n
    typed_t[:] = t
    rhs(typed_t, x, p, first)
    for _ in range(max_attempts):
        running = 0
        for i in range(n):
            typed_t[i] = t[i]
            typed_h[i] = 0
            if status[i] == RUNNING:
                running += 1
                typed_h[i] = min(h[i], t_end - t[i])
        if running == 0:
            break
        step(rhs, stages, nodes, weights, n_control, typed_t, typed_h, x, p, flat, wide_h, total, ts, y)
        error_norm(errors, n_control, typed_h, x, y, flat, rtol, atol, total, error)
        wanted = False
        for i in range(n):
            if status[i] == RUNNING and error[i] <= 1 and next_output[i] < n_outputs:
                wanted = wanted or times[next_output[i]] <= t[i] + typed_h[i] or t_end - t[i] <= typed_h[i]
        if wanted:
            for s in range(n_control, n_all):
                flat_x, flat_extra = window(x, 0, size), window(extra, 0, size)
                advance(window(stages, s * stages.shape[1], s), wide_h, flat_x, flat, total, flat_extra)
                for i in range(n):
                    ts[i] = typed_t[i] + nodes[s] * typed_h[i]
                rhs(ts, extra, p, block(flat, s * size, n_dim, n))
            for m in range(n_powers):
                combine(window(dense, m * n_all, n_all), flat, window(powers, m * size, size))
        for i in range(n):
            following[i] = next_step(float(typed_h[i]), float(error[i]), old_error[i], order)
            accepted[i] = 0
        for i in range(n):
            if status[i] != RUNNING:
                continue
            if not error[i] <= 1:
                counts[1, i] += 1
                h[i] = smaller_step(float(typed_h[i]), error[i], order)
                if h[i] <= 8 * resolution * max(abs(t[i]), 1e-30):
                    status[i] = COLLAPSED
                continue
            width = float(typed_h[i])
            reached = t[i] + width
            if t_end - reached <= 4 * resolution * abs(t_end):
                reached = t_end
                status[i] = ARRIVED
            o = next_output[i]
            while o < n_outputs and times[o] <= reached:
                theta = x.dtype.type(min((times[o] - t[i]) / width, 1.0))
                for d in range(n_dim):
                    value = powers[n_powers - 1, d * n + i]
                    for m in range(n_powers - 2, -1, -1):
                        value = value * theta + powers[m, d * n + i]
                    out[first_output + o, d, i] = x[d, i] + typed_h[i] * theta * value
                o += 1
            next_output[i] = o
            counts[0, i] += 1
            accepted[i] = 1
            h[i] = max(h[i], following[i]) if width < h[i] else following[i]
            old_error[i] = max(float(error[i]), 1e-4)
            t[i] = reached
        for d in range(n_dim):
            for i in range(n):
                x[d, i] = y[d, i] if accepted[i] > 0 else x[d, i]
                first[d, i] = last_stage[d, i] if accepted[i] > 0 else first[d, i]
    # numba frees an array after its last use, and the views do not count as uses
    owner[0] = 0
    return running


@functools.cache
def fixed_step_integrator(dtype):
    """The compiled fixed-step integrator of a dtype.

    ``integrate(rhs, stages, nodes, weights, times, start, stop, substeps, x, p, keep, out, first, broken)``
    advances x (dim, lane) over the intervals times[start:stop + 1], each cut into equal substeps, and stores the
    end of interval o in out[o, :, first : first + lanes] when ``keep`` is true. broken (lane,) int64 receives one
    more than the first o at whose end a lane is no longer finite, and else stays -1; a broken lane does not touch
    the others.

    Args:
        dtype: numpy.float32 or numpy.float64.

    Returns:
        the compiled function.
    """
    lanes, blocks = array_type(dtype, 1), array_type(dtype, 2)
    signature = types.void(
        types.FunctionType(right_hand_side(dtype)), blocks, lanes, lanes, array_type(np.float64, 1),
        types.int64, types.int64, types.int64,
        blocks, blocks, types.boolean, array_type(dtype, 3), types.int64, array_type(np.int64, 1),
    )  # fmt: skip
    return first_class(jit(_integrate_fixed), signature)


@functools.cache
def adaptive_integrator(dtype):
    """The compiled integrator with its own step for each lane, and dense output.

    ``integrate(rhs, stages, nodes, weights, errors, dense, n_control, order, rtol, atol, max_attempts, t_end,
    times, first_output, t, h, x, p, old_error, next_output, status, counts, out)`` advances each lane from
    its t to t_end and writes the values at ``times`` (ascending, up to t_end) to out[first_output:]. t, h,
    old_error, next_output, status and counts (accepted, refused; lane) belong to the lanes and are updated,
    so that the call can be repeated: it makes at most max_attempts attempts at a step and returns the number
        of lanes that still run.

    Args:
        dtype: numpy.float32 or numpy.float64.

    Returns:
        the compiled function.
    """
    lanes, blocks, cube = array_type(dtype, 1), array_type(dtype, 2), array_type(dtype, 3)
    times, indices = array_type(np.float64, 1), array_type(np.int64, 1)
    real = numba.from_dtype(np.dtype(dtype))
    signature = types.int64(
        types.FunctionType(right_hand_side(dtype)), blocks, lanes, lanes, blocks, blocks,
        types.int64, types.float64, real, real, types.int64, types.float64, times, types.int64,
        times, times, blocks, blocks, times, indices, indices, array_type(np.int64, 2), cube,
    )  # fmt: skip
    return first_class(jit(_integrate_adaptive), signature)
