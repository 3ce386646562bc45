"""Philox4x32-10, a counter-based random number generator: the n-th number is a function of n and the key, not
of n-1.

    10 times:  (c0, c1, c2, c3) <- (hi(M1 c2) ^ c1 ^ k0,  lo(M1 c2),  hi(M0 c0) ^ c3 ^ k1,  lo(M0 c0))
               (k0, k1)         <- (k0 + W0, k1 + W1)

with hi and lo the upper and lower 32 bits of the product. In dysyr the key is the seed and the counter is
(step, stream, lane, draw), so that a run is the same for any number of threads and any blocking of lanes.

Reference:
    salmon2011
"""

import numpy as np

from dysyr.kernels.jit import jit

_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


@jit(inline="always")
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Ten rounds; all arguments and the four results are uint64 that hold 32-bit words."""
    for _ in range(10):
        first = _M0 * c0
        second = _M1 * c2
        c0, c1, c2, c3 = (
            (second >> _SHIFT) ^ c1 ^ k0,
            second & _LOW,
            (first >> _SHIFT) ^ c3 ^ k1,
            first & _LOW,
        )
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0, c1, c2, c3


def philox4x32_reference(counter, key):
    """The slow twin, in Python integers.

    Args:
        counter: four 32-bit words.
        key: two 32-bit words.

    Returns:
        four 32-bit words.

    Reference:
        salmon2011
    """
    c0, c1, c2, c3 = (int(word) for word in counter)
    k0, k1 = (int(word) for word in key)
    for _ in range(10):
        first, second = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (second >> 32) ^ c1 ^ k0, second % 2**32, (first >> 32) ^ c3 ^ k1, first % 2**32
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


def key_of(seed):
    """The two key words of a seed.

    Args:
        seed: integer, taken modulo 2^64.

    Returns:
        (low, high) 32-bit words as numpy.uint64.
    """
    return np.uint64(seed % 2**32), np.uint64((seed >> 32) % 2**32)
