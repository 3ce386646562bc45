"""Fitted neural ordinary differential equations: a vector field in NumPy, and a filter for noisy contexts."""

import numpy as np
from scipy.special import expit

from dysyr.core.kalman_filter import filtered_state
from dysyr.core.model import Sampled
from dysyr.core.scaler import Scaler
from dysyr.core.vector_field import VectorField


def silu(u):
    """(u sigma(u), its derivative)."""
    s = expit(u)
    return u * s, s * (1 + u * (1 - s))


def softplus(u):
    """(log(1 + e^u), its derivative)."""
    return np.logaddexp(0.0, u), expit(u)


def tanh(u):
    """(tanh u, its derivative)."""
    value = np.tanh(u)
    return value, 1 - value * value


ACTIVATIONS = {"silu": silu, "softplus": softplus, "tanh": tanh}


class NeuralField(Sampled, VectorField):
    """ds/dt = (change / dt) f(s), with f a network of dense layers, in standardised units.

    Args:
        layers: list of (weights (out, in), bias (out,)).
        activation: name in ACTIVATIONS, after each layer but the last.
        n_substeps: Runge-Kutta steps in dt.
        change: (variable,) unit of the field.
        noise: (variable,) standard deviation of the noise of measurements, standardised units.
        error: (variable,) root mean square error of a step, standardised units; with ``noise`` it says how far a
            context is believed, see ``filtered_state``.
        scaler: Scaler.
        dt: sampling interval in system time units.
        names: observed variables.
        initial_states: (k, variable) states for free runs.

    Reference: chen2018
    """

    family = "neural_field"
    reference = "chen2018"

    def __init__(self, layers, *, activation, n_substeps, change, noise, error, scaler, dt, names, initial_states):
        self.layers = [(np.asarray(w, dtype=np.float64), np.asarray(b, dtype=np.float64)) for w, b in layers]
        self.activation, self._n_substeps = activation, int(n_substeps)
        self.change, self.noise, self.error = (np.asarray(v, dtype=np.float64) for v in (change, noise, error))
        self.hold(scaler=scaler, dt=dt, names=names, initial_states=initial_states)

    @property
    def n_substeps(self):
        return self._n_substeps

    @property
    def latent_dim(self):
        return len(self.names)

    @property
    def n_parameters(self):
        """Numbers that were trained."""
        return sum(weights.size + bias.size for weights, bias in self.layers)

    def readout(self, z):
        with np.errstate(over="ignore", invalid="ignore"):
            return self.scaler.inverse(z)

    def initial(self, context, u=None):
        """The state after a context by the extended Kalman filter; see ``filtered_state``."""
        s = self.scaler.transform(np.asarray(context, dtype=np.float64))
        return filtered_state(self, s, noise=self.noise, error=self.error)

    def derivative(self, z, u=None):
        for weights, bias in self.layers[:-1]:
            z = ACTIVATIONS[self.activation](z @ weights.T + bias)[0]
        weights, bias = self.layers[-1]
        return self.change / self.dt * (z @ weights.T + bias)

    def derivative_jacobian(self, z, u=None):
        product = np.eye(z.shape[1])
        for weights, bias in self.layers[:-1]:
            z, slope = ACTIVATIONS[self.activation](z @ weights.T + bias)
            product = slope[:, :, None] * (weights @ product)
        return (self.change / self.dt)[:, None] * (self.layers[-1][0] @ product)

    def config(self):
        return {
            "family": self.family, "dt": self.dt, "names": list(self.names), "activation": self.activation,
            "n_substeps": self.n_substeps, "n_layers": len(self.layers),
        }  # fmt: skip

    def arrays(self):
        weights = {f"w_{i}": weights for i, (weights, _) in enumerate(self.layers)}
        biases = {f"b_{i}": bias for i, (_, bias) in enumerate(self.layers)}
        return {
            **weights, **biases, "change": self.change, "noise": self.noise, "error": self.error,
            "scaler_mean": self.scaler.mean, "scaler_sd": self.scaler.sd, "initial_states": self.initial_states,
        }  # fmt: skip

    @classmethod
    def from_state(cls, config, arrays):
        layers = [(arrays[f"w_{i}"], arrays[f"b_{i}"]) for i in range(config["n_layers"])]
        form = {name: config[name] for name in ("activation", "n_substeps", "dt", "names")}
        form |= {name: arrays[name] for name in ("change", "noise", "error", "initial_states")}
        return cls(layers, scaler=Scaler(arrays["scaler_mean"], arrays["scaler_sd"]), **form)
