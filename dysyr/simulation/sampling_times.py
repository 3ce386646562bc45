"""Sampling times from what a user says about them."""

import numpy as np

from dysyr.core.arguments import time_array
from dysyr.core.counts import MOST_SAMPLES
from dysyr.core.errors import InputError


def sampling_times(kind, *, n_steps=None, t_end=None, dt=None, times=None):
    """The times of the samples.

    Args:
        kind: kind of the system; the times of a map are whole numbers.
        n_steps: number of samples.
        t_end: time of the last sample, in system time units, if n_steps is not given.
        dt: sampling interval in system time units.
        times: (time,) all of them, instead of the others.

    Returns:
        array (time,), float64, ascending, in system time units.

    Raises:
        InputError: contradictory or unusable arguments.
    """
    if times is not None:
        if kind == "jump" and _one_for_each(times):
            return [_given(kind, own) for own in times]
        others = [name for name, value in (("n_steps", n_steps), ("t_end", t_end), ("dt", dt)) if value is not None]
        if others:
            raise InputError("times says all", got=f"also {', '.join(others)}", do="leave these out")
        return _given(kind, times)
    if n_steps is not None and t_end is not None:
        raise InputError("n_steps and t_end say the same", got=f"{n_steps!r} and {t_end!r}", do="give one of them")
    if not isinstance(dt, (int, float, np.number)) or isinstance(dt, bool) or not (0 < dt < np.inf):
        raise InputError("dt", got=repr(dt), expected="a time > 0 in system time units")
    if kind == "map" and dt != int(dt):
        raise InputError("dt of a map", got=repr(dt), expected="a whole number of steps")
    if n_steps is None:
        if not isinstance(t_end, (int, float, np.number)) or not 0 <= t_end < np.inf:
            raise InputError("t_end", got=repr(t_end), expected="a time >= 0 in system time units")
        if not t_end / MOST_SAMPLES < dt:
            raise InputError("t_end and dt", got=f"{t_end!r} and {dt!r}", expected=f"at most {MOST_SAMPLES} samples")
        n_steps = int(np.floor(t_end / dt * (1 + 1e-12) + 1e-9)) + 1
    if isinstance(n_steps, bool) or not isinstance(n_steps, (int, np.integer)) or n_steps < 1:
        raise InputError("n_steps", got=repr(n_steps), expected="a whole number >= 1")
    if n_steps > MOST_SAMPLES:
        raise InputError("n_steps", got=repr(n_steps), expected=f"at most {MOST_SAMPLES} samples")
    return np.arange(int(n_steps)) * float(dt)


def _one_for_each(times):
    """Whether these are times of several trajectories."""
    return not isinstance(times, np.ndarray) and np.ndim(times[0]) == 1 if len(times) else False


def _given(kind, times):
    times = time_array(times)
    if times.ndim != 1 or times.size == 0 or not np.isfinite(times).all():
        raise InputError("times", got=f"shape {times.shape}", expected="a one-dimensional array of finite numbers")
    if times[0] < 0 or (np.diff(times) <= 0).any():
        raise InputError("times", got=f"from {times[0]:g} to {times[-1]:g}", expected="ascending numbers >= 0")
    if kind == "map" and (times != np.round(times)).any():
        raise InputError("times of a map", got="fractions", expected="whole numbers of steps")
    return times
