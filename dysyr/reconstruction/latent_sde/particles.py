"""The law of the state after a context: particles that move by the posterior and are weighed against the prior."""

import math

import numpy as np
import torch

from dysyr.reconstruction.latent_sde.bound import Posterior

FEWEST_EFFECTIVE = 0.5
"""Particles are drawn anew where their effective number falls below this share."""


@torch.no_grad()
def particle_filter(network, x, n_particles, length, rng):
    """Draws of the last state given all samples, and the likelihood of the samples.

        w <- w p(z' | z) p(x' | z') / q(z' | z, x),    z' ~ q,     p(x) = product over samples of < w >

    with q the posterior that was trained. For any q the estimate of p(x) is unbiased; a good q makes it precise.

    Args:
        network: LatentNetwork, double precision.
        x: (row, time, variable) array, standardised, NaN where missing.
        n_particles: particles of each row.
        length: samples of the windows on which the encoder was trained.
        rng: NumPy generator.

    Returns:
        (z, log_likelihood): (row, n_particles, latent) equally likely states at the last sample; (row,) in nats.

    Reference: gordon1993
    """
    features = _features(network, x, length).transpose(0, 1)[:, :, None]
    given = torch.tensor(x.transpose(1, 0, 2))[:, :, None]
    observed = torch.isfinite(given)
    value, seen = network.widened(torch.nan_to_num(given)), network.widened(observed.to(given.dtype))
    size, h = (len(x), n_particles, network.latent_dim), 1 / network.n_substeps

    def normal():
        return torch.from_numpy(rng.standard_normal(size))

    mean, sd = network.first(features[0], value[0], seen[0])
    e = normal()
    z = mean + sd * e
    from_prior = (z - network.first_mean) / torch.exp(network.first_log_sd)
    log_weight = (0.5 * (e**2 - from_prior**2) + torch.log(sd) - network.first_log_sd).sum(dim=-1)
    log_weight = log_weight + (observed[0] * network.log_density(value[0], z)).sum(dim=-1)
    total, log_weight = _split(log_weight - math.log(n_particles))
    if len(given) > 1:
        posterior = Posterior(network, features, value, seen)
    for k in range(len(given) - 1):
        z, log_weight = _drawn_anew(z, log_weight, rng)
        for done in range(network.n_substeps):
            drift, g, u, log_shrink = posterior.move(z, k, done)
            e = normal()
            kick = torch.exp(log_shrink) * e
            log_weight = log_weight + (0.5 * (e**2 - (u * math.sqrt(h) + kick) ** 2) + log_shrink).sum(dim=-1)
            z = z + (drift + g * u) * h + g * math.sqrt(h) * kick
        log_weight = log_weight + (observed[k + 1] * network.log_density(value[k + 1], z)).sum(dim=-1)
        gained, log_weight = _split(log_weight)
        total = total + gained
    z, _ = _drawn_anew(z, log_weight, rng, share=math.inf)
    return z.numpy(), total.numpy()


def _features(network, x, length):
    """(row, time, feature) tensor; the samples are cut from the end into windows of the length of training."""
    n_rows, n_times, n_variables = x.shape
    n_windows = -(-n_times // length)
    padded = np.full((n_rows, n_windows * length, n_variables), np.nan)
    padded[:, -n_times:] = x
    prepared = network.encoder.prepare(padded.reshape(-1, length, n_variables))
    features = network.encoder(torch.tensor(prepared, dtype=torch.float64))
    return features.reshape(n_rows, n_windows * length, -1)[:, -n_times:]


def _split(log_weight):
    """(row,) logarithm of the sum of weights, and logarithms of normalised weights (row, particle)."""
    total = torch.logsumexp(log_weight, dim=1)
    return total, log_weight - total[:, None]


def _drawn_anew(z, log_weight, rng, share=FEWEST_EFFECTIVE):
    """Particles drawn by their weights, evenly spaced, in rows where few of them count; the others as they are."""
    n = log_weight.shape[1]
    weight = torch.exp(log_weight)
    few = 1 / (weight**2).sum(dim=1) < share * n
    edges = weight.cumsum(dim=1) / weight.sum(dim=1, keepdim=True)
    places = torch.from_numpy((np.arange(n) + rng.uniform(size=(len(z), 1))) / n)
    chosen = torch.searchsorted(edges, places).clamp(max=n - 1)
    drawn = torch.gather(z, 1, chosen[:, :, None].expand_as(z))
    return (
        torch.where(few[:, None, None], drawn, z),
        torch.where(few[:, None], torch.full_like(log_weight, -math.log(n)), log_weight),
    )
