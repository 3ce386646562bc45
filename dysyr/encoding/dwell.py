"""Dwell times: how long a code stays in a symbol once it has entered it."""

from typing import NamedTuple

import numpy as np


class DwellTimes(NamedTuple):
    """Runs of one symbol.

    Attributes:
        complete: (n,) durations of runs whose begin and end were both seen, in time units.
        censored: (m,) durations so far of runs that a stretch's begin or end cuts off, in time units.
    """

    complete: np.ndarray
    censored: np.ndarray

    def summary(self):
        """dict: number of runs, mean, median, 10 % and 90 % quantile and longest of the complete ones (None: none)."""
        numbers = {"n_complete": len(self.complete), "n_censored": len(self.censored)}
        names = ("mean", "median", "q10", "q90", "longest")
        if len(self.complete) == 0:
            return {**numbers, **dict.fromkeys(names)}
        low, middle, high = np.quantile(self.complete, [0.1, 0.5, 0.9])
        values = (self.complete.mean(), middle, low, high, self.complete.max())
        return {**numbers, **{name: float(value) for name, value in zip(names, values, strict=True)}}


def dwell_times(stretches, n_symbols, dt):
    """Durations of the runs of each symbol.

    A run of d samples lasts d dt; sampling leaves it uncertain by one dt. Runs at the ends of stretches are kept apart:
    leaving them out makes long dwell times look rarer, the more so the shorter the stretches.

    Args:
        stretches: list of (time,) arrays of symbols.
        n_symbols: size of the alphabet.
        dt: sampling interval, time units.

    Returns:
        list of DwellTimes, one per symbol.
    """
    symbol, duration, cut = [], [], []
    for stretch in stretches:
        begin = np.r_[0, np.flatnonzero(np.diff(stretch)) + 1]
        symbol.append(stretch[begin])
        duration.append(np.diff(np.r_[begin, len(stretch)]) * dt)
        at_end = np.zeros(len(begin), dtype=bool)
        at_end[[0, -1]] = True
        cut.append(at_end)
    symbol, duration, cut = (np.concatenate(part) for part in (symbol, duration, cut))
    return [DwellTimes(duration[(symbol == s) & ~cut], duration[(symbol == s) & cut]) for s in range(n_symbols)]
