"""States near a given one on which the constants of motion have the same values."""

import numpy as np

STEP = 1e-6
"""Relative step of the central differences that slopes are taken from."""

CLOSE = 1e-10
"""Largest difference of a constant of motion from its value, relative to how much the perturbation changed it."""

ROUNDING = 1e-13
"""The same, relative to the constant itself: what rounding leaves of it."""

MOST_ITERATIONS = 20
"""Newton's method needs a handful; where the constants are extremal or dependent it does not converge."""

LARGEST_DIM = 64
"""Slopes are differences, one for each variable of the state; beyond, they would take longer than the simulation."""


def onto_level_sets(system, states, target):
    """States moved back to where constants of motion have given values.

    .. math:: x \\leftarrow x - W (C' W)^+ (C(x) - c), \\quad W = \\mathrm{diag}(|x_0|)

    Newton's method with steps as short as possible beside the size of each variable: one that is zero stays zero.

    Args:
        system: System with declared constants of motion C.
        states: (n, dim) states x_0 near the level set.
        target: dict from name to value c.

    Returns:
        array (n, dim), or None where one of them has not arrived: on a level set that is a point or has an edge there,
        as at rest or on a circular orbit, or of systems of more than 64 variables.
    """
    x, weights = np.array(states, dtype=float), np.abs(states)
    if x.shape[1] > LARGEST_DIM:
        return None
    wanted = np.array([float(value) for value in target.values()])
    with np.errstate(all="ignore"):
        away = _constants(system, x) - wanted
        allowed = CLOSE * np.abs(away) + ROUNDING * np.abs(wanted)
        for _ in range(MOST_ITERATIONS):
            going = np.flatnonzero(~(np.abs(away) <= allowed).all(axis=1))
            if going.size == 0:
                return x
            slopes = _slopes(system, x[going], weights[going])
            if not (np.isfinite(slopes).all() and np.isfinite(away).all()):
                return None
            steps = np.linalg.pinv(slopes, rcond=1e-10) @ away[going, :, None]
            x[going] -= weights[going] * steps[:, :, 0]
            away[going] = _constants(system, x[going]) - wanted
    return x if (np.abs(away) <= allowed).all() else None


def _constants(system, x):
    """Constants of motion at states (n, dim): array (n, constant)."""
    values = system.conserved_quantities(x).values()
    return np.stack([np.broadcast_to(value, len(x)) for value in values], axis=1)


def _slopes(system, x, weights):
    """Derivatives of the constants in units of the weights: array (n, constant, dim)."""
    columns = []
    for d in range(x.shape[1]):
        step = np.zeros_like(x)
        step[:, d] = STEP * weights[:, d]
        columns.append((_constants(system, x + step) - _constants(system, x - step)) / (2 * STEP))
    return np.stack(columns, axis=2)
