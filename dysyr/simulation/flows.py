"""Trajectories of differential equations dx/dt = f(x, t) by explicit Runge-Kutta methods."""

import functools
import time

import numpy as np

from dysyr.kernels.fused_source import LANES, LANES_SAVED, can_fuse
from dysyr.kernels.lane_blocks import block_width, fixed_step_width, in_short_calls, next_size, run_blocks
from dysyr.kernels.runge_kutta import ARRIVED, COLLAPSED, adaptive_integrator, fixed_step_integrator
from dysyr.kernels.tableau import RK4, TSIT5
from dysyr.kernels.tableau_dop853 import DOP853
from dysyr.simulation.divergence import raise_diverged

TABLEAUS = {tableau.name: tableau for tableau in (RK4, TSIT5, DOP853)}


@functools.cache
def coefficients(name, dtype):
    """Arrays of a tableau in one dtype: stages (stage, stage), nodes, weights, errors (estimate, stage),
    dense (power, stage)."""
    tableau = TABLEAUS[name]
    n = len(tableau.nodes)
    stages = np.zeros((n, n), dtype)
    for s, row in enumerate(tableau.stages):
        stages[s, : len(row)] = row
    errors = np.zeros((len(tableau.error), n), dtype)
    for r, row in enumerate(tableau.error):
        errors[r, : len(row)] = row
    dense = np.zeros((0, n), dtype) if tableau.dense is None else np.ascontiguousarray(tableau.dense.T, dtype)
    return stages, np.array(tableau.nodes, dtype), np.array(tableau.weights, dtype), errors, dense


def integrate_adaptive(compiled, method, x0, start, times, rtol, atol):
    """Values at given times with an own step for each trajectory, local error below atol + rtol |x|.

    Args:
        compiled: CompiledSystem.
        method: name of a method with step control.
        x0: (trajectory, dim) states at the start times.
        start: (trajectory,) start times in system time units, none after times[0].
        times: (time,) ascending output times in system time units.
        rtol: relative tolerance.
        atol: absolute tolerance, in units of the state.

    Returns:
        array (trajectory, time, dim), a permuted view of (time, dim, lane); and the number of accepted and
        refused steps.

    Raises:
        DivergedError: a trajectory's step shrank to nothing.
    """
    tableau, dtype = TABLEAUS[method], compiled.dtype
    arrays = coefficients(method, dtype)
    n, dim = x0.shape
    integrate = adaptive_integrator(dtype)
    tolerances = dtype.type(rtol), dtype.type(atol)
    first_step = first_steps(compiled, x0, start, times[-1], rtol, atol, tableau.order)

    def work(first, last, stopped):
        lanes = last - first
        x = np.array(x0[first:last].T, dtype, order="C")
        t, h = start[first:last].astype(float), first_step[first:last].copy()
        old_error, next_output = np.full(lanes, 1e-4), np.zeros(lanes, np.int64)
        status, counts = np.where(t < times[-1], 0, ARRIVED), np.zeros((2, lanes), np.int64)
        out = np.empty((times.size, dim, lanes), dtype)
        for lane in range(lanes):
            while next_output[lane] < times.size and times[next_output[lane]] <= t[lane]:
                out[next_output[lane], :, lane] = x[:, lane]
                next_output[lane] += 1
        p = compiled.parameter_lanes(lanes)
        attempts, running = 16, 1
        while running and not stopped.is_set():
            begun = time.perf_counter()
            running = integrate(
                compiled.rhs_pointer, *arrays, tableau.n_control, float(tableau.error_order), *tolerances, attempts,
                times[-1], times, 0, t, h, x, p, old_error, next_output, status, counts, out,
            )  # fmt: skip
            attempts = next_size(attempts, time.perf_counter() - begun)
        return out, t, status, counts, x

    width = block_width(dim * dtype.itemsize * (len(tableau.nodes) + 4))
    blocks = run_blocks(work, n, width)
    out = blocks[0][0] if len(blocks) == 1 else np.concatenate([block[0] for block in blocks], axis=2)
    t, status, counts, final = (np.concatenate([block[i] for block in blocks], axis=-1) for i in range(1, 5))
    if (status == COLLAPSED).any():
        left = np.where(status == COLLAPSED, t, np.inf)
        raise_diverged(compiled.system, left, final.T, "look at the equations, the parameters and initial_state")
    return out.transpose(2, 0, 1), {"accepted": int(counts[0].sum()), "refused": int(counts[1].sum())}


