"""The model that JumpEM leaves behind: a rate matrix and where paths begin."""

import numpy as np

from dysyr.core.errors import FormatError
from dysyr.core.rate_matrix import checked_rate_matrix
from dysyr.core.rate_model import RateModel


class JumpModel(RateModel):
    """A fitted jump process.

    Args:
        rate_matrix: (state, state) rates in 1/time, rows sum to zero.
        initial_distribution: (state,).
        rate_stderr: (state, state) standard errors, infinite where the data say nothing.
        states: names of the states.
        dt: sampling interval in time units; the median one of irregular data.
        name: name of the observed variable.
        label_noise: probability that a label is not that of the true state.
        label_noise_stderr: its standard error; 0 where it was given.
    """

    family = "jump"
    reference = "bladt2005"

    def __init__(
        self, rate_matrix, initial_distribution, rate_stderr, *, states, dt, name="state", label_noise=0.0,
        label_noise_stderr=0.0,
    ):  # fmt: skip
        self._rates = checked_rate_matrix(rate_matrix)
        self._initial = np.asarray(initial_distribution, dtype=np.float64)
        self._stderr = np.asarray(rate_stderr, dtype=np.float64)
        self._states = tuple(str(state) for state in states)
        self._dt, self._name = float(dt), str(name)
        self._label_noise, self._label_noise_stderr = float(label_noise), float(label_noise_stderr)
        n = len(self._rates)
        if self._initial.shape != (n,) or self._stderr.shape != (n, n) or len(self._states) != n:
            raise FormatError("the arrays of a jump model do not fit", got=f"{n} rows, {len(self._states)} states")

    @property
    def names(self):
        """Name of the observed variable, the number of the state."""
        return (self._name,)

    @property
    def dt(self):
        """Sampling interval in time units."""
        return self._dt

    @property
    def rate_matrix(self):
        """(state, state) rates in 1/time, rows sum to zero."""
        return self._rates

    @property
    def rate_stderr(self):
        """(state, state) standard errors of the rates."""
        return self._stderr

    @property
    def initial_distribution(self):
        """(state,) distribution of the first state of a path."""
        return self._initial

    @property
    def state_names(self):
        """Names of the states."""
        return self._states

    @property
    def label_noise(self):
        """Probability that a label of the data is not that of the true state."""
        return self._label_noise

    @property
    def label_noise_stderr(self):
        """Standard error of ``label_noise``; 0 where it was not learned."""
        return self._label_noise_stderr

    def config(self):
        """See ``Model.config``."""
        return {
            "family": self.family, "states": list(self._states), "dt": self._dt, "name": self._name,
            "label_noise": self._label_noise, "label_noise_stderr": self._label_noise_stderr,
        }  # fmt: skip

    def arrays(self):
        """See ``Model.arrays``."""
        return {"rate_matrix": self._rates, "initial_distribution": self._initial, "rate_stderr": self._stderr}

    @classmethod
    def from_state(cls, config, arrays):
        """See ``Model.from_state``."""
        return cls(
            arrays["rate_matrix"], arrays["initial_distribution"], arrays["rate_stderr"], states=config["states"],
            dt=config["dt"], name=config["name"], label_noise=config["label_noise"],
            label_noise_stderr=config["label_noise_stderr"],
        )  # fmt: skip
