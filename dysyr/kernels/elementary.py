"""Elementary functions that vectorise: the names of both widths, and the change that puts them into generated text.

libm's functions are calls, and a loop with a call in it is not vectorised. These are straight-line code with a stated
error, from one source for processors and CUDA.
"""

import re

from dysyr.core.errors import InputError
from dysyr.kernels.elementary32 import (
    TURNS32,
    cos32,
    cosh32,
    exp2_32,
    exp32,
    expm1_32,
    log1p32,
    log10_32,
    log32,
    pow32,
    sigmoid32,
    silu32,
    sin32,
    sincos32,
    sincos_eighth32,
    sinh32,
    softplus32,
    tan32,
    tanh32,
)
from dysyr.kernels.elementary64 import (
    TURNS64,
    cos64,
    cosh64,
    exp2_64,
    exp64,
    expm1_64,
    log1p64,
    log10_64,
    log64,
    pow64,
    sigmoid64,
    silu64,
    sin64,
    sincos64,
    sincos_eighth64,
    sinh64,
    softplus64,
    tan64,
    tanh64,
)

__all__ = [
    "REPLACED", "TURNS32", "TURNS64", "cos32", "cos64", "cosh32", "cosh64", "exp2_32",
    "exp2_64", "exp32", "exp64", "expm1_32", "expm1_64", "log10_32", "log10_64",
    "log1p32", "log1p64", "log32", "log64", "pow32", "pow64", "sigmoid32", "sigmoid64", "silu32", "silu64", "sin32",
    "sin64", "sincos32", "sincos64", "sincos_eighth32", "sincos_eighth64", "sinh32", "sinh64", "softplus32",
    "softplus64", "tan32", "tan64", "tanh32", "tanh64", "with_own_functions",
]  # fmt: skip

REPLACED = {
    "cos": "cos", "cosh": "cosh", "exp": "exp", "log": "log", "log10": "log10_", "power": "pow", "sin": "sin",
    "sinh": "sinh", "tan": "tan", "tanh": "tanh",
}  # fmt: skip
"""NumPy name of each function that generated text may use, and the name here without the width."""


def with_own_functions(source, dtype):
    """Generated text with its elementary functions bound to these instead of NumPy's.

    A line ``sin = np.sin`` becomes ``from dysyr.kernels.elementary64 import sin64 as sin``. Functions without a
    vectorisable form here (``sqrt``, ``floor`` and ``absolute`` need none) are left as they are.

    Args:
        source: text of :func:`dysyr.core.codegen.kernel_source`.
        dtype: "float64" or "float32".

    Returns:
        text of a module.

    Raises:
        InputError: another dtype.
    """
    if dtype not in ("float64", "float32"):
        raise InputError("dtype of elementary functions", got=repr(dtype), expected="float64 or float32")
    width = dtype.removeprefix("float")

    def bound(match):
        name = match[1]
        if name not in REPLACED:
            return match[0]
        return f"from dysyr.kernels.elementary{width} import {REPLACED[name]}{width} as {name}"

    return re.sub(r"^(\w+) = np\.\1$", bound, source, flags=re.MULTILINE)
