"""Elementary functions that vectorise: the change that puts them into generated text.

libm's functions are calls, and a loop with a call in it is not vectorised. Those of :mod:`dysyr.kernels.elementary64`
and :mod:`dysyr.kernels.elementary32` are straight-line code with a stated error.
"""

import re

from dysyr.core.errors import InputError

REPLACED = {
    "cos": "cos", "cosh": "cosh", "exp": "exp", "log": "log", "log10": "log10_", "power": "pow", "sin": "sin",
    "sinh": "sinh", "tan": "tan", "tanh": "tanh",
}  # fmt: skip
"""NumPy name of each function that generated text may use, and the own one without the width."""


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
