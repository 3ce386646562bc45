"""Philox4x32-10 on the device: the integers of :mod:`dysyr.kernels.philox`, word for word.

A word is 32 bits wide here, as the device multiplies 32-bit words to their upper half in one instruction. Normal
numbers are made of the words by the functions of :mod:`dysyr.kernels.normals`, on the device as on the processor.

Reference:
    salmon2011
"""

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
