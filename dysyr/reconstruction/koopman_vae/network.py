"""The network of the Koopman VAE: encoder, sequential prior, decoder."""

import torch
from torch.nn.functional import silu

from dysyr.reconstruction.koopman_vae.encoder_irregular import IrregularEncoder
from dysyr.reconstruction.koopman_vae.encoder_regular import RecurrentEncoder
from dysyr.reconstruction.koopman_vae.noise_law import NoiseLaw
from dysyr.reconstruction.koopman_vae.prior import SequentialPrior

ENCODERS = {"gru": RecurrentEncoder, "cde": IrregularEncoder}
HEADS = ("linear", "sigmoid")
N_HIDDEN = 32


class KoopmanNetwork(torch.nn.Module):
    """Encoder, sequential prior and decoder over windows, in standardised units.

        z = run(e),  e_t ~ N(0, 1) for the prior, e_t ~ N(mu_t(x, z_<t), exp g_t(x)) for the posterior;  x = D(z)

    Args:
        n_variables: observed variables.
        latent_dim: k.
        hidden_dim: units of the recurrent cells.
        encoder: "gru" for complete windows, "cde" for windows with missing values.
        head: "linear", or "sigmoid" for values inside ``bounds``.
        change: (variable,) standard deviations of changes from sample to sample.
        bounds: (2, variable) lowest and highest value of a decoder with a sigmoid.
        seed: of the initial parameters; no global generator is touched.
    """

    def __init__(self, n_variables, *, latent_dim, hidden_dim, encoder, head, change, bounds, seed):
        super().__init__()
        self.latent_dim = latent_dim
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = ENCODERS[encoder](n_variables, hidden_dim, change)
            self.prior = SequentialPrior(latent_dim, hidden_dim, hidden_dim)
            self.decoder = Decoder(latent_dim, n_variables, head, bounds)
            self.law = NoiseLaw(latent_dim)

    @property
    def n_parameters(self):
        """Real numbers that are trained."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def trained_together(self):
        """The parameters of encoder, prior and decoder; the law of the noise is fitted after them."""
        return [p for part in (self.encoder, self.prior, self.decoder) for p in part.parameters()]


class Decoder(torch.nn.Module):
    """Each sample from its latent state alone: x_t = W u + b after layers with a residual.

        u = s(K_1 z_t),  u <- u + s(K_i u) for i = 2, 3,  s(v) = v / (1 + exp(-v)), each K with a bias
    """

    def __init__(self, latent_dim, n_variables, head, bounds):
        super().__init__()
        sizes = (latent_dim, N_HIDDEN, N_HIDDEN)
        self.layers = torch.nn.ModuleList([torch.nn.Linear(size, N_HIDDEN) for size in sizes])
        self.readout = torch.nn.Linear(N_HIDDEN, n_variables)
        self.head, self.bounds = head, torch.tensor(bounds, dtype=torch.float32)

    def forward(self, z):
        """(window, time, variable) from (window, time, latent)."""
        u = silu(self.layers[0](z))
        for layer in self.layers[1:]:
            u = u + silu(layer(u))
        x = self.readout(u)
        low, high = self.bounds
        return low + (high - low) * torch.sigmoid(x) if self.head == "sigmoid" else x
