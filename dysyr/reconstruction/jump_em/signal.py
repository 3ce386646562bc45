"""Paths of a signal as estimators want them: flat arrays and distinct lags."""

import dataclasses

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.levels import signal_of
from dysyr.kernels.rate_pairs import count_pairs
from dysyr.reconstruction.jump_em.panel import Panel, flattened, of_times, state_names

SMALLEST_SD = 1e-3
"""Smallest standard deviation about a level, relative to that of the whole signal."""


@dataclasses.dataclass(frozen=True, eq=False)
class SignalPanel:
    """What was seen of a jump process through a signal.

    Attributes:
        values: (n_samples,) the signal, path after path, missing samples left out.
        offsets, index, lags, duration, states, dt, name: as in ``Panel``.
    """

    values: np.ndarray
    offsets: np.ndarray
    index: np.ndarray
    lags: np.ndarray
    duration: float
    states: tuple
    dt: float
    name: str

    @classmethod
    def from_data(cls, data, *, n_states, max_gap=0):
        """The panel of a data set of one variable.

        Args:
            data: Dataset, at any times.
            n_states: number of states.
            max_gap: longest run of missing samples that a pair may span; a longer one begins a new path.

        Raises:
            InputError: several variables, fewer than two states, a constant signal, or no pair of samples.
        """
        series = signal_of(data)
        values, offsets, lags, index = flattened(data, series, [np.isfinite(y) for y in series], max_gap)
        if np.ptp(values) == 0:
            raise InputError("the signal is constant", got=f"{values[0]:g} throughout", expected="levels that differ")
        states = state_names(data, n_states, 1)
        return cls(values, offsets, index, lags, states=states, **of_times(data, lags, index))

    @property
    def n_states(self):
        """Number of states."""
        return len(self.states)

    @property
    def scale(self):
        """Standard deviation of the signal."""
        return float(self.values.std())

    @property
    def smallest_sd(self):
        """Smallest standard deviation about a level."""
        return SMALLEST_SD * self.scale

    def labelled(self, labels):
        """The Panel of the same samples with the given (n_samples,) labels."""
        labels = np.asarray(labels, dtype=np.int64)
        return Panel(
            labels=labels, offsets=self.offsets, index=self.index, lags=self.lags,
            counts=count_pairs(labels, self.index, len(self.lags), self.n_states),
            first=np.bincount(labels[self.offsets[:-1]], minlength=self.n_states).astype(np.float64),
            duration=self.duration, states=self.states, dt=self.dt, name=self.name,
        )  # fmt: skip
