"""The law of the first latent state: a flow, fitted to the posterior states of all windows after the training."""

import math

import numpy as np
import torch

N_COUPLINGS = 6
N_HIDDEN = 48
LARGEST_LOG_SCALE = 2.0
BATCH_SIZE, LEARNING_RATE = 512, 3e-3
WARM_UP = 0.1
LARGEST_GRADIENT = 1.0
STREAM = 0x466C6F77


class FirstState(torch.nn.Module):
    """An invertible map between latent states e and standard normal u.

        one coupling: (a, b) -> (a, (b + t(a)) exp c(a)),  a one half of the components, another half each time

    At the beginning it is the identity up to the order of components, so that e ~ N(0, 1). A divergence with a small
    weight leaves the posterior states of all windows together far from that: decoded draws of N(0, 1) would be unlike
    any data. The flow closes the gap without a change of what was trained.

    Args:
        latent_dim: components.

    Reference: dinh2017, dai2019
    """

    def __init__(self, latent_dim):
        super().__init__()
        self.kept = latent_dim // 2
        rng = np.random.default_rng(latent_dim)
        self.orders = [torch.from_numpy(rng.permutation(latent_dim)) for _ in range(N_COUPLINGS)]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(latent_dim)
            self.nets = torch.nn.ModuleList([_net(self.kept, 2 * (latent_dim - self.kept)) for _ in self.orders])

    def forward(self, e):
        """(u, log |du/de|) of states e (row, latent)."""
        log_volume = e.new_zeros(len(e))
        for order, net in zip(self.orders, self.nets, strict=True):
            e = e[:, order]
            a, b = e[:, : self.kept], e[:, self.kept :]
            log_scale, shift = _moments(net, a)
            e, log_volume = torch.cat([a, (b + shift) * torch.exp(log_scale)], dim=1), log_volume + log_scale.sum(dim=1)
        return e, log_volume

    def inverse(self, u):
        """States e (row, latent) from u."""
        for order, net in zip(self.orders[::-1], list(self.nets)[::-1], strict=True):
            a, b = u[:, : self.kept], u[:, self.kept :]
            log_scale, shift = _moments(net, a)
            u = torch.cat([a, b * torch.exp(-log_scale) - shift], dim=1)[:, torch.argsort(order)]
        return u


def fit_first_state(flow, mean, log_variance, *, n_updates, seed):
    """Maximise the likelihood of posterior draws of the first state, over all windows.

        min < 1/2 |u(e)|^2 - log |du/de| >,   e ~ N(m_i, exp l_i), i a random window

    Args:
        flow: FirstState, which is changed.
        mean, log_variance: (window, latent) moments of the posterior of the first state, tensors.
        n_updates: steps of Adam.
        seed: of batches and draws.
    """
    optimiser = torch.optim.Adam(flow.parameters(), lr=LEARNING_RATE)
    rng = np.random.default_rng([seed, STREAM])
    for k in range(n_updates):
        share = (k + 1) / n_updates
        fall = 0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP)))
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * min(share / WARM_UP, fall)
        rows = torch.from_numpy(rng.integers(0, len(mean), BATCH_SIZE))
        noise = torch.from_numpy(rng.standard_normal((BATCH_SIZE, mean.shape[1]), dtype=np.float32))
        u, log_volume = flow(mean[rows] + torch.exp(0.5 * log_variance[rows]) * noise)
        loss = (0.5 * u.square().sum(dim=1) - log_volume).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(flow.parameters(), LARGEST_GRADIENT)
        optimiser.step()


def _net(n_in, n_out):
    layers = [torch.nn.Linear(n_in, N_HIDDEN), torch.nn.SiLU(), torch.nn.Linear(N_HIDDEN, N_HIDDEN), torch.nn.SiLU()]
    last = torch.nn.Linear(N_HIDDEN, n_out)
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    return torch.nn.Sequential(*layers, last)


def _moments(net, a):
    log_scale, shift = net(a).chunk(2, dim=1)
    return LARGEST_LOG_SCALE * torch.tanh(log_scale / LARGEST_LOG_SCALE), shift
