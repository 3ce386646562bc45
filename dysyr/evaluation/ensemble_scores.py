"""Scores of forecasts that are distributions, given as draws."""

import numpy as np

from dysyr.core.errors import InputError


def crps(draws, actual):
    """Continuous ranked probability score, unbiased for the law from which the draws come; lower is better.

        CRPS = < |X - y| > - 1/2 < |X - X'| >

    over draws X and pairs of different draws. It has the unit of the data; of a single number it is the absolute error,
    and so forecasts that are numbers and forecasts that are distributions can be compared.

    Args:
        draws: (n_draws, ...) array.
        actual: (...) array of what came.

    Returns:
        (...) array; infinite where a draw is not finite.

    Raises:
        InputError: no draw, or shapes that do not fit.

    Reference: gneiting2007
    """
    draws, actual = _checked(draws, actual)
    n = len(draws)
    finite = np.isfinite(draws).all(axis=0)
    ordered = np.sort(np.where(finite, draws, 0.0), axis=0)
    error = np.abs(ordered - actual).mean(axis=0)
    weight = (2 * np.arange(n) - n + 1).reshape(-1, *(1,) * actual.ndim)
    between = 2 * (weight * ordered).sum(axis=0) / (n * max(n - 1, 1))
    return np.where(finite, error - 0.5 * between, np.inf)


def interval_coverage(draws, actual, level):
    """Share of what came that lies within the central interval of the draws; the level itself is perfect.

    Args:
        draws: (n_draws, ...) array.
        actual: (...) array.
        level: probability of the interval, in (0, 1).

    Returns:
        float; a forecast that is not finite covers nothing.

    Raises:
        InputError: a level out of range, no draw, or shapes that do not fit.
    """
    if not 0 < level < 1:
        raise InputError("level of an interval", got=repr(level), expected="a number in (0, 1)")
    draws, actual = _checked(draws, actual)
    finite = np.isfinite(draws).all(axis=0)
    low, high = np.quantile(np.where(finite, draws, 0.0), [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return float(np.mean(finite & (low <= actual) & (actual <= high)))


def _checked(draws, actual):
    draws, actual = np.asarray(draws, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    if draws.ndim == 0 or len(draws) < 1 or draws.shape[1:] != actual.shape:
        raise InputError(
            "draws do not fit what came", got=f"shapes {draws.shape} and {actual.shape}",
            expected="(at least 1, ...) and (...)",
        )  # fmt: skip
    return draws, actual
