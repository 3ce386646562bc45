"""Frames, arrays and files read as tables: columns with names, and times where there are any."""

import dataclasses
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from dysyr.core.calendar_time import numeric_time
from dysyr.core.conform import series_of
from dysyr.core.errors import FormatError, InputError
from dysyr.core.text_table import TEXT_SUFFIXES, read_text, time_column

SUFFIXES = (".nc", *TEXT_SUFFIXES, ".npy", ".npz", ".parquet")
TIME_KEYS = ("time", "t")
CALENDARS = (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex)
ARCHIVE_ERRORS = (
    OSError, ValueError, EOFError, KeyError, MemoryError, OverflowError, RuntimeError, SyntaxError, TypeError,
    struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What NumPy and zipfile raise over damaged files."""


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """One trajectory as it came in.

    Attributes:
        values: (time, state) numbers.
        names: list of column names, or None.
        time: (time,) sampling times, or None.
        attrs: what is worth keeping beside the values (source, time_unit, time_origin).
    """

    values: np.ndarray
    names: list | None
    time: np.ndarray | None
    attrs: dict


def tables_of(obj, *, dt=None, time=None, columns=None, trajectory=None):
    """One table per trajectory.

    Args:
        obj: array, DataArray, DataFrame, path, or a list of such things.
        dt: the user's sampling interval; it sets the time unit where the times are dates.
        time: times, name of the time column, False for no times, or None to find out.
        columns: names of the columns to use.
        trajectory: name of the column that tells trajectories apart, or None for a single one.

    Returns:
        list of Table.

    Raises:
        InputError: text columns, unknown columns, no numbers.
        FormatError: a file that cannot be read.
    """
    if isinstance(columns, str):
        columns = [columns]
    if (
        isinstance(obj, (list, tuple))
        and len(obj)
        and isinstance(obj[0], (str, Path, pd.DataFrame, xr.DataArray))
    ):
        several = _several_times(time, len(obj))
        return [
            t for part, own in zip(obj, several, strict=True)
            for t in tables_of(part, dt=dt, time=own, columns=columns, trajectory=trajectory)
        ]  # fmt: skip
    if isinstance(obj, (str, Path)):
        return _from_path(Path(obj), dt, time, columns, trajectory)
    if isinstance(obj, pd.Series):
        obj = obj.to_frame()
    if isinstance(obj, pd.DataFrame):
        return _from_frame(obj, dt, time, columns, trajectory, {})
    if trajectory is not None:
        raise _no_columns(trajectory)
    if isinstance(obj, xr.DataArray):
        return _from_data_array(obj, dt, time, columns)
    if obj is None or isinstance(obj, (dict, set, int, float)):
        raise InputError(
            "not a time series", got=type(obj).__name__,
            expected="a Dataset, DataArray, DataFrame, array, list of arrays, or path",
        )  # fmt: skip
    if isinstance(obj, (list, tuple)) and len(obj) and isinstance(obj[0], pd.Series):
        obj = [part.to_numpy() for part in obj]
    if isinstance(obj, (list, tuple)) and len(obj) and not isinstance(obj[0], np.ndarray):
        obj = _nested(obj)
    return _from_arrays(obj, dt, time, columns, {})


def _from_arrays(x, dt, time, columns, attrs):
    if isinstance(time, str):
        raise InputError(
            "an array has no column names", got=f"time='{time}'", do="pass time=x[:, k] and x without it"
        )
    series = series_of(x, "data" + (f" in '{attrs['source']}'" if attrs else ""))
    clocks = _several_times(None if time is False else time, len(series))
    tables = []
    for values, clock in zip(series, clocks, strict=True):
        if clock is None:
            tables.append(Table(values, columns, None, attrs))
        else:
            converted = numeric_time(clock, dt=dt, source=_where(attrs))
            tables.append(Table(values, columns, converted.values, attrs | converted.attrs))
    return tables


def _nested(rows):
    """Plain nested lists as one array where they are rectangular."""
    rectangular = len({np.shape(row) for row in rows}) == 1
    return np.asarray(rows) if rectangular else rows


def _several_times(time, count):
    """One time argument per trajectory."""
    if time is None or time is False or isinstance(time, str):
        return [time] * count
    time = time.to_numpy() if isinstance(time, (pd.Series, pd.Index)) else time
    if np.isscalar(time) or len(time) == 0:
        raise InputError("time is no array of times", got=repr(time)[:60], expected="one time for each sample")
    if np.ndim(time[0]) == 0:
        return [time] * count
    if len(time) != count:
        raise InputError(
            "time does not fit the data", got=f"{len(time)} arrays of times", expected=f"{count}"
        )
    return list(time)


def _from_data_array(array, dt, time, columns):
    """Tables of a DataArray. Beside "time" a single other dimension, whatever its name, is that of the states; of three
    the one before it is that of the trajectories."""
    others = [d for d in array.dims if d not in ("trajectory", "time", "state")]
    if "time" in array.dims and others and array.ndim != 2 and array.dims.index("time") != 1:
        raise InputError(
            "a DataArray has dimensions that are neither time nor states", got=", ".join(map(str, array.dims)),
            expected="(trajectory, time, state)", do="rename or stack them",
        )  # fmt: skip
    if "time" in array.dims and others and array.ndim == 2:
        array = array.drop_vars("state", errors="ignore").rename({others[0]: "state"})
    dims = [d for d in ("trajectory", "time", "state") if d in array.dims]
    if len(dims) > 1 and set(dims) == set(array.dims):
        array = array.transpose(*dims)
    if "state" in array.dims and "state" in array.coords:
        own = [str(name) for name in array["state"].values]
        renamed = columns is not None and len(columns) == len(own) and not set(columns) & set(own)
        if columns is not None and not renamed:
            array = array.isel(state=[own.index(name) for name in _known(columns, own, "")])
        columns = own if columns is None else list(columns)
    if time is None and "time" in array.coords and array["time"].ndim == 1:
        time = array["time"].values
    return _from_arrays(array.values, dt, time, columns, {})


def _no_columns(trajectory):
    """The error over data without columns in which one is to tell trajectories apart."""
    return InputError(
        "only tables have a column that tells trajectories apart", got=f"trajectory='{trajectory}'",
        do="pass a list with one array for each trajectory",
    )  # fmt: skip


def _from_frame(frame, dt, time, columns, trajectory, attrs):
    """Tables of a DataFrame: one, or one for each value of a column, in the order in which they first occur."""
    source = _where(attrs)
    if frame.empty:
        raise InputError("data is empty" + source, got=f"{len(frame)} rows, {frame.shape[1]} columns")
    _refuse_levels(frame, source)
    frame = frame.rename(columns=str)
    if trajectory is None:
        return [_table(frame, dt, time, columns, source, attrs)]
    trajectory = str(trajectory)
    numbers, owners = pd.factorize(frame[_known([trajectory], list(frame.columns), source)[0]])
    if (numbers < 0).any():
        raise InputError(
            f"column '{trajectory}'{source} does not say to which trajectory each row belongs",
            got=f"an empty cell in data row {int(np.argmax(numbers < 0)) + 1}",
        )  # fmt: skip
    order = np.argsort(numbers, kind="stable")
    frame = frame.drop(columns=trajectory)
    clocks = time if time is None or time is False or isinstance(time, str) else np.asarray(time)
    return [
        _table(frame.iloc[rows], dt, clocks[rows] if isinstance(clocks, np.ndarray) else clocks, columns,
               f"{source} ({trajectory} {name})", attrs)
        for name, rows in zip(owners, np.split(order, np.cumsum(np.bincount(numbers))[:-1]), strict=True)
    ]  # fmt: skip


def _table(frame, dt, time, columns, source, attrs):
    """Table of a frame of one trajectory, its times from a column, its index or the argument."""
    clock, label = None, None
    if time is None or isinstance(time, str):
        label = time_column(frame, time, source)
        if label is not None:
            clock = frame[label].to_numpy()
            frame = frame.drop(columns=label)
        elif isinstance(frame.index, CALENDARS) or frame.index.name in TIME_KEYS:
            periods = isinstance(frame.index, pd.PeriodIndex)
            clock, label = frame.index if periods else frame.index.to_numpy(), frame.index.name or "the index"
    elif time is not False:
        clock, label = np.asarray(time), "time"
    if not frame.shape[1]:
        raise InputError("no series" + source, got=f"only the times '{label}'", expected="a column beside them")
    frame = _without_row_numbers(frame)
    frame = _chosen(frame, columns, source)
    attrs = dict(attrs)
    if clock is not None:
        converted = numeric_time(clock, label=label, dt=dt, source=source)
        clock = converted.values
        attrs |= converted.attrs
    return Table(_numbers(frame, source), list(frame.columns), clock, attrs)


def _refuse_levels(frame, source):
    """Refuse a MultiIndex: rows may belong to several trajectories, columns have no single names."""
    if frame.index.nlevels > 1:
        raise InputError(
            "rows have an index of several levels" + source, got=", ".join(map(str, frame.index.names)),
            do=f"pass frame.reset_index() and, if it tells trajectories apart, trajectory={frame.index.names[0]!r}",
        )  # fmt: skip
    if frame.columns.nlevels > 1:
        raise InputError(
            "columns have names of several levels" + source, got=str(frame.columns[0]), expected="one name for each",
            do="rename them: frame.columns = ['_'.join(map(str, name)) for name in frame.columns]",
        )  # fmt: skip


def _without_row_numbers(frame):
    """The frame without a nameless first column that merely counts the rows."""
    first = frame.columns[0]
    if frame.shape[1] > 1 and (first == "" or first.startswith("Unnamed:")):
        counted = pd.to_numeric(frame[first], errors="coerce").to_numpy()
        if np.array_equal(np.diff(counted), np.ones(len(frame) - 1)):
            return frame.drop(columns=first)
    return frame


def _chosen(frame, columns, source):
    if columns is None:
        return frame
    return frame[_known(columns, list(frame.columns), source)]


def _known(columns, there, source):
    """The columns as a list, all of which are there."""
    unknown = [str(name) for name in columns if name not in there]
    if unknown:
        raise InputError(
            f"unknown columns{source}", got=", ".join(unknown), expected=f"there are {', '.join(there[:20])}"
        )
    return list(columns)


def _numbers(frame, source):
    """(time, state) numbers of a frame; whole numbers stay whole."""
    for name, column in frame.items():
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column):
            continue
        what = _no_number(column)
        if what is not None:
            others = [other for other in frame.columns if other != name]
            raise InputError(
                f"column '{name}'{source} holds {what}", expected="numbers",
                do=f"choose columns={others} (--columns)" if others else "give a column of numbers",
            )  # fmt: skip
        try:
            numbers = pd.to_numeric(column, errors="coerce")
        except OverflowError as error:
            raise InputError(f"column '{name}'{source} holds a number that is too large for a float") from error
        odd = numbers.isna() & column.notna()
        if odd.any():
            row = int(np.argmax(odd.to_numpy()))
            few = int(odd.sum()) < len(column) // 2
            others = [other for other in frame.columns if other != name]
            raise InputError(
                f"column '{name}'{source} holds text", got=f"'{column.iloc[row]}' in data row {row + 1}",
                expected="numbers",
                do="correct this cell or leave it empty" if few else f"choose columns={others} (--columns)" if others
                else "write numbers, for names of states 0, 1, 2, ...",
            )  # fmt: skip
    if all(_fits_int64(column) for _, column in frame.items()):
        return frame.to_numpy(dtype=np.int64)
    return frame.apply(pd.to_numeric).to_numpy(dtype=np.float64, na_value=np.nan)


def _no_number(column):
    """What a column holds that is no number although it could be made one; None for all else."""
    types = pd.api.types
    if types.is_complex_dtype(column):
        return "complex numbers"
    dates = types.is_datetime64_any_dtype(column) or isinstance(column.dtype, pd.PeriodDtype)
    return "dates" if dates else "durations" if types.is_timedelta64_dtype(column) else None


def _fits_int64(column):
    """Whether a column holds whole numbers without gaps that int64 can hold."""
    whole = pd.api.types.is_integer_dtype(column) and not column.isna().any()
    return whole and not (column > np.iinfo(np.int64).max).any()


def _from_path(path, dt, time, columns, trajectory):
    if not path.is_file():
        raise InputError("no such file", got=f"'{path}'")
    suffix = path.suffix.lower()
    attrs = {"source": path.name}
    if path.stat().st_size == 0:
        raise FormatError("the file is empty", got=f"'{path}'")
    if suffix == ".dat" and zipfile.is_zipfile(path):
        suffix = ".npz"
    if suffix in TEXT_SUFFIXES:
        return _from_frame(read_text(path), dt, time, columns, trajectory, attrs)
    if suffix == ".parquet":
        return _from_frame(read_parquet(path), dt, time, columns, trajectory, attrs)
    if suffix in (".npy", ".npz"):
        if trajectory is not None:
            raise _no_columns(trajectory)
        return _from_numpy_file(path, dt, time, columns, attrs)
    raise InputError(
        f"unknown kind of file '{path}'", got=suffix or "no suffix", expected=f"one of {', '.join(SUFFIXES)}"
    )


def read_parquet(path):
    """Read a Parquet file.

    Args:
        path: of the file.

    Returns:
        DataFrame.

    Raises:
        FormatError: damaged files.
        InputError: pyarrow is not installed.
    """
    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise InputError(
            f"cannot read '{path}'", got="pyarrow is not installed", do="pip install 'dysyr[parquet]'"
        ) from error
    except Exception as error:  # pandas raises errors of any class over what a damaged file says of its columns
        got = f"{type(error).__name__}: {error}".splitlines()[0]
        raise FormatError(f"cannot read '{path}' as Parquet", got=got) from error


def _from_numpy_file(path, dt, time, columns, attrs):
    """Tables of a .npy array, or of a .npz archive with one series and, perhaps, its times.

    In an archive the series is the array called x or data, or the only array that is no time; object arrays
    are never unpickled.
    """
    with open(path, "rb") as opened:
        magic = opened.read(6)
    if not magic.startswith(b"\x93NUMPY") and not zipfile.is_zipfile(path):
        raise FormatError(f"'{path}' is not a NumPy file, or damaged", got=f"it begins with {magic!r}")
    try:
        with open(path, "rb") as opened:
            loaded = np.load(opened, allow_pickle=False)
            arrays = loaded if isinstance(loaded, np.ndarray) else {key: loaded[key] for key in loaded}
    except ARCHIVE_ERRORS as error:
        raise FormatError(
            f"cannot read '{path}' as a NumPy file",
            got=str(error).splitlines()[0] if str(error) else type(error).__name__,
            expected="plain numeric arrays",
        ) from error  # fmt: skip
    if isinstance(arrays, np.ndarray):
        return _from_arrays(arrays, dt, time, columns, attrs)
    clocks = [key for key in arrays if key.lower() in TIME_KEYS]
    series = [key for key in arrays if key not in clocks and arrays[key].ndim > 0]
    chosen = [key for key in ("x", "data") if key in series] or series
    if isinstance(time, str) and time not in arrays:
        raise InputError(f"no array '{time}' in '{path}'", got=", ".join(arrays))
    if isinstance(time, str):
        time = arrays[time]
    elif time is None and clocks:
        time = arrays[clocks[0]]
    if len(series) != 1 and chosen == series:
        raise InputError(
            f"several arrays in '{path}'" if series else f"no series in '{path}'",
            got=", ".join(arrays) or "nothing",
            expected="one array, or one called x", do="load it with numpy and pass the array",
        )  # fmt: skip
    x = arrays[chosen[0]]
    if columns is None and x.ndim == 1:
        columns = [chosen[0]]
    return _from_arrays(x, dt, time, columns, attrs)


def _where(attrs):
    return f" in '{attrs['source']}'" if "source" in attrs else ""
