"""Dates and durations as numbers with a unit."""

import dataclasses

import numpy as np
import pandas as pd

from dysyr.core.errors import InputError

ZONE = r"\d[T ]\d.*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)\s*$"
"""What ends in a time zone, after a time of day."""
UNITS = (("s", 1.0, 60.0), ("min", 60.0, 3600.0), ("h", 3600.0, 86400.0), ("d", 86400.0, np.inf))


@dataclasses.dataclass(frozen=True, eq=False)
class NumericTime:
    """Sampling times as numbers.

    Attributes:
        values: (time,) float64 or the numbers as they were.
        attrs: ``time_unit`` and, for dates, ``time_origin`` (ISO date of time 0); empty for plain numbers.
    """

    values: np.ndarray
    attrs: dict


def is_calendar(times):
    """Whether the times are dates or durations rather than numbers."""
    return np.asarray(times).dtype.kind in "mM"


def numeric_time(times, *, label="time", dt=None, source=""):
    """Sampling times as numbers.

    Dates become seconds, minutes, hours or days since the first sample, whichever is the largest unit not
    above the median step. Dates on the same day of the month (or on its last day) a fixed number of months
    apart become years, so that monthly and yearly series are regular. With ``dt`` the median step is dt,
    which sets the unit.

    Args:
        times: (time,) numbers, dates, durations, or text that holds dates.
        label: name of the column, for messages.
        dt: the user's sampling interval, or None.
        source: where the times come from, for messages.

    Returns:
        NumericTime.

    Raises:
        InputError: text that is no date, dates of which some name a time zone and some do not, or missing times.
    """
    if isinstance(times, pd.PeriodIndex):
        times = times.to_timestamp()
    times = np.asarray(times)
    if times.dtype.kind == "O":
        times = _of_objects(times, label, source)
    if times.dtype.kind in "biuf":
        return NumericTime(times, {})
    if times.dtype.kind not in "mM":
        times = _parsed(times, label, source)
        if times.dtype.kind in "biuf":
            return NumericTime(times, {})
    if pd.isna(times).any():
        raise _missing(times, label, source)
    if times.dtype.kind == "m":
        origin, seconds = None, times / np.timedelta64(1, "ns") * 1e-9
    else:
        origin = pd.Timestamp(times[0]).isoformat()
        seconds = (times - times[0]) / np.timedelta64(1, "ns") * 1e-9
        months = _months(pd.DatetimeIndex(times))
        if months is not None:
            return _in_unit(months / 12.0, "year", origin, dt)
    step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 1.0
    for unit, size, up_to in UNITS:
        if step < up_to:
            return _in_unit(seconds / size, unit, origin, dt)
    raise InputError(f"times in column '{label}'{source} have no finite step", got=str(step))


def _of_objects(times, label, source):
    """Python's and pandas' dates and durations as arrays of NumPy's, those with a zone in UTC; others as they are."""
    kind = pd.api.types.infer_dtype(times, skipna=True)
    if kind == "timedelta":
        return pd.to_timedelta(pd.Series(times)).to_numpy()
    if kind == "period":
        return pd.PeriodIndex(times).to_timestamp().to_numpy()
    if kind not in ("datetime", "datetime64", "date"):
        return times
    if pd.isna(times).any():
        raise _missing(times, label, source)
    zoned = np.array([getattr(one, "tzinfo", None) is not None for one in times])
    if zoned.any() and not zoned.all():
        row = int(np.argmax(zoned != zoned[0]))
        raise _mixed_zones(label, source, times[0], times[row], row)
    return pd.to_datetime(pd.Series(times), utc=True).dt.tz_convert(None).to_numpy()


def _missing(times, label, source):
    return InputError(f"a time is missing in column '{label}'{source}", got=f"row {int(np.argmax(pd.isna(times)))}")


def _mixed_zones(label, source, first, other, row):
    return InputError(
        f"column '{label}'{source} holds times with a time zone and times without one",
        got=f"'{first}' in data row 1, '{other}' in data row {row + 1}",
        do="write all of them with their zone, or none",
    )  # fmt: skip


def _parsed(times, label, source):
    try:
        numbers = pd.to_numeric(pd.Series(times), errors="coerce")
    except OverflowError as error:
        raise InputError(f"column '{label}'{source} holds a time that is too large for a float") from error
    if numbers.notna().all():
        return numbers.to_numpy()
    text = pd.Series(times).astype(str)
    dates = pd.to_datetime(text, errors="coerce", format="ISO8601", utc=True)
    if dates.isna().any():
        odd = numbers.isna() if numbers.notna().mean() > 0.5 else dates.isna()
        row = int(np.argmax(odd.to_numpy()))
        raise InputError(
            f"column '{label}'{source} holds times that cannot be read",
            got=f"'{text.iloc[row]}' in data row {row + 1}",
            expected="numbers, or dates such as 2024-03-31 or 2024-03-31T12:00:00",
            do="convert them with pandas.to_datetime, or pass dt and time=False",
        )  # fmt: skip
    zoned = text.str.contains(ZONE)
    if zoned.any() and not zoned.all():
        row = int(np.argmax((zoned != zoned.iloc[0]).to_numpy()))
        raise _mixed_zones(label, source, text.iloc[0], text.iloc[row], row)
    return dates.dt.tz_convert(None).to_numpy()


def _months(dates):
    """Months since the first date if all dates are on one day of the month and increase; else None."""
    one_day = (dates.day == dates.day[0]).all() or dates.is_month_end.all()
    if not one_day or len(dates) < 2 or not (dates.normalize() == dates).all():
        return None
    months = (dates.year * 12 + dates.month).to_numpy(dtype=np.float64)
    months -= months[0]
    return months if (np.diff(months) > 0).all() else None


def _in_unit(values, unit, origin, dt):
    attrs = {"time_unit": unit}
    if origin is not None:
        attrs["time_origin"] = origin
    if dt is not None and len(values) > 1:
        step = float(np.median(np.diff(values)))
        if step > 0:
            values, attrs["time_unit"] = values * (float(dt) / step), f"{step / float(dt):g} {unit}"
    return NumericTime(values, attrs)
