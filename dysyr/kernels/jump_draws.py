"""Random numbers of jump processes: for each event a waiting time and a choice, from one Philox call.

    waiting time in units of the mean = -ln((w_1 + 1/2) / 2^53),      choice = w_2 / 2^53

The next-reaction method makes two waiting times of a call instead.

Each w has 53 bits, of two words. A choice is below 1 also once it is multiplied by a sum of rates and rounded, so that
nothing of rate zero is ever chosen. Event n of path k draws with the counter (n mod 2^32, stream, k, n // 2^32): a path
depends on the seed and its number only.
"""

import math

import numpy as np

from dysyr.kernels.elementary64 import log_scaled64, parted64
from dysyr.kernels.jit import jit
from dysyr.kernels.ode_width import wide_vectors
from dysyr.kernels.philox import philox4x32, philox4x32_reference

EVENT_STREAM, START_STREAM, LEAP_STREAM, REACTION_STREAM = 1, 2, 3, 4
"""Streams of the counter: events and samples, first states, firings of a leap, waiting times of reactions. Stream 0
is that of normal numbers."""

_LOW, _SHIFT = np.uint64(2**32 - 1), np.uint64(32)
_UP, _DOWN = np.uint64(21), np.uint64(11)
_SCALE = np.float64(2.0**-53)
_HALF = np.float64(0.5)


@jit(inline="always")
def bits53(first, second):
    """53 bits of two words, as a whole number in float64."""
    return np.float64(np.int64((first << _UP) | (second >> _DOWN)))


@jit(inline="always")
def choice53(first, second):
    """A number within [0, 1) of two words."""
    return bits53(first, second) * _SCALE


@jit
def fill_draws(low, high, draw, stream, lane, waits, choices):
    """Waiting times and choices of the events draw, draw + 1, ... of one path.

    Args:
        low, high: words of the seed, uint64.
        draw: number of the first event, int64.
        stream, lane: words of the counter, uint64.
        waits: (event,) out: exponential numbers of mean 1.
        choices: (event,) out: uniform numbers within [0, 1).
    """
    wide_vectors()
    for k in range(waits.size):
        n = np.uint64(draw + k)
        w0, w1, w2, w3 = philox4x32(n & _LOW, stream, lane, n >> _SHIFT, low, high)
        waits[k] = (bits53(w0, w1) + _HALF) * _SCALE
        choices[k] = choice53(w2, w3)
    for k in range(waits.size):
        f, e = parted64(waits[k])
        waits[k] = -log_scaled64(f, e)


@jit
def fill_waits(low, high, call, stream, lane, waits):
    """Waiting times 2 call, 2 call + 1, ... of one path.

    Args:
        low, high: words of the seed, uint64.
        call: number of the first Philox call, int64.
        stream, lane: words of the counter, uint64.
        waits: (draw,) out: exponential numbers of mean 1; an even number of them.
    """
    wide_vectors()
    for k in range(waits.size // 2):
        n = np.uint64(call + k)
        w0, w1, w2, w3 = philox4x32(n & _LOW, stream, lane, n >> _SHIFT, low, high)
        waits[2 * k] = (bits53(w0, w1) + _HALF) * _SCALE
        waits[2 * k + 1] = (bits53(w2, w3) + _HALF) * _SCALE
    for k in range(waits.size):
        f, e = parted64(waits[k])
        waits[k] = -log_scaled64(f, e)


def draws_reference(seed, draw, stream, lane):
    """The slow twin for one event.

    Returns:
        (waiting time in units of the mean, choice).
    """
    key = (seed % 2**32, (seed >> 32) % 2**32)
    w = philox4x32_reference((draw % 2**32, stream, lane, draw >> 32), key)
    return -math.log(((w[0] << 21 | w[1] >> 11) + 0.5) * 2.0**-53), (w[2] << 21 | w[3] >> 11) * 2.0**-53


def wait_reference(seed, draw, stream, lane):
    """The slow twin of one waiting time of :func:`fill_waits`."""
    call, half = divmod(draw, 2)
    key = (seed % 2**32, (seed >> 32) % 2**32)
    w = philox4x32_reference((call % 2**32, stream, lane, call >> 32), key)[2 * half : 2 * half + 2]
    return -math.log(((w[0] << 21 | w[1] >> 11) + 0.5) * 2.0**-53)
