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


def run_starts(stretch):
    """Indices at which the runs of one symbol begin in a (time,) array of symbols."""
    return np.r_[0, np.flatnonzero(np.diff(stretch)) + 1]


def complete_runs(n_runs):
    """(n_runs,) bool, whether begin and end of each run of a stretch were seen: not of the first and the last."""
    whole = np.ones(n_runs, dtype=bool)
    whole[[0, -1]] = False
    return whole


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
    begins = [run_starts(stretch) for stretch in stretches]
    durations = [np.diff(b, append=len(s)) * dt for b, s in zip(begins, stretches, strict=True)]
    return dwell_times_of_runs([s[b] for b, s in zip(begins, stretches, strict=True)], durations, n_symbols)


def dwell_times_of_runs(stretches, durations, n_symbols):
    """The same where each entry of a stretch is a run already, with its duration.

    Args:
        stretches: list of (n_runs,) arrays of symbols.
        durations: list of (n_runs,) durations, time units.
        n_symbols: size of the alphabet.

    Returns:
        list of DwellTimes, one per symbol.
    """
    symbol, duration = np.concatenate(stretches), np.concatenate(durations)
    cut = ~np.concatenate([complete_runs(len(stretch)) for stretch in stretches])
    return [DwellTimes(duration[(symbol == s) & ~cut], duration[(symbol == s) & cut]) for s in range(n_symbols)]
