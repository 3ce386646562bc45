"""The network of the Koopman VAE: encoder, sequential prior, decoder."""

import torch
from torch.nn.functional import pad, silu

from dysyr.reconstruction.koopman_vae.encoder_irregular import IrregularEncoder
from dysyr.reconstruction.koopman_vae.encoder_regular import RecurrentEncoder
from dysyr.reconstruction.koopman_vae.first_state import FirstState
from dysyr.reconstruction.koopman_vae.prior import SequentialPrior

ENCODERS = {"gru": RecurrentEncoder, "cde": IrregularEncoder}
HEADS = ("linear", "sigmoid")
N_CHANNELS = 32
WIDTH = 5


class KoopmanNetwork(torch.nn.Module):
    """Encoder, sequential prior and decoder over windows, in standardised units.

        z = run(e),  e_t ~ N(0, 1) for the prior, e_t ~ N(d_t(x), exp g_t(x)) for the posterior;  x = D(z)

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
            self.first_state = FirstState(latent_dim)

    @property
    def n_parameters(self):
        """Real numbers that are trained."""
        return sum(p.numel() for p in self.parameters())

    def trained_together(self):
        """The parameters of encoder, prior and decoder; the law of the first state is fitted after them."""
        return [p for part in (self.encoder, self.prior, self.decoder) for p in part.parameters()]


class Decoder(torch.nn.Module):
    """Convolutions over time: sample t is decoded from latent states around it, and so windows of any length can be.

        u = s(K_1 z),  u <- u + s(K_i u) for i = 2, 3,  x = W u + b,  s(v) = v / (1 + exp(-v))

    Kernels are five samples wide; the first and the last state stand in for those beyond the ends.
    """

    def __init__(self, latent_dim, n_variables, head, bounds):
        super().__init__()
        sizes = (latent_dim, N_CHANNELS, N_CHANNELS)
        self.kernels = torch.nn.ModuleList([torch.nn.Conv1d(size, N_CHANNELS, WIDTH) for size in sizes])
        self.readout = torch.nn.Linear(N_CHANNELS, n_variables)
        self.head, self.bounds = head, torch.tensor(bounds, dtype=torch.float32)

    def forward(self, z):
        """(window, time, variable) from (window, time, latent)."""
        u = z.transpose(1, 2)
        for i, kernel in enumerate(self.kernels):
            v = silu(kernel(pad(u, (WIDTH // 2, WIDTH // 2), mode="replicate")))
            u = u + v if i else v
        x = self.readout(u.transpose(1, 2))
        low, high = self.bounds
        return low + (high - low) * torch.sigmoid(x) if self.head == "sigmoid" else x
