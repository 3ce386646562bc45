"""The vector field as a network in torch, and its flow."""

import numpy as np
import torch
from torchdiffeq import odeint

ACTIVATIONS = {"silu": torch.nn.functional.silu, "softplus": torch.nn.functional.softplus, "tanh": torch.tanh}
TOLERANCE = 1e-6


class FieldNetwork(torch.nn.Module):
    """ds/dtau = change * f(s), with f a network of dense layers and tau the time in sampling intervals.

        f(s) = W_L phi(... phi(W_1 s + b_1) ...) + b_L

    Args:
        widths: units of all layers, the first and the last one the number of variables.
        activation: phi, a name in ACTIVATIONS.
        change: (variable,) unit of the field.
        seed: of the initial parameters.

    Reference: chen2018
    """

    def __init__(self, widths, activation, *, change, seed=0):
        super().__init__()
        self.activation = activation
        self.register_buffer("change", torch.tensor(change, dtype=torch.float32))
        rng, pairs = np.random.default_rng([seed, 0x6669656C]), list(zip(widths[:-1], widths[1:], strict=True))
        self.weights = torch.nn.ParameterList([_parameter(rng.normal(size=(b, a)) / np.sqrt(a)) for a, b in pairs])
        self.biases = torch.nn.ParameterList([_parameter(rng.uniform(-0.5, 0.5, b)) for _, b in pairs])

    def forward(self, tau, s):
        """The field; tau is there for solvers and is not used, s (row, variable) -> (row, variable)."""
        for weights, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            s = ACTIVATIONS[self.activation](torch.nn.functional.linear(s, weights, bias))
        return self.change * torch.nn.functional.linear(s, self.weights[-1], self.biases[-1])

    def mean_square(self, difference):
        """Mean square of differences of states, in units of the change from sample to sample."""
        return ((difference / self.change) ** 2).mean()

    def flow(self, s, n_steps, solver):
        """States after 1 .. n_steps sampling intervals.

        Args:
            s: (row, variable).
            n_steps: sampling intervals.
            solver: number of classical Runge-Kutta steps in each, those of ``VectorField``, so that the fitted model
                makes the steps that were trained; or the name of an adaptive solver of torchdiffeq, at a tolerance of
                1e-6.

        Returns:
            (row, n_steps, variable).
        """
        if isinstance(solver, str):
            times = torch.arange(n_steps + 1, dtype=s.dtype)
            return odeint(self, s, times, method=solver, rtol=TOLERANCE, atol=TOLERANCE)[1:].transpose(0, 1)
        states, h = [], 1.0 / solver
        for _ in range(n_steps):
            for _ in range(solver):
                k1 = self(None, s)
                k2 = self(None, s + 0.5 * h * k1)
                k3 = self(None, s + 0.5 * h * k2)
                k4 = self(None, s + h * k3)
                s = s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            states.append(s)
        return torch.stack(states, dim=1)


def _parameter(values):
    return torch.nn.Parameter(torch.tensor(values, dtype=torch.float32))
