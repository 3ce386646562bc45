"""The network: patches of delay vectors through a residual stack of Mamba layers, decoded into the next patch."""

import dataclasses

import numpy as np
import torch

from dysyr.reconstruction.phyxmamba.initial_values import parameter, uniform
from dysyr.reconstruction.phyxmamba.mamba import Mamba1, Mamba2

POSITION_BASE = 10_000.0
HEAD_NORM_EPS = 1e-6


@dataclasses.dataclass(frozen=True)
class Shape:
    """Sizes of a network.

    Attributes:
        n_variables: V.
        dim: m, delay coordinates of each variable.
        delay: tau, samples between them.
        patch: P, samples of a patch.
        n_tokens: L, patches that the network sees.
        padding: "history": the window holds the (m - 1) tau samples before the first patch; "zeros": they are zero.
        core: "ssd" (Mamba-2) or "selective" (Mamba-1).
        n_layers: layers of the stack.
        d_model, d_state, expand, head_dim: of a layer, see ``Mamba2``.
        n_heads: K, heads that predict later patches, while training only.
        residual: whether the network predicts the difference from the last sample of the patch.
    """

    n_variables: int
    dim: int
    delay: int
    patch: int
    n_tokens: int
    padding: str
    core: str
    n_layers: int
    d_model: int
    d_state: int
    expand: int
    head_dim: int
    n_heads: int
    residual: bool

    @property
    def history(self):
        """Samples of the window before the first patch."""
        return (self.dim - 1) * self.delay if self.padding == "history" else 0

    @property
    def window(self):
        """Samples of the window."""
        return self.history + self.n_tokens * self.patch

    def layer(self, rng):
        """A fresh Mamba layer."""
        if self.core == "selective":
            return Mamba1(self.d_model, d_state=self.d_state, expand=self.expand, rng=rng)
        return Mamba2(self.d_model, d_state=self.d_state, head_dim=self.head_dim, expand=self.expand, rng=rng)


