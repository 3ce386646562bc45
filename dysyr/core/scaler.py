"""The affine map between data units and the units a model computes in."""

import dataclasses

import numpy as np

from dysyr.core.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class Scaler:
    """Standardisation ``s = (x - mean) / sd`` per variable.

    Attributes:
        mean: (n_variables,) in data units.
        sd: (n_variables,) in data units, all positive.
    """

    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def from_data(cls, trajectories, names=None):
        """Mean and standard deviation over all trajectories, missing values (NaN) left out.

        Args:
            trajectories: list of (time, n_variables) arrays in data units.
            names: variable names for messages.

        Raises:
            InputError: a variable is constant, or has no value at all.
        """
        values = np.concatenate([np.asarray(x, dtype=np.float64) for x in trajectories])
        present = np.isfinite(values)
        count = present.sum(axis=0)
        names = names or [str(i) for i in range(values.shape[1])]
        if (count < 2).any():
            which = [names[i] for i in np.flatnonzero(count < 2)]
            raise InputError("variables without values", got=", ".join(which), do="leave these columns out")
        mean = np.where(present, values, 0.0).sum(axis=0) / count
        sd = np.sqrt(np.where(present, (values - mean) ** 2, 0.0).sum(axis=0) / (count - 1))
        constant = sd <= 1e-12 * np.maximum(np.abs(mean), np.finfo(np.float64).tiny)
        if constant.any():
            which = [names[i] for i in np.flatnonzero(constant)]
            raise InputError(
                "constant variables", got=", ".join(which), expected="a variable must vary to be modelled",
                do="leave these columns out",
            )  # fmt: skip
        return cls(mean, sd)

    def transform(self, x):
        """Data units to standardised units; x (..., n_variables)."""
        return (x - self.mean) / self.sd

    def inverse(self, s):
        """Standardised units to data units; s (..., n_variables)."""
        return s * self.sd + self.mean
