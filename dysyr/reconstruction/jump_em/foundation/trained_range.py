"""Whether data lie within what the network was trained on, in words."""

import numpy as np

from dysyr.reconstruction.jump_em.foundation.base import UNITS_PER_DURATION
from dysyr.reconstruction.jump_em.foundation.prior import LARGEST_RATE

OUTSTANDING = 4.0
"""Times the mean rate that a single rate beyond has to be: where all are fast, the network knows them."""
LAW_ODDS, STEEPNESS = 4.5, 4.0
"""See ``log_odds_of_law``."""
UNIT_ROUNDING = 1e-9
LARGEST_NOISE = 0.18
LAGS = (0.005, 1.5)
"""Shortest and longest mean lag in units."""


def outstanding_rate(panel, base):
    """The fastest rate between two states per unit, where it exceeds both 1 and four times the mean; else 0.

    Also 0 where the unit was shortened already, as in long records.

    Args:
        panel: Panel.
        base: Base of ``base_estimate``.
    """
    if base.unit < (1 - UNIT_ROUNDING) * panel.duration / UNITS_PER_DURATION:
        return 0.0
    rates = base.q[~np.eye(len(base.q), dtype=bool)] * base.unit
    fastest = float(rates.max())
    return fastest if fastest > max(LARGEST_RATE, OUTSTANDING * float(rates.mean())) else 0.0


def log_odds_of_law(base):
    """Logarithm of the odds that all rates follow the published law, though one seems to be above it,

        (4.5 second / fastest)^4

    against each of the other units in which the network is asked: under the law the second rate is hardly slower than
    the fastest one.
    """
    second, fastest = np.sort(base.q[~np.eye(len(base.q), dtype=bool)])[-2:]
    return float(STEEPNESS * np.log(LAW_ODDS * second / fastest))


def reasons_outside(panel, noise, units):
    """Why the network should not be believed here.

    Args:
        panel: Panel.
        noise: probability of a mistaken label.
        units: those of the answer, in time units of the data.

    Returns:
        list of str, empty where the data lie within.
    """
    said = []
    weights = panel.counts.sum(axis=(1, 2))
    lag = float(panel.lags @ weights / weights.sum())
    doubt = 2 * np.sqrt(noise * (1 - noise) / len(panel.labels))
    if noise - doubt > LARGEST_NOISE:
        said.append(f"{100 * noise:.3g} % of the labels seem to be wrong, more than {100 * LARGEST_NOISE:g} %")
    wrong = [lag / unit for unit in units if not LAGS[0] <= lag / unit <= LAGS[1]]
    if wrong:
        said.append(f"the mean lag is {wrong[0]:.3g} units, not between {LAGS[0]:g} and {LAGS[1]:g}")
    return said
