"""The distribution over outcome strings that is fitted: a network read in one or several orders of the sites."""

import math

import numpy as np
import torch
from torch.func import functional_call, grad_and_value, vmap

from dysyr.core.errors import InputError
from dysyr.reconstruction.povm_transformer.network import CausalTransformer
from dysyr.reconstruction.povm_transformer.outcome_strings import keys_of, places, strings_of

ROW_BYTES = 2e8
"""Memory for the intermediate values of a batch of gradients, roughly."""


class StringState(torch.nn.Module):
    """A mixture over orders in which a ``CausalTransformer`` reads the sites.

    .. math:: P(a) = \\frac1K \\sum_k p(a_{\\sigma_k(1)}, a_{\\sigma_k(2)}, \\ldots)

    Where the orders are a group, P has its symmetry exactly, and strings of one orbit are computed once.

    Args:
        network: CausalTransformer.
        orders: (K, site) permutations of the sites; the first one is the identity.

    Raises:
        InputError: orders that are no group of permutations.

    Reference:
        luo2022
    """

    def __init__(self, network, orders=None):
        super().__init__()
        n = network.n_sites
        orders = np.arange(n)[None] if orders is None else np.asarray(orders, dtype=np.int64)
        check_group(orders, n)
        self.network, self.n_sites = network, n
        self.register_buffer("orders", torch.tensor(orders))
        self._names = [name for name, _ in network.named_parameters()]

    @property
    def n_parameters(self):
        """Real numbers that are trained."""
        return sum(p.numel() for p in self.network.parameters())

    @property
    def theta(self):
        """(n,) all parameters in one row, a copy without gradient."""
        return torch.cat([p.detach().reshape(-1) for p in self.network.parameters()])

    @torch.no_grad()
    def set_theta(self, theta):
        """Put a row of parameters in."""
        at = 0
        for p in self.network.parameters():
            p.copy_(theta[at : at + p.numel()].reshape(p.shape))
            at += p.numel()

    def forward(self, strings):
        """log P: int64 tensor (string, site) -> (string,)."""
        return self._mixed(self.network(strings[:, self.orders]))

    @torch.no_grad()
    def log_probabilities(self, strings):
        """log P of an int64 array (string, site) as a NumPy array (string,), in pieces that keep memory small."""
        strings = torch.as_tensor(strings, device=self.orders.device)
        size = max(1, int(ROW_BYTES / self._bytes_per_string()))
        found = [self(strings[at : at + size]) for at in range(0, len(strings), size)]
        return torch.cat(found).cpu().numpy()

    def sample(self, n_samples, rng):
        """Independent strings: (int64 array (sample, site), log P (sample,)), with a NumPy generator."""
        drawn, log_p = self.network.sample(n_samples, rng)
        if len(self.orders) == 1:
            return drawn.cpu().numpy(), log_p.cpu().numpy()
        orders = self.orders[torch.tensor(rng.integers(len(self.orders), size=n_samples), device=drawn.device)]
        strings = torch.empty_like(drawn).scatter_(1, orders, drawn).cpu().numpy()
        distinct, inverse = np.unique(keys_of(strings), return_inverse=True)
        return strings, self.log_probabilities(strings_of(distinct, self.n_sites))[inverse]

    def gradients(self, strings):
        """Rows of d log P / d theta.

        Args:
            strings: int64 array (string, site).

        Yields:
            (slice of the strings, float64 tensor (string of the slice, parameter)), in order.
        """
        parameters = dict(self.network.named_parameters())
        fixed = dict(self.network.named_buffers())

        def log_p(values, string):
            return self._mixed(functional_call(self.network, {**values, **fixed}, (string[self.orders],)))

        rows = vmap(grad_and_value(log_p), in_dims=(None, 0))
        values = {name: p.detach() for name, p in parameters.items()}
        strings = torch.as_tensor(strings, device=self.orders.device)
        size = max(1, int(ROW_BYTES / (3 * self._bytes_per_string() + 8 * self.n_parameters)))
        for at in range(0, len(strings), size):
            found, _ = rows(values, strings[at : at + size])
            flat = torch.cat([found[name].reshape(len(found[name]), -1) for name in self._names], dim=1)
            yield slice(at, at + len(flat)), flat

    def representatives(self, keys):
        """The smallest number of each orbit: int64 array (key,) -> (key,)."""
        if len(self.orders) == 1:
            return keys
        strings = strings_of(keys, self.n_sites)
        best = np.asarray(keys).copy()
        for order in self.orders[1:].cpu().numpy():
            np.minimum(best, strings[:, order] @ places(self.n_sites), out=best)
        return best

    def all_strings(self):
        """Strings of an exact sum: (int64 array (string, site), how many strings each one stands for (string,))."""
        kept, counts = np.unique(self.representatives(np.arange(4**self.n_sites, dtype=np.int64)), return_counts=True)
        return strings_of(kept, self.n_sites), counts

    def distinct(self, strings):
        """Strings with those of one orbit put together: (strings (orbit, site), counts (orbit,))."""
        kept, counts = np.unique(self.representatives(keys_of(strings)), return_counts=True)
        return strings_of(kept, self.n_sites), counts

    def _mixed(self, log_p):
        return torch.logsumexp(log_p, dim=-1) - math.log(len(self.orders))

    def _bytes_per_string(self):
        network = self.network
        per_place = 12 * network.width + 3 * network.hidden_dim + 2 * network.n_heads * self.n_sites
        return 8.0 * len(self.orders) * self.n_sites * per_place * network.n_layers


def check_group(orders, n_sites):
    """Refuse orders that are no group of permutations.

    Raises:
        InputError: with what is missing.
    """
    good = orders.ndim == 2 and orders.shape[1] == n_sites
    if not good or (np.sort(orders, axis=1) != np.arange(n_sites)).any():
        raise InputError(
            "orders of the sites", got=f"shape {orders.shape}", expected=f"permutations of {n_sites} sites"
        )
    known = {tuple(order) for order in orders}
    closed = all(tuple(a[b]) in known for a in orders for b in orders)
    if len(known) < len(orders) or not closed or tuple(range(n_sites)) != tuple(orders[0]):
        raise InputError(
            "orders of the sites are no group", got=f"{len(orders)} orders",
            expected="different ones, the identity first, with all products of two",
        )  # fmt: skip


def new_state(n_sites, log_probabilities, orders=None, *, seed=0, **sizes):
    """A StringState at a product of distributions (site, 4); ``sizes`` are those of a ``CausalTransformer``."""
    return StringState(CausalTransformer(n_sites, log_probabilities, seed=seed, **sizes), orders)
