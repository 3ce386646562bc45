"""The dataset contract: how time series are kept, made from whatever a user has, and taken apart again.

An ``xarray.Dataset`` with dimensions ``("trajectory", "time", "state")`` and the variable ``x``; optional
``u`` (dim ``input``), ``mask`` (False = missing), ``x_true`` (before observation noise) and ``label``
(discrete states). ``time`` is in system time units; where trajectories have their own times or lengths it is
a plain index, and ``t(trajectory, time)`` and ``n_valid(trajectory)`` carry them. Samples after ``n_valid``
are padding, not missing data. ``attrs["dt"]`` is there exactly when the data are regularly sampled.
Simulated jump processes may also hold their whole paths, as ragged lists of events: :mod:`dysyr.core.jump_paths`.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import xarray as xr

from dysyr.core.calendar_time import numeric_time
from dysyr.core.conform import (
    agree,
    clocks_of,
    companion_of,
    lengths_of,
    names_of,
    padded,
    presence_of,
    series_of,
)
from dysyr.core.dataset_times import check_clock, with_missing_rows
from dysyr.core.errors import InputError, NoSamplingInterval
from dysyr.core.json_attribute import json_attribute
from dysyr.core.netcdf import DIMS, FORMAT, read_dataset, save_dataset
from dysyr.core.readers import tables_of
from dysyr.core.reading import reading_of
from dysyr.core.time_grid import fill_missing_rows, find_grid, irregularity
from dysyr.core.version import VERSION

__all__ = [
    "as_dataset", "data_hash", "inputs", "make_dataset", "parts", "read_dataset", "sampling_interval",
    "save_dataset", "times", "trajectories",
]  # fmt: skip

MANY_STATES = 10
OWN_ATTRS = ("dt", "format", "dysyr_version")


FILLED = {"x", "mask", "t", "x_true", "label"}
"""Variables that rows of missing samples can be put into."""


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
    series = series_of(x, "x")
    lengths = lengths_of(series, lengths)
    series = [s[:n] for s, n in zip(series, lengths, strict=True)]
    n_states = series[0].shape[1]
    names = names_of(names, n_states, "x")
    present = presence_of(series, mask, names)
    clocks, dt = clocks_of(lengths, dt, time)

    size = max(lengths)
    variables: dict[str, tuple] = {"x": (DIMS, padded(series, size))}
    if present is not None:
        variables["mask"] = (DIMS, padded(present, size, fill=True))
    coords = {"state": np.array(names)}
    if all(len(c) == len(clocks[0]) and np.array_equal(c, clocks[0]) for c in clocks):
        coords["time"] = clocks[0]
    else:
        coords["time"] = np.arange(size)
        variables["t"] = (DIMS[:2], padded(clocks, size))
        variables["n_valid"] = (DIMS[:1], np.array(lengths, dtype=np.int64))
    if u is not None:
        drive = companion_of(u, "u", lengths)
        variables["u"] = (("trajectory", "time", "input"), padded(drive, size))
        coords["input"] = np.array(names_of(input_names, drive[0].shape[1], "u", always_numbered=True))
    if x_true is not None:
        truth = companion_of(x_true, "x_true", lengths)
        dims = DIMS if truth[0].shape[1] == n_states else (*DIMS[:2], "state_true")
        variables["x_true"] = (dims, padded(truth, size))
    if label is not None:
        flat = all(np.ndim(row) == 0 for row in label) if isinstance(label, (list, tuple)) else np.ndim(label) <= 1
        rows = [np.atleast_1d(label)] if flat else label
        columns = companion_of([np.asarray(row)[:, None] for row in rows], "label", lengths)
        variables["label"] = (DIMS[:2], padded(columns, size)[..., 0])
    head = {"format": FORMAT, "dysyr_version": VERSION}
    if dt is not None:
        head["dt"] = dt
    return xr.Dataset(variables, coords=coords, attrs={**head, **(attrs or {})})


def as_dataset(obj, *, dt=None, time=None, columns=None, trajectory=None, mask=None, min_samples=2):
    """A Dataset from whatever a user has.

    Args:
        obj: Dataset, DataArray, DataFrame, (time,), (time, state) or (trajectory, time, state) array, list
            of arrays of unequal length, or a path (.nc .csv .tsv .txt .npy .npz .parquet).
        dt: sampling interval in system time units; needed where the object carries no times.
        time: times of the samples, or the name of the column that holds them; False where a column that is
            named like a time is none.
        columns: names of the columns to use; by default all numeric ones. For arrays: the names of the
            states.
        trajectory: name of the column of a table that tells its trajectories apart.
        mask: array like the values, False where missing; True (or "nan") to take values that are not finite
            as missing. With it, rows missing on a regular time grid become missing samples too.
        min_samples: fewest samples a trajectory may have.

    Returns:
        Dataset of the contract; ``attrs["reading"]`` keeps the names of columns that were given. Where the times are
        irregular it has no ``attrs["dt"]``, and ``sampling_interval`` refuses it.

    Raises:
        InputError: no dt, non-finite values without mask, too few samples, text columns, a probably
            transposed array.
        FormatError: a file that cannot be read.
    """
    mask = True if isinstance(mask, str) and mask == "nan" else mask
    if isinstance(obj, (list, tuple)) and any(isinstance(part, xr.Dataset) or _is_netcdf(part) for part in obj):
        raise InputError("data sets in a list", got=f"{len(obj)}", do="join them with xarray.concat along 'trajectory'")
    source = f" in '{obj}'" if isinstance(obj, (str, Path)) else ""
    if _is_netcdf(obj):
        obj = read_dataset(obj)
    if isinstance(obj, xr.Dataset):
        for name, given in (("time", time), ("trajectory", trajectory)):
            if given is not None:
                raise InputError(f"a data set has its own {name}", got=f"{given!r}"[:60], do=f"leave {name} out")
        ds = _checked(_with_columns(obj, columns), dt, mask)
    else:
        tables = tables_of(obj, dt=dt, time=time, columns=columns, trajectory=trajectory)
        ds = _from_tables(tables, dt, mask, source).assign_attrs(reading_of(obj, time, columns, trajectory))
    shortest = min(len(x) for x in trajectories(ds))
    if shortest < min_samples:
        raise InputError(
            f"too few samples{source}", got=f"{shortest} per trajectory", expected=f"at least {min_samples}"
        )
    return ds


def _is_netcdf(obj):
    return isinstance(obj, (str, Path)) and Path(obj).suffix.lower() == ".nc"


def _with_columns(ds, columns):
    """A data set with some of its variables only; all where there is no choice."""
    if columns is None or "state" not in ds.coords:
        return ds
    columns, own = [columns] if isinstance(columns, str) else list(columns), [str(n) for n in ds["state"].values]
    if not columns:
        raise InputError("no columns are chosen", got="columns=[]", expected=f"some of {', '.join(own[:20])}")
    unknown = [str(name) for name in columns if name not in own]
    if unknown:
        raise InputError("unknown columns", got=", ".join(unknown), expected=f"there are {', '.join(own[:20])}")
    chosen = ds.isel(state=[own.index(name) for name in columns])
    if "system" in ds.attrs and set(columns) < set(own):
        applied = json_attribute(ds, "observation", [])
        seen = [*applied, {"model": "PartialObservation", "states": columns}]
        chosen = chosen.assign_attrs(observation=json.dumps(seen))
    return chosen


def in_order(ds, names):
    """A data set with its variables in the order of ``names``, where those are its names; else as it is."""
    own = [str(name) for name in ds["state"].values]
    if own == list(names) or sorted(own) != sorted(names):
        return ds
    return ds.isel(state=[own.index(name) for name in names])


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
    if not grids:
        raise NoSamplingInterval("single samples have no sampling interval", expected="dt, or several samples")
    worst = max(grids, key=lambda grid: grid.largest / grid.smallest)
    source = f" in '{ds.attrs['source']}'" if "source" in ds.attrs else ""
    fix = f"resample with dysyr.resample(data, dt={worst.dt:.4g})"
    if worst.missing:
        fix = f"keep the missing samples as missing with dysyr.as_dataset(data, mask=True), or {fix}"
    raise InputError(
        "time step is not constant",
        got=irregularity(worst, source),
        expected=f"{needed_by} needs a regular grid",
        do=fix,
    )


def data_hash(ds):
    """Fingerprint of values, labels, names and times; attributes other than dt do not enter.

    Args:
        ds: Dataset.

    Returns:
        SHA-256 in hexadecimal.
    """
    digest = hashlib.sha256()
    digest.update(repr([str(name) for name in ds["state"].values]).encode())
    digest.update(repr(float(ds.attrs["dt"])).encode() if "dt" in ds.attrs else b"irregular")
    outcomes = [ds["outcome"].values.astype(float)] if "outcome" in ds else []
    for group in (trajectories(ds), inputs(ds) or [], times(ds), parts(ds)["label"] or [], outcomes):
        for array in group:
            digest.update(repr(array.shape).encode())
            digest.update(np.where(np.isnan(array), np.nan, array).tobytes())
    return digest.hexdigest()


def parts(ds):
    """What ``make_dataset`` needs to make the same data set again.

    ``make_dataset(**{**parts(ds), "x": other})`` is the data set with other values.

    Args:
        ds: Dataset.

    Returns:
        dict of its keyword arguments; per-sample parts are lists with one array per trajectory, or None.
    """
    n_valid = _valid(ds)

    def rows(name):
        return [row[:n] for row, n in zip(ds[name].values, n_valid, strict=True)] if name in ds else None

    return {
        "x": rows("x"), "dt": ds.attrs.get("dt"), "time": times(ds),
        "names": [str(name) for name in ds["state"].values], "mask": rows("mask"), "u": rows("u"),
        "input_names": [str(name) for name in ds["input"].values] if "input" in ds.coords else None,
        "x_true": rows("x_true"), "label": rows("label"),
        "attrs": {key: value for key, value in ds.attrs.items() if key not in OWN_ATTRS},
    }  # fmt: skip


def _valid(ds):
    if "n_valid" in ds:
        return [int(n) for n in ds["n_valid"].values]
    return [ds.sizes["time"]] * ds.sizes["trajectory"]


def _checked(ds, dt, mask):
    """The Dataset itself if it keeps the contract; rebuilt where it lacks dt, names, times or a mask."""
    if "x" not in ds or ds["x"].dims != DIMS:
        found = ", ".join(f"{name}{ds[name].dims}" for name in ds.data_vars) or "no variables"
        raise InputError("not a dysyr data set", got=found, expected=f"a variable x with dimensions {DIMS}")
    if ds["x"].dtype.kind not in "biuf":
        raise InputError("x does not hold real numbers", got=f"dtype {ds['x'].dtype}")
    if "time" in ds.coords and ds["time"].dtype.kind not in "biuf":
        clock = numeric_time(ds["time"].values, dt=ds.attrs.get("dt") if dt is None else dt)
        ds = ds.assign_coords(time=clock.values).assign_attrs(clock.attrs)
    _check_contract(ds)
    whole = parts(ds)
    check_clock(whole["dt"], whole["time"] if "time" in ds.coords else [])
    if mask is True and dt is None and whole["dt"] is None and set(ds.data_vars) <= FILLED | {"n_valid"}:
        filled = with_missing_rows(whole) if "time" in ds.coords or "t" in ds else whole
        if any(len(a) > len(b) for a, b in zip(filled["x"], whole["x"], strict=True)):
            return make_dataset(**{**filled, "names": whole["names"] if "state" in ds.coords else None})
    agree(dt, whole["dt"])
    present = presence_of(whole["x"], mask if whole["mask"] is None else whole["mask"], whole["names"])
    complete = {"state", "time"} <= set(ds.coords) and ds.attrs.get("format") == FORMAT
    if complete and (whole["dt"] is not None or dt is None) and (present is None or "mask" in ds):
        return ds
    whole["names"] = whole["names"] if "state" in ds.coords else None
    whole["time"] = whole["time"] if "time" in ds.coords else None
    return make_dataset(**{**whole, "dt": dt if whole["dt"] is None else whole["dt"], "mask": present})


def _check_contract(ds):
    """Refuse a data set whose parts cannot be what they are called."""
    n_valid = ds["n_valid"].values if "n_valid" in ds else np.array([ds.sizes["time"]])
    if n_valid.dtype.kind not in "iu" or n_valid.ndim != 1 or (n_valid < 1).any() or (n_valid > ds.sizes["time"]).any():
        raise InputError("n_valid holds no numbers of samples", got=str(n_valid[:5]), expected="1 to that of the times")
    names = [str(name) for name in ds["state"].values] if "state" in ds.coords else []
    if len(set(names)) < len(names) or 0 in (ds.sizes["state"], ds.sizes["trajectory"]):
        raise InputError("the variables of a data set have no names of their own", got=", ".join(names[:10]))
    agree(ds.attrs.get("dt"), None)
    for clock in times(ds) if "time" in ds.coords else []:
        if clock.dtype.kind not in "iuf" or not np.isfinite(clock).all() or not (np.diff(clock) > 0).all():
            raise InputError("the times of a data set do not increase", got=str(clock[:5]))


def _from_tables(tables, dt, mask, source):
    """A Dataset of one trajectory per table."""
    names = tables[0].names
    units = list(dict.fromkeys(table.attrs.get("time_unit") for table in tables))
    if len(units) > 1:
        raise InputError(
            "the parts of the list have times in different units",
            got=", ".join("none" if unit is None else unit for unit in units), do="give times in one unit as numbers",
        )  # fmt: skip
    if any(table.names != names for table in tables):
        raise InputError("the parts of the list have different variables", got=str([t.names for t in tables[:3]]))
    series = [table.values for table in tables]
    n_time, n_states = max(len(s) for s in series), series[0].shape[1]
    if n_states > max(n_time, MANY_STATES):
        raise InputError(
            f"more states than times{source}, the array is probably transposed",
            got=f"shape {series[0].shape}",
            expected="time runs down the rows, one column per variable",
            do="pass x.T, or build the data set with dysyr.make_dataset if this is right",
        )  # fmt: skip
    clocks = [table.time for table in tables]
    timed = all(clock is not None for clock in clocks)
    if timed and mask is True:
        series, clocks = map(list, zip(*map(fill_missing_rows, series, clocks), strict=True))
    attrs = dict(tables[0].attrs)
    return make_dataset(list(series), dt=dt, time=list(clocks) if timed else None, names=names, mask=mask, attrs=attrs)
