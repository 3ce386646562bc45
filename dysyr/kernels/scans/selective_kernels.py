"""Compiled loops of the selective scan: 16 channels in lanes, all states of a channel while its step is in registers.

Channels of a group are cut into tiles of 16 lanes, the last one filled with zeros. A unit of work is one group of one
sequence; units share nothing, so they may run on several threads with the same bits. Time runs in chunks, so that the
inputs of a chunk stay in the cache while all tiles pass over it. The forward pass may keep the states at the chunk
borders; the backward pass computes the states within a chunk again from there, which costs less than storing all of
them, and keeps them for its way back. What a step needs beside the states, step sizes and gates, is computed for a
whole chunk before and after: in one loop with the states, the latency of a softplus would hold up each step.

Arrays are flat:

    u, delta, z, y        (batch, time, group, channel)         rates, state     (unit or group, tile, state, lane)
    B, C                  (batch, time, group, state)           skip, bias       (group, tile, lane)
    borders               (unit, chunk, tile, state, lane)

The slow twin is ``selective_scan_reference.py``.
"""

import numpy as np

from dysyr.kernels.jit import jit
from dysyr.kernels.scans.lane_functions import exp2, logistic, softplus
from dysyr.kernels.scans.lanes import LANES, load, load_part, spread, store, store_part, total, zeros

LN2 = np.log(2.0)
CHUNK = 16
"""Steps between two borders. The states of a chunk and of one tile, 16 states each, fill a first-level cache."""


