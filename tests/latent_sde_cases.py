"""Networks of LatentSDE whose prior is known: the Ornstein-Uhlenbeck process."""

import math

import numpy as np
import torch

from dysyr.reconstruction.latent_sde.network import LatentNetwork

THETA, SIGMA = 0.4, 0.5
"""Of the Ornstein-Uhlenbeck process, per sampling interval."""


def network(n_variables=1, *, latent_dim=None, diffusion="additive", n_substeps=1, encoder="gru", seed=0):
    made = LatentNetwork(
        n_variables, latent_dim=latent_dim or n_variables, hidden_dim=8, n_layers=1, encoder=encoder,
        diffusion=diffusion, change=np.full(n_variables, 0.3), n_substeps=n_substeps, seed=seed,
    )  # fmt: skip
    return made.double()


def relaxing(n_substeps=1, noise=0.3):
    """Network whose prior is the Ornstein-Uhlenbeck process, as exactly as Euler steps can be.

    One step z' = z + h + g e has the transition of the process where h = (exp(-theta) - 1) z and g^2 its variance.
    """
    made, step = network(n_substeps=n_substeps), 1 / n_substeps
    variance = SIGMA**2 / (2 * THETA)
    with torch.no_grad():
        for p in (made.out.weight, made.out.bias):
            p.zero_()
        made.linear.weight.fill_(math.expm1(-THETA * step) / step / made.change.item())
        made.log_diffusion.fill_(0.5 * math.log(variance * -math.expm1(-2 * THETA * step) / step))
        made.log_noise.fill_(math.log(noise - 1e-3 * made.change.item()))
        made.first_log_sd.fill_(0.5 * math.log(variance))
    return made
