"""States near a given one on which the constants of motion have the same values."""

import numpy as np

from dysyr.core.errors import InputError

STEP = 1e-6
"""Relative step of the central differences that slopes are taken from."""

CLOSE = 1e-10
"""Largest difference of a constant of motion from its value, relative to how much the perturbation changed it."""

ROUNDING = 1e-13
"""The same, relative to the constant itself: what rounding leaves of it."""

MOST_ITERATIONS = 60


def onto_level_set(system, state, target):
    """The state moved back to where constants of motion have given values.

    .. math:: x \\leftarrow x - W (C' W)^+ (C(x) - c), \\quad W = \\mathrm{diag}(|x_0|)

    Newton's method with steps as short as possible beside the size of each variable: one that is zero stays zero.

    Args:
        system: System with declared constants of motion C.
        state: (dim,) state x_0 near the level set.
        target: dict from name to value c.

    Returns:
        array (dim,).

    Raises:
        InputError: the level set is not reached, as where it has an edge.
    """
    x, weights = np.array(state, dtype=float), np.abs(state)
    wanted = np.array(list(target.values()), dtype=float)
    away = _constants(system, x) - wanted
    allowed = CLOSE * np.abs(away) + ROUNDING * np.abs(wanted)
    for _ in range(MOST_ITERATIONS):
        if (np.abs(away) <= allowed).all():
            return x
        slopes = _slopes(system, x, weights)
        if not (np.isfinite(slopes).all() and np.isfinite(away).all()):
            break
        x = x - weights * (np.linalg.pinv(slopes, rcond=1e-10) @ away)
        away = _constants(system, x) - wanted
    raise InputError(
        f"no states near the initial one of {system.name or 'the system'} keep its constants of motion",
        got=", ".join(f"{name} off by {gap:.3g}" for name, gap in zip(target, away, strict=True)),
        do="give initial_state, one for each trajectory",
    )


def _constants(system, x):
    """Constants of motion at states (..., dim): array (constant, ...)."""
    return np.array(list(system.conserved_quantities(x).values()), dtype=float)


def _slopes(system, x, weights):
    """Derivatives of the constants in units of the weights: array (constant, dim)."""
    steps = np.diag(STEP * weights)
    return (_constants(system, x + steps) - _constants(system, x - steps)) / (2 * STEP)
