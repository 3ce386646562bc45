"""The networks of a latent SDE: drift and diffusion of the prior, and a posterior that is guided by the data."""

import dataclasses
import math

import torch
from torch.nn.functional import silu

from dysyr.reconstruction.latent_sde.encoder import make_encoder

DIFFUSIONS = ("additive", "multiplicative")
ENCODERS = ("gru", "cde")
DIFFUSION_WIDTH = 16
LARGEST_LOG_FACTOR = 2.0
"""A multiplicative diffusion stays within exp(2) times and exp(-2) times its middle."""
LARGEST_LOG_SHRINK = 2.0
FIRST_DIFFUSION, FIRST_NOISE, LEAST_NOISE = 0.7, 0.3, 1e-3
"""Where diffusion and noise of measurements begin, and the least noise, in changes from sample to sample."""
FIRST_WEIGHT = 0.1


@dataclasses.dataclass(frozen=True)
class Bridge:
    """How the posterior is drawn to the next sample, in one Euler step of each row.

    Attributes:
        diffusion: (row, latent) g of the prior, per root of a sampling interval.
        gain: (row, latent) what a gap of one is worth in the control; 0 for what is not observed.
        log_shrink: (row, latent) ln s of the bridge.
    """

    diffusion: torch.Tensor
    gain: torch.Tensor
    log_shrink: torch.Tensor


