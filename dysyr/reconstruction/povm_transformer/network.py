"""An autoregressive transformer over strings of outcomes, with exact probabilities and exact samples."""

import math

import numpy as np
import torch

N_OUTCOMES = 4


class CausalTransformer(torch.nn.Module):
    """Probability of a string as a product of conditional ones.

    .. math:: P(a) = \\prod_k p(a_k | a_1 \\ldots a_{k-1})

    Outcome and place k - 1 are embedded, the place by sines; each layer is attention to earlier places and a dense
    network, both after a normalisation and added to their input. The last one gives four logarithms,
    to which the ``offset`` of place k is added. Its weights begin at zero, so that the network begins at the product of
    the distributions in ``offset``.

    Args:
        n_sites: N.
        log_probabilities: (N, 4) logarithms of the distributions of each place that the network begins at.
        width: of the embedding, a multiple of ``n_heads``, even.
        n_layers: number of layers.
        n_heads: heads of attention.
        hidden_dim: units of the dense network of a layer.
        seed: of the initial parameters.

    Reference:
        luo2022
    """

    def __init__(self, n_sites, log_probabilities, *, width, n_layers, n_heads, hidden_dim, seed=0):
        super().__init__()
        self.n_sites, self.width, self.n_heads, self.hidden_dim = n_sites, width, n_heads, hidden_dim
        self.n_layers = n_layers
        rng = np.random.default_rng([seed, 0x504F564D])
        self.embedding = _parameter(rng.normal(size=(N_OUTCOMES + 1, width)) / math.sqrt(2))
        self.layers = torch.nn.ModuleList(_Layer(width, n_heads, hidden_dim, rng) for _ in range(n_layers))
        self.readout = _parameter(np.zeros((N_OUTCOMES, width)))
        self.offset = _parameter(log_probabilities)
        self.register_buffer("places", torch.tensor(sines(n_sites, width)))
        self.register_buffer("mask", torch.full((n_sites, n_sites), -math.inf, dtype=torch.float64).triu(1))

    def conditionals(self, strings):
        """log p(a_k = . | a_1 ... a_(k-1)): strings (..., site) of whole numbers -> (..., site, 4)."""
        start = torch.full_like(strings[..., :1], N_OUTCOMES)
        x = self.embedding[torch.cat([start, strings[..., :-1]], dim=-1)] + self.places
        for layer in self.layers:
            x = layer(x, self.mask)
        return torch.log_softmax(normalised(x) @ self.readout.T + self.offset, dim=-1)

    def forward(self, strings):
        """log P: strings (..., site) of whole numbers -> (...)."""
        return self.conditionals(strings).gather(-1, strings[..., None])[..., 0].sum(dim=-1)

    @torch.no_grad()
    def sample(self, n_samples, rng):
        """Independent strings.

        Keys and values of earlier places are kept, so that each place is computed once.

        Args:
            n_samples: how many.
            rng: NumPy generator.

        Returns:
            (int64 tensor (sample, site), their log P (sample,)).
        """
        device = self.offset.device
        strings = torch.empty((n_samples, self.n_sites), dtype=torch.int64, device=device)
        total = torch.zeros(n_samples, dtype=torch.float64, device=device)
        kept = [([], []) for _ in self.layers]
        before = torch.full((n_samples,), N_OUTCOMES, device=device)
        for k in range(self.n_sites):
            x = self.embedding[before] + self.places[k]
            for layer, (keys, values) in zip(self.layers, kept, strict=True):
                x = layer.next_place(x, keys, values)
            log_p = torch.log_softmax(normalised(x) @ self.readout.T + self.offset[k], dim=-1)
            u = torch.tensor(rng.random(n_samples), device=device)
            before = (u[:, None] > log_p.exp().cumsum(dim=-1)[:, :-1]).sum(dim=-1)
            strings[:, k] = before
            total += log_p.gather(-1, before[:, None])[:, 0]
        return strings, total


class _Layer(torch.nn.Module):
    """Attention to earlier places and a dense network, each added to its normalised input."""

    def __init__(self, width, n_heads, hidden_dim, rng):
        super().__init__()
        self.n_heads = n_heads
        self.query_key_value = _parameter(rng.normal(size=(3 * width, width)) / math.sqrt(width))
        self.merge = _parameter(rng.normal(size=(width, width)) / math.sqrt(width))
        self.into = _parameter(rng.normal(size=(hidden_dim, width)) / math.sqrt(width))
        self.into_bias = _parameter(np.zeros(hidden_dim))
        self.out = _parameter(rng.normal(size=(width, hidden_dim)) / math.sqrt(hidden_dim))
        self.out_bias = _parameter(np.zeros(width))

    def forward(self, x, mask):
        """x (..., place, width) -> the same shape."""
        q, k, v = (self._heads(part) for part in (normalised(x) @ self.query_key_value.T).chunk(3, dim=-1))
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + mask, dim=-1)
        return self._dense(x + (weights @ v).transpose(-2, -3).flatten(-2) @ self.merge.T)

    def next_place(self, x, keys, values):
        """x (row, width) of one place; keys and values of earlier places are lists, which grow by this one."""
        q, k, v = (
            part.unflatten(-1, (self.n_heads, -1)) for part in (normalised(x) @ self.query_key_value.T).chunk(3, dim=-1)
        )
        keys.append(k)
        values.append(v)
        k, v = torch.stack(keys, dim=-2), torch.stack(values, dim=-2)
        weights = torch.softmax((q[..., None, :] * k).sum(dim=-1) / math.sqrt(q.shape[-1]), dim=-1)
        return self._dense(x + (weights[..., None] * v).sum(dim=-2).flatten(-2) @ self.merge.T)

    def _heads(self, x):
        return x.unflatten(-1, (self.n_heads, -1)).transpose(-2, -3)

    def _dense(self, x):
        hidden = torch.nn.functional.gelu(normalised(x) @ self.into.T + self.into_bias)
        return x + hidden @ self.out.T + self.out_bias


def normalised(x):
    """Mean 0 and variance 1 over the last axis."""
    return torch.nn.functional.layer_norm(x, x.shape[-1:])


def sines(n_places, width):
    """(place, width) sines and cosines of places with wavelengths from 2 pi to 20,000 pi."""
    angles = np.arange(n_places)[:, None] / 10_000.0 ** (np.arange(0, width, 2) / width)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(n_places, width)


def _parameter(values):
    return torch.nn.Parameter(torch.tensor(np.asarray(values, dtype=np.float64)))
