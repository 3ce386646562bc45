"""Isolated values that do not belong to their series."""

import numpy as np

THRESHOLD = 8.0
NORMAL = 1.4826


def count_outliers(series, threshold=THRESHOLD):
    """Number of isolated outliers.

    A value counts when it is more than 8 robust standard deviations (1.4826 median absolute deviations)
    from the median of its series and jumps by as much from both neighbours, to the same side. Spikes that
    last (spike trains, heart beats) are dynamics, not outliers.

    Args:
        series: list of (time,) arrays, NaN where missing.
        threshold: in robust standard deviations.

    Returns:
        int; 0 where the median absolute deviation vanishes.
    """
    values = np.concatenate(series)
    values = values[np.isfinite(values)]
    middle = np.median(values)
    scale = NORMAL * np.median(np.abs(values - middle))
    if not scale > 0:
        return 0
    count = 0
    for x in series:
        x = x[np.isfinite(x)]
        if len(x) < 3:
            continue
        rise, fall = (x[1:-1] - x[:-2]) / scale, (x[1:-1] - x[2:]) / scale
        far = np.abs(x[1:-1] - middle) > threshold * scale
        lonely = (np.minimum(rise, fall) > threshold) | (np.maximum(rise, fall) < -threshold)
        count += int((far & lonely).sum())
    return count