def integrate_fixed(compiled, method, x0, times, substeps, keep=True):
    """Values at given times with a fixed number of equal steps between them.

    Args:
        compiled: CompiledSystem.
        method: name of a method.
        x0: (trajectory, dim) states at times[0].
        times: (time,) ascending times in system time units.
        substeps: steps in each interval.
        keep: whether to return all times or the last one only.

    Returns:
        array (trajectory, time, dim) that starts with x0, or (trajectory, dim).

    Raises:
        DivergedError: a trajectory is no longer finite.
    """
    dtype = compiled.dtype
    tableau = TABLEAUS[method]
    n, dim = x0.shape
    if can_fuse(tableau, dim):
        integrate, width = compiled.fused_integrator(tableau), LANES_SAVED if keep else LANES
    else:
        arrays = coefficients(method, dtype)[:3]
        integrate = functools.partial(fixed_step_integrator(dtype), compiled.rhs_pointer, *arrays)
        width = fixed_step_width(dim * dtype.itemsize * (len(tableau.weights) + 3))
    out = np.empty((times.size if keep else 1, dim, n), dtype)
    out[0] = x0.T
    parameters = compiled.parameter_lanes(min(n, width))

    def work(first, last, stopped):
        x = np.array(x0[first:last].T, dtype, order="C")
        broken = np.full(last - first, -1)
        p = parameters if last - first == parameters.shape[1] else compiled.parameter_lanes(last - first)

        def advance(begin, end):
            integrate(times, begin, end, substeps, x, p, keep, out[1:], first, broken)

        in_short_calls(advance, times.size - 1, stopped)
        return broken, x

    blocks = run_blocks(work, n, width)
    broken = np.concatenate([block[0] for block in blocks])
    final = np.concatenate([block[1] for block in blocks], axis=1).T
    if (broken >= 0).any():
        raise_diverged(
            compiled.system, np.where(broken >= 0, times[broken], np.inf), final,
            f"take more substeps than {substeps}, or method='dop853', which chooses its step",
        )  # fmt: skip
    return out.transpose(2, 0, 1) if keep else final


def first_steps(compiled, x0, start, t_end, rtol, atol, order):
    """Hairer's starting step: about one hundredth of |x| / |f|, checked by one Euler step.

    Args:
        compiled: CompiledSystem.
        x0: (trajectory, dim) states at the start times.
        start: (trajectory,) start times in system time units.
        t_end: end time.
        rtol: relative tolerance.
        atol: absolute tolerance.
        order: order of the method.

    Returns:
        (trajectory,) steps in system time units.

    Reference:
        hairer1993
    """
    x = np.ascontiguousarray(x0.T, dtype=float)
    scale = atol + rtol * np.abs(x)
    f = compiled.evaluate(start, x).astype(float)

    def norm(values):
        return np.sqrt(np.mean((values / scale) ** 2, axis=0))

    with np.errstate(all="ignore"):
        size, speed = norm(x), norm(f)
        guess = np.where((size < 1e-5) | (speed < 1e-5), 1e-6, 0.01 * size / speed)
        bend = norm(compiled.evaluate(start + guess, x + guess * f) - f) / guess
        largest = np.maximum(speed, bend)
        refined = np.where(largest <= 1e-15, np.maximum(1e-6, guess * 1e-3), (0.01 / largest) ** (1 / order))
        step = np.minimum(np.minimum(100 * guess, refined), np.maximum(t_end - start, 0))
    smallest = 1e-10 if compiled.dtype == np.float64 else 1e-5
    return np.where(np.isfinite(step), np.maximum(step, smallest), smallest)
