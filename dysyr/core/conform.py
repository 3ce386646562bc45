"""Arrays, names, masks and times brought into the form of the dataset contract, or refused."""

import numpy as np

from dysyr.core.errors import InputError, NoSamplingInterval
from dysyr.core.time_grid import GRID_TOLERANCE, find_grid


def series_of(x, what):
    """The trajectories in an array or a list of arrays.

    Args:
        x: (trajectory, time, state), (time, state) or (time,) array, or a list of (time, state) or (time,)
            arrays.
        what: name for messages.

    Returns:
        list of (time, state) arrays of one dtype: int64, float32 or float64.

    Raises:
        InputError: nothing there, text, complex numbers, or shapes that do not go together.
    """
    if isinstance(x, (list, tuple)) and len(x) == 0:
        raise InputError(f"{what} is empty", got="a list without arrays")
    if isinstance(x, (list, tuple)):
        arrays = [_numeric(item, what) for item in x]
        arrays = [a[:, None] if a.ndim == 1 else a for a in arrays]
        if any(a.ndim != 2 for a in arrays):
            raise InputError(
                f"{what} is a list whose parts are not (time, state) arrays",
                got=str([a.shape for a in arrays][:5]),
            )
    else:
        array = _numeric(x, what)
        if array.ndim == 1:
            array = array[:, None]
        if array.ndim not in (2, 3):
            raise InputError(
                f"{what} has {array.ndim} dimensions", got=f"shape {array.shape}",
                expected="(time, state) or (trajectory, time, state)",
            )  # fmt: skip
        arrays = [array] if array.ndim == 2 else list(array)
    if not arrays or any(a.size == 0 for a in arrays):
        raise InputError(f"{what} is empty", got=f"shape {np.shape(arrays[0]) if arrays else np.shape(x)}")
    widths = sorted({a.shape[1] for a in arrays})
    if len(widths) > 1:
        raise InputError(f"{what} has trajectories with different numbers of variables", got=str(widths))
    dtype = np.result_type(*arrays)
    return [a.astype(dtype, copy=False) for a in arrays]


def _numeric(values, what):
    if isinstance(values, np.ma.MaskedArray) and values.dtype.kind in "biuf":
        values = values.astype(np.float64).filled(np.nan)
    array = np.asarray(values)
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{what} does not hold numbers", got=str(error)) from error
    if array.dtype.kind not in "biuf":
        raise InputError(f"{what} does not hold real numbers", got=f"dtype {array.dtype}")
    if array.dtype.kind in "biu" and not (array.dtype == np.uint64 and (array > np.iinfo(np.int64).max).any()):
        return array.astype(np.int64)
    return array if array.dtype == np.float32 else array.astype(np.float64)


def companion_of(values, what, lengths):
    """Arrays that go along with x (inputs, true values, labels), trimmed to its lengths.

    Args:
        values: array or list of arrays, as ``series_of`` takes them.
        what: name for messages.
        lengths: number of samples of each trajectory of x.

    Returns:
        list of (time, variable) arrays.

    Raises:
        InputError: other numbers of trajectories or samples than x.
    """
    series = series_of(values, what)
    if len(series) != len(lengths) or any(len(s) < n for s, n in zip(series, lengths, strict=False)):
        raise InputError(
            f"{what} does not fit x",
            got=f"lengths {[len(s) for s in series][:5]}",
            expected=f"x has {lengths[:5]}",
        )
    return [s[:n] for s, n in zip(series, lengths, strict=True)]


def lengths_of(series, lengths):
    """Number of valid samples of each trajectory.

    Args:
        series: list of (time, state) arrays.
        lengths: the numbers, or None for all samples.

    Returns:
        list of int.

    Raises:
        InputError: lengths that the arrays do not have.
    """
    full = [len(s) for s in series]
    if lengths is None:
        return full
    lengths = [int(n) for n in np.atleast_1d(lengths)]
    if len(lengths) != len(full) or any(not 1 <= n <= m for n, m in zip(lengths, full, strict=False)):
        raise InputError(
            "lengths do not fit x", got=str(lengths[:5]), expected=f"one per trajectory, from 1 to {full[:5]}"
        )
    return lengths


def names_of(names, count, letter, always_numbered=False):
    """Names of the variables; by default the letter with a number, or the bare letter for a single variable.

    Args:
        names: the user's names, one string or a sequence, or None.
        count: number of variables.
        letter: stem of default names.
        always_numbered: number a single variable too.

    Returns:
        list of str.

    Raises:
        InputError: too few, too many or repeated names, or zero bytes in them.
    """
    if names is None:
        return [letter] if count == 1 and not always_numbered else [f"{letter}{i}" for i in range(count)]
    names = [names] if isinstance(names, str) else [str(name) for name in names]
    if len(names) != count or len(set(names)) != count:
        raise InputError(
            "names do not fit the variables", got=", ".join(names[:10]), expected=f"{count} different names"
        )
    if any("\0" in name for name in names):
        raise InputError("a name of a variable holds a zero byte", got=repr(names)[:60], expected="text")
    return names


