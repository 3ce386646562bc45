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


def transient_steps(transient, by_default):
    """Steps that are run and dropped first: ``transient``, or ``by_default`` where it is None.

    Raises:
        InputError: they are no whole number of at least 0.
    """
    if transient is None:
        return by_default
    if not isinstance(transient, (int, np.integer)) or isinstance(transient, bool) or transient < 0:
        raise InputError("transient", got=repr(transient)[:60], expected="a whole number of steps, at least 0, or None")
    return int(transient)


def in_turn(n_contexts, n_trajectories):
    """(row,) numbers of the contexts that trajectories start from: 0, 1, ..., 0, 1, ..., each once at least."""
    return np.arange(max(n_contexts, n_trajectories)) % n_contexts


def check_samples(**counts):
    """Refuse sizes of an array that are no positive whole numbers, or whose product is beyond every memory.

    Raises:
        InputError: they are not, or there are too many samples in all.
    """
    check_counts(**counts)
    if math.prod(int(value) for value in counts.values()) > MOST_SAMPLES:
        got = ", ".join(f"{name}={value}" for name, value in counts.items())
        raise InputError("too many samples", got=got, expected=f"at most {MOST_SAMPLES} in all")
