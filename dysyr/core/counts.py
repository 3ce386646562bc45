"""Counts that callers give: positive whole numbers."""

import math

import numpy as np

from dysyr.core.errors import InputError

MOST_SAMPLES = 2**40
"""More than any computer holds; fewer may still be more than this one does."""


def check_counts(**counts):
    """Refuse the first argument that is not a positive whole number.

    Raises:
        InputError: it is not.
    """
    for name, value in counts.items():
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise InputError(f"{name} is not a positive whole number", got=repr(value))


def check_samples(**counts):
    """Refuse sizes of an array that are no positive whole numbers, or whose product is beyond every memory.

    Raises:
        InputError: they are not, or there are too many samples in all.
    """
    check_counts(**counts)
    if math.prod(int(value) for value in counts.values()) > MOST_SAMPLES:
        got = ", ".join(f"{name}={value}" for name, value in counts.items())
        raise InputError("too many samples", got=got, expected=f"at most {MOST_SAMPLES} in all")
