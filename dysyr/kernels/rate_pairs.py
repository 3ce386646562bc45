"""Counts of observed pairs of states of a chain that is seen at given times, one table per distinct lag.

    C_ij(D) = #{ k : x_k = i, x_(k+1) = j, t_(k+1) - t_k = D }

Paths lie one after the other in flat arrays, path p between ``offsets[p]`` and ``offsets[p + 1]``. No pair crosses the
end of a path; where there is a gap, the caller begins a new path.

The slow twin is in ``rate_reference.py``.
"""

import numpy as np

from dysyr.core.errors import InputError

LAG_TOLERANCE = 1e-6


def group_lags(times, offsets, *, step=None, tolerance=LAG_TOLERANCE):
    """The distinct lags between neighbouring samples, equal ones put together.

    Lags of a group lie within ``tolerance`` of its smallest one, relatively, and the group's lag is their mean. With a
    common ``step`` every lag is rounded to a whole number of steps first.

    Args:
        times: (n_samples,) sampling times of all paths, increasing within each.
        offsets: (n_paths + 1,) where the paths begin, and the end of the last.
        step: interval of which all lags are multiples, or None.
        tolerance: largest relative difference of lags that count as equal.

    Returns:
        (lag,) float64 distinct lags, ascending, and (n_samples,) int64, the lag that leads to each sample; -1 at the
        first sample of a path.

    Raises:
        InputError: times that do not increase within a path.
    """
    times = np.asarray(times, dtype=np.float64)
    index = np.full(len(times), -1, dtype=np.int64)
    inner = np.ones(len(times), dtype=bool)
    inner[np.asarray(offsets)[:-1]] = False
    at = np.flatnonzero(inner)
    lags = times[at] - times[at - 1]
    if not (lags > 0).all():
        row = int(at[np.argmin(lags > 0)])
        raise InputError(
            "time does not increase", got=f"{times[row]:.10g} after {times[row - 1]:.10g}",
            do="sort each path by time and drop samples that occur twice",
        )  # fmt: skip
    if step is not None:
        lags = np.maximum(np.rint(lags / step), 1.0) * step
    distinct, inverse = np.unique(lags, return_inverse=True)
    begins, groups = -np.inf, np.empty(len(distinct), dtype=np.int64)
    number = -1
    for k, lag in enumerate(distinct):
        if lag > begins * (1 + tolerance) or number < 0:
            begins, number = lag, number + 1
        groups[k] = number
    index[at] = groups[inverse]
    sums = np.bincount(index[at], weights=lags, minlength=number + 1)
    return sums / np.maximum(np.bincount(index[at], minlength=number + 1), 1), index


def count_pairs(labels, index, n_lags, n_states):
    """Counts of pairs for each lag.

    Args:
        labels: (n_samples,) whole numbers 0 .. n_states - 1.
        index: (n_samples,) lag that leads to each sample, from ``group_lags``.
        n_lags: number of distinct lags.
        n_states: number of states.

    Returns:
        (lag, from, to) float64.

    Raises:
        InputError: a label that is not a state.
    """
    labels = np.asarray(labels)
    if len(labels) and (labels.min() < 0 or labels.max() >= n_states):
        raise InputError(
            "a label is not a state", got=f"labels from {labels.min()} to {labels.max()}",
            expected=f"whole numbers from 0 to {n_states - 1}",
        )  # fmt: skip
    at = np.flatnonzero(index >= 0)
    flat = (index[at] * n_states + labels[at - 1]) * n_states + labels[at]
    counts = np.bincount(flat, minlength=n_lags * n_states**2)
    return counts.astype(np.float64).reshape(n_lags, n_states, n_states)
