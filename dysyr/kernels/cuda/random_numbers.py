"""Philox4x32-10 and normal numbers on the device: the integers of :mod:`dysyr.kernels.philox`, word for word.

    n_1 = sqrt(-2 ln u_1) cos(2π u_2),    n_2 = sqrt(-2 ln u_1) sin(2π u_2),    u = (w + 1/2) / 2^32

Near u = 1 the logarithm is that of 1 - (1 - u), whose rounding is small. A word is 32 bits wide here, as the device
multiplies 32-bit words to their upper half in one instruction. A full turn is reduced in integers, so that neither
sine nor cosine needs a range reduction:

    w = 2^30 q + r,   |r| <= 2^29,   angle = (π/2) q + θ,   θ = 2π (r + 1/2) / 2^32

Reference:
    salmon2011, box1958
"""

import math

import numpy as np

from dysyr.kernels.cuda.compilation import device_function
from dysyr.kernels.cuda.device import is_simulated

_WIDE_M0, _WIDE_M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_M0, _M1 = np.uint32(0xD2511F53), np.uint32(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)


if is_simulated():

    def _products(word, factor, wide_factor):
        """Upper and lower half of a product of words; in 64 bits, as NumPy warns of words that overflow."""
        product = wide_factor * np.uint64(word)
        return np.uint32(product >> _SHIFT), np.uint32(product & _LOW)

else:
    from numba.cuda.libdevice import umulhi

    @device_function
    def _products(word, factor, wide_factor):
        """Upper and lower half of a product of words."""
        return np.uint32(umulhi(np.int32(factor), np.int32(word))), np.uint32(factor * word)


@device_function
def philox_words(c0, c1, c2, c3, k0, k1):
    """Ten rounds; all arguments and the four results are uint32."""
    for _ in range(10):
        high0, low0 = _products(c0, _M0, _WIDE_M0)
        high1, low1 = _products(c2, _M1, _WIDE_M1)
        c0, c1, c2, c3 = np.uint32(high1 ^ c1 ^ k0), low1, np.uint32(high0 ^ c3 ^ k1), low0
        k0 = np.uint32((np.uint64(k0) + _W0) & _LOW)
        k1 = np.uint32((np.uint64(k1) + _W1) & _LOW)
    return c0, c1, c2, c3


def _polynomial(real, coefficients):
    """Device function of z: sum_k c_k z^k by Horner's rule, one function for each coefficient so that all are
    constants of the code."""
    first = real(coefficients[0])
    if len(coefficients) == 1:

        @device_function
        def last(z):
            return first

        return last
    rest = _polynomial(real, coefficients[1:])

    @device_function
    def value(z):
        return first + z * rest(z)

    return value


def _pair_maker(real, n_terms):
    """Device function of two words: two normals of type ``real``.

    Args:
        real: numpy.float32 or numpy.float64.
        n_terms: terms of the series of sine and cosine, for |θ| <= π/4.
    """
    scale, half, one, minus_two = real(2.0**-32), real(0.5), real(1), real(-2)
    turn = real(2 * np.pi / 2.0**32)
    sine, cosine = _polynomial(real, _taylor(3, n_terms)), _polynomial(real, _taylor(4, n_terms))
    eighth, quarter_bits, mask = np.int64(1 << 29), np.int64(30), np.int64(3)
    near_one, all_bits = np.uint32(3 << 30), np.uint32(0xFFFFFFFF)

    @device_function
    def two_normals(w0, w1):
        below_one = (real(np.uint32(w0 ^ all_bits)) + half) * scale
        logarithm = math.log1p(-below_one) if w0 >= near_one else math.log((real(w0) + half) * scale)
        radius = math.sqrt(minus_two * real(logarithm))
        word = np.int64(w1)
        quarter = (word + eighth) >> quarter_bits
        theta = (real(word - (quarter << quarter_bits)) + half) * turn
        square = theta * theta
        s = theta + theta * square * sine(square)
        c = one - half * square + square * square * cosine(square)
        turned = quarter & mask
        first = s if turned & 1 else c
        second = c if turned & 1 else s
        first = -first if turned == 1 or turned == 2 else first
        second = -second if turned >= 2 else second
        return real(radius * first), real(radius * second)

    return two_normals


def _taylor(first_power, n_terms):
    """Coefficients of θ^k, θ^(k+2), ... of sine (odd k) or cosine (even k)."""
    powers = [first_power + 2 * j for j in range(n_terms)]
    return tuple((-1) ** (power // 2) / math.factorial(power) for power in powers)


two_normals_float32 = _pair_maker(np.float32, 4)
two_normals_float64 = _pair_maker(np.float64, 8)
