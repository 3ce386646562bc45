"""The dataset contract: how time series are kept, made from whatever a user has, and taken apart again.

An ``xarray.Dataset`` with dimensions ``("trajectory", "time", "state")`` and the variable ``x``; optional
``u`` (dim ``input``), ``mask`` (False = missing), ``x_true`` (before observation noise) and ``label``
(discrete states). ``time`` is in system time units; where trajectories have their own times or lengths it is
a plain index, and ``t(trajectory, time)`` and ``n_valid(trajectory)`` carry them. Samples after ``n_valid``
are padding, not missing data. ``attrs["dt"]`` is there exactly when the data are regularly sampled.
"""

import hashlib
from pathlib import Path

import numpy as np
import xarray as xr

from dysyr.core.errors import InputError
from dysyr.core.netcdf import DIMS, FORMAT, read_dataset, save_dataset
from dysyr.core.time_grid import GRID_TOLERANCE, find_grid, irregularity
from dysyr.core.version import VERSION

__all__ = [
    "as_dataset", "data_hash", "inputs", "make_dataset", "read_dataset", "sampling_interval", "save_dataset",
    "times", "trajectories",
]  # fmt: skip

MANY_STATES = 10


def make_dataset(
    x, *, dt=None, time=None, names=None, lengths=None, mask=None, u=None, input_names=None, x_true=None,
    label=None, attrs=None,
):  # fmt: skip
    """A Dataset from arrays.

    Args:
        x: (trajectory, time, state), (time, state) or (time,) array, or a list of (time, state) arrays of any
            lengths. Whole numbers stay whole, float32 stays float32, all else becomes float64.
        dt: sampling interval in system time units.
        time: sampling times in system time units, (time,) for all trajectories, or one array per trajectory.
            By default ``dt * arange``. Without ``dt``, the interval is taken from them if they are regular.
        names: names of the state variables; by default x0, x1, ... (x if there is one).
        lengths: number of valid samples per trajectory of a padded array.
        mask: array like x, False where a value is missing; True to take the values that are not finite as
            missing.
        u: external inputs, shaped like x with dimension input last; ``u[t]`` acts on the way to ``x[t]``.
        input_names: their names; by default u0, u1, ...
        x_true: values before observation noise; any number of states.
        label: (trajectory, time) or (time,) whole numbers, or a list of (time,) arrays.
        attrs: further attributes: numbers, strings, and JSON text for anything with structure.

    Returns:
        Dataset of the contract.

    Raises:
        InputError: neither dt nor time, shapes that do not fit, or non-finite values that no mask covers.
    """
    series = _series(x, "x")
    lengths = _lengths(series, lengths)
    series = [s[:n] for s, n in zip(series, lengths, strict=True)]
    n_states = series[0].shape[1]
    names = _names(names, n_states, "x")
    present = _presence(series, mask, names)
    clocks, dt = _clocks(lengths, dt, time)

    size = max(lengths)
    variables = {"x": (DIMS, _padded(series, size))}
    if present is not None:
        variables["mask"] = (DIMS, _padded(present, size, fill=True))
    coords = {"state": np.array(names)}
    if all(len(c) == len(clocks[0]) and np.array_equal(c, clocks[0]) for c in clocks):
        coords["time"] = clocks[0]
    else:
        coords["time"] = np.arange(size)
        variables["t"] = (DIMS[:2], _padded(clocks, size))
        variables["n_valid"] = (DIMS[:1], np.array(lengths, dtype=np.int64))
    if u is not None:
        drive = _companion(u, "u", lengths)
        variables["u"] = (("trajectory", "time", "input"), _padded(drive, size))
        coords["input"] = np.array(_names(input_names, drive[0].shape[1], "u", always_numbered=True))
    if x_true is not None:
        truth = _companion(x_true, "x_true", lengths)
        dims = DIMS if truth[0].shape[1] == n_states else (*DIMS[:2], "state_true")
        variables["x_true"] = (dims, _padded(truth, size))
    if label is not None:
        rows = [label] if not isinstance(label, (list, tuple)) and np.ndim(label) == 1 else label
        columns = _companion([np.asarray(row)[:, None] for row in rows], "label", lengths)
        variables["label"] = (DIMS[:2], _padded(columns, size)[..., 0])
    head = {"format": FORMAT, "dysyr_version": VERSION}
    if dt is not None:
        head["dt"] = dt
    return xr.Dataset(variables, coords=coords, attrs={**head, **(attrs or {})})


