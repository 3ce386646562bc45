"""Windows of a data set, and what the network needs to know of them."""

import numpy as np

from dysyr.core.dataset import trajectories
from dysyr.core.errors import InputError

MARGIN = 0.05
"""Beyond the range of the data at each end, as a share of it: the ends of a sigmoid are out of reach."""
FEWEST_SEEN = 2
"""Samples that a window must show at least to say anything of its course."""


def bounds_of(x):
    """(2, variable) range of windows (window, time, variable), NaN where missing, widened by a margin at each end."""
    low, high = np.nanmin(x, axis=(0, 1)), np.nanmax(x, axis=(0, 1))
    return np.stack([low - MARGIN * (high - low), high + MARGIN * (high - low)])


def change_of(x):
    """(variable,) standard deviations of changes between neighbouring samples of windows, at least 1e-3.

    Where no two neighbours are observed it is 1, the standard deviation of the values.
    """
    change = np.diff(x, axis=1).reshape(-1, x.shape[2])
    known = np.isfinite(change)
    count, total = known.sum(axis=0), np.where(known, change**2, 0.0).sum(axis=0)
    return np.where(count > 0, np.maximum(np.sqrt(total / np.maximum(count, 1)), 1e-3), 1.0)


def windows_of(data, length, scaler, *, complete):
    """All windows of a data set, one sample apart, standardised; none crosses the end of a trajectory.

    Args:
        data: Dataset.
        length: samples of a window.
        scaler: Scaler.
        complete: take windows without missing values alone; else those that show two samples at least.

    Returns:
        ((window, length, variable) array, NaN where missing; share of windows that were left out).

    Raises:
        InputError: no window is left.
    """
    series = [scaler.transform(x) for x in trajectories(data)]
    cut = [
        np.lib.stride_tricks.sliding_window_view(x, length, axis=0).transpose(0, 2, 1)
        for x in series if len(x) >= length
    ]  # fmt: skip
    if not cut:
        raise InputError(
            "no window fits into the data", got=f"the longest trajectory has {max(map(len, series))} samples",
            expected=f"windows of {length} samples", do="choose a shorter window, or use more data",
        )  # fmt: skip
    x = np.concatenate(cut)
    seen = np.isfinite(x)
    kept = seen.all(axis=(1, 2)) if complete else seen.any(axis=2).sum(axis=1) >= FEWEST_SEEN
    if not kept.any():
        wanted = "a window without missing values" if complete else f"a window with {FEWEST_SEEN} samples that show"
        raise InputError(
            "no window of the data can be used", got=f"{1 - seen.mean():.0%} of the values are missing",
            expected=wanted, do="use encoder='cde', or a shorter window" if complete else "choose a longer window",
        )  # fmt: skip
    return np.ascontiguousarray(x[kept]), float(1 - kept.mean())
