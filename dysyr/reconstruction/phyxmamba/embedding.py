"""The delay and the number of delay coordinates of each variable, chosen from data."""

import math

from dysyr.core.delay_time import suggest_delay
from dysyr.core.embedding_dimension import suggest_dimension


def choose_embedding(series, delay, dim):
    """Delay and dimension where they are "auto".

    The delay is the median over the variables of ``suggest_delay``. The dimension is that of the variable that needs
    most (``suggest_dimension``), shared between the V variables: m = ceil(largest / V), since the delay vectors of all
    variables enter together. Patches hold neighbouring samples anyway; delays add older ones.

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
        delays = sorted(suggest_delay(column)[0] for column in columns)
        delay = delays[len(delays) // 2]
    if dim == "auto":
        largest = max(suggest_dimension(column, delay).dim for column in columns)
        dim = math.ceil(largest / len(columns))
    return (1 if dim == 1 else int(delay)), int(dim)