def as_dataset(obj, *, dt=None, time=None, columns=None, mask=None, min_samples=2):
    """A Dataset from whatever a user has.

    Args:
        obj: Dataset, DataArray, DataFrame, (time,), (time, state) or (trajectory, time, state) array, list
            of arrays of unequal length, or a path (.nc .csv .tsv .txt .npy .npz .parquet).
        dt: sampling interval in system time units; needed where the object carries no times.
        time: times of the samples, or the name of the column that holds them.
        columns: names of the columns to use; by default all numeric ones. For arrays: the names of the
            states.
        mask: array like the values, False where missing; True (or "nan") to take values that are not finite
            as missing. With it, rows missing on a regular time grid become missing samples too.
        min_samples: fewest samples a trajectory may have.

    Returns:
        Dataset of the contract. Where the times are irregular it has no ``attrs["dt"]``, and
        ``sampling_interval`` refuses it.

    Raises:
        InputError: no dt, non-finite values without mask, too few samples, text columns, a probably
            transposed array.
        FormatError: a file that cannot be read.
    """
    mask = True if isinstance(mask, str) and mask == "nan" else mask
    source = ""
    if isinstance(obj, (str, Path)):
        source = f" in '{obj}'"
        if Path(obj).suffix.lower() in (".nc", ".h5", ".hdf5"):
            obj = read_dataset(obj)
    if isinstance(obj, xr.Dataset):
        ds = _checked(obj, dt)
    else:
        ds = _from_values(obj, dt, time, columns, mask, source)
    shortest = min(len(x) for x in trajectories(ds))
    if shortest < min_samples:
        raise InputError(
            f"too few samples{source}", got=f"{shortest} per trajectory", expected=f"at least {min_samples}"
        )
    return ds


def trajectories(ds):
    """The valid part of each trajectory.

    Args:
        ds: Dataset.

    Returns:
        list of (time, state) float64 arrays, NaN where masked.
    """
    x = np.asarray(ds["x"].values, dtype=np.float64)
    if "mask" in ds:
        x = np.where(ds["mask"].values, x, np.nan)
    return [np.ascontiguousarray(row[:n]) for row, n in zip(x, _valid(ds), strict=True)]


def inputs(ds):
    """The external inputs of each trajectory.

    Args:
        ds: Dataset.

    Returns:
        list of (time, input) float64 arrays, or None where there are none.
    """
    if "u" not in ds:
        return None
    u = np.asarray(ds["u"].values, dtype=np.float64)
    return [np.ascontiguousarray(row[:n]) for row, n in zip(u, _valid(ds), strict=True)]


def times(ds):
    """The sampling times of each trajectory.

    Args:
        ds: Dataset.

    Returns:
        list of (time,) float64 arrays, system time units.
    """
    n_valid = _valid(ds)
    if "t" in ds:
        return [np.ascontiguousarray(row[:n]) for row, n in zip(ds["t"].values, n_valid, strict=True)]
    shared = np.asarray(ds["time"].values, dtype=np.float64)
    return [shared[:n] for n in n_valid]


def sampling_interval(ds, *, needed_by="this method"):
    """The sampling interval of regular data.

    Args:
        ds: Dataset.
        needed_by: who asks, for the message.

    Returns:
        dt in system time units.

    Raises:
        InputError: the data are irregularly sampled.
    """
    if "dt" in ds.attrs:
        return float(ds.attrs["dt"])
    grids = [find_grid(t) for t in times(ds) if len(t) > 1]
    worst = max(grids, key=lambda grid: grid.largest / grid.smallest)
    source = f" in '{ds.attrs['source']}'" if "source" in ds.attrs else ""
    fix = f"resample with dysyr.resample(data, dt={worst.dt:.4g})"
    if worst.missing:
        fix += ", or pass mask=True to keep the missing samples as missing"
    raise InputError(
        "time step is not constant",
        got=irregularity(worst, source),
        expected=f"{needed_by} needs a regular grid",
        do=fix,
    )


