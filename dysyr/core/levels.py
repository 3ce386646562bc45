"""Signals that show the state of a jump process by their level, such as the current through a channel."""

import dataclasses

import numpy as np

from dysyr.core.dataset import trajectories
from dysyr.core.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class NormalLevels:
    """In state s the signal is normal about a level of its own: y ~ N(m_s, sd_s^2), independent at each sample.

    Attributes:
        means: (state,) levels, in units of the signal.
        sds: (state,) standard deviations about them, positive.
    """

    means: np.ndarray
    sds: np.ndarray

    def log_densities(self, y):
        """Logarithms of the density of each sample in each state.

        Args:
            y: (time,) signal, NaN where missing.

        Returns:
            (time, state); zero where the sample is missing, which says nothing.
        """
        z = (np.asarray(y, dtype=np.float64)[:, None] - self.means) / self.sds
        return np.where(np.isnan(z), 0.0, -0.5 * z**2 - np.log(self.sds) - 0.5 * np.log(2 * np.pi))

    def drawn(self, states, rng):
        """A signal of given states (any shape)."""
        return self.means[states] + self.sds[states] * rng.standard_normal(np.shape(states))


def signal_of(ds):
    """The signal of a data set: its only variable.

    Args:
        ds: Dataset.

    Returns:
        list of (time,) float64 arrays, one per trajectory, NaN where a sample is missing.

    Raises:
        InputError: several variables.
    """
    if ds.sizes["state"] != 1:
        raise InputError(
            "levels are those of one signal", got=f"{ds.sizes['state']} variables", expected="one",
            do="choose one of them with dysyr.observe(data, observe=...)",
        )  # fmt: skip
    return [x[:, 0] for x in trajectories(ds)]
