"""Sequential variational autoencoder with a Koopman matrix: windows like those of the data."""

from dysyr.reconstruction.koopman_vae.koopman_vae import KoopmanVAE
from dysyr.reconstruction.koopman_vae.model import KoopmanModel

__all__ = ["KoopmanModel", "KoopmanVAE"]
