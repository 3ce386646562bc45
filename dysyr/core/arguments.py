"""Checks of the arguments that a method was made with."""

import math
import sys

import numpy as np

from dysyr.core.errors import InputError


def check_arguments(method, *rules):
    """Refuse arguments that are out of range.

    Args:
        method: object whose attributes are the arguments.
        rules: (name, what is expected in words, function value -> bool), in the order in which they are checked.

    Raises:
        InputError: the first argument that is.
    """
    for name, expected, allowed in rules:
        value = getattr(method, name)
        if not allowed(value):
            raise InputError(f"{type(method).__name__} cannot use this {name}", got=repr(value), expected=expected)


def whole(value, least=-math.inf):
    """Whether a value is a whole number of at least ``least``."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= least


def number(value):
    """Whether a value is a finite real number that a float can hold."""
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return isinstance(value, (float, np.integer, np.floating)) and math.isfinite(value)


def time_array(times):
    """Times as an array of floats.

    Raises:
        InputError: they are no numbers, or lists of different lengths.
    """
    try:
        return np.array(times, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError("times are not made of numbers", got=repr(times)[:80], expected="a list of numbers") from error


def whole_from(least):
    """The end of a rule: a whole number of at least ``least``."""
    return f"a whole number of at least {least}", lambda v: whole(v, least)


def check_seed(seed):
    """Refuse a seed that is not a whole number of at least 0.

    Raises:
        InputError: it is not.
    """
    if not whole(seed, 0):
        raise InputError("seed is not a whole number of at least 0", got=repr(seed)[:60])


def generator_of(seed, *words):
    """The random numbers of a seed for one purpose.

    Args:
        seed: whole number of at least 0.
        *words: whole numbers that stand for the purpose.

    Raises:
        InputError: another seed.
    """
    check_seed(seed)
    return np.random.default_rng([int(seed), *words])


def none_or_whole_from(least):
    """The end of a rule: a whole number of at least ``least``, or None."""
    return f"a whole number of at least {least}, or None", lambda v: v is None or whole(v, least)


def one_of(values):
    """The end of a rule: one of some texts."""
    return f"one of {values}", lambda v: isinstance(v, str) and v in values


POSITIVE = ("a positive number", lambda v: number(v) and v > 0)
NOT_NEGATIVE = ("a number of at least 0", lambda v: number(v) and v >= 0)
FRACTION = ("a number in (0, 1)", lambda v: number(v) and 0 < v < 1)
TRUE_OR_FALSE = ("True or False", lambda v: isinstance(v, (bool, np.bool_)))
