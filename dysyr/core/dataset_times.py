"""Times of data sets that other programs may have changed: whether they fit, and rows that are missing among them."""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.time_grid import GRID_TOLERANCE, fill_missing_rows


def check_clock(dt, clocks):
    """Refuse a dt that is not the interval of the times, as after every second sample was taken by other means."""
    for clock in clocks:
        if dt is not None and len(clock) > 1:
            step = (clock[-1] - clock[0]) / (len(clock) - 1)
            if not abs(step - dt) <= GRID_TOLERANCE * dt:
                raise InputError(
                    "the times do not fit dt", got=f"steps of {step:.6g}", expected=f"attrs['dt'] = {dt:.6g}",
                    do="set attrs['dt'] to the interval, or take it out",
                )  # fmt: skip


def with_missing_rows(whole):
    """Parts of a data set with rows of NaN where samples are missing on a regular grid; labels then are float."""
    filled = {**whole, "mask": True}
    for name in ("x", "x_true", "label"):
        if whole[name] is not None:
            rows = [row[:, None] if name == "label" else row for row in whole[name]]
            if name == "x" and whole["mask"] is not None:
                rows = [np.where(seen, row, np.nan) for row, seen in zip(rows, whole["mask"], strict=True)]
            pairs = [fill_missing_rows(row, clock) for row, clock in zip(rows, whole["time"], strict=True)]
            filled[name] = [row[:, 0] if name == "label" else row for row, _ in pairs]
            filled["time"] = [clock for _, clock in pairs]
    return filled
