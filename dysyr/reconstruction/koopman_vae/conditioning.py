"""Latent states given what was observed of a window."""

import math

import numpy as np
import torch

N_STEPS = 120
LEARNING_RATE = 0.15
FIRST_NOISE = 10.0
"""The assumed noise begins at this multiple and falls to its true size over the first half."""


def condition(model, seen, rng):
    """Draws of the latent states that agree with observations, by randomised maximum likelihood.

        e* = argmin 1/2 |u(e) - u'|^2 + 1/2 |(x + s n - D(z(e))) / s|^2,    u', n ~ N(0, 1)

    with the first sum over all noise, as its law makes it normal, and the second over what was observed. For a linear
    model the minima are draws from the posterior; otherwise they approximate it. Adam, all windows side by side, from
    two places: what the encoder says of the window with its gaps closed by the nearest values, which is good where much
    was observed, and the noise of u', good where little was. The lower of the two minima counts.

    Args:
        model: KoopmanModel.
        seen: (window, time, variable) array, standardised, NaN where not observed; each row is one draw.
        rng: NumPy generator.

    Returns:
        (window, time, latent) tensor.

    Reference: oliver1996
    """
    size = (*seen.shape[:2], model.latent_dim)
    drawn = torch.from_numpy(rng.standard_normal(size, dtype=np.float32))
    observed = torch.from_numpy(np.isfinite(seen))
    noisy = np.nan_to_num(seen) + model.noise * rng.standard_normal(seen.shape)
    if not observed.any():
        with torch.no_grad():
            return model.latent_states(drawn)
    target, unit = torch.tensor(noisy, dtype=torch.float32), torch.tensor(model.noise, dtype=torch.float32)
    starts = [model.noise_of(drawn)] if model.prior != "gru" else [_encoded(model, seen, drawn), model.noise_of(drawn)]
    noise = torch.cat(starts).detach().requires_grad_()
    drawn, target, observed = (part.repeat(len(starts), 1, 1) for part in (drawn, target, observed))

    def misfits(assumed):
        z, normal = model.explained(noise)
        error = torch.where(observed, (model.network.decoder(z) - target) / assumed, 0.0)
        return 0.5 * (normal - drawn).square().sum(dim=(1, 2)) + 0.5 * error.square().sum(dim=(1, 2)), z

    optimiser = torch.optim.Adam([noise], lr=LEARNING_RATE)
    for k in range(N_STEPS):
        share = k / N_STEPS
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * share))
        total, _ = misfits(unit * FIRST_NOISE ** max(0.0, 1 - 2 * share))
        (noise.grad,) = torch.autograd.grad(total.sum(), noise)
        optimiser.step()
    with torch.no_grad():
        total, z = misfits(unit)
        best = torch.nan_to_num(total, nan=torch.inf).reshape(len(starts), -1).argmin(dim=0)
        return z.reshape(len(starts), -1, *z.shape[1:])[best, torch.arange(len(best))]


def _encoded(model, seen, drawn):
    """Noise that the encoder finds in windows whose gaps are closed; with the spread that it states."""
    with torch.no_grad():
        prepared = torch.tensor(model.network.encoder.prepare(closed(seen)), dtype=torch.float32)
        prior = model.network.prior
        return prior.follow(prior.posterior(model.network.encoder(prepared)), drawn)[1]


def closed(x):
    """Windows (window, time, variable) with missing values replaced by the nearest in time, 0 where there is none."""
    filled = x.copy()
    for row in filled:
        for column in row.T:
            known = np.flatnonzero(np.isfinite(column))
            if len(known) == 0:
                column[:] = 0.0
            elif len(known) < len(column):
                nearest = known[np.abs(np.arange(len(column))[:, None] - known).argmin(axis=1)]
                column[:] = column[nearest]
    return filled
