"""Data as the training of the PLRNN family wants them: smoothed, standardised, with what free runs are compared to."""

import dataclasses

import numpy as np

from dysyr.core.dataset import inputs, trajectories
from dysyr.core.scaler import Scaler
from dysyr.core.smoothing import remaining_noise, smooth, smoothing_window
from dysyr.reconstruction.plrnn.long_run import LongRun


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """Data as training wants them.

    Attributes:
        train: training data, smoothed.
        held: validation data, smoothed.
        raw: validation data as measured.
        scaler: Scaler of the variables.
        input_scaler: Scaler of the inputs, or None.
        series: list of (time, N) standardised training trajectories.
        drives: list of (time, K) standardised inputs, or None.
        smoothing: smoothing window per variable.
        noise: (N,) noise that smoothing leaves, in standard deviations.
        long_run: LongRun; None where runs cannot be free, or the data are too short to compare runs with.
    """

    train: object
    held: object
    raw: object
    scaler: Scaler
    input_scaler: Scaler | None
    series: list
    drives: list | None
    smoothing: list
    noise: np.ndarray
    long_run: LongRun | None

    @classmethod
    def from_data(cls, train, raw, smoothing):
        """The task of fitting ``train`` and validating on ``raw``; smoothing as in the constructor."""
        series = trajectories(train)
        if smoothing == "auto":
            smoothing = smoothing_window(series)
        else:
            smoothing = [smoothing or 1] * series[0].shape[1]
        left = remaining_noise(series, smoothing)
        train, held = _smoothed(train, smoothing), _smoothed(raw, smoothing)
        scaler = Scaler.from_data(trajectories(train), tuple(str(name) for name in train["state"].values))
        drives, input_scaler = inputs(train), None
        if drives is not None:
            input_scaler = Scaler.from_data(drives, [str(name) for name in train["input"].values])
            drives = [input_scaler.transform(u) for u in drives]
        standardised = [scaler.transform(x) for x in trajectories(train)]
        long_run = LongRun.from_series(standardised) if drives is None else None
        noise = left / scaler.sd
        return cls(train, held, raw, scaler, input_scaler, standardised, drives, smoothing, noise, long_run)

    @property
    def is_flow(self):
        """Whether the data are samples of a smooth curve without external inputs."""
        return self.drives is None and any(window > 1 for window in self.smoothing)


def _smoothed(data, smoothing):
    """A data set with each trajectory smoothed."""
    if all(window == 1 for window in smoothing):
        return data
    values = data["x"].values.astype(np.float64)
    for i, x in enumerate(trajectories(data)):
        values[i, : len(x)] = np.where(np.isfinite(x), smooth(x, smoothing), values[i, : len(x)])
    return data.assign(x=(data["x"].dims, values))
