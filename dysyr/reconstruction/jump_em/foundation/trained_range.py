"""Whether data lie within what the network was trained on, in words."""

import numpy as np

from dysyr.reconstruction.jump_em.foundation.base import SHAPE, UNITS_PER_DURATION

LARGEST_RATE = 1.0
"""Largest rate between two states per tenth of the duration: the published law ends here, and beyond it the posterior
mode is closer to the truth. Where the unit was shortened, as in long records, the network knows faster ones."""
UNIT_ROUNDING = 1e-9
DOUBT = 0.5
"""Relative errors of counting that a rate has to exceed it by."""
LARGEST_NOISE = 0.18
LAGS = (0.005, 1.5)
"""Shortest and longest mean lag in units."""


def reasons_outside(panel, base):
    """Why the network should not be believed here.

    Args:
        panel: Panel.
        base: Base.

    Returns:
        list of str, empty where the data lie within.
    """
    said = []
    sure = np.where(np.eye(len(base.q), dtype=bool), 0.0, base.q * (1 - DOUBT * (base.jumps + SHAPE) ** -0.5))
    fastest = float(sure.max() * base.unit)
    weights = panel.counts.sum(axis=(1, 2))
    lag = float(panel.lags @ weights / weights.sum()) / base.unit
    rescaled = base.unit < (1 - UNIT_ROUNDING) * panel.duration / UNITS_PER_DURATION
    if fastest > LARGEST_RATE and not rescaled:
        unit = f"unit of {base.unit:.3g} time units"
        said.append(f"the fastest rate exceeds {fastest:.3g} per {unit}, beyond {LARGEST_RATE:g}")
    doubt = 2 * np.sqrt(base.noise * (1 - base.noise) / len(panel.labels))
    if base.noise - doubt > LARGEST_NOISE:
        said.append(f"{100 * base.noise:.3g} % of the labels seem to be wrong, more than {100 * LARGEST_NOISE:g} %")
    if not LAGS[0] <= lag <= LAGS[1]:
        said.append(f"the mean lag is {lag:.3g} units, not between {LAGS[0]:g} and {LAGS[1]:g}")
    return said
