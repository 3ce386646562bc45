"""A stochastic differential equation behind noisy measurements, trained by a bound of the likelihood."""

from dysyr.reconstruction.latent_sde.latent_sde import LatentSDE
from dysyr.reconstruction.latent_sde.model import LatentDiffusion

__all__ = ["LatentDiffusion", "LatentSDE"]
