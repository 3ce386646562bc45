"""Whether sampling times lie on a regular grid, and on which."""

import dataclasses

import numpy as np

from dysyr.core.errors import InputError

GRID_TOLERANCE = 0.02
MAX_DECIMALS = 12


@dataclasses.dataclass(frozen=True)
class TimeGrid:
    """What the sampling times of one trajectory look like.

    Attributes:
        dt: sampling interval of the grid; for irregular times the (lower) median step.
        regular: every time lies on ``t0 + k dt`` within 2 % of dt, after allowing for rounded time stamps.
        smallest: smallest step.
        largest: largest step.
        missing: number of samples that are missing on an otherwise regular grid; 0 where there is no such
            grid.
    """

    dt: float
    regular: bool
    smallest: float
    largest: float
    missing: int = 0


def find_grid(times):
    """Fit ``t[k] = t0 + k dt`` to increasing times.

    A sample may be off the grid by 2 % of dt, plus three quarters of the last decimal place of the time
    stamps as long as that place is finer than dt / 2 (a 360 Hz signal written with three decimals is
    regular; a yearly series without the year 1917 is not).

    Args:
        times: (time,) increasing, in any unit.

    Returns:
        TimeGrid.

    Raises:
        InputError: times that are not finite or do not increase.
    """
    times = np.asarray(times)
    t = times.astype(np.float64)
    if not np.isfinite(t).all():
        bad = int(np.argmin(np.isfinite(t)))
        raise InputError(
            "a sampling time is missing",
            got=f"{times[bad]} in row {bad}",
            expected="every row needs its time",
        )
    steps = np.diff(t)
    if len(steps) == 0:
        return TimeGrid(np.nan, True, np.nan, np.nan)
    if (steps <= 0).any():
        row = int(np.argmax(steps <= 0)) + 1
        raise InputError(
            "time does not increase", got=f"{t[row]:.10g} after {t[row - 1]:.10g} in row {row}",
            do="sort the rows by time and drop those that occur twice, or give several series as a list",
        )  # fmt: skip
    median = float(np.sort(steps)[(len(steps) - 1) // 2])
    place = _last_decimal_place(times, t)
    regular, dt = _fits(t, place)
    if not regular:
        dt = median
    missing = 0 if regular else _missing_samples(t, median)
    return TimeGrid(_without_rounding_noise(dt), regular, float(steps.min()), float(steps.max()), missing)


def grid_positions(times, dt):
    """Row number of each time on the grid of spacing dt that starts at the first time.

    Args:
        times: (time,) increasing.
        dt: grid spacing.

    Returns:
        (time,) int64, the nearest whole number of steps.
    """
    t = np.asarray(times, dtype=np.float64)
    return np.rint((t - t[0]) / dt).astype(np.int64)


def irregularity(grid, source=""):
    """One clause that says how the times of ``grid`` miss being regular.

    Args:
        grid: TimeGrid.
        source: where the times come from, for example ``" in 'ecg.csv'"``.

    Returns:
        str.
    """
    text = f"dt runs from {grid.smallest:.4g} to {grid.largest:.4g}{source}"
    if grid.missing:
        text += f", a grid of {grid.dt:.6g} with {grid.missing} missing samples"
    return text


def _fits(t, place):
    """(whether t lies on a grid, its dt), by least squares and the largest deviations of times and steps."""
    k = np.arange(len(t), dtype=np.float64)
    k -= k.mean()
    dt = float(k @ (t - t.mean()) / (k @ k))
    rounding = place if place <= dt / 2 else 0.0
    offset = (t - t[0]) - k * dt
    half_range = np.ptp(offset) / 2
    step_error = np.abs(np.diff(t) - dt).max()
    regular = (
        half_range <= GRID_TOLERANCE * dt + 0.75 * rounding
        and step_error <= 2 * GRID_TOLERANCE * dt + 1.01 * rounding
    )
    return bool(regular), dt


def _last_decimal_place(times, t):
    """The unit of the last decimal place the times are written with, or their floating-point spacing."""
    largest = float(np.abs(t).max())
    if times.dtype == np.float32:
        return float(np.spacing(np.float32(largest)))
    probe = t[:: max(len(t) // 1000, 1)]
    spacing = 4 * np.spacing(largest)
    for decimals in range(MAX_DECIMALS + 1):
        if np.abs(np.round(probe, decimals) - probe).max() <= spacing:
            return 10.0**-decimals
    return float(spacing)


def _missing_samples(t, dt):
    """Samples missing on the grid of spacing dt if all present ones lie on it; else 0."""
    steps = np.diff(t) / dt
    whole = np.rint(steps)
    if (whole < 1).any() or np.abs(steps - whole).max() > 2 * GRID_TOLERANCE:
        return 0
    return int(whole.sum() - len(whole))


def _without_rounding_noise(dt):
    return float(f"{dt:.12g}")


def fill_missing_rows(values, times):
    """Put rows of NaN where samples are missing on a regular grid.

    Args:
        values: (time, state).
        times: (time,) increasing.

    Returns:
        (values, times) with the missing rows, values then in float64; unchanged where there is no such grid.
    """
    grid = find_grid(times)
    if grid.regular or not grid.missing:
        return values, times
    at = grid_positions(times, grid.dt)
    filled = np.full((at[-1] + 1, values.shape[1]), np.nan)
    filled[at] = values
    return filled, times[0] + grid.dt * np.arange(len(filled))
