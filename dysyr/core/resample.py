"""A data set on another time grid."""

import json

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.signal import firwin, kaiserord, oaconvolve

from dysyr.core.arguments import number
from dysyr.core.counts import MOST_SAMPLES
from dysyr.core.dataset import as_dataset, make_dataset, parts, trajectories
from dysyr.core.errors import InputError

STOP_BAND_DECIBEL = 60.0
PASS_BAND = 0.8
BRIDGED_STEPS = 5.0


def resample(data, *, dt, max_gap=None):
    """The same data on a regular grid of spacing dt.

    Regular data are interpolated by a cubic spline. Before a grid is made coarser, everything above the new
    Nyquist frequency 1 / (2 dt) is removed by a linear-phase low-pass filter (60 dB; passes up to 80 % of
    it), so that nothing is aliased. Irregular data are first brought to a grid at least as fine as their
    median step by monotone cubic interpolation. Nothing is interpolated across gaps: the samples inside are
    missing in the result. Inputs are interpolated linearly, labels take the nearest sample.

    Args:
        data: whatever ``as_dataset`` takes, regular or not.
        dt: new sampling interval in system time units.
        max_gap: longest time between neighbouring samples to interpolate across; by default 1.5 steps of
            regular data, so that no missing sample is bridged, and 5 median steps of irregular data.

    Returns:
        Dataset with the trajectories' own first samples as origins; ``attrs["resampled"]`` records what was
        done.

    Raises:
        InputError: dt that is not positive, longer than half of a trajectory, or too short.
    """
    ds = as_dataset(data)
    if not number(dt) or dt <= 0:
        raise InputError("dt is not a positive number", got=repr(dt), expected="system time units")
    before = parts(ds)
    clocks, old = before["time"], before["dt"]
    median = old or float(np.median(np.concatenate([np.diff(t) for t in clocks])))
    if max_gap is None:
        max_gap = 1.5 * old if old else BRIDGED_STEPS * median
    shortest = min(t[-1] - t[0] for t in clocks)
    if dt > shortest / 2:
        raise InputError(
            "dt is too long for the data", got=f"dt = {dt:g}, a trajectory of length {shortest:g}",
            expected=f"at most {shortest / 2:g}",
        )  # fmt: skip
    longest = max(t[-1] - t[0] for t in clocks)
    if longest / MOST_SAMPLES > dt:
        raise InputError(
            "dt is too short for the data", got=f"dt = {dt:g}, a trajectory of length {longest:g}",
            expected=f"at most {MOST_SAMPLES} samples",
        )  # fmt: skip
    grids = [t[0] + dt * np.arange(int(np.floor((t[-1] - t[0]) / dt + 1e-9)) + 1) for t in clocks]
    pairs = list(zip(clocks, grids, strict=True))

    def moved(series):
        return [
            np.column_stack([_moved(t, column, grid, dt, median, max_gap, old) for column in x.T])
            for x, (t, grid) in zip(series, pairs, strict=True)
        ]

    x = moved(trajectories(ds))
    changed = {"x": x, "dt": float(dt), "time": grids, "mask": None}
    if any(np.isnan(part).any() for part in x):
        changed["mask"] = True
    if before["x_true"] is not None:
        truth = moved([np.asarray(part, dtype=np.float64) for part in before["x_true"]])
        changed["x_true"] = None if any(np.isnan(part).any() for part in truth) else truth
    if before["u"] is not None:
        changed["u"] = [
            np.column_stack([np.interp(grid, t, column) for column in u.T])
            for u, (t, grid) in zip(before["u"], pairs, strict=True)
        ]
    if before["label"] is not None:
        changed["label"] = [
            label[np.clip(np.searchsorted((t[1:] + t[:-1]) / 2, grid), 0, len(t) - 1)]
            for label, (t, grid) in zip(before["label"], pairs, strict=True)
        ]
    record = {"from": old or "irregular", "to": float(dt), "low_pass": bool(dt > median * (1 + 1e-9))}
    return make_dataset(
        **{**before, **changed, "attrs": {**before["attrs"], "resampled": json.dumps(record)}}
    )


def _moved(t, x, grid, dt, median, max_gap, old):
    """One variable on the new grid, NaN inside gaps; run by run of observed samples."""
    out = np.full(len(grid), np.nan)
    seen = np.flatnonzero(np.isfinite(x))
    if len(seen) < 2:
        return out
    cuts = np.flatnonzero(np.diff(t[seen]) > max_gap)
    for run in np.split(seen, cuts + 1):
        slack = 1e-9 * dt
        inside = (grid >= t[run[0]] - slack) & (grid <= t[run[-1]] + slack)
        if len(run) >= 2 and inside.any():
            at = np.clip(grid[inside], t[run[0]], t[run[-1]])
            out[inside] = _interpolated(t[run], x[run], at, dt, median, regular=old is not None)
    return out


def _interpolated(t, x, at, dt, median, regular):
    if regular and np.ptp(np.diff(t)) < 0.5 * median:
        step, fine_t, fine_x = median, t, x
    else:
        step = dt / np.ceil(dt / median - 1e-9) if dt > median else median
        fine_t = t[0] + step * np.arange(int(np.ceil((t[-1] - t[0]) / step - 1e-9)) + 1)
        fine_x = PchipInterpolator(t, x)(np.minimum(fine_t, t[-1]))
    if dt > step * (1 + 1e-9):
        fine_x = low_pass(fine_x, step / dt)
    if len(fine_t) < 4:
        return np.interp(at, fine_t, fine_x)
    return CubicSpline(fine_t, fine_x)(at)


def low_pass(x, cutoff):
    """Remove what oscillates faster than ``cutoff`` times the Nyquist frequency, without phase shift.

    Args:
        x: (time,) regularly sampled.
        cutoff: end of the transition band as a fraction of the Nyquist frequency of x, between 0 and 1;
            frequencies up to 80 % of it pass.

    Returns:
        (time,) array.
    """
    width = (1 - PASS_BAND) * cutoff
    taps, beta = kaiserord(STOP_BAND_DECIBEL, width)
    taps |= 1
    kernel = firwin(taps, cutoff - width / 2, window=("kaiser", beta))
    padded = np.pad(x, taps // 2, mode="reflect", reflect_type="odd")
    return oaconvolve(padded, kernel, mode="valid")
