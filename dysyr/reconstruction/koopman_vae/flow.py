"""An invertible map between random numbers of any law and standard normal ones."""

import numpy as np
import torch

LARGEST_LOG_SCALE = 2.0


class Flow(torch.nn.Module):
    """An invertible map between e and standard normal u, given a context c.

        one coupling: (a, b) -> (a, (b + t(a, c)) exp s(a, c)),  a one half of the components, another half each time

    At the beginning it is the identity up to the order of components, so that e ~ N(0, 1).

    Args:
        n: components of e.
        n_context: components of c; 0 for a law without one.
        n_couplings: how many.
        n_hidden: units of the two hidden layers of each coupling.

    Reference: dinh2017
    """

    def __init__(self, n, n_context=0, *, n_couplings, n_hidden):
        super().__init__()
        self.kept = n // 2
        self.orders = [torch.from_numpy(order) for order in _orders(n, self.kept, n_couplings)]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(n)
            n_in, n_out = self.kept + n_context, 2 * (n - self.kept)
            self.nets = torch.nn.ModuleList([_net(n_in, n_hidden, n_out) for _ in self.orders])

    def forward(self, e, context=None):
        """(u, log |du/de|) of e (..., n), given its context (..., n_context)."""
        log_volume = e.new_zeros(e.shape[:-1])
        for order, net in zip(self.orders, self.nets, strict=True):
            e = e[..., order]
            a, b = e[..., : self.kept], e[..., self.kept :]
            log_scale, shift = _moments(net, a, context)
            e, log_volume = torch.cat([a, (b + shift) * torch.exp(log_scale)], dim=-1), log_volume + log_scale.sum(-1)
        return e, log_volume

    def inverse(self, u, context=None):
        """e (..., n) from u, given its context."""
        for order, net in zip(self.orders[::-1], list(self.nets)[::-1], strict=True):
            a, b = u[..., : self.kept], u[..., self.kept :]
            log_scale, shift = _moments(net, a, context)
            u = torch.cat([a, b * torch.exp(-log_scale) - shift], dim=-1)[..., torch.argsort(order)]
        return u


def surprise(u, log_volume):
    """- log density of e, without the constant of the normal law: |u|^2 / 2 - log |du/de|."""
    return 0.5 * u.square().sum(dim=-1) - log_volume


def _orders(n, kept, n_couplings):
    """Random orders of components for each coupling, such that each component is changed by one coupling at least."""
    rng = np.random.default_rng(n)
    while True:
        orders = [rng.permutation(n) for _ in range(n_couplings)]
        place, changed = np.arange(n), set()
        for order in orders:
            place = place[order]
            changed |= set(place[kept:].tolist())
        if len(changed) == n:
            return orders


def _net(n_in, n_hidden, n_out):
    sizes = (n_in, n_hidden, n_hidden)
    hidden = [layer for a, b in zip(sizes[:-1], sizes[1:], strict=True) for layer in (torch.nn.Linear(a, b),
                                                                                     torch.nn.SiLU())]  # fmt: skip
    last = torch.nn.Linear(n_hidden, n_out)
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    return torch.nn.Sequential(*hidden, last)


def _moments(net, a, context):
    given = a if context is None else torch.cat([a, context], dim=-1)
    log_scale, shift = net(given).chunk(2, dim=-1)
    return LARGEST_LOG_SCALE * torch.tanh(log_scale / LARGEST_LOG_SCALE), shift
