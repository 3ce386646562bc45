"""The delay and the number of delay coordinates of each variable, chosen from data."""

import math

from dysyr.core.delay_time import suggest_delay
from dysyr.core.embedding_dimension import suggest_dimension


def choose_embedding(series, delay, dim):
    """Delay and dimension where they are "auto".

    Delay and dimension of a single series are those of ``suggest_delay`` and ``suggest_dimension``; the middle variable
    counts. The dimension is shared between the V variables, m = ceil(dimension / V), since the delay vectors of all
    enter together. Patches hold neighbouring samples anyway; delays add older ones.

    Args:
        series: list of (time, variable) arrays, NaN where missing.
        delay: samples, or "auto".
        dim: coordinates per variable, or "auto".

    Returns:
        (delay, dim).

    Raises:
        InputError: the series are too short to choose.
    """
    columns = [[x[:, v] for x in series] for v in range(series[0].shape[1])]
    if delay == "auto" and dim != 1:
        delay = _middle(suggest_delay(column)[0] for column in columns)
    if dim == "auto":
        dim = math.ceil(_middle(suggest_dimension(column, delay).dim for column in columns) / len(columns))
    return (1 if dim == 1 else int(delay)), int(dim)


def _middle(values):
    values = sorted(values)
    return values[len(values) // 2]
