"""The network that predicts the next sample from a window of delays, and its counts."""

import numpy as np
import torch

from dysyr.reconstruction.hankel_stnn.layer import HankelLayer

ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "identity": lambda u: u}


class HankelNetwork(torch.nn.Module):
    """Change of V variables from a window of their last n samples.

        u_k = J E^T G_k^* sum_v D_kv F E (w_v * x_v) / r + b_k,     y = sum_k C_k phi(u_k) + c

    with a ``HankelLayer`` of p blocks. The taper w weighs the samples of the window; it begins with
    w ~ exp(-lag / memory), and mean square 1. The readout C begins at zero.

    Args:
        window: n, a power of two.
        n_variables: V.
        n_blocks: p.
        transform: "fourier" or "real".
        tied: G_k = F.
        activation: phi, "tanh", "relu" or "identity".
        memory: decay of the initial taper, in samples.
        seed: of the initial parameters.

    Reference: aluvihare2025
    """

    def __init__(self, window, n_variables, *, n_blocks, transform, tied, activation, memory, seed=0):
        super().__init__()
        self.activation = activation
        self.hankel = HankelLayer(
            window, n_blocks=n_blocks, n_channels=n_variables, transform=transform, tied=tied, seed=seed
        )
        rng = np.random.default_rng([seed, 1])
        self.taper = _parameter(np.tile(taper(window, memory), (n_variables, 1)))
        self.bias = _parameter(rng.uniform(-1, 1, (n_blocks, window)))
        self.readout = _parameter(np.zeros((n_variables, n_blocks * window)))
        self.offset = _parameter(np.zeros(n_variables))

    def layers(self):
        """The network as dense layers: list of (weights, bias, activation), for windows (time, variable) in one row."""
        weights = (self.hankel.matrix() * self.taper).transpose(2, 3).reshape(self.bias.numel(), -1)
        return [(weights, self.bias.reshape(-1), self.activation), (self.readout, self.offset, "identity")]

    def forward(self, z):
        """The change by fast products; z (row, time, variable) -> (row, variable)."""
        u = self.hankel(z.transpose(1, 2) * self.taper) + self.bias[:, None]
        h = ACTIVATIONS[self.activation](u)
        return h.transpose(0, 1).reshape(len(z), -1) @ self.readout.T + self.offset

    @property
    def widths(self):
        """Units of each layer, the input among them."""
        return (self.taper.numel(), self.bias.numel(), self.offset.numel())

    @property
    def n_parameters(self):
        """Real numbers that are trained."""
        n_inputs, n_units, n_outputs = self.widths
        return n_inputs + self.hankel.n_parameters + n_units + n_outputs * (n_units + 1)

    @property
    def n_flops(self):
        """Additions and multiplications of one prediction by fast products, an activation counted as one."""
        n_inputs, n_units, n_outputs = self.widths
        return n_inputs + self.hankel.n_flops + 2 * n_units + 2 * n_outputs * n_units


def taper(window, memory):
    """(window,) initial weights exp(-lag / memory) of the samples of a window, oldest first, of mean square 1."""
    weights = np.exp(-np.arange(window)[::-1] / memory)
    return weights / np.sqrt((weights**2).mean())


def dense_counts(widths):
    """(parameters, flops) of a dense network of given widths, counted as those of ``HankelNetwork``."""
    weights = sum(a * b for a, b in zip(widths[:-1], widths[1:], strict=True))
    return weights + sum(widths[1:]), 2 * weights + sum(widths[1:-1])


def evaluate(layers, z):
    """Output of dense layers; z (row, input) -> (row, output)."""
    for weights, bias, activation in layers:
        z = ACTIVATIONS[activation](torch.nn.functional.linear(z, weights, bias))
    return z


def _parameter(values):
    return torch.nn.Parameter(torch.tensor(values, dtype=torch.float64))
