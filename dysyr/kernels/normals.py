"""Standard normal numbers from Philox words, by Box and Muller's transform.

    u = (w + 1/2) / 2^32,      n_1 = sqrt(-2 ln u_1) cos(2π u_2),      n_2 = sqrt(-2 ln u_1) sin(2π u_2)

One Philox call gives four words and so four normals. Their tail ends at sqrt(66 ln 2) = 6.76 standard
deviations. The quarter turn and the rest of the angle are read off the word exactly, and in float32 the logarithm of
a u near 1 is that of 1 - (1 - u), so that either width has the relative error of its own rounding. Code for CUDA
makes its normals of the same two functions, :func:`normal_pair32` and :func:`normal_pair64`.

Reference:
    box1958
"""

import math

import numpy as np
from numba import types
from numba.extending import overload

from dysyr.core.errors import InputError
from dysyr.kernels.bits import from_bits
from dysyr.kernels.elementary32 import log_scaled32, parted32, quarter_turned32, sincos_eighth32
from dysyr.kernels.elementary64 import log_scaled64, parted64, quarter_turned64, sincos_eighth64
from dysyr.kernels.jit import jit
from dysyr.kernels.philox import philox4x32, philox4x32_reference

_EIGHTH_TURN, _QUARTER_SHIFT = np.uint32(2**29), np.uint32(30)
_WITHIN_QUARTER = np.uint32(2**30 - 1)
_NEAR_ONE, _ALL = np.uint32(3 * 2**30), np.uint32(2**32 - 1)

_HALF32, _MINUS_TWO32 = np.float32(0.5), np.float32(-2.0)
_SCALE32, _WORD_BITS32, _ANGLE32 = np.float32(2.0**-32), np.float32(32.0), np.float32(2 * np.pi / 2**32)

_HALF64, _MINUS_TWO64 = np.float64(0.5), np.float64(-2.0)
_WORD_BITS64, _ANGLE64 = np.float64(32.0), np.float64(2 * np.pi / 2**32)
_TWO_52_BITS, _TWO_52 = np.uint64(np.float64(2.0**52).view(np.uint64)), np.float64(2.0**52)


@jit(inline="always")
def normal_pair32(word, turn):
    """Two float32 normals of two uint32 words."""
    f, k = parted32(np.float32(word) + _HALF32)
    rest = -((np.float32(np.uint32(word ^ _ALL)) + _HALF32) * _SCALE32)
    f = rest if word >= _NEAR_ONE else f
    k = np.float32(0.0) if word >= _NEAR_ONE else k - _WORD_BITS32
    radius = math.sqrt(_MINUS_TWO32 * log_scaled32(f, k))
    shifted = np.uint32(turn + _EIGHTH_TURN)
    within = np.int32(shifted & _WITHIN_QUARTER) - np.int32(_EIGHTH_TURN)
    s, c = sincos_eighth32((np.float32(np.int32(within)) + _HALF32) * _ANGLE32)
    sine, cosine = quarter_turned32(s, c, np.uint32(shifted >> _QUARTER_SHIFT))
    return radius * cosine, radius * sine


@jit(inline="always")
def normal_pair64(word, turn):
    """Two float64 normals of two uint32 words."""
    f, k = parted64((from_bits(np.uint64(word) | _TWO_52_BITS) - _TWO_52) + _HALF64)
    radius = math.sqrt(_MINUS_TWO64 * log_scaled64(f, k - _WORD_BITS64))
    shifted = np.uint32(turn + _EIGHTH_TURN)
    within = np.int32(shifted & _WITHIN_QUARTER) - np.int32(_EIGHTH_TURN)
    s, c = sincos_eighth64((np.float64(np.int32(within)) + _HALF64) * _ANGLE64)
    sine, cosine = quarter_turned64(s, c, np.uint64(shifted >> _QUARTER_SHIFT))
    return radius * cosine, radius * sine


@jit
def _fill_words(low, high, step, stream, first_lane, draw, words):
    """words[k, i] = word k of lane first_lane + i; the counter and the key are uint64 that hold 32-bit words."""
    for i in range(words.shape[1]):
        w0, w1, w2, w3 = philox4x32(step, stream, first_lane + np.uint64(i), draw, low, high)
        words[0, i] = np.uint32(w0)
        words[1, i] = np.uint32(w1)
        words[2, i] = np.uint32(w2)
        words[3, i] = np.uint32(w3)