def data_hash(ds):
    """Fingerprint of values, names and times; attributes other than dt do not enter.

    Args:
        ds: Dataset.

    Returns:
        SHA-256 in hexadecimal.
    """
    digest = hashlib.sha256()
    digest.update(repr([str(name) for name in ds["state"].values]).encode())
    digest.update(repr(float(ds.attrs["dt"])).encode() if "dt" in ds.attrs else b"irregular")
    for group in (trajectories(ds), inputs(ds) or [], times(ds)):
        for array in group:
            digest.update(repr(array.shape).encode())
            digest.update(np.where(np.isnan(array), np.nan, array).tobytes())
    return digest.hexdigest()


def _valid(ds):
    if "n_valid" in ds:
        return [int(n) for n in ds["n_valid"].values]
    return [ds.sizes["time"]] * ds.sizes["trajectory"]


def _checked(ds, dt):
    """The Dataset itself once it is seen to keep the contract, with dt filled in where it has none."""
    if "x" not in ds or ds["x"].dims != DIMS:
        found = ", ".join(f"{name}{ds[name].dims}" for name in ds.data_vars) or "no variables"
        raise InputError("not a dysyr data set", got=found, expected=f"a variable x with dimensions {DIMS}")
    clocks = {} if "time" not in ds.coords else {"time": times(ds)}
    names = [str(n) for n in ds["state"].values] if "state" in ds.coords else None
    complete = clocks and names and ds.attrs.get("format") == FORMAT
    if complete and ("dt" in ds.attrs or dt is None):
        _agree(dt, ds.attrs.get("dt"))
        _presence(trajectories(ds), None if "mask" not in ds else ds["mask"].values, names, _valid(ds))
        return ds
    return make_dataset(
        ds["x"].values, dt=ds.attrs.get("dt", dt), names=names, lengths=_valid(ds),
        mask=ds["mask"].values if "mask" in ds else None, u=ds["u"].values if "u" in ds else None,
        x_true=ds["x_true"].values if "x_true" in ds else None,
        label=ds["label"].values if "label" in ds else None, attrs=ds.attrs, **clocks,
    )  # fmt: skip


def _from_values(obj, dt, time, columns, mask, source):
    if isinstance(obj, (list, tuple)) and len(obj) and np.ndim(obj[0]) == 0:
        obj = np.asarray(obj)
    if isinstance(obj, xr.DataArray):
        obj = obj.values
    series = _series(obj, "data" + source)
    n_time, n_states = max(len(s) for s in series), series[0].shape[1]
    if n_states > max(n_time, MANY_STATES):
        raise InputError(
            f"more states than times{source}, the array is probably transposed", got=f"shape {np.shape(series[0])}",
            expected="time runs down the rows, one column per variable",
            do="pass x.T, or build the data set with dysyr.make_dataset if this is right",
        )  # fmt: skip
    return make_dataset(series, dt=dt, time=time, names=columns, mask=mask)


def _series(x, what):
    """A list of (time, state) arrays with one number of states and a numeric type."""
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
    array = np.asarray(values)
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{what} does not hold numbers", got=str(error)) from error
    if array.dtype.kind not in "biuf":
        raise InputError(f"{what} does not hold real numbers", got=f"dtype {array.dtype}")
    if array.dtype.kind in "biu":
        return array.astype(np.int64)
    return array if array.dtype == np.float32 else array.astype(np.float64)


def _companion(values, what, lengths):
    """Arrays that go along with x, trimmed to its lengths."""
    series = _series(values, what)
    if len(series) != len(lengths) or any(len(s) < n for s, n in zip(series, lengths, strict=False)):
        raise InputError(
            f"{what} does not fit x",
            got=f"lengths {[len(s) for s in series][:5]}",
            expected=f"x has {lengths[:5]}",
        )
    return [s[:n] for s, n in zip(series, lengths, strict=True)]