class PatchNetwork(torch.nn.Module):
    """Next patch of V variables at every patch of a window.

        e_l     = W_in [delay vectors of patch l] + b_in + position l
        r_0     = e,   h_i = Mamba_i(r_i),   r_{i+1} = r_i - (W h_i + b),   H = sum_i h_i
        patch after l = W_out H_l + b_out,   times ``unit``, plus the last sample of patch l where ``residual``

    W and b are shared by the layers. Heads k = 1 .. K, see ``HeadModule``, predict the patch k later.

    Args:
        shape: Shape.
        unit: (patch, variable) unit of the decoder's output, standardised units.
        rng: NumPy generator of the initial values.

    Reference: liu2025phyxmamba
    """

    def __init__(self, shape, unit, rng):
        super().__init__()
        self.shape = shape
        n_inputs, d = shape.n_variables * shape.dim * shape.patch, shape.d_model
        self.embed_weight = uniform(rng, d, n_inputs, fan_in=n_inputs)
        self.embed_bias = uniform(rng, d, fan_in=n_inputs)
        self.layers = torch.nn.ModuleList([shape.layer(rng) for _ in range(shape.n_layers)])
        self.back_weight = uniform(rng, d, d, fan_in=d)
        self.back_bias = uniform(rng, d, fan_in=d)
        self.decode_weight = uniform(rng, shape.n_variables * shape.patch, d, fan_in=d)
        self.decode_bias = uniform(rng, shape.n_variables * shape.patch, fan_in=d)
        self.heads = torch.nn.ModuleList([HeadModule(shape, k, rng) for k in range(1, shape.n_heads + 1)])
        self.register_buffer("unit", torch.tensor(np.asarray(unit), dtype=torch.float32))
        self.register_buffer("positions", torch.tensor(positions(shape.n_tokens, d), dtype=torch.float32))

    def tokens(self, window):
        """Delay vectors of each patch: (batch, time, variable) -> (batch, token, variable * dim * patch).

        E[t, v, i] = x[t - (m-1-i) tau, v]; within a token in the order variable, delay, sample. A window of ``window``
        samples has ``n_tokens`` tokens, a shorter one fewer.
        """
        shape = self.shape
        reach = (shape.dim - 1) * shape.delay
        if shape.padding == "zeros":
            window = torch.nn.functional.pad(window, (0, 0, reach, 0))
        n = window.shape[1] - reach
        delayed = torch.stack([window[:, i * shape.delay : i * shape.delay + n] for i in range(shape.dim)], dim=-1)
        return delayed.unflatten(1, (-1, shape.patch)).movedim(2, -1).flatten(2)

    def embed(self, tokens, first=0):
        """W_in tokens + b_in + positions; (batch, token, ...) -> (batch, token, d_model)."""
        place = self.positions[first : first + tokens.shape[1]]
        return tokens @ self.embed_weight.T + self.embed_bias + place

    def stack(self, e, states=None, *, keep=False):
        """The residual stack: (batch, token, d_model), states of earlier tokens or None -> (H, the new states).

        The new states are None, layer by layer, unless they are to be kept.
        """
        total, after = 0.0, []
        states = [None] * len(self.layers) if states is None else states
        for layer, state in zip(self.layers, states, strict=True):
            h, state = layer(e, state, keep=keep)
            after.append(state)
            total = total + h
            e = e - (h @ self.back_weight.T + self.back_bias)
        return total, after

    def decode(self, h, last):
        """The patch after each token; h (..., d_model), last (..., variable) -> (..., patch, variable)."""
        shape = self.shape
        y = (h @ self.decode_weight.T + self.decode_bias).unflatten(-1, (shape.n_variables, shape.patch))
        y = y.transpose(-1, -2) * self.unit
        return y + last.unsqueeze(-2) if shape.residual else y

    def last_samples(self, window):
        """(batch, token, variable) the last sample of each patch of a window."""
        return window[:, self.shape.history + self.shape.patch - 1 :: self.shape.patch]

    def forward(self, window):
        """The next patch; (batch, time, variable) -> (batch, patch, variable)."""
        h, _ = self.stack(self.embed(self.tokens(window)))
        return self.decode(h[:, -1], window[:, -1])

    def teacher_forced(self, window, drop=None):
        """Patches after all tokens, from the true ones: the network's, and those of the heads.

        Args:
            window: (batch, time, variable).
            drop: function applied to the embedding, or None.

        Returns:
            (batch, token, patch, variable), and a list over heads k of (batch, token - k, patch, variable): entry l
            is the patch after token l + k.
        """
        e = self.embed(self.tokens(window))
        e = e if drop is None else drop(e)
        last = self.last_samples(window)
        h, _ = self.stack(e)
        predicted, later = self.decode(h, last), []
        for k, head in enumerate(self.heads, 1):
            h = head(h[:, :-1], e[:, k:])
            later.append(self.decode(h, last[:, k:]))
        return predicted, later

    def begin(self, window):
        """The next patch of windows that may still grow, with what ``grow`` needs.

        Args:
            window: (batch, time, variable), history and at most ``n_tokens`` patches.

        Returns:
            (batch, patch, variable), and the states of all layers with the number of tokens.
        """
        tokens = self.tokens(window)
        h, states = self.stack(self.embed(tokens), keep=True)
        return self.decode(h[:, -1], window[:, -1]), (states, tokens.shape[1])

    def grow(self, window, cache):
        """The patch after one more token, from the states that ``begin`` or ``grow`` left; older tokens are not redone.

        Args:
            window: (batch, time, variable) with the new patch at its end and the samples its delays reach.
            cache: what the call before returned.

        Returns:
            (batch, patch, variable), and the new cache.
        """
        states, n_tokens = cache
        h, states = self.stack(self.embed(self.tokens(window)[:, -1:], n_tokens), states, keep=True)
        return self.decode(h[:, -1], window[:, -1]), (states, n_tokens + 1)


class HeadModule(torch.nn.Module):
    """Head k: state of the head before and the embedding of the true patch k later, through one Mamba layer.

        h_k = Mamba_k( W_k [ rmsnorm(h_{k-1}) ; rmsnorm(e shifted by k) ] )          one norm for both

    Args:
        shape: Shape.
        k: number of the head.
        rng: NumPy generator of the initial values.

    Reference: liu2025phyxmamba
    """

    def __init__(self, shape, k, rng):
        super().__init__()
        self.k = k
        self.norm = parameter(np.ones(shape.d_model))
        self.join_weight = uniform(rng, shape.d_model, 2 * shape.d_model, fan_in=2 * shape.d_model)
        self.join_bias = uniform(rng, shape.d_model, fan_in=2 * shape.d_model)
        self.layer = shape.layer(rng)

    def forward(self, before, e):
        """before and e (batch, token, d_model) -> (batch, token, d_model)."""
        both = [self.norm * u * torch.rsqrt(u.square().mean(-1, keepdim=True) + HEAD_NORM_EPS) for u in (before, e)]
        return self.layer(torch.cat(both, dim=-1) @ self.join_weight.T + self.join_bias)[0]


def positions(n_tokens, d_model):
    """(token, d_model) fixed code of the number l of a token: sin and cos of l / 10000^(2 i / d_model)."""
    rate = POSITION_BASE ** (-np.arange(0, d_model, 2) / d_model)
    angle = np.arange(n_tokens)[:, None] * rate
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(n_tokens, -1)[:, :d_model]
