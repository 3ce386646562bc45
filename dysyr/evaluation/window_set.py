"""Complete windows of a data set and the series that each comes from, so that tests can be split by series."""

import dataclasses

import numpy as np

from dysyr.core.dataset import trajectories
from dysyr.core.errors import InputError
from dysyr.core.segments import complete_starts

N_SERIES = 40
"""A record of fewer trajectories is cut into about this many blocks, which count as series."""
MAX_WINDOWS = 4000


@dataclasses.dataclass(frozen=True, eq=False)
class WindowSet:
    """Windows and where they come from.

    Attributes:
        x: (window, time, variable) complete windows in data units.
        series: (window,) int, equal for windows of the same series; windows of different series share no sample.
    """

    x: np.ndarray
    series: np.ndarray

    @classmethod
    def from_data(cls, data, length, *, seed=0):
        """Complete windows of a Dataset, at most 4000, drawn evenly.

        Trajectories are series. Fewer than 40 of them are cut into blocks of at least twice the length of a window, and
        no window crosses the end of a block.

        Args:
            data: Dataset.
            length: samples of a window.
            seed: chooses windows where there are too many.

        Raises:
            InputError: fewer than 8 series with a complete window.
        """
        rows = trajectories(data)
        block = max(map(len, rows))
        if len(rows) < N_SERIES:
            block = max(2 * length, -(-sum(map(len, rows)) // N_SERIES))
        places, series, count = [], [], 0
        for i, x in enumerate(rows):
            for start in range(0, len(x) - length + 1, block):
                begins = start + complete_starts(x[start : start + block], length)
                places.append(np.column_stack([np.full(len(begins), i), begins]))
                series.append(np.full(len(begins), count))
                count += len(begins) > 0
        if count < 8:
            raise InputError(
                "too few series to tell apart what was seen in training", got=f"{count} with a complete window",
                expected=f"at least 8 trajectories or blocks of {2 * length} samples, each with {length} that follow "
                "one another and miss nothing",
                do="give a longer truth, or one with fewer gaps, or choose a shorter window",
            )  # fmt: skip
        places, series = np.concatenate(places), np.concatenate(series)
        if len(places) > MAX_WINDOWS:
            kept = np.sort(np.random.default_rng([seed, 0x736574]).permutation(len(places))[:MAX_WINDOWS])
            places, series = places[kept], series[kept]
        return cls(np.stack([rows[i][at : at + length] for i, at in places]), series)

    def parted(self, share, rng):
        """(one, other): two WindowSets that share no series; about ``share`` of the series are in the other."""
        names = np.unique(self.series)
        n_other = min(max(round(share * len(names)), 1), len(names) - 1)
        other = np.isin(self.series, rng.permutation(names)[:n_other])
        return WindowSet(self.x[~other], self.series[~other]), WindowSet(self.x[other], self.series[other])


def window_controls(windows, seed):
    """Windows that share something with the truth but not its dynamics.

    * ``time_shuffled``: the samples of each window in random order;
    * ``gaussian``: independent normal numbers with mean and standard deviation of each variable;
    * ``autoregression``: a linear vector autoregression of order one, fitted to the windows, from first samples of
      windows, driven by normal noise with the covariance of its residuals.

    Args:
        windows: (window, time, variable), finite.
        seed: chooses them.

    Returns:
        dict name -> (window, time, variable).
    """
    rng = np.random.default_rng([seed, 0x77636F])
    n, n_times, n_variables = windows.shape
    order = np.argsort(rng.random((n, n_times)), axis=1)
    before, after = windows[:, :-1].reshape(-1, n_variables), windows[:, 1:].reshape(-1, n_variables)
    design = np.column_stack([before, np.ones(len(before))])
    weights = np.linalg.lstsq(design, after, rcond=None)[0]
    left = after - design @ weights
    values, vectors = np.linalg.eigh(left.T @ left / len(left))
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    run = np.empty_like(windows)
    run[:, 0] = windows[rng.integers(0, n, n), 0]
    for t in range(1, n_times):
        run[:, t] = run[:, t - 1] @ weights[:-1] + weights[-1] + rng.normal(size=(n, n_variables)) @ root
    return {
        "time_shuffled": np.take_along_axis(windows, order[:, :, None], axis=1),
        "gaussian": windows.mean(axis=(0, 1)) + windows.std(axis=(0, 1)) * rng.normal(size=windows.shape),
        "autoregression": run,
    }
