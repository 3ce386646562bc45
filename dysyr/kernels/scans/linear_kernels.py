"""Compiled loops of the elementwise linear recurrence: 16 channels in lanes, times one after the other.

A unit of work is one sequence, or a block of its channels where a row of all channels and their states would not stay
in a first-level cache. The passes are bound by memory: forward moves three streams, backward five. A pass against time
goes through the channels of a row backwards too: rows in falling order, each read in rising order, defeat the
prefetcher and take twice as long. Arrays are flat, (batch, time, channel) and, for states, (batch, channel). The slow
twin is ``linear_scan_reference.py``.
"""

from dysyr.kernels.jit import jit
from dysyr.kernels.scans.lanes import LANES, load_part, store_part

WIDTH = 2048
"""Channels of a unit, at most."""


@jit
def forward(a, b, sizes, reverse, first, last, start, stop, state, h):
    """Advance units first..last-1 over times start..stop-1, from the last to the first when ``reverse``.

    Args:
        a, b: factors and inputs.
        sizes: (n_steps, n_channels).
        reverse: direction of time.
        first, last: units.
        start, stop: times.
        state: states before; overwritten with those after.
        h: filled.
    """
    n_steps, n_channels = sizes
    n_blocks = (n_channels + WIDTH - 1) // WIDTH
    for unit in range(first, last):
        sequence, block = unit // n_blocks, unit % n_blocks
        begun, end = block * WIDTH, min((block + 1) * WIDTH, n_channels)
        n_tiles = (end - begun + LANES - 1) // LANES
        for k in range(start, stop):
            t = stop - 1 - (k - start) if reverse else k
            row = (sequence * n_steps + t) * n_channels
            for tile in range(n_tiles):
                d = begun + (n_tiles - 1 - tile if reverse else tile) * LANES
                at_state, at, count = sequence * n_channels + d, row + d, min(LANES, end - d)
                s = load_part(a, at, count) * load_part(state, at_state, count) + load_part(b, at, count)
                store_part(state, at_state, count, s)
                store_part(h, at, count, s)


@jit
def backward(a, h, h0, dh, sizes, reverse, first, last, start, stop, state, da, db):
    """Gradients of units first..last-1 over times start..stop-1, against the direction of the forward pass.

    Args:
        a, sizes, reverse, first, last, start, stop: as in :func:`forward`.
        h: its result.
        h0: its states at the very beginning.
        dh: gradient of h.
        state: gradient of the states after these times, without that of h; overwritten with that before them.
        da, db: filled.
    """
    n_steps, n_channels = sizes
    n_blocks = (n_channels + WIDTH - 1) // WIDTH
    for unit in range(first, last):
        sequence, block = unit // n_blocks, unit % n_blocks
        begun, end = block * WIDTH, min((block + 1) * WIDTH, n_channels)
        n_tiles = (end - begun + LANES - 1) // LANES
        for k in range(start, stop):
            t = k if reverse else stop - 1 - (k - start)
            row = (sequence * n_steps + t) * n_channels
            is_first = t == (n_steps - 1 if reverse else 0)
            before = row + n_channels if reverse else row - n_channels
            for tile in range(n_tiles):
                d = begun + (tile if reverse else n_tiles - 1 - tile) * LANES
                at_state, at, count = sequence * n_channels + d, row + d, min(LANES, end - d)
                g = load_part(dh, at, count) + load_part(state, at_state, count)
                store_part(db, at, count, g)
                if is_first:
                    past = load_part(h0, at_state, count)
                else:
                    past = load_part(h, before + d, count)
                store_part(da, at, count, g * past)
                store_part(state, at_state, count, g * load_part(a, at, count))
