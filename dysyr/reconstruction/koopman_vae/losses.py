"""The loss of a batch: reconstruction, divergence, Koopman prediction, spectrum; one normalisation for all data."""

import dataclasses

import torch

from dysyr.reconstruction.koopman_vae.koopman import (
    constrained,
    fit,
    prediction_error,
    rolled,
    spectral_penalty,
    transitions,
)
from dysyr.reconstruction.koopman_vae.prior import divergence


@dataclasses.dataclass(frozen=True)
class Weights:
    """How the parts of the loss are weighed.

    Attributes:
        increment: of the error of increments.
        divergence: at the end of the training.
        start: the same at its beginning, in multiples.
        prediction: of the Koopman prediction error.
        n_steps: steps of that prediction.
        form: "relative" or "published", see ``prediction_error``.
        rollout: of the error of windows decoded from a rollout by the Koopman matrix.
        spectrum: of the spectral penalty.
        constraint: None, "unit_circle" or "stable".
        n_unit: eigenvalues that should lie on the unit circle.
    """

    increment: float
    divergence: float
    start: float
    prediction: float
    n_steps: int
    form: str
    rollout: float
    spectrum: float
    constraint: str | None
    n_unit: int

    def divergence_at(self, share):
        """Weight of the divergence when a share of the training is done: it falls geometrically."""
        return self.divergence * self.start ** (1 - share)


def loss_of(network, given, x, noise, weights, share):
    """Loss of a batch and its parts.

        L = 1/2 sum over time and variable of (x - xhat)^2 + w_kl KL + w_pred E(C) + w_spec S(C)
            + w_roll 1/2 sum over time and variable of (x - D(z_0, z_0 C, z_0 C^2, ...))^2

    with sums over a window, mean over the batch; misfits count increments, too, see ``misfit``. C of the last term
    obeys the constraint, as the one that is used.

    Args:
        network: KoopmanNetwork.
        given: what its encoder takes.
        x: (window, time, variable) tensor, standardised, NaN where missing.
        noise: (window, time, latent) standard normal numbers.
        weights: Weights.
        share: share of the training that is done.

    Returns:
        (scalar tensor, dict of the parts, floats): ``reconstruction``, ``divergence``, ``later_divergence`` (that of
        corrections after the first state), ``prediction``, and ``rollout`` and ``spectrum`` where they are asked for.

    Reference: naiman2024
    """
    posterior = network.prior.posterior(network.encoder(given))
    z, _, mean = network.prior.follow(posterior, noise)
    change = network.encoder.change
    reconstruction = misfit(network.decoder(z), x, change, weights.increment)
    nats = divergence(mean, posterior.log_variance)
    spent, later = nats.sum() / len(x), nats[:, 1:].sum() / len(x)
    total = reconstruction + weights.divergence_at(share) * spent
    parts = {"reconstruction": reconstruction, "divergence": spent, "later_divergence": later}
    matrix = fit(*transitions(z))
    parts["prediction"] = prediction_error(z, matrix, n_steps=weights.n_steps, form=weights.form)
    total = total + weights.prediction * parts["prediction"]
    if weights.rollout > 0:
        used = constrained(matrix, weights.constraint, weights.n_unit)
        decoded = network.decoder(rolled(z[:, 0], used, z.shape[1]))
        parts["rollout"] = misfit(decoded, x, change, weights.increment)
        total = total + weights.rollout * parts["rollout"]
    if weights.constraint is not None:
        parts["spectrum"] = spectral_penalty(matrix, weights.constraint, weights.n_unit)
        total = total + weights.spectrum * parts["spectrum"]
    return total, {name: float(part.detach()) for name, part in parts.items()}


def misfit(decoded, x, change, increment):
    """How far decoded windows are from the data, in values and in increments from one observed sample to the next.

        1/2 sum_t (x_t - xhat_t)^2  +  w_inc 1/2 sum_k (i_k - ihat_k)^2 / (c^2 n_k),   i_k = x[t_k] - x[t_(k-1)]

    summed over variables, mean over windows; t_k are the times at which a variable was observed, n_k = t_k - t_(k-1),
    and c is the standard deviation of its increments over one sample. Each sum is multiplied by the number of terms
    without missing values over that of the terms there are.

    Args:
        decoded, x: (window, time, variable) tensors, standardised; x NaN where missing.
        change: (variable,) c.
        increment: w_inc. Values alone do not resolve increments that are small against the spread of all windows.

    Returns:
        scalar tensor.
    """
    seen = torch.isfinite(x)
    x = torch.nan_to_num(x)
    error = torch.where(seen, decoded - x, 0.0)
    total = 0.5 * error.square().sum() / len(x) * (seen.numel() / seen.sum())
    if increment == 0:
        return total
    at = torch.arange(x.shape[1])[:, None].expand(x.shape)
    last = torch.where(seen, at, -1).cummax(dim=1).values[:, :-1]
    both = seen[:, 1:] & (last >= 0)
    gap = torch.where(both, at[:, 1:] - last, 1)
    wrong = (error[:, 1:] - error.gather(1, last.clamp(min=0))) / change
    wrong = torch.where(both, wrong.square() / gap, 0.0)
    return total + increment * 0.5 * wrong.sum() / len(x) * (both.numel() / both.sum().clamp(min=1))
