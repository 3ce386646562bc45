"""A floating-point number as an unsigned integer with the same bits, and back, in compiled code.

numba's own ``view`` of a scalar cannot be compiled for CUDA where there is no device; an intrinsic can.
"""

from numba import types
from numba.extending import intrinsic

_NUMBERS = {types.float32: types.uint32, types.float64: types.uint64}
_WORDS = {word: number for number, word in _NUMBERS.items()}


def _same_bits(context, builder, signature, arguments):
    return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))


@intrinsic
def bits_of(typing_context, number):
    """The bits of a float32 as uint32, of a float64 as uint64."""
    return (_NUMBERS[number](number), _same_bits) if number in _NUMBERS else None


@intrinsic
def from_bits(typing_context, word):
    """The float32 or float64 with the bits of a uint32 or uint64."""
    return (_WORDS[word](word), _same_bits) if word in _WORDS else None