@jit
def forward(
    u, delta, z, B, C, rates, skip, bias, gated, positive, sizes, first, last, start, stop, state, keep, borders, y
):
    """Advance units first..last-1 from time start to time stop.

    Args:
        u, delta, z: inputs, step sizes, gates; z is empty when not ``gated``.
        B, C: input and output vectors.
        rates, skip, bias: A log2(e), D and the bias of the step sizes, in tiles.
        gated: whether y is multiplied by silu(z).
        positive: whether step sizes go through softplus.
        sizes: (n_steps, n_groups, width, n_states), width = channels of a group.
        first, last: units.
        start, stop: times; start is a border.
        state: states before start; overwritten with those after stop.
        keep: whether borders are stored.
        borders: states at the start of each chunk, filled when ``keep``.
        y: filled.
    """
    n_steps, n_groups, width, n_states = sizes
    n_tiles = (width + LANES - 1) // LANES
    n_chunks = (n_steps + CHUNK - 1) // CHUNK
    block = n_states * LANES
    dts, dtxs = np.empty(CHUNK * LANES, u.dtype), np.empty(CHUNK * LANES, u.dtype)
    outs = np.empty(CHUNK * LANES, u.dtype)
    for unit in range(first, last):
        sequence, group = unit // n_groups, unit % n_groups
        for begun in range(start, stop, CHUNK):
            for tile in range(n_tiles):
                at_state = (unit * n_tiles + tile) * block
                at_group = group * n_tiles + tile
                if keep:
                    border = ((unit * n_chunks + begun // CHUNK) * n_tiles + tile) * block
                    borders[border : border + block] = state[at_state : at_state + block]
                count = min(LANES, width - tile * LANES)
                n = min(CHUNK, stop - begun)
                first_row = (sequence * n_steps + begun) * n_groups + group
                bias_row, skip_row = load(bias, at_group * LANES), load(skip, at_group * LANES)
                for k in range(n):
                    at = (first_row + k * n_groups) * width + tile * LANES
                    dt = load_part(delta, at, count) + bias_row
                    if positive:
                        dt = softplus(dt)
                    x = load_part(u, at, count)
                    store(dts, k * LANES, dt)
                    store(dtxs, k * LANES, dt * x)
                    store(outs, k * LANES, skip_row * x)
                for s in range(0, n_states - n_states % 4, 4):
                    here, at_rates = at_state + s * LANES, at_group * block + s * LANES
                    r0, r1 = load(rates, at_rates), load(rates, at_rates + LANES)
                    r2, r3 = load(rates, at_rates + 2 * LANES), load(rates, at_rates + 3 * LANES)
                    h0, h1 = load(state, here), load(state, here + LANES)
                    h2, h3 = load(state, here + 2 * LANES), load(state, here + 3 * LANES)
                    for k in range(n):
                        v = (first_row + k * n_groups) * n_states + s
                        dt, dtx, out = load(dts, k * LANES), load(dtxs, k * LANES), load(outs, k * LANES)
                        h0 = exp2(dt * r0) * h0 + dtx * spread(B, v)
                        h1 = exp2(dt * r1) * h1 + dtx * spread(B, v + 1)
                        h2 = exp2(dt * r2) * h2 + dtx * spread(B, v + 2)
                        h3 = exp2(dt * r3) * h3 + dtx * spread(B, v + 3)
                        out = out + spread(C, v) * h0 + spread(C, v + 1) * h1
                        store(outs, k * LANES, out + spread(C, v + 2) * h2 + spread(C, v + 3) * h3)
                    store(state, here, h0)
                    store(state, here + LANES, h1)
                    store(state, here + 2 * LANES, h2)
                    store(state, here + 3 * LANES, h3)
                for s in range(n_states - n_states % 4, n_states):
                    r0, h0 = load(rates, at_group * block + s * LANES), load(state, at_state + s * LANES)
                    for k in range(n):
                        v = (first_row + k * n_groups) * n_states + s
                        h0 = exp2(load(dts, k * LANES) * r0) * h0 + load(dtxs, k * LANES) * spread(B, v)
                        store(outs, k * LANES, load(outs, k * LANES) + spread(C, v) * h0)
                    store(state, at_state + s * LANES, h0)
                for k in range(n):
                    at = (first_row + k * n_groups) * width + tile * LANES
                    out = load(outs, k * LANES)
                    if gated:
                        gate = load_part(z, at, count)
                        out = out * (gate * logistic(gate))
                    store_part(y, at, count, out)


@jit
def backward(
    u, delta, z, B, C, rates, skip, bias, gated, positive, sizes, first, last, start, stop, borders, dy, state,
    du, ddelta, dz, dB, dC, drates, dskip, dbias,
):  # fmt: skip
    """Gradients of units first..last-1 from time stop back to time start.

    Args:
        u, ..., stop: as in :func:`forward`.
        borders: as filled by :func:`forward`.
        dy: gradient of y.
        state: gradient of the states after stop; overwritten with that of the states before start.
        du, ddelta, dz, dB, dC: filled.
        drates: (unit, tile, state, lane), added to.
        dskip, dbias: (unit, tile, lane), added to.
    """
    n_steps, n_groups, width, n_states = sizes
    n_tiles = (width + LANES - 1) // LANES
    n_chunks = (n_steps + CHUNK - 1) // CHUNK
    block = n_states * LANES
    dtype = u.dtype
    h, decay = np.empty((CHUNK + 1) * block, dtype), np.empty(CHUNK * block, dtype)
    sum_B, sum_C = np.empty(CHUNK * block, dtype), np.empty(CHUNK * block, dtype)
    xs, dts = np.empty(CHUNK * LANES, dtype), np.empty(CHUNK * LANES, dtype)
    slopes, gs = np.empty(CHUNK * LANES, dtype), np.empty(CHUNK * LANES, dtype)
    for unit in range(first, last):
        sequence, group = unit // n_groups, unit % n_groups
        for chunk in range((stop + CHUNK - 1) // CHUNK - 1, start // CHUNK - 1, -1):
            n = min(CHUNK, stop - chunk * CHUNK)
            first_row = (sequence * n_steps + chunk * CHUNK) * n_groups + group
            sum_B[:] = 0
            sum_C[:] = 0
            for tile in range(n_tiles):
                at_tile = unit * n_tiles + tile
                at_group = group * n_tiles + tile
                count = min(LANES, width - tile * LANES)
                border = ((unit * n_chunks + chunk) * n_tiles + tile) * block
                h[:block] = borders[border : border + block]
                bias_row, skip_row = load(bias, at_group * LANES), load(skip, at_group * LANES)
                for k in range(n):
                    at = (first_row + k * n_groups) * width + tile * LANES
                    dt = load_part(delta, at, count) + bias_row
                    if positive:
                        store(slopes, k * LANES, logistic(dt))
                        dt = softplus(dt)
                    x = load_part(u, at, count)
                    store(xs, k * LANES, x)
                    store(dts, k * LANES, dt)
                    store(gs, k * LANES, skip_row * x)
                for k in range(n):
                    at_vectors = (first_row + k * n_groups) * n_states
                    dt, out = load(dts, k * LANES), load(gs, k * LANES)
                    dtx = dt * load(xs, k * LANES)
                    for s in range(n_states):
                        here = k * block + s * LANES
                        a = exp2(dt * load(rates, at_group * block + s * LANES))
                        after = a * load(h, here) + dtx * spread(B, at_vectors + s)
                        store(decay, here, a)
                        store(h, here + block, after)
                        out = out + spread(C, at_vectors + s) * after
                    store(gs, k * LANES, out)
                for k in range(n):
                    at = (first_row + k * n_groups) * width + tile * LANES
                    g = load_part(dy, at, count)
                    if gated:
                        gate = load_part(z, at, count)
                        open_ = logistic(gate)
                        slope = open_ * (1.0 + gate * (1.0 - open_))
                        store_part(dz, at, count, g * load(gs, k * LANES) * slope)
                        g = g * gate * open_
                    store(gs, k * LANES, g)
                sum_bias, sum_skip = load(dbias, at_tile * LANES), load(dskip, at_tile * LANES)
                for k in range(n - 1, -1, -1):
                    at = (first_row + k * n_groups) * width + tile * LANES
                    at_vectors = (first_row + k * n_groups) * n_states
                    x, dt, g = load(xs, k * LANES), load(dts, k * LANES), load(gs, k * LANES)
                    dtx = dt * x
                    through_B, through_rates = zeros(u), zeros(u)
                    for s in range(n_states):
                        at_s = at_tile * block + s * LANES
                        here = k * block + s * LANES
                        dh = load(state, at_s) + spread(C, at_vectors + s) * g
                        a = load(decay, here)
                        store(sum_C, here, load(sum_C, here) + g * load(h, here + block))
                        store(sum_B, here, load(sum_B, here) + dtx * dh)
                        through_B = through_B + dh * spread(B, at_vectors + s)
                        dh = a * dh
                        store(state, at_s, dh)
                        dh = dh * load(h, here)
                        through_rates = through_rates + dh * load(rates, at_group * block + s * LANES)
                        store(drates, at_s, load(drates, at_s) + dt * dh)
                    store_part(du, at, count, skip_row * g + dt * through_B)
                    d = x * through_B + LN2 * through_rates
                    if positive:
                        d = d * load(slopes, k * LANES)
                    store_part(ddelta, at, count, d)
                    sum_bias = sum_bias + d
                    sum_skip = sum_skip + g * x
                store(dbias, at_tile * LANES, sum_bias)
                store(dskip, at_tile * LANES, sum_skip)
            for k in range(n):
                at_vectors = (first_row + k * n_groups) * n_states
                for s in range(n_states):
                    dB[at_vectors + s] = total(load(sum_B, k * block + s * LANES))
                    dC[at_vectors + s] = total(load(sum_C, k * block + s * LANES))
