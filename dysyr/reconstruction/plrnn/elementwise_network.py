"""PLRNN, almost-linear RNN and dendritic PLRNN as seen by the trainer."""

import dataclasses
import math

import numpy as np

from dysyr.kernels import elementwise_plrnn as kernel
from dysyr.kernels.elementwise_plrnn_forcing import growth
from dysyr.kernels.elementwise_plrnn_sensitivity import n_refined, sensitivities
from dysyr.reconstruction.plrnn.elementwise_model import ElementwisePLRNN
from dysyr.reconstruction.plrnn.normalised_matrix import normalised_matrix

SMALL = 0.01


@dataclasses.dataclass(frozen=True)
class ElementwiseNetwork:
    """Units with a nonlinearity of their own.

    Attributes:
        latent_dim: M.
        n_rectified: P, how many of the last units are rectified; None with dendrites.
        n_bases: bases of each dendrite; 0 for none.
        clipped: the clipped form of the dendrites.
        hollow: whether the diagonal of W stays at zero.
    """

    latent_dim: int
    n_rectified: int | None = None
    n_bases: int = 0
    clipped: bool = False
    hollow: bool = False

    PENALISED = ("A", "W", "h", "alpha", "C")
    MODEL = ElementwisePLRNN
    forward = staticmethod(kernel.forward)
    backward = staticmethod(kernel.backward)
    add_loss_and_gradient = staticmethod(kernel.add_loss_and_gradient)
    sensitivities = staticmethod(sensitivities)
    n_refined = staticmethod(n_refined)
    growth = staticmethod(growth)

    @property
    def form(self):
        """What the kernels are told about the form."""
        return kernel.Form(self.latent_dim - (self.n_rectified or 0), self.clipped, self.hollow)

    def model_form(self):
        """Arguments of the model's constructor that fix its form."""
        return {"n_rectified": self.n_rectified, "clipped": self.clipped}

    def shapes(self, n_observed, n_inputs, affine):
        """Shapes of the parameters."""
        return kernel.shapes(self.latent_dim, self.n_bases, n_observed, n_inputs, affine)

    def workspace(self, shapes, n_steps, dtype=np.float32, *, n_groups=1, n_models=1):
        """Buffers of the kernels."""
        return kernel.workspace(shapes, n_steps, dtype, n_groups=n_groups, n_models=n_models)

    def initialise(self, p, states, rng):
        """Initial parameters of the recurrence, in place.

        With the normalised matrix K: A = diag(K), h = 0; W = K without its diagonal where that stays zero and for
        dendrites, otherwise W ~ 0.01 N(0, 1). Slopes alpha ~ U(+-1/sqrt B), thresholds H ~ U over the range of the
        states that the data show.

        Args:
            p: Parameters; L and B are set already.
            states: function n -> (n, M) random states that the data show.
            rng: numpy Generator.

        Reference: brenner2022, brenner2024
        """
        k = normalised_matrix(self.latent_dim, rng)
        p.A[:] = np.diag(k)
        if self.hollow:
            p.W[:] = k - np.diag(np.diag(k))
        else:
            p.W[:] = SMALL * rng.standard_normal(p.W.shape)
        p.h[:] = 0.0
        if self.n_bases:
            p.alpha[:] = rng.uniform(-1, 1, p.alpha.shape) / math.sqrt(self.n_bases)
            shown = states(1_000)
            p.H[:] = rng.uniform(shown.min(), shown.max(), p.H.shape)
