"""Times of forecasts: those of the context go on."""

import numpy as np

from dysyr.core.dataset import times
from dysyr.core.netcdf import DIMS

CLOCK = ("time_unit", "time_origin")
"""Attributes that say what times are counted in, and from when."""


def following(ahead, context):
    """Forecasts with times that go on where those of each trajectory of a context end, in its unit, from its origin.

    Args:
        ahead: Dataset of a sampling interval, all trajectories of one length.
        context: Dataset of as many trajectories.

    Returns:
        Dataset.
    """
    n = ahead.sizes["time"]
    ahead = ahead.assign_attrs({key: context.attrs[key] for key in CLOCK if key in context.attrs})
    clocks = np.array([t[-1] for t in times(context)])[:, None] + ahead.attrs["dt"] * np.arange(1, n + 1)
    if (clocks == clocks[0]).all():
        return ahead.assign_coords(time=clocks[0])
    lengths = np.full(len(clocks), n, dtype=np.int64)
    return ahead.assign_coords(time=np.arange(n)).assign(t=(DIMS[:2], clocks), n_valid=(DIMS[:1], lengths))
