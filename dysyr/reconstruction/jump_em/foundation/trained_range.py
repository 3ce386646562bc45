"""Whether data lie within what the network was trained on, in words."""

import numpy as np

LARGEST_RATE = 8.0
"""Largest rate between two states per unit; the training law ends at 4 but for the tail of its wide part."""
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
    fastest = float(base.q[~np.eye(len(base.q), dtype=bool)].max() * base.unit)
    weights = panel.counts.sum(axis=(1, 2))
    lag = float(panel.lags @ weights / weights.sum()) / base.unit
    if fastest > LARGEST_RATE:
        said.append(
            f"the fastest rate is {fastest:.3g} per unit of {base.unit:.3g} time units, beyond {LARGEST_RATE:g}"
        )
    doubt = 2 * np.sqrt(base.noise * (1 - base.noise) / len(panel.labels))
    if base.noise - doubt > LARGEST_NOISE:
        said.append(f"{100 * base.noise:.3g} % of the labels seem to be wrong, more than {100 * LARGEST_NOISE:g} %")
    if not LAGS[0] <= lag <= LAGS[1]:
        said.append(f"the mean lag is {lag:.3g} units, not between {LAGS[0]:g} and {LAGS[1]:g}")
    return said