class LatentNetwork(torch.nn.Module):
    """Prior dz = h(z) dtau + g(z) dW, posterior dz = (h + g u) dtau + s g dW, in standardised units.

        h(z) = change (A z + a + f(z)),    g_i(z) = exp(b_i) or exp(b_i + 2 tanh k_i(z_i)),    x = z_1 .. z_n + r e

    tau is the time in sampling intervals, f and k_i are networks. The first n latent variables are the observed ones,
    the others are hidden; the noise of each is its own. The posterior begins as the bridge of a locally constant drift
    to the next sample, and a network corrects it by what the encoder says of the samples ahead.

        u = g (x' - z - rho h) / (rho g^2 + r^2) + u',   ln s = 1/2 ln (1 - step g^2 / (rho g^2 + r^2)) + l'

    with rho what is left of the interval; without u' and l' for variables of which the next sample is missing.

    Args:
        n_variables: observed variables.
        latent_dim: latent ones, at least as many.
        hidden_dim: units of a hidden layer and of the encoder.
        n_layers: hidden layers of f.
        encoder: "gru" or "cde".
        diffusion: "additive" or "multiplicative".
        change: (variable,) root mean square change from sample to sample, standardised units.
        n_substeps: Euler steps in a sampling interval.
        seed: of the initial parameters; no global generator is touched.

    Reference: li2020, durham2002
    """

    def __init__(
        self, n_variables, *, latent_dim, hidden_dim, n_layers, encoder, diffusion, change, n_substeps, seed=0
    ):  # fmt: skip
        super().__init__()
        self.n_variables, self.latent_dim, self.n_substeps = n_variables, latent_dim, n_substeps
        self.multiplicative = diffusion == "multiplicative"
        change = torch.tensor(change, dtype=torch.float32)
        n_hidden = latent_dim - n_variables
        self.register_buffer("change", torch.cat([change, change.median().repeat(n_hidden)]))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = make_encoder(encoder, n_variables, hidden_dim, change.numpy())
            n_features = self.encoder.n_features
            self.linear = _zero(torch.nn.Linear(latent_dim, latent_dim))
            self.layers = torch.nn.ModuleList(
                torch.nn.Linear(latent_dim if i == 0 else hidden_dim, hidden_dim) for i in range(n_layers)
            )
            self.out = torch.nn.Linear(hidden_dim, latent_dim)
            self.log_diffusion = torch.nn.Parameter(torch.log(FIRST_DIFFUSION * self.change))
            if self.multiplicative:
                self.bend = torch.nn.Parameter(torch.randn(2, latent_dim, DIFFUSION_WIDTH))
                self.bend_out = torch.nn.Parameter(torch.zeros(latent_dim, DIFFUSION_WIDTH))
            self.log_noise = torch.nn.Parameter(torch.log(FIRST_NOISE * change))
            self.first_mean = torch.nn.Parameter(torch.zeros(latent_dim))
            self.first_log_sd = torch.nn.Parameter(torch.zeros(latent_dim))
            self.start = _zero(torch.nn.Linear(n_features, 2 * latent_dim))
            self.ahead = torch.nn.Linear(n_features, hidden_dim)
            self.here = torch.nn.Linear(3 * latent_dim, hidden_dim)
            self.timing = torch.nn.Parameter(torch.randn(hidden_dim))
            self.correction = _zero(torch.nn.Linear(hidden_dim, 2 * latent_dim))
        with torch.no_grad():
            self.out.weight.mul_(FIRST_WEIGHT)
            self.out.bias.zero_()

    def drift(self, z):
        """h, per sampling interval; z (..., latent) -> (..., latent)."""
        hidden = z
        for layer in self.layers:
            hidden = silu(layer(hidden))
        return self.change * (self.linear(z) + self.out(hidden))

    def diffusion(self, z):
        """g, per root of a sampling interval; z (..., latent) -> (..., latent)."""
        if not self.multiplicative:
            return torch.exp(self.log_diffusion).expand_as(z)
        weights, offsets = self.bend
        bent = (torch.tanh(z[..., None] * weights + offsets) * self.bend_out).sum(dim=-1)
        return torch.exp(self.log_diffusion + LARGEST_LOG_FACTOR * torch.tanh(bent))

    def noise(self):
        """(variable,) standard deviations r of the noise of measurements."""
        return LEAST_NOISE * self.change[: self.n_variables] + torch.exp(self.log_noise)

    def log_density(self, x, z):
        """(..., variable) ln N(x; observed part of z, r^2), standardised; x and z (..., at least variable)."""
        n, r = self.n_variables, self.noise()
        return -0.5 * ((x[..., :n] - z[..., :n]) / r) ** 2 - torch.log(r) - 0.5 * math.log(2 * math.pi)

    def widened(self, v):
        """(..., latent) from (..., variable): zeros for the hidden ones."""
        return torch.nn.functional.pad(v, (0, self.latent_dim - self.n_variables))

    def first(self, features, x, seen):
        """(mean, standard deviation), (..., latent) each, of the posterior of the first state.

        Args:
            features: (..., feature) of the first sample.
            x, seen: (..., latent) first sample, 0 where there is none; 1 where it is observed, else 0.
        """
        precision = torch.exp(-2 * self.first_log_sd)
        told = seen * self.widened(self.noise() ** -2)
        sd = (precision + told) ** -0.5
        shift, log_factor = self.start(features).chunk(2, dim=-1)
        mean = sd**2 * (precision * self.first_mean + told * x) + sd * shift
        return mean, sd * torch.exp(_bounded(log_factor))

    def bridge(self, diffusion, seen, remaining):
        """The Bridge of a locally constant drift to the next sample.

        Args:
            diffusion: (..., latent) g.
            seen: (..., latent) 1 where the next sample is observed, else 0.
            remaining: rho, what is left of the sampling interval, a multiple of 1 / n_substeps; a number, or a tensor.
        """
        told = seen / (remaining * diffusion**2 + self.widened(self.noise() ** 2))
        return Bridge(diffusion, diffusion * told, 0.5 * torch.log1p(-told * diffusion**2 / self.n_substeps))

    def guided(self, z, ahead, x, bridge, remaining):
        """One Euler step of the posterior, z' = z + (h + g u) step + s g sqrt(step) e.

        Args:
            z: (..., latent).
            ahead: (..., hidden) ``self.ahead`` of the features of the next sample.
            x: (..., latent) next sample, 0 where there is none.
            bridge: Bridge.
            remaining: rho.

        Returns:
            (h, u, ln s), (..., latent) each.
        """
        h = self.drift(z)
        gap = bridge.gain * (x - z - remaining * h)
        force = (bridge.gain * self.change).expand_as(z)
        told = self.here(torch.cat([z, gap, force], dim=-1)) + remaining * self.timing
        control, log_factor = self.correction(silu(ahead + told)).chunk(2, dim=-1)
        return h, gap + control, bridge.log_shrink + _bounded(log_factor)


def _zero(layer):
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    return layer


def _bounded(log_factor):
    return LARGEST_LOG_SHRINK * torch.tanh(log_factor / LARGEST_LOG_SHRINK)
