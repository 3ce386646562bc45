"""The fitted latent SDE: paths, filtered contexts, likelihood."""

import copy
import math

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from dysyr.core.model import Sampled
from dysyr.core.probabilistic import Probabilistic
from dysyr.core.scaler import Scaler
from dysyr.reconstruction.latent_sde.network import LatentNetwork
from dysyr.reconstruction.latent_sde.particles import particle_filter

MEMORY = 8
"""Windows of the length of training at the end of a context, which say all of the state."""
FEWEST_PARTICLES = 64
FORM = ("latent_dim", "hidden_dim", "n_layers", "encoder", "diffusion", "n_substeps")


class LatentDiffusion(Sampled, Probabilistic):
    """dz = h(z) dt + g(z) dW, x = (z_1 .. z_n) + r e, by Euler steps, in standardised units.

    The first n latent variables are the observed ones, standardised; the others are hidden.

    Args:
        network: LatentNetwork; it is copied, in double precision.
        form: dict of its arguments named in FORM.
        length: samples of the windows on which it was trained.
        scaler: Scaler.
        dt: sampling interval in system time units.
        names: observed variables.
        initial_states: (k, latent) states for free runs.

    Reference: li2020
    """

    family = "latent_sde"
    reference = "li2020"

    def __init__(self, network, *, form, length, scaler, dt, names, initial_states):
        self.network = copy.deepcopy(network).double().requires_grad_(False)
        self.form, self.length = {name: form[name] for name in FORM}, int(length)
        self.hold(scaler=scaler, dt=dt, names=names, initial_states=initial_states)

    @property
    def latent_dim(self):
        return self.network.latent_dim

    @property
    def memory(self):
        return MEMORY * self.length

    @property
    def n_parameters(self):
        """Numbers that were trained, those of the encoder and the posterior among them."""
        return sum(p.numel() for p in self.network.parameters())

    @property
    def noise(self):
        """(observed,) standard deviation of the noise of measurements, data units."""
        return self.network.noise().numpy() * self.scale

    def drift(self, z):
        """h per system time unit; z (row, latent) -> (row, latent)."""
        return self.network.drift(torch.as_tensor(z, dtype=torch.float64)).numpy() / self.dt

    def diffusion(self, z):
        """g per root of a system time unit; z (row, latent) -> (row, latent)."""
        return self.network.diffusion(torch.as_tensor(z, dtype=torch.float64)).numpy() / math.sqrt(self.dt)

    def paths(self, z, n_steps, rng):
        """See ``Probabilistic.paths``; ``n_substeps`` Euler steps in each sampling interval, those of the training."""
        z, n = torch.tensor(z, dtype=torch.float64), self.network.n_substeps
        orbit = np.empty((len(z), n_steps, self.latent_dim))
        with threadpool_limits(1):
            for t in range(n_steps):
                for e in torch.from_numpy(rng.standard_normal((n, *z.shape))):
                    z = z + self.network.drift(z) / n + self.network.diffusion(z) * e / math.sqrt(n)
                orbit[:, t] = z
        return orbit

    def readout(self, z):
        with np.errstate(over="ignore", invalid="ignore"):
            return self.scaler.inverse(z[..., : len(self.names)])

    def measured(self, x, rng):
        return x + self.noise * rng.standard_normal(x.shape)

    def filtered(self, x, n_draws, rng):
        """See ``Probabilistic.filtered``; at least 64 particles."""
        s = self.scaler.transform(np.asarray(x, dtype=np.float64))
        n_particles = max(n_draws, FEWEST_PARTICLES)
        with threadpool_limits(1):
            z, log_likelihood = particle_filter(self.network, s, n_particles, self.length, rng)
        unit = (np.isfinite(s) * np.log(self.scale)).sum(axis=(1, 2))
        return z[:, rng.permutation(n_particles)[:n_draws]], log_likelihood - unit

    def config(self):
        return {
            "family": self.family, "dt": self.dt, "names": list(self.names), "length": self.length, **self.form,
        }  # fmt: skip

    def arrays(self):
        trained = {name: value.numpy().copy() for name, value in self.network.named_parameters()}
        return {
            **trained, "change": self.network.change[: len(self.names)].numpy(), "scaler_mean": self.scaler.mean,
            "scaler_sd": self.scaler.sd, "initial_states": self.initial_states,
        }  # fmt: skip

    @classmethod
    def from_state(cls, config, arrays):
        form = {name: config[name] for name in FORM}
        network = LatentNetwork(len(config["names"]), change=arrays["change"], **form).double()
        with torch.no_grad():
            for name, value in network.named_parameters():
                value.copy_(torch.tensor(arrays[name]))
        return cls(
            network, form=form, scaler=Scaler(arrays["scaler_mean"], arrays["scaler_sd"]),
            initial_states=arrays["initial_states"], **{name: config[name] for name in ("length", "dt", "names")},
        )  # fmt: skip
