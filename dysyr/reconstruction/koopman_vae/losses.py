"""The loss of a batch: reconstruction, divergence, Koopman prediction, spectrum; one normalisation for all data."""

import dataclasses

import torch

from dysyr.reconstruction.koopman_vae.koopman import fit, prediction_error, spectral_penalty, transitions
from dysyr.reconstruction.koopman_vae.prior import divergence


@dataclasses.dataclass(frozen=True)
class Weights:
    """How the parts of the loss are weighed.

    Attributes:
        divergence: at the end of the training.
        start: the same at its beginning, in multiples.
        prediction: of the Koopman prediction error.
        n_steps: steps of that prediction.
        form: "relative" or "published", see ``prediction_error``.
        spectrum: of the spectral penalty.
        constraint: None, "unit_circle" or "stable".
        n_unit: eigenvalues that should lie on the unit circle.
    """

    divergence: float
    start: float
    prediction: float
    n_steps: int
    form: str
    spectrum: float
    constraint: str | None
    n_unit: int

    def divergence_at(self, share):
        """Weight of the divergence when a share of the training is done: it falls geometrically."""
        return self.divergence * self.start ** (1 - share)


def loss_of(network, given, x, noise, weights, share):
    """Loss of a batch and its parts.

        L = 1/2 sum over time and variable of (x - xhat)^2 + w_kl KL + w_pred E(C) + w_spec S(C)

    with sums over a window, mean over the batch. Of values that are missing the sum takes the mean of those that were
    observed: it is multiplied by the number of all over that of the observed ones, so that weights mean the same with
    and without missing values.

    Args:
        network: KoopmanNetwork.
        given: what its encoder takes.
        x: (window, time, variable) tensor, standardised, NaN where missing.
        noise: (window, time, latent) standard normal numbers.
        weights: Weights.
        share: share of the training that is done.

    Returns:
        (scalar tensor, dict of the parts, floats): ``reconstruction``, ``divergence``, ``prediction``, ``spectrum``.

    Reference: naiman2024
    """
    mean, log_variance = network.prior.noise_moments(network.encoder(given))
    z = network.prior.run(mean + torch.exp(0.5 * log_variance) * noise)
    seen = torch.isfinite(x)
    error = torch.where(seen, network.decoder(z) - torch.nan_to_num(x), 0.0)
    reconstruction = 0.5 * error.square().sum() / len(x) * (seen.numel() / seen.sum())
    spent = divergence(mean, log_variance).sum() / len(x)
    total = reconstruction + weights.divergence_at(share) * spent
    parts = {"reconstruction": reconstruction, "divergence": spent}
    matrix = fit(*transitions(z))
    parts["prediction"] = prediction_error(z, matrix, n_steps=weights.n_steps, form=weights.form)
    total = total + weights.prediction * parts["prediction"]
    if weights.constraint is not None:
        parts["spectrum"] = spectral_penalty(matrix, weights.constraint, weights.n_unit)
        total = total + weights.spectrum * parts["spectrum"]
    return total, {name: float(part.detach()) for name, part in parts.items()}
