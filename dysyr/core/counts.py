"""Counts that callers give: positive whole numbers."""

import numpy as np

from dysyr.core.errors import InputError


def check_counts(**counts):
    """Refuse the first argument that is not a positive whole number.

    Raises:
        InputError: it is not.
    """
    for name, value in counts.items():
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
            raise InputError(f"{name} is not a positive whole number", got=repr(value))
