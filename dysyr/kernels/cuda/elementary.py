"""The elementary functions of generated device code, under the names that the processor's code uses.

On a device they are CUDA's mathematical library, a few units in the last place from the processor's. In the
simulator they are NumPy's, which give infinity and NaN where Python's raise errors. The device's sin, cos and
tan in float32 contain float64 instructions for arguments beyond 1e5; nothing else does.
"""

import math

import numpy as np

from dysyr.kernels.cuda.compilation import device_function
from dysyr.kernels.cuda.device import is_simulated
from dysyr.kernels.cuda.scalar_source import ELEMENTARY

_IN_MATH = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2"}


@device_function
def _absolute(value):
    return abs(value)


@device_function
def _sign(value):
    positive, negative = value > 0, value < 0
    return type(value)(positive) - type(value)(negative)


def _function(name):
    if is_simulated():
        return getattr(np, name)
    if name == "absolute":
        return _absolute
    if name == "sign":
        return _sign
    return getattr(math, _IN_MATH.get(name, name))


(
    sin, cos, tan, arcsin, arccos, arctan, arctan2, sinh, cosh, tanh, exp, log, log10, sqrt, absolute, sign, floor,
) = (_function(name) for name in ELEMENTARY)  # fmt: skip
