"""The fitted shallow PLRNN: a piecewise-linear map with one hidden layer."""

import numpy as np

from dysyr.kernels.shallow_plrnn import Parameters
from dysyr.kernels.shallow_plrnn_run import run
from dysyr.reconstruction.plrnn.numpy_source import numpy_source
from dysyr.reconstruction.plrnn.recurrent_model import RecurrentModel


class ShallowPLRNN(RecurrentModel):
    """z[t+1] = A * z[t] + W1 r(z[t]) + h1 + C u[t+1],  r(z) = relu(W2 z + h2) [- relu(W2 z) when clipped].

    Args:
        parameters: ``kernels.shallow_plrnn.Parameters``.
        clipped: the clipped form.
        others: see ``RecurrentModel``.

    Reference: hess2023
    """

    Parts = Parameters
    FORM = ("clipped",)
    family = "shallow_plrnn"
    reference = "hess2023"

    def __init__(self, parameters, *, clipped=False, **others):
        super().__init__(parameters, **others)
        self.clipped = bool(clipped)

    @property
    def hidden_dim(self):
        return self.parameters.h2.size

    @property
    def n_bits(self):
        return self.hidden_dim * (2 if self.clipped else 1)

    def step(self, z, u=None):
        p = self.parameters
        with np.errstate(over="ignore", invalid="ignore"):
            active = z @ p.W2.T
            r = np.maximum(active + p.h2, 0.0)
            if self.clipped:
                r -= np.maximum(active, 0.0)
            return self._driven(p.A * z + r @ p.W1.T + p.h1, u)

    def numpy_source(self):
        lines = ["r = np.maximum(z @ W2.T + h2, 0.0)"]
        lines += ["r = r - np.maximum(z @ W2.T, 0.0)"] if self.clipped else []
        what = "z[t+1] = A * z[t] + W1 " + ("(relu(W2 z[t] + h2) - relu(W2 z[t]))" if self.clipped else
                                            "relu(W2 z[t] + h2)") + " + h1"  # fmt: skip
        return numpy_source(self, what, [*lines, "A * z + r @ W1.T + h1"])

    def jacobian(self, z, u=None):
        return self._jacobian(self.region(z))

    def trajectory(self, z, n_steps, u=None):
        drive = None if u is None else self.input_scaler.transform(u)
        return run(self.parameters, z, n_steps, drive, clipped=self.clipped)

    def switches(self, z):
        """W2 z + h2, for the clipped form followed by W2 z."""
        active = z @ self.parameters.W2.T
        shifted = active + self.parameters.h2
        return np.concatenate([shifted, active], axis=-1) if self.clipped else shifted

    def affine(self, region):
        p, region = self.parameters, np.asarray(region, dtype=bool)
        return self._jacobian(region), (region[..., : self.hidden_dim] * p.h2) @ p.W1.T + p.h1

    def _jacobian(self, bits):
        """diag(A) + W1 diag(slopes) W2 for region bits (..., n_bits)."""
        p = self.parameters
        slopes = bits[..., : self.hidden_dim].astype(np.float64)
        if self.clipped:
            slopes -= bits[..., self.hidden_dim :]
        return np.diag(p.A) + (p.W1 * slopes[..., None, :]) @ p.W2
