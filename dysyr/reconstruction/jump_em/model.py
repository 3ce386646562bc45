"""The model that JumpEM leaves behind: a rate matrix and where paths begin."""

import numpy as np
import xarray as xr

from dysyr.core.dataset import as_dataset, times
from dysyr.core.errors import FormatError, InputError
from dysyr.core.levels import NormalLevels
from dysyr.core.rate_matrix import checked_rate_matrix
from dysyr.kernels.rate_hidden_states import smooth_paths
from dysyr.kernels.rate_integrals import fast_transition_matrices
from dysyr.kernels.rate_pairs import group_lags
from dysyr.reconstruction.jump_em.described import DescribedRates


class JumpModel(DescribedRates):
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
        levels: NormalLevels of a signal that shows the state; None where the data are labels.
        levels_stderr: (2, state) standard errors of the means and standard deviations of the levels, or None.
    """

    family = "jump"
    reference = "bladt2005"

    def __init__(
        self, rate_matrix, initial_distribution, rate_stderr, *, states, dt, name="state", label_noise=0.0,
        label_noise_stderr=0.0, levels=None, levels_stderr=None,
    ):  # fmt: skip
        self._rates = checked_rate_matrix(rate_matrix)
        self._initial = np.asarray(initial_distribution, dtype=np.float64)
        self._stderr = np.asarray(rate_stderr, dtype=np.float64)
        self._states = tuple(str(state) for state in states)
        self._dt, self._name = float(dt), str(name)
        self._label_noise, self._label_noise_stderr = float(label_noise), float(label_noise_stderr)
        self._levels = levels
        self._levels_stderr = None if levels is None else np.asarray(levels_stderr, dtype=np.float64)
        n = len(self._rates)
        fits = self._initial.shape == (n,) and self._stderr.shape == (n, n) and len(self._states) == n
        if levels is not None:
            fits &= levels.means.shape == levels.sds.shape == (n,) and self._levels_stderr.shape == (2, n)
        if not fits:
            raise FormatError("the arrays of a jump model do not fit", got=f"{n} rows, {len(self._states)} states")

    @property
    def rate_stderr(self):
        """(state, state) standard errors of the rates."""
        return self._stderr

    @property
    def label_noise_stderr(self):
        """Standard error of ``label_noise``; 0 where it was not learned."""
        return self._label_noise_stderr

    @property
    def levels(self):
        """NormalLevels of the signal that shows the state; None where the data are labels."""
        return self._levels

    @property
    def levels_stderr(self):
        """(2, state) standard errors of ``levels.means`` and ``levels.sds``; None where the data are labels."""
        return self._levels_stderr

    def smoothed(self, data):
        """Probability of each state at each sample, given the whole of its trajectory.

        Args:
            data: labels or a signal, whatever ``as_dataset`` takes; missing samples say nothing.

        Returns:
            list of (time, state), one per trajectory.

        Raises:
            InputError: labels that are no states of the model, several signals, or a trajectory that is impossible.

        Reference: rabiner1989
        """
        data = as_dataset(data, dt=None if isinstance(data, xr.Dataset) else self.dt, mask=True, min_samples=1)
        logs = [found for found, _ in self._evidence(data)]
        offsets = np.concatenate([[0], np.cumsum([len(found) for found in logs])])
        lags, index = group_lags(np.concatenate(times(data)), offsets, step=data.attrs.get("dt"))
        flat = np.concatenate(logs)
        evidence = np.exp(flat - flat.max(axis=1, keepdims=True))
        p = fast_transition_matrices(self._rates, lags)
        value, _, states = smooth_paths(offsets, index, p, evidence, self._initial)
        if not np.isfinite(value):
            raise InputError("the data are impossible under this model", do="fit it to data that visit the same states")
        return np.split(states, offsets[1:-1])

    def config(self):
        """See ``Model.config``."""
        return {
            "family": self.family, "states": list(self._states), "dt": self._dt, "name": self._name,
            "label_noise": self._label_noise, "label_noise_stderr": self._label_noise_stderr,
        }  # fmt: skip

    def arrays(self):
        """See ``Model.arrays``."""
        arrays = {"rate_matrix": self._rates, "initial_distribution": self._initial, "rate_stderr": self._stderr}
        if self._levels is not None:
            arrays |= {"means": self._levels.means, "sds": self._levels.sds, "levels_stderr": self._levels_stderr}
        return arrays

    @classmethod
    def from_state(cls, config, arrays):
        """See ``Model.from_state``."""
        levels = NormalLevels(arrays["means"], arrays["sds"]) if "means" in arrays else None
        return cls(
            arrays["rate_matrix"], arrays["initial_distribution"], arrays["rate_stderr"], states=config["states"],
            dt=config["dt"], name=config["name"], label_noise=config["label_noise"],
            label_noise_stderr=config["label_noise_stderr"], levels=levels, levels_stderr=arrays.get("levels_stderr"),
        )  # fmt: skip
