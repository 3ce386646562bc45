"""Mean, standard error and range of values that are numbers, lists or ``{name: number}``."""

import math

import numpy as np


def mean_and_stderr(values):
    """Mean over independent values and its standard error.

    Args:
        values: non-empty sequence of numbers, of equally long lists, or of dicts with equal keys.

    Returns:
        (mean, stderr), each of the form of one value; the standard error of a single value is NaN.
    """
    table, rebuild = _tabulate(values)
    with np.errstate(invalid="ignore"):
        mean = table.mean(axis=0)
        if len(table) < 2:
            return rebuild(mean), rebuild(np.full_like(mean, math.nan))
        return rebuild(mean), rebuild(table.std(axis=0, ddof=1) / math.sqrt(len(table)))


def range_95(values):
    """2.5 % and 97.5 % quantiles over independent values.

    Args:
        values: as for ``mean_and_stderr``.

    Returns:
        (low, high), each of the form of one value.
    """
    table, rebuild = _tabulate(values)
    low, high = np.quantile(table, [0.025, 0.975], axis=0)
    return rebuild(low), rebuild(high)


def _tabulate(values):
    first = values[0]
    if isinstance(first, dict):
        keys = list(first)
        return np.array([[value[key] for key in keys] for value in values], dtype=np.float64), (
            lambda row: dict(zip(keys, row.tolist(), strict=True))
        )
    table = np.array(values, dtype=np.float64)
    return (table, float) if table.ndim == 1 else (table, lambda row: row.tolist())
