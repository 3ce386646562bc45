"""Fitted recurrent networks: the state is the memory of the cell and the last sample."""

import numpy as np
from scipy.special import expit

from dysyr.core.model import Sampled, StateSpace, repeat_step
from dysyr.core.scaler import Scaler

REFERENCE = {"lstm": "hochreiter1997", "gru": "cho2014"}
PARAMETERS = ("weight_input", "weight_hidden", "bias_input", "bias_hidden", "readout", "offset")


class GatedModel(Sampled, StateSpace):
    """z = (h, c, s) for a long short-term memory, (h, s) for a gated recurrent unit, in standardised units.

        (h', c') = cell(s, h, c),     s' = s + change * (R h' + r)

    Args:
        parameters: dict of the arrays named by PARAMETERS; gates in the order of torch: input, forget, cell, output,
            or reset, update, new.
        cell: "lstm" or "gru".
        change: (variable,) unit of the predicted change.
        scaler: Scaler.
        dt: sampling interval in system time units.
        names: observed variables.
        initial_states: (k, latent) states for free runs.

    Reference: hochreiter1997, cho2014
    """

    family = "gated_recurrent"

    def __init__(self, parameters, *, cell, change, scaler, dt, names, initial_states):
        self.parameters = {name: np.asarray(parameters[name], dtype=np.float64) for name in PARAMETERS}
        self.cell = cell
        self.change = np.asarray(change, dtype=np.float64)
        self.hold(scaler=scaler, dt=dt, names=names, initial_states=initial_states)
        p = self.parameters
        self._weights = np.concatenate([p["weight_hidden"], p["weight_input"]], axis=1).T.copy()
        self._bias = p["bias_input"] + p["bias_hidden"]
        self._out, self._offset = (self.change[:, None] * p["readout"]).T.copy(), self.change * p["offset"]

    @property
    def reference(self):
        return REFERENCE[self.cell]

    @property
    def hidden_dim(self):
        """Units of the cell."""
        return self.parameters["weight_hidden"].shape[1]

    @property
    def latent_dim(self):
        return (2 if self.cell == "lstm" else 1) * self.hidden_dim + len(self.names)

    @property
    def n_parameters(self):
        """Numbers that were trained."""
        return sum(value.size for value in self.parameters.values())

    def readout(self, z):
        return self.scaler.inverse(z[..., -len(self.names) :])

    def initial(self, context, u=None):
        """The state after a context, from an empty memory: each sample that is there stands in for the prediction."""
        s = self.scaler.transform(np.asarray(context, dtype=np.float64))
        z = np.zeros((len(s), self.latent_dim))
        for t in range(s.shape[1]):
            if t:
                z = self.step(z)
            last = z[:, -s.shape[2] :]
            last[:] = np.where(np.isfinite(s[:, t]), s[:, t], last)
        return z

    def step(self, z, u=None):
        return self._lstm(z) if self.cell == "lstm" else self._gru(z)

    def _lstm(self, z):
        n = self.hidden_dim
        gates = np.concatenate([z[:, :n], z[:, 2 * n :]], axis=1) @ self._weights + self._bias
        i, f, o = expit(gates[:, :n]), expit(gates[:, n : 2 * n]), expit(gates[:, 3 * n :])
        after = np.empty_like(z)
        after[:, n : 2 * n] = f * z[:, n : 2 * n] + i * np.tanh(gates[:, 2 * n : 3 * n])
        after[:, :n] = o * np.tanh(after[:, n : 2 * n])
        after[:, 2 * n :] = z[:, 2 * n :] + after[:, :n] @ self._out + self._offset
        return after

    def _gru(self, z):
        n, p = self.hidden_dim, self.parameters
        h, s = z[:, :n], z[:, n:]
        seen = s @ p["weight_input"].T + p["bias_input"]
        kept = h @ p["weight_hidden"].T + p["bias_hidden"]
        reset, update = expit(seen[:, :n] + kept[:, :n]), expit(seen[:, n : 2 * n] + kept[:, n : 2 * n])
        new = np.tanh(seen[:, 2 * n :] + reset * kept[:, 2 * n :])
        after = np.empty_like(z)
        after[:, :n] = new + update * (h - new)
        after[:, n:] = s + after[:, :n] @ self._out + self._offset
        return after

    def jacobian(self, z, u=None):
        return self._lstm_jacobian(z) if self.cell == "lstm" else self._gru_jacobian(z)

    def _lstm_jacobian(self, z):
        n = self.hidden_dim
        gates = np.concatenate([z[:, :n], z[:, 2 * n :]], axis=1) @ self._weights + self._bias
        i, f, o = expit(gates[:, :n]), expit(gates[:, n : 2 * n]), expit(gates[:, 3 * n :])
        g, c = np.tanh(gates[:, 2 * n : 3 * n]), z[:, n : 2 * n]
        tanh = np.tanh(f * c + i * g)
        weights = self._weights.T
        whole = np.zeros((len(z), self.latent_dim, self.latent_dim))
        slopes = [g * i * (1 - i), c * f * (1 - f), i * (1 - g * g), tanh * o * (1 - o)]
        d_i, d_f, d_g, d_o = (s[:, :, None] * weights[k * n : (k + 1) * n] for k, s in enumerate(slopes))
        d_c = d_i + d_f + d_g
        through = o * (1 - tanh * tanh)
        d_h = d_o + through[:, :, None] * d_c
        for rows, part in ((slice(n, 2 * n), d_c), (slice(0, n), d_h)):
            whole[:, rows, :n], whole[:, rows, 2 * n :] = part[:, :, :n], part[:, :, n:]
        units = np.arange(n)
        whole[:, n + units, n + units] = f
        whole[:, units, n + units] = through * f
        return self._with_sample(whole)

    def _gru_jacobian(self, z):
        n, p = self.hidden_dim, self.parameters
        h, s = z[:, :n], z[:, n:]
        seen = s @ p["weight_input"].T + p["bias_input"]
        kept = h @ p["weight_hidden"].T + p["bias_hidden"]
        reset, update = expit(seen[:, :n] + kept[:, :n]), expit(seen[:, n : 2 * n] + kept[:, n : 2 * n])
        new = np.tanh(seen[:, 2 * n :] + reset * kept[:, 2 * n :])
        by_h, by_s = p["weight_hidden"], p["weight_input"]
        d_reset = (kept[:, 2 * n :] * reset * (1 - reset))[:, :, None]
        d_new = ((1 - update) * (1 - new * new))[:, :, None]
        d_update = ((h - new) * update * (1 - update))[:, :, None]
        whole = np.zeros((len(z), self.latent_dim, self.latent_dim))
        whole[:, :n, :n] = d_new * (d_reset * by_h[:n] + reset[:, :, None] * by_h[2 * n :]) + d_update * by_h[n : 2 * n]
        whole[:, :n, n:] = d_new * (d_reset * by_s[:n] + by_s[2 * n :]) + d_update * by_s[n : 2 * n]
        units = np.arange(n)
        whole[:, units, units] += update
        return self._with_sample(whole)

    def _with_sample(self, whole):
        """The rows of the sample filled in, s' = s + out h' + offset."""
        n, n_variables = self.hidden_dim, len(self.names)
        whole[:, -n_variables:] = self._out.T @ whole[:, :n]
        whole[:, -n_variables:, -n_variables:] += np.eye(n_variables)
        return whole

    def trajectory(self, z, n_steps, u=None):
        return repeat_step(self, z, n_steps, u)

    def config(self):
        return {"family": self.family, "cell": self.cell, "dt": self.dt, "names": list(self.names)}

    def arrays(self):
        return {
            **self.parameters, "change": self.change, "scaler_mean": self.scaler.mean, "scaler_sd": self.scaler.sd,
            "initial_states": self.initial_states,
        }  # fmt: skip

    @classmethod
    def from_state(cls, config, arrays):
        return cls(
            arrays, cell=config["cell"], change=arrays["change"], dt=config["dt"], names=config["names"],
            scaler=Scaler(arrays["scaler_mean"], arrays["scaler_sd"]), initial_states=arrays["initial_states"],
        )  # fmt: skip
