"""Delay embedding of a scalar series."""

import json

import numpy as np

from dysyr.core.counts import check_counts
from dysyr.core.dataset import as_dataset, make_dataset, parts, sampling_interval, trajectories
from dysyr.core.delay_time import suggest_delay
from dysyr.core.embedding_dimension import suggest_dimension
from dysyr.core.errors import InputError
from dysyr.core.segments import segments


def delay_vectors(x, dim, delay):
    """Rows (x[t - (dim-1) delay], ..., x[t - delay], x[t]) for every t that has them.

    Args:
        x: (time,) array.
        dim: number of coordinates.
        delay: samples between them.

    Returns:
        (time - (dim-1) delay, dim) array; the last column is the series itself.

    Raises:
        InputError: the series is too short.
    """
    n = len(x) - (dim - 1) * delay
    if dim < 1 or delay < 1 or n < 1:
        raise InputError(
            "the series is too short to be embedded", got=f"{len(x)} samples",
            expected=f"more than (dim - 1) * delay = {(dim - 1) * delay} for {dim=}, {delay=}",
        )  # fmt: skip
    return np.stack([x[k * delay : k * delay + n] for k in range(dim)], axis=1)


def embed(data, *, dim=None, delay=None, variable=None, dt=None):
    """Delay embedding of one variable, with automatic delay and dimension.

        y(t) = (x(t - (dim-1) delay), ..., x(t - delay), x(t))

    The last coordinate is the series itself, under its own name, so that a forecast of it can be read off.
    The delay is the first minimum of the average mutual information, the dimension that at which Cao's E1
    levels off and no more false neighbours disappear. Vectors never cross trajectory ends; a vector with a
    missing coordinate is missing there.

    Args:
        data: whatever ``as_dataset`` takes.
        dim: number of coordinates; None to choose it.
        delay: samples between coordinates; None to choose it.
        variable: name or index of the variable; needed only where there are several.
        dt: sampling interval, as for ``as_dataset``.

    Returns:
        Dataset (trajectory, time, dim); ``attrs["embedding"]`` records variable, dim, delay (samples) and
        the rules that chose them. Where every trajectory is long enough, ``time`` is that of the last
        coordinate.

    Raises:
        InputError: irregular times, several variables without a choice, or a series that is too short.

    Reference: takens1981, fraser1986, kennel1992, cao1997
    """
    check_counts(**{name: value for name, value in (("dim", dim), ("delay", delay)) if value is not None})
    ds = as_dataset(data, dt=dt)
    sampling_interval(ds, needed_by="delay embedding")
    before = parts(ds)
    column = _variable(variable, before["names"])
    pieces = [trajectories(ds)[i][a:b, column] for i, a, b in segments(ds)]
    rules = {}
    if delay is None:
        delay, rules["delay_rule"] = suggest_delay(pieces)
    if dim is None:
        chosen = suggest_dimension(pieces, delay)
        dim, rules["dim_rule"] = chosen.dim, chosen.rule
    lost = (dim - 1) * delay
    name = before["names"][column]
    changed = {"x": [delay_vectors(x[:, column], dim, delay) for x in before["x"]]}
    lags = [k * delay for k in range(dim - 1, -1, -1)]
    changed["names"] = [name if lag == 0 else f"{name}(t-{lag})" for lag in lags]
    if before["mask"] is not None:
        changed["mask"] = [delay_vectors(mask[:, column], dim, delay) for mask in before["mask"]]
    for part in ("time", "u", "x_true", "label"):
        if before[part] is not None:
            changed[part] = [row[lost:] for row in before[part]]
    record = {"variable": name, "dim": int(dim), "delay": int(delay), **rules}
    return make_dataset(
        **{**before, **changed, "attrs": {**before["attrs"], "embedding": json.dumps(record)}}
    )


def _variable(variable, names):
    if variable is None:
        if len(names) > 1:
            raise InputError(
                "delay embedding takes one variable",
                got=", ".join(names),
                do=f"choose one, variable='{names[0]}'",
            )
        return 0
    if isinstance(variable, (int, np.integer)) and -len(names) <= variable < len(names):
        return int(variable) % len(names)
    if variable in names:
        return names.index(variable)
    raise InputError("no such variable", got=str(variable), expected=f"one of {', '.join(names)}")
