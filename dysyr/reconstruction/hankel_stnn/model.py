"""Fitted maps of delay windows: the state is the window of the last n samples."""

import numpy as np
import torch

from dysyr.core.delay_state import DelayState
from dysyr.reconstruction.hankel_stnn.network import HankelNetwork

VALUE = {"tanh": np.tanh, "relu": lambda u: np.maximum(u, 0.0), "identity": lambda u: u}
SLOPE = {
    "tanh": lambda h: 1.0 - h * h,
    "relu": lambda h: (h > 0).astype(np.float64),
    "identity": np.ones_like,
}
"""Derivative of an activation as a function of its value."""


class DelayModel(DelayState):
    """s[t+1] = (s[t] +) change * f(s[t-n+1], ..., s[t]), with f a network of dense layers, in standardised units.

    Args:
        layers: list of (weights, bias, activation), the last one linear.
        change: (variable,) unit of the network's output, standardised units.
        residual: whether the network gives the change of the last sample rather than the next one.
        others: see ``DelayState``.
    """

    def __init__(self, layers, *, change, residual, **others):
        super().__init__(**others)
        self.layers = [(np.ascontiguousarray(w), np.asarray(b), activation) for w, b, activation in layers]
        self.residual = bool(residual)
        self.change = np.asarray(change, dtype=np.float64)

    def following(self, z):
        after = z
        for weights, bias, activation in self.layers:
            after = VALUE[activation](after @ weights.T + bias)
        after = self.change * after
        return after + z[:, -len(self.names) :] if self.residual else after

    def following_jacobian(self, z):
        after, product = z, None
        for weights, bias, activation in self.layers:
            after = VALUE[activation](after @ weights.T + bias)
            product = weights if product is None else weights @ product
            product = SLOPE[activation](after)[:, :, None] * product
        product = self.change[:, None] * product
        if self.residual:
            product[:, :, -len(self.names) :] += np.eye(len(self.names))
        return product


class HankelModel(DelayModel):
    """A delay map whose network is a ``HankelNetwork``.

    Args:
        network: HankelNetwork.
        others: see ``DelayModel``.

    Reference: aluvihare2025
    """

    family = "hankel_stnn"
    reference = "aluvihare2025"

    def __init__(self, network, **others):
        self.network = network
        with torch.no_grad():
            layers = [(w.numpy().copy(), b.numpy().copy(), activation) for w, b, activation in network.layers()]
        super().__init__(layers, **others)

    @property
    def n_parameters(self):
        """Real numbers that were trained."""
        return self.network.n_parameters

    @property
    def n_flops(self):
        """Real additions and multiplications of one step by fast products."""
        return self.network.n_flops

    def config(self):
        hankel = self.network.hankel
        return {
            **self.delay_config(), "residual": self.residual, "n_blocks": hankel.n_blocks,
            "transform": "fourier" if hankel.is_complex else "real",
            "tied": hankel.tied, "activation": self.network.activation,
        }  # fmt: skip

    def arrays(self):
        trained = {name: value.detach().numpy().copy() for name, value in self.network.named_parameters()}
        return {**trained, **self.delay_arrays(), "change": self.change}

    @classmethod
    def from_state(cls, config, arrays):
        network = HankelNetwork(
            config["window"], len(config["names"]), memory=1.0,
            **{name: config[name] for name in ("n_blocks", "transform", "tied", "activation")},
        )  # fmt: skip
        with torch.no_grad():
            for name, value in network.named_parameters():
                value.copy_(torch.tensor(arrays[name]))
        return cls(
            network, change=arrays["change"], residual=config["residual"], **cls.from_delay_state(config, arrays)
        )
