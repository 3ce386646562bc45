"""Running compiled kernels over blocks of lanes: several threads, and calls short enough for Ctrl-C."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numba

LONGEST_CALL = 0.1
"""Aim for the duration of one compiled call, in seconds."""

TILE_BYTES = 128_000
"""Working set of a block: within a second-level cache, and large enough to hide the cost of calls."""


FIRST_LEVEL_BYTES = 80_000
"""Working set of lanes in step: little more than a first-level cache, since wide blocks hide the cost of calls."""


def block_width(bytes_per_lane):
    """Lanes per block: as many as fit the tile, a multiple of 8 from 8 to 64."""
    return int(min(max(TILE_BYTES // (8 * max(bytes_per_lane, 1)), 1), 8)) * 8


def fixed_step_width(bytes_per_lane):
    """Lanes per block where all lanes go in step: as many as fit the first-level cache, 8, 16, 32 or 64."""
    return next((width for width in (64, 32, 16) if width * bytes_per_lane <= FIRST_LEVEL_BYTES), 8)


def run_blocks(work, n_lanes, width):
    """Call ``work(first, last, stopped)`` for each block of lanes; blocks share a thread pool.

    Args:
        work: function of the first lane, the lane after the last, and an event that is set when the run is
            given up.
        n_lanes: number of lanes.
        width: lanes per block.

    Returns:
        list of the results, in the order of the blocks.
    """
    stopped = threading.Event()
    blocks = [(first, min(first + width, n_lanes)) for first in range(0, n_lanes, width)]
    n_threads = min(len(blocks), numba.config.NUMBA_NUM_THREADS, os.cpu_count() or 1)
    if n_threads <= 1:
        return [work(first, last, stopped) for first, last in blocks]
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            return list(pool.map(lambda block: work(*block, stopped), blocks))
        finally:
            stopped.set()


def in_short_calls(call, total, stopped):
    """Call ``call(start, stop)`` over consecutive parts of range(total), each about LONGEST_CALL seconds.

    Args:
        call: function of a part.
        total: number of units of work.
        stopped: event; when it is set no further part is started.
    """
    start, size = 0, 16
    while start < total and not stopped.is_set():
        stop = min(start + size, total)
        begun = time.perf_counter()
        call(start, stop)
        size = next_size(stop - start, time.perf_counter() - begun)
        start = stop


def next_size(size, elapsed):
    """Units of work for the next call, when the last one with ``size`` units took ``elapsed`` seconds."""
    return max(1, int(size * min(4.0, LONGEST_CALL / max(elapsed, 1e-9))))
