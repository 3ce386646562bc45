"""Checks of the constructor's arguments that the reconstructors of the family share."""

import math

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels.forcing import ESTIMATORS

FORCINGS = ("generalized", "sparse", "identity")
READOUTS = ("identity", "affine")


def check(reconstructor):
    """Refuse shared arguments that are out of range.

    Args:
        reconstructor: ForcedReconstructor.

    Raises:
        InputError: the first argument that is.
    """
    for name in ("batch_size", "n_updates", "n_checks"):
        require(reconstructor, name, "a whole number of at least 1", lambda v: whole(v) and v >= 1)
    for name in ("latent_dim", "sequence_length", "forcing_interval"):
        expected = "a whole number of at least 1, or None"
        require(reconstructor, name, expected, lambda v: v is None or (whole(v) and v >= 1))
    for name in ("n_refinements", "n_generations", "warm_up", "max_restarts", "seed"):
        require(reconstructor, name, "a whole number of at least 0", lambda v: whole(v) and v >= 0)
    for name in ("weight_decay", "readout_penalty", "gradient_clip"):
        require(reconstructor, name, "a number of at least 0", lambda v: number(v) and v >= 0)
    for name in ("learning_rate", "learning_rate_end"):
        require(reconstructor, name, "a positive number", lambda v: number(v) and v > 0)
    require(reconstructor, "smoothing", "'auto', an odd whole number of at least 1, or None",
            lambda v: v in (None, "auto") or (whole(v) and v >= 1 and v % 2 == 1))  # fmt: skip
    require(reconstructor, "device", "'cpu'", lambda v: v == "cpu")
    require(reconstructor, "readout", f"one of {READOUTS}", lambda v: v in READOUTS)
    require(reconstructor, "forcing", f"one of {FORCINGS}", lambda v: v in FORCINGS)
    require(reconstructor, "alpha_estimator", f"one of {ESTIMATORS}", lambda v: v in ESTIMATORS)
    require(reconstructor, "jitter", "'auto' or a number of at least 0",
            lambda v: v == "auto" if isinstance(v, str) else number(v) and v >= 0)  # fmt: skip
    require(reconstructor, "alpha", "'adaptive', 'annealed' or a number in [0, 1]", _is_alpha)
    require(reconstructor, "alpha_decay", "a number in (0, 1), or None",
            lambda v: v is None or (number(v) and 0 < v < 1))  # fmt: skip
    require(reconstructor, "validation_fraction", "a number in (0, 1)", lambda v: number(v) and 0 < v < 1)


def require(reconstructor, name, expected, allowed):
    """Refuse one argument.

    Args:
        reconstructor: whose argument it is.
        name: of the argument.
        expected: what is allowed, in words.
        allowed: function value -> bool.

    Raises:
        InputError: it is not allowed.
    """
    value = getattr(reconstructor, name)
    if not allowed(value):
        raise InputError(
            f"{type(reconstructor).__name__} cannot use this {name}", got=repr(value), expected=expected
        )  # fmt: skip


def whole(value):
    """Whether a value is a whole number."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def number(value):
    """Whether a value is a finite number."""
    return (
        isinstance(value, (int, float, np.integer, np.floating))
        and not isinstance(value, bool)
        and math.isfinite(value)
    )


def _is_alpha(value):
    return value in ("adaptive", "annealed") if isinstance(value, str) else number(value) and 0 <= value <= 1
