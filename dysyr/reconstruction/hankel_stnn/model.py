"""Fitted maps of delay windows: the state is the window of the last n samples."""

import numpy as np
import torch

from dysyr.core.model import StateSpace
from dysyr.core.scaler import Scaler
from dysyr.reconstruction.hankel_stnn.network import HankelNetwork

VALUE = {"tanh": np.tanh, "relu": lambda u: np.maximum(u, 0.0), "identity": lambda u: u}
SLOPE = {
    "tanh": lambda h: 1.0 - h * h,
    "relu": lambda h: (h > 0).astype(np.float64),
    "identity": np.ones_like,
}
"""Derivative of an activation as a function of its value."""
RIDGE = 1e-6


class DelayModel(StateSpace):
    """x[t+1] = (x[t] +) change * f(x[t-n+1], ..., x[t]), with f a network of dense layers, in standardised units.

    The state holds the window, oldest sample first, the variables of a sample together.

    Args:
        layers: list of (weights, bias, activation), the last one linear.
        window: n.
        change: (variable,) unit of the network's output, standardised units.
        residual: whether the network gives the change of the last sample rather than the next one.
        scaler: Scaler.
        covariance: (window, variable, variable) E[s(t) s(t + lag)^T] of the standardised training data.
        dt: sampling interval in system time units.
        names: observed variables.
        initial_states: (k, window * variable) states for free runs.
    """

    def __init__(self, layers, *, window, change, residual, scaler, covariance, dt, names, initial_states):
        self.layers = [(np.ascontiguousarray(w), np.asarray(b), activation) for w, b, activation in layers]
        self.window, self.residual, self.scaler = int(window), bool(residual), scaler
        self.change = np.asarray(change, dtype=np.float64)
        self.covariance = np.asarray(covariance, dtype=np.float64)
        self._dt, self._names = float(dt), tuple(str(name) for name in names)
        self._initial_states = np.asarray(initial_states, dtype=np.float64)

    @property
    def names(self):
        return self._names

    @property
    def dt(self):
        return self._dt

    @property
    def latent_dim(self):
        return self.window * len(self.names)

    @property
    def initial_states(self):
        return self._initial_states

    @property
    def scale(self):
        return self.scaler.sd

    def readout(self, z):
        with np.errstate(over="ignore", invalid="ignore"):
            return self.scaler.inverse(z[..., -len(self.names) :])

    def initial(self, context, u=None):
        """The window of the last samples.

        Samples that the context does not show, missing or before its begin, are the best linear estimate from those
        that it does: E[a | b] = C_ab (C_bb + 1e-6 I)^-1 b with the covariances of the training data.
        """
        s = self.scaler.transform(np.asarray(context, dtype=np.float64))[:, -self.window :]
        before = np.full((len(s), self.window - s.shape[1], s.shape[2]), np.nan)
        z = np.concatenate([before, s], axis=1).reshape(len(s), -1)
        for row in np.flatnonzero(np.isnan(z).any(axis=1)):
            seen = ~np.isnan(z[row])
            full = self._window_covariance()
            known = full[np.ix_(seen, seen)] + RIDGE * np.eye(seen.sum())
            z[row, ~seen] = full[np.ix_(~seen, seen)] @ np.linalg.solve(known, z[row, seen])
        return z

    def step(self, z, u=None):
        with np.errstate(over="ignore", invalid="ignore"):
            after = z
            for weights, bias, activation in self.layers:
                after = VALUE[activation](after @ weights.T + bias)
            after = self.change * after
            if self.residual:
                after = after + z[:, -len(self.names) :]
            return np.concatenate([z[:, len(self.names) :], after], axis=1)

    def jacobian(self, z, u=None):
        n_variables = len(self.names)
        whole = np.zeros((len(z), self.latent_dim, self.latent_dim))
        whole[:, :-n_variables, n_variables:] = np.eye(self.latent_dim - n_variables)
        after, product = z, None
        for weights, bias, activation in self.layers:
            after = VALUE[activation](after @ weights.T + bias)
            product = weights if product is None else weights @ product
            product = SLOPE[activation](after)[:, :, None] * product
        whole[:, -n_variables:] = self.change[:, None] * product
        if self.residual:
            whole[:, -n_variables:, -n_variables:] += np.eye(n_variables)
        return whole

    def trajectory(self, z, n_steps, u=None):
        n_variables, n = len(self.names), self.latent_dim
        samples = np.empty((len(z), n + n_steps * n_variables))
        samples[:, :n] = z
        with np.errstate(over="ignore", invalid="ignore"):
            for t in range(n_steps):
                at = t * n_variables
                samples[:, at + n : at + n + n_variables] = self.step(samples[:, at : at + n])[:, -n_variables:]
        orbit = np.lib.stride_tricks.sliding_window_view(samples, n, axis=1)[:, n_variables::n_variables]
        return orbit

    def _window_covariance(self):
        """(latent, latent) covariance of windows, block Toeplitz."""
        n, v = self.window, len(self.names)
        lag = np.arange(n)[None] - np.arange(n)[:, None]
        blocks = self.covariance[np.abs(lag)]
        blocks = np.where((lag < 0)[:, :, None, None], blocks.transpose(0, 1, 3, 2), blocks)
        return blocks.transpose(0, 2, 1, 3).reshape(n * v, n * v)


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
        super().__init__(layers, window=network.hankel.n, **others)

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
            "family": self.family, "dt": self.dt, "names": list(self.names), "residual": self.residual,
            "window": hankel.n, "n_blocks": hankel.n_blocks, "transform": "fourier" if hankel.is_complex else "real",
            "tied": hankel.tied, "activation": self.network.activation,
        }  # fmt: skip

    def arrays(self):
        trained = {name: value.detach().numpy().copy() for name, value in self.network.named_parameters()}
        return {
            **trained, "change": self.change, "covariance": self.covariance, "scaler_mean": self.scaler.mean,
            "scaler_sd": self.scaler.sd, "initial_states": self.initial_states,
        }  # fmt: skip

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
            network, change=arrays["change"], residual=config["residual"], covariance=arrays["covariance"],
            scaler=Scaler(arrays["scaler_mean"], arrays["scaler_sd"]), dt=config["dt"], names=config["names"],
            initial_states=arrays["initial_states"],
        )  # fmt: skip