def presence_of(series, mask, names):
    """Which values are there.

    Args:
        series: list of (time, state) arrays.
        mask: None, True (not finite means missing), or bool arrays that go with the series, False = missing.
        names: variable names for messages.

    Returns:
        list of (time, state) bool arrays, False where missing, or None where nothing can be missing.

    Raises:
        InputError: a value that is not finite and that the mask does not cover.
    """
    finite = [np.isfinite(s) for s in series]
    if mask is None or mask is False:
        present, allowed = None, [np.ones_like(f) for f in finite]
    elif mask is True:
        allowed = finite
        present = None if all(f.all() for f in finite) else finite
    else:
        rows = mask if isinstance(mask, (list, tuple)) or np.ndim(mask) == 3 else [mask]
        rows = [np.asarray(row, dtype=bool) for row in rows]
        rows = [row[:, None] if row.ndim == 1 else row for row in rows]
        if len(rows) != len(series) or any(len(r) < len(s) for r, s in zip(rows, series, strict=False)):
            raise InputError("mask does not fit x", got=str([r.shape for r in rows][:3]), expected="the shape of x")
        present = allowed = [np.broadcast_to(r[: len(s)], s.shape) for r, s in zip(rows, series, strict=True)]
    for i, (f, a) in enumerate(zip(finite, allowed, strict=True)):
        bad = a & ~f
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise InputError(
                "values are not finite",
                got=f"{bad.sum()}, first {series[i][row, column]} in variable '{names[column]}', row {row}"
                + (f" of trajectory {i}" if len(series) > 1 else ""),
                expected="finite numbers, or a mask",
                do="pass mask=True to treat them as missing (--mask on the command line, mask = true in the "
                "[data] of an experiment)",
            )  # fmt: skip
    return present


def clocks_of(lengths, dt, time):
    """The sampling times of each trajectory and their common interval.

    Args:
        lengths: number of samples of each trajectory.
        dt: sampling interval, or None to take it from the times.
        time: (time,) array for all trajectories, one array per trajectory, or None for ``dt * arange``.

    Returns:
        (list of (time,) float64 arrays, dt), dt None where the times are irregular.

    Raises:
        InputError: neither dt nor time, dt that contradicts the times, or times that do not fit or increase.
    """
    dt = _positive(dt)
    if time is None:
        if dt is None:
            raise NoSamplingInterval(
                "no sampling interval", got="neither dt nor a time column",
                do="pass dt=0.01 (--dt 0.01), in the unit in which you want exponents and periods",
            )  # fmt: skip
        return [dt * np.arange(n) for n in lengths], dt
    time = time if isinstance(time, (list, tuple)) else np.atleast_1d(np.asarray(time))
    if len(time) == 0:
        raise InputError("time is no array of times", got=repr(time)[:60], expected="one time for each sample")
    shared = np.ndim(time[0]) == 0
    clocks = [np.asarray(time)] * len(lengths) if shared else [np.asarray(t) for t in time]
    if any(clock.dtype.kind not in "biuf" for clock in clocks):
        raise InputError(
            "times are no numbers", got=f"dtype {clocks[0].dtype}",
            do="give dates to dysyr.as_dataset, which finds their unit",
        )  # fmt: skip
    if len(clocks) != len(lengths) or any(len(c) < n for c, n in zip(clocks, lengths, strict=False)):
        raise InputError(
            "time does not fit x",
            got=f"lengths {[len(c) for c in clocks][:5]}",
            expected=f"x has {lengths[:5]}",
        )
    clocks = [c[:n] for c, n in zip(clocks, lengths, strict=True)]
    grids = [find_grid(c) for c in ([clocks[0]] if shared else clocks) if len(c) > 1]
    clocks = [c.astype(np.float64) for c in clocks]
    if not all(grid.regular for grid in grids):
        return clocks, None
    found = [grid.dt for grid in grids]
    if found and max(found) - min(found) > GRID_TOLERANCE * min(found):
        return clocks, None
    agree(dt, float(np.median(found)) if found else None)
    return clocks, dt if dt is not None else (float(np.median(found)) if found else None)


def agree(dt, found):
    """Refuse an interval that differs by more than 2 % from the one found in the data.

    Args:
        dt: the user's interval, or None.
        found: the interval of the data, or None.

    Raises:
        InputError: they differ, or dt is not a positive number.
    """
    dt = _positive(dt)
    if dt is not None and found is not None and abs(dt - found) > GRID_TOLERANCE * found:
        raise InputError(
            "dt contradicts the times of the data", got=f"dt = {dt:g}",
            expected=f"the samples are {found:g} apart", do="leave dt out, or drop the times with time=False",
        )  # fmt: skip


def _positive(dt):
    if dt is None:
        return None
    try:
        value = float(dt)
    except (TypeError, ValueError) as error:
        raise InputError("dt is not a number", got=repr(dt)) from error
    if not (np.isfinite(value) and value > 0):
        raise InputError("dt is not a positive number", got=repr(dt), expected="system time units")
    return value


def padded(rows, size, fill=None):
    """Rows of unequal length as one array.

    Args:
        rows: list of (time, ...) arrays of one dtype.
        size: length of the result along time.
        fill: value of the padding; by default NaN, or 0 for whole numbers.

    Returns:
        (row, size, ...) array.
    """
    if all(len(row) == size for row in rows):
        return np.stack(rows)
    if fill is None:
        fill = np.nan if rows[0].dtype.kind == "f" else 0
    out = np.full((len(rows), size, *rows[0].shape[1:]), fill, dtype=rows[0].dtype)
    for target, row in zip(out, rows, strict=True):
        target[: len(row)] = row
    return out
