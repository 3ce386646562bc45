"""Training data as one long array of rows, and the rows at which a window may start."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """All trajectories one after the other, standardised, and where windows may start.

    Attributes:
        data: (total, N) float32, zero where missing.
        observed: (total, N) float32, 1 where there is a value, else 0.
        drive: (total, K) float32 inputs.
        starts: rows at which a window of ``length`` samples fits within one trajectory and begins observed.
        length: samples per window.
    """

    data: np.ndarray
    observed: np.ndarray
    drive: np.ndarray
    starts: np.ndarray
    length: int

    @classmethod
    def from_trajectories(cls, series, drives, length):
        """Windows over trajectories; shorter trajectories are filled up with missing samples.

        Args:
            series: list of (time, N) standardised arrays, NaN where missing.
            drives: list of (time, K) standardised arrays, or None.
            length: samples per window.
        """
        rows, inputs, starts, at = [], [], [], 0
        for i, x in enumerate(series):
            u = np.zeros((len(x), 0)) if drives is None else drives[i]
            short = max(0, length - len(x))
            rows.append(np.pad(x, ((0, short), (0, 0)), constant_values=np.nan))
            inputs.append(np.pad(u, ((0, short), (0, 0))))
            size = len(x) + short
            last = size - length
            begins = np.arange(last + 1)
            begins = begins[np.isfinite(rows[-1][: last + 1]).any(axis=1)]
            weight = np.concatenate([[0], np.cumsum(np.isfinite(rows[-1]).any(axis=1))])
            begins = begins[weight[begins + length] - weight[begins + 1] > 0]
            starts.append(at + begins)
            at += size
        stacked = np.concatenate(rows)
        observed = np.isfinite(stacked)
        return cls(
            data=np.where(observed, stacked, 0.0).astype(np.float32),
            observed=observed.astype(np.float32),
            drive=np.concatenate(inputs).astype(np.float32),
            starts=np.concatenate(starts),
            length=length,
        )
