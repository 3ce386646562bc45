"""Whether data lie within what the network was trained on, in words."""

import numpy as np

from dysyr.reconstruction.jump_em.foundation.base import UNITS_PER_DURATION

LARGEST_RATE = 1.0
"""Largest rate between two states per unit: the published law ends here."""
OUTSTANDING = 4.0
"""Times the mean rate that a single rate beyond has to be: where all are fast, the network knows them."""
LAW_ODDS, STEEPNESS = 5.7, 4.0
"""Odds of the published law are (LAW_ODDS second / fastest)^STEEPNESS: in it the second rate is hardly slower."""
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

    Returns:
        rate, and the logarithm of the odds that it is within the published law after all, before the data are seen.
    """
    if base.unit < (1 - UNIT_ROUNDING) * panel.duration / UNITS_PER_DURATION:
        return 0.0, np.inf
    rates = np.sort(base.q[~np.eye(len(base.q), dtype=bool)] * base.unit)
    if rates[-1] <= max(LARGEST_RATE, OUTSTANDING * rates.mean()):
        return 0.0, np.inf
    return float(rates[-1]), float(STEEPNESS * np.log(LAW_ODDS * rates[-2] / rates[-1]))


def reasons_outside(panel, noise, unit):
    """Why the network should not be believed here.

    Args:
        panel: Panel.
        noise: probability of a mistaken label.
        unit: unit of the answer, in time units of the data.

    Returns:
        list of str, empty where the data lie within.
    """
    said = []
    weights = panel.counts.sum(axis=(1, 2))
    lag = float(panel.lags @ weights / weights.sum()) / unit
    doubt = 2 * np.sqrt(noise * (1 - noise) / len(panel.labels))
    if noise - doubt > LARGEST_NOISE:
        said.append(f"{100 * noise:.3g} % of the labels seem to be wrong, more than {100 * LARGEST_NOISE:g} %")
    if not LAGS[0] <= lag <= LAGS[1]:
        said.append(f"the mean lag is {lag:.3g} units, not between {LAGS[0]:g} and {LAGS[1]:g}")
    return said