@jit
def fill_normals32(low, high, step, stream, first_lane, words, out):
    """out[j, i] = normal j of lane first_lane + i at this step; out (normal, lane) float32, words (4, lane) uint32 is
    working space; seed, step and stream are uint64 that hold 32-bit words."""
    n_normals, n = out.shape
    for draw in range((n_normals + 3) // 4):
        _fill_words(low, high, step, stream, first_lane, np.uint64(draw), words)
        for pair in range(2):
            j = 4 * draw + 2 * pair
            if j + 1 < n_normals:
                for i in range(n):
                    out[j, i], out[j + 1, i] = normal_pair32(words[2 * pair, i], words[2 * pair + 1, i])
            elif j < n_normals:
                for i in range(n):
                    out[j, i] = normal_pair32(words[2 * pair, i], words[2 * pair + 1, i])[0]


@jit
def fill_normals64(low, high, step, stream, first_lane, words, out):
    """As :func:`fill_normals32` for float64."""
    n_normals, n = out.shape
    for draw in range((n_normals + 3) // 4):
        _fill_words(low, high, step, stream, first_lane, np.uint64(draw), words)
        for pair in range(2):
            j = 4 * draw + 2 * pair
            if j + 1 < n_normals:
                for i in range(n):
                    out[j, i], out[j + 1, i] = normal_pair64(words[2 * pair, i], words[2 * pair + 1, i])
            elif j < n_normals:
                for i in range(n):
                    out[j, i] = normal_pair64(words[2 * pair, i], words[2 * pair + 1, i])[0]


def draw_normals(low, high, step, stream, first_lane, words, out):
    """:func:`fill_normals32` or :func:`fill_normals64`, by the dtype of ``out``; for kernels of either width."""
    fill = fill_normals32 if out.dtype == np.float32 else fill_normals64
    fill(low, high, step, stream, first_lane, words, out)


@overload(draw_normals, inline="always")
def _draw_normals(low, high, step, stream, first_lane, words, out):
    fill = fill_normals32 if out.dtype == types.float32 else fill_normals64

    def draw(low, high, step, stream, first_lane, words, out):
        fill(low, high, step, stream, first_lane, words, out)

    return draw


def fill_normals(seed_low, seed_high, step, stream, first_lane, out):
    """Fill an array with the normals of consecutive lanes at one step.

    Args:
        seed_low, seed_high: the seed as two 32-bit words.
        step: step number, below 2^32.
        stream: number of the stream, below 2^32.
        first_lane: number of the first lane, below 2^32.
        out: C-contiguous (normal, lane), float32 or float64; out[j, i] becomes normal j of lane first_lane + i.

    Raises:
        InputError: out is of another shape or dtype or cannot be written, or a number is no 32-bit word.
    """
    if not isinstance(out, np.ndarray):
        raise InputError("array for normals", got=type(out).__name__, expected="a NumPy array")
    writable = out.flags.c_contiguous and out.flags.writeable
    if out.ndim != 2 or out.dtype not in (np.float32, np.float64) or not writable:
        raise InputError(
            "array for normals",
            got=f"shape {out.shape}, {out.dtype}" + ("" if out.flags.writeable else ", read-only"),
            expected="(normal, lane), C-contiguous, writable, float32 or float64",
        )
    counter = (seed_low, seed_high, step, stream, first_lane)
    if not all(0 <= word < 2**32 for word in counter):
        raise InputError("seed, step, stream and lane of normals", got=str(counter), expected="words of 32 bits")
    words = np.empty((4, out.shape[1]), np.uint32)
    draw_normals(*(np.uint64(word) for word in counter), words, out)


def normals_reference(seed, step, stream, lane, n_normals):
    """The slow twin of :func:`fill_normals` for one lane, in float64.

    Args:
        seed: integer below 2^64.
        step: step number.
        stream: number of the stream.
        lane: number of the trajectory.
        n_normals: how many.

    Returns:
        array (n_normals,).
    """
    key = (seed % 2**32, (seed >> 32) % 2**32)
    out = np.empty(4 * ((n_normals + 3) // 4))
    for draw in range(out.size // 4):
        u = (np.array(philox4x32_reference((step, stream, lane, draw), key)) + 0.5) / 2.0**32
        radius = np.sqrt(-2 * np.log(u[0::2]))
        angle = 2 * np.pi * u[1::2]
        out[4 * draw : 4 * draw + 4] = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]).ravel()
    return out[:n_normals]