def _lengths(series, lengths):
    full = [len(s) for s in series]
    if lengths is None:
        return full
    lengths = [int(n) for n in np.atleast_1d(lengths)]
    if len(lengths) != len(full) or any(not 1 <= n <= m for n, m in zip(lengths, full, strict=False)):
        raise InputError(
            "lengths do not fit x", got=str(lengths[:5]), expected=f"one per trajectory, from 1 to {full[:5]}"
        )
    return lengths


def _names(names, count, letter, always_numbered=False):
    if names is None:
        return [letter] if count == 1 and not always_numbered else [f"{letter}{i}" for i in range(count)]
    names = [names] if isinstance(names, str) else [str(name) for name in names]
    if len(names) != count or len(set(names)) != count:
        raise InputError(
            "names do not fit the variables", got=", ".join(names[:10]), expected=f"{count} different names"
        )
    return names


def _presence(series, mask, names, lengths=None):
    """List of bool arrays, False where missing, or None where nothing can be missing."""
    finite = [np.isfinite(s) for s in series]
    if mask is None or mask is False:
        present, allowed = None, [np.ones_like(f) for f in finite]
    elif mask is True:
        present = allowed = finite
    else:
        rows = mask if isinstance(mask, (list, tuple)) or np.ndim(mask) == 3 else [mask]
        rows = [np.asarray(row, dtype=bool) for row in rows]
        rows = [row[:, None] if row.ndim == 1 else row for row in rows]
        if len(rows) != len(series) or any(len(r) < len(s) for r, s in zip(rows, series, strict=False)):
            raise InputError(
                "mask does not fit x", got=str([r.shape for r in rows][:3]), expected="the shape of x"
            )
        present = allowed = [np.broadcast_to(r[: len(s)], s.shape) for r, s in zip(rows, series, strict=True)]
    for i, (f, a) in enumerate(zip(finite, allowed, strict=True)):
        bad = a & ~f
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise InputError(
                "values are not finite",
                got=f"{int(bad.sum())} in total, first {series[i][row, column]} in variable '{names[column]}', row {row}"
                + (f", trajectory {i}" if len(series) > 1 else ""),
                expected="finite numbers, or a mask",
                do="pass mask=True to treat them as missing (--mask on the command line)",
            )  # fmt: skip
    return present


def _clocks(lengths, dt, time):
    """(one array of times per trajectory, dt or None where irregular)."""
    dt = _positive(dt)
    if time is None:
        if dt is None:
            raise InputError(
                "no sampling interval", got="neither dt nor a time column",
                do="pass dt=0.01 (--dt 0.01), in the unit in which you want exponents and periods",
            )  # fmt: skip
        return [dt * np.arange(n) for n in lengths], dt
    shared = not isinstance(time, (list, tuple)) and np.ndim(time) == 1 or np.ndim(time[0]) == 0
    clocks = [np.asarray(time)] * len(lengths) if shared else [np.asarray(t) for t in time]
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
    _agree(dt, float(np.median(found)) if found else None)
    return clocks, dt if dt is not None else (float(np.median(found)) if found else None)


def _agree(dt, found):
    dt = _positive(dt)
    if dt is not None and found is not None and abs(dt - found) > GRID_TOLERANCE * found:
        raise InputError(
            "dt contradicts the times of the data", got=f"dt = {dt:g}", expected=f"the samples are {found:g} apart",
            do="leave dt out, or drop the times",
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


def _padded(rows, size, fill=None):
    """Rows of unequal length as one array; padding is NaN, or 0 for whole numbers, unless said otherwise."""
    if all(len(row) == size for row in rows):
        return np.stack(rows)
    if fill is None:
        fill = np.nan if rows[0].dtype.kind == "f" else 0
    out = np.full((len(rows), size, *rows[0].shape[1:]), fill, dtype=rows[0].dtype)
    for target, row in zip(out, rows, strict=True):
        target[: len(row)] = row
    return out
