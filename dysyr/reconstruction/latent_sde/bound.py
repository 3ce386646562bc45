"""The evidence lower bound of a latent SDE: torchsde integrates the posterior, and with it its divergence."""

import torch
from torchsde import BaseBrownian, sdeint

from dysyr.reconstruction.latent_sde.network import Bridge


class Increments(BaseBrownian):
    """A Brownian path that was drawn beforehand, at whole times; ``e`` (time, row, component) are its increments."""

    __slots__ = ("e",)

    def __init__(self, e):
        self.e = e

    def __call__(self, ta, tb=None, return_U=False, return_A=False):
        return self.e[int(ta)]

    def __repr__(self):
        return f"Increments({tuple(self.e.shape)})"

    @property
    def dtype(self):
        return self.e.dtype

    @property
    def device(self):
        return self.e.device

    @property
    def shape(self):
        return self.e.shape[1:]

    @property
    def levy_area_approximation(self):
        return "none"


class Posterior(torch.nn.Module):
    """The posterior SDE of some windows as torchsde wants it, in units of an Euler step, with its divergence.

        d(z, K) = (step (h + g u), (step u^2 + s^2 - 1) / 2 - ln s) dt + (sqrt(step) s g, 0) dW

    Args:
        network: LatentNetwork.
        features: (time, ..., feature) of the encoder.
        x, seen: (time, ..., latent) samples, 0 where there is none; 1 where observed, else 0.
    """

    noise_type, sde_type = "diagonal", "ito"

    def __init__(self, network, features, x, seen):
        super().__init__()
        self.network, self.x, self.seen = network, x, seen
        self.ahead = network.ahead(features)
        n = network.n_substeps
        self._bridges = None
        if not network.multiplicative:
            diffusion = network.diffusion(x[0])
            self._bridges = [network.bridge(diffusion, seen, (n - done) / n) for done in range(n)]

    def bridge(self, z, k, done):
        """The Bridge from states z (..., latent), ``done`` steps after sample k, to sample k + 1."""
        if self._bridges is None:
            n = self.network.n_substeps
            return self.network.bridge(self.network.diffusion(z), self.seen[k + 1], (n - done) / n)
        ready = self._bridges[done]
        return Bridge(ready.diffusion, ready.gain[k + 1], ready.log_shrink[k + 1])

    def move(self, z, k, done):
        """(h, g, u, ln s) of the next Euler step from states z (..., latent), ``done`` steps after sample k."""
        bridge, n = self.bridge(z, k, done), self.network.n_substeps
        h, u, log_shrink = self.network.guided(z, self.ahead[k + 1], self.x[k + 1], bridge, (n - done) / n)
        return h, bridge.diffusion, u, log_shrink

    def f_and_g(self, t, y):
        """Drift and diffusion (row, latent + 1) at whole times t."""
        n = self.network.n_substeps
        h, g, u, log_shrink = self.move(y[:, :-1], *divmod(int(t), n))
        spread = torch.exp(2 * log_shrink)
        divergence = ((u * u / n + spread - 1) / 2 - log_shrink).sum(dim=1, keepdim=True)
        still = torch.zeros_like(divergence)
        return (
            torch.cat([(h + g * u) / n, divergence], dim=1),
            torch.cat([torch.sqrt(spread / n) * g, still], dim=1),
        )


def evidence_bound(network, prepared, x, e):
    """Lower bound of the log-likelihood of windows, from one path of the posterior each.

        ELBO = sum ln N(x_t; z_t, r^2) - KL(q(z_0) | p(z_0)) - sum over steps of KL(step of q | step of p)

    The prior and the posterior are chains of Euler steps, and this is the bound for these chains, not only in the limit
    of short steps. There s is 1, and the sum is the path integral of u^2 / 2.

    Args:
        network: LatentNetwork.
        prepared: what its encoder takes, of the windows.
        x: (window, time, variable) tensor, NaN where missing.
        e: (1 + (time - 1) n_substeps, window, latent) standard normal numbers.

    Returns:
        (window,) in nats, for standardised samples.

    Reference: li2020
    """
    features = network.encoder(prepared).transpose(0, 1)
    observed = torch.isfinite(x).transpose(0, 1)
    x, seen = network.widened(torch.nan_to_num(x).transpose(0, 1)), network.widened(observed.to(x.dtype))
    mean, sd = network.first(features[0], x[0], seen[0])
    z, ratio = mean + sd * e[0], sd / torch.exp(network.first_log_sd)
    apart = (mean - network.first_mean) / torch.exp(network.first_log_sd)
    divergence = ((apart**2 + ratio**2 - 1) / 2 - torch.log(ratio)).sum(dim=1, keepdim=True)
    noise = torch.cat([e[1:], torch.zeros_like(e[1:, :, :1])], dim=2)
    times = torch.arange(0, len(noise) + 1, network.n_substeps, dtype=z.dtype)
    path = sdeint(
        Posterior(network, features, x, seen), torch.cat([z, divergence], dim=1), times, bm=Increments(noise),
        method="euler", dt=1,
    )  # fmt: skip
    return (observed * network.log_density(x, path[:, :, :-1])).sum(dim=(0, 2)) - path[-1, :, -1]
