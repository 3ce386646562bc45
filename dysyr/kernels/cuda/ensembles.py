"""Running generated integrators over an ensemble on the device: grids, and launches short enough for Ctrl-C.

All arrays lie on the device; states are (dim, lane), outputs (time, dim, lane). Each function returns when the
device has finished.
"""

import time

import numpy as np
from numba import cuda

from dysyr.kernels.cuda.adaptive_source import RUNNING
from dysyr.kernels.cuda.compilation import configured

BLOCK = 128
"""Threads of a block."""

LONGEST_LAUNCH = 0.1
"""Aim for the duration of one launch, in seconds."""

FIRST_LAUNCH = 16
"""Steps of the first launch of a run; the next ones follow from the time it takes."""


def grid_of(n_threads, block=BLOCK):
    """(blocks, threads of a block) for at least ``n_threads`` threads."""
    block = min(block, 32 * -(-n_threads // 32))
    return -(-n_threads // block), block


def advance_fixed(kernel, starts, widths, substeps, states, p, keep, out, broken, further=()):
    """Run a fixed-step kernel over all its intervals.

    Args:
        kernel: kernel of :mod:`dysyr.kernels.cuda.fixed_step_source` or ``stochastic_source``.
        starts: (interval,) times at which intervals begin.
        widths: (interval,) widths of one step.
        substeps: steps of an interval.
        states: (dim, lane), advanced in place.
        p: (parameter, lane).
        keep: whether the states after each interval are stored in ``out``.
        out: (interval, dim, lane), or any 3-d array without ``keep``.
        broken: (lane,) int64, -1 or one more than the interval after which the lane was not finite.
        further: further arguments of the kernel.
    """
    run = configured(kernel, *grid_of(states.shape[1]))

    def launch(first, last):
        run(
            starts, widths, first // substeps, first % substeps, last - first, substeps, states, p, keep, out, broken,
            *further,
        )  # fmt: skip

    in_short_launches(launch, widths.shape[0] * substeps)


def advance_adaptive(kernel, intervals, tolerances, states, p, keep, clocks, interval, status, counts, out):
    """Run an adaptive kernel until no lane is on its way.

    Args:
        kernel: kernel of :mod:`dysyr.kernels.cuda.adaptive_source`.
        intervals: (starts, widths, remaining), each (interval,).
        tolerances: (rtol, atol), scalars of the kernel's dtype.
        states: (dim, lane), advanced in place.
        p: (parameter, lane).
        keep: whether the states after each interval are stored in ``out``.
        clocks: (elapsed, lost, step_size, old_error), each (lane,).
        interval, status, counts: of the lanes, see the kernel.
        out: (interval, dim, lane), or any 3-d array without ``keep``.
    """
    run = configured(kernel, *grid_of(states.shape[1]))
    attempts = FIRST_LAUNCH
    while (status.copy_to_host() == RUNNING).any():
        begun = time.perf_counter()
        run(*intervals, *tolerances, attempts, states, p, keep, *clocks, interval, status, counts, out)
        cuda.synchronize()
        attempts = _next_size(attempts, time.perf_counter() - begun)


def in_short_launches(launch, total):
    """Call ``launch(first, last)`` over consecutive parts of range(total), each about LONGEST_LAUNCH seconds."""
    first, size = 0, FIRST_LAUNCH
    while first < total:
        last = min(first + size, total)
        begun = time.perf_counter()
        launch(first, last)
        cuda.synchronize()
        size = _next_size(last - first, time.perf_counter() - begun)
        first = last


def parameter_lanes(values, n_lanes, dtype):
    """Parameters on the device, (parameter, lane); one row of zeros where there are none."""
    column = np.array(values if len(values) else [0.0], dtype)[:, None]
    return cuda.to_device(np.repeat(column, n_lanes, axis=1))


def _next_size(size, elapsed):
    return max(1, int(size * min(16.0, LONGEST_LAUNCH / max(elapsed, 1e-9))))
