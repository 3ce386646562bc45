"""The two networks: a surrogate of the solution with its derivatives, and the hidden function. Flat parameters."""

import numpy as np
import torch

FIRST_SPREAD = 2.0


class Layers:
    """Dense tanh layers, one network for each of several segments, as views of one flat vector of parameters.

    Args:
        sizes: numbers of inputs, of units of each layer, and of outputs.
        n_networks: networks side by side.
    """

    def __init__(self, sizes, n_networks=1):
        self.sizes, self.n_networks = tuple(sizes), n_networks
        self._shapes = []
        for n_in, n_out in zip(self.sizes[:-1], self.sizes[1:], strict=True):
            self._shapes += [(n_networks, n_in, n_out), (n_networks, 1, n_out)]
        self.n_parameters = sum(int(np.prod(shape)) for shape in self._shapes)

    def initial(self, rng):
        """(n_parameters,) first parameters: uniform, the first layer wide so that its units differ."""
        pieces = []
        for layer, (n_in, n_out) in enumerate(zip(self.sizes[:-1], self.sizes[1:], strict=True)):
            reach = FIRST_SPREAD if layer == 0 else np.sqrt(6.0 / (n_in + n_out))
            pieces.append(rng.uniform(-reach, reach, (self.n_networks, n_in, n_out)).ravel())
            pieces.append(rng.uniform(-reach, reach, (self.n_networks, n_out)).ravel() if layer == 0 else
                          np.zeros(self.n_networks * n_out))  # fmt: skip
        return np.concatenate(pieces)

    def views(self, theta):
        """[(weights (network, in, out), bias (network, 1, out)), ...] of a flat tensor."""
        parts, at = [], 0
        for shape in self._shapes:
            n = int(np.prod(shape))
            parts.append(theta[at : at + n].reshape(shape))
            at += n
        return list(zip(parts[::2], parts[1::2], strict=True))

    def values(self, theta, x):
        """Outputs at x (network, point, in): (network, point, out)."""
        *inner, (weights, bias) = self.views(theta)
        for w, b in inner:
            x = torch.tanh(torch.baddbmm(b, x, w))
        return torch.baddbmm(bias, x, weights)

    def series(self, theta, terms, directions):
        """Outputs as Taylor series, from inputs (network, point, in) as Taylor series."""
        *inner, last = self.views(theta)
        for weights, bias in inner:
            terms = directions.tanh(_affine(terms, weights, bias))
        return _affine(terms, *last)


def _affine(terms, weights, bias):
    n_points = terms[0].shape[1]
    stacked = torch.bmm(torch.cat(terms, dim=1), weights)
    out = list(stacked.split(n_points, dim=1))
    out[0] = out[0] + bias
    return out
