"""The shallow PLRNN as seen by the trainer."""

import dataclasses
import math

import numpy as np

from dysyr.kernels import shallow_plrnn as kernel
from dysyr.kernels.forcing import growth
from dysyr.kernels.shallow_plrnn_sensitivity import n_refined, sensitivities
from dysyr.reconstruction.plrnn.normalised_matrix import normalised_matrix
from dysyr.reconstruction.plrnn.shallow_model import ShallowPLRNN


@dataclasses.dataclass(frozen=True)
class ShallowNetwork:
    """One hidden layer of rectified units.

    Attributes:
        latent_dim: M.
        hidden_dim: H.
        clipped: the clipped form.
    """

    latent_dim: int
    hidden_dim: int
    clipped: bool

    PENALISED = ("A", "W1", "W2", "h1", "h2", "C")
    MODEL = ShallowPLRNN
    forward = staticmethod(kernel.forward)
    backward = staticmethod(kernel.backward)
    add_loss_and_gradient = staticmethod(kernel.add_loss_and_gradient)
    sensitivities = staticmethod(sensitivities)
    n_refined = staticmethod(n_refined)
    growth = staticmethod(growth)

    @property
    def form(self):
        """What the kernels are told about the form."""
        return self.clipped

    def model_form(self):
        """Arguments of the model's constructor that fix its form."""
        return {"clipped": self.clipped}

    def shapes(self, n_observed, n_inputs, affine):
        """Shapes of the parameters."""
        return kernel.shapes(self.latent_dim, self.hidden_dim, n_observed, n_inputs, affine)

    def workspace(self, shapes, n_steps, dtype=np.float32, *, n_groups=1, n_models=1):
        """Buffers of the kernels."""
        return kernel.workspace(shapes, n_steps, dtype, n_groups=n_groups, n_models=n_models, clipped=self.clipped)

    def initialise(self, p, states, rng):
        """Initial parameters of the recurrence, in place.

        A is the diagonal of K / lambda_max(K) with K = R'R/M + I, R standard normal; W1 ~ U(+-1/sqrt H),
        W2 ~ U(+-1/sqrt M), h1 = 0.

        Plain form: h2[k] = -W2[k] zbar for a random state zbar of the data, so that each kink passes through the data
        from the start; with h2 = 0 all of them would meet in the mean.
        Clipped form: h2 ~ U(+-1/sqrt H); 0 would switch the hidden layer off.

        Args:
            p: Parameters; L and B are set already.
            states: function n -> (n, M) random states that the data show.
            rng: numpy Generator.

        Reference: hess2023; the placing of kinks is dysyr's own
        """
        m, h = self.latent_dim, self.hidden_dim
        p.A[:] = np.diag(normalised_matrix(m, rng))
        p.W1[:] = rng.uniform(-1, 1, p.W1.shape) / math.sqrt(h)
        p.W2[:] = rng.uniform(-1, 1, p.W2.shape) / math.sqrt(m)
        p.h1[:] = 0.0
        if self.clipped:
            p.h2[:] = rng.uniform(-1, 1, p.h2.shape) / math.sqrt(h)
        else:
            p.h2[:] = -(p.W2 * states(h)).sum(axis=1)
