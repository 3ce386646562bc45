"""Steps of the levels of a signal: weighted moments, and the coordinates in which steps are extrapolated.

    m_s <- sum_k g_k(s) y_k / sum_k g_k(s),    sd_s^2 <- sum_k g_k(s) (y_k - m_s)^2 / sum_k g_k(s)

with g_k(s) the probability of state s at sample k. A standard deviation never falls below a smallest one: the
likelihood has no bound where a level sits on a single sample.
"""

import numpy as np

from dysyr.core.levels import NormalLevels

SMALLEST_WEIGHT = 1e-9
"""Samples' worth of a state below which its level stays where it is."""


def after(levels, moments, smallest_sd):
    """Levels after one plain step.

    Args:
        levels: NormalLevels.
        moments: (3, state), see ``Expectation``.
        smallest_sd: smallest standard deviation.

    Returns:
        NormalLevels.

    Reference: rabiner1989
    """
    weight, first, second = moments
    there = weight > SMALLEST_WEIGHT
    shift = np.where(there, first / np.where(there, weight, 1.0), 0.0)
    variance = np.where(there, second / np.where(there, weight, 1.0) - shift**2, levels.sds**2)
    return NormalLevels(levels.means + shift, np.sqrt(np.maximum(variance, smallest_sd**2)))


def score(levels, moments):
    """(2, state) derivatives of the log-likelihood in the means and in the standard deviations."""
    weight, first, second = moments
    return np.stack([first / levels.sds**2, second / levels.sds**3 - weight / levels.sds])


def packed(levels, scale):
    """Levels as one vector: means in units of the signal's spread, and logarithms of standard deviations."""
    return np.concatenate([levels.means / scale, np.log(levels.sds)])


def unpacked(vector, scale, smallest_sd):
    """The levels of a vector."""
    n = len(vector) // 2
    return NormalLevels(vector[:n] * scale, np.maximum(np.exp(vector[n:]), smallest_sd))


def change(before, then):
    """Largest change of a level or of a standard deviation, in units of the standard deviation."""
    moved = np.abs(then.means - before.means) / before.sds
    return float(max(moved.max(), np.abs(then.sds / before.sds - 1).max()))
