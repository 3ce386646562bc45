"""The fitted shallow PLRNN: a piecewise-linear map with its scaler and states to start from."""

import numpy as np

from dysyr.core.model import PiecewiseLinear
from dysyr.core.scaler import Scaler
from dysyr.kernels.shallow_plrnn import Parameters
from dysyr.kernels.shallow_plrnn_run import run


class ShallowPLRNN(PiecewiseLinear):
    """z[t+1] = A * z[t] + W1 r(z[t]) + h1 + C u[t+1],  r(z) = relu(W2 z + h2) [- relu(W2 z) when clipped].

    The readout in standardised units is the first N units (identity) or B z (affine).

    Args:
        parameters: Parameters, float64; ``B`` has rows when the readout is affine.
        scaler: Scaler of the observed variables.
        input_scaler: Scaler of the inputs, or None.
        dt: sampling interval in system time units.
        names: observed variables.
        initial_states: (k, M) states for free runs.
        clipped: the clipped form.
        filter_gain: strength in (0, 1] with which a context pulls the state, see ``initial``.

    Reference: hess2023
    """

    family = "shallow_plrnn"
    reference = "hess2023"

    def __init__(
        self, parameters, *, scaler, dt, names, initial_states, input_scaler=None, clipped=False, filter_gain=1.0
    ):
        self.parameters = Parameters(*(np.ascontiguousarray(part, dtype=np.float64) for part in parameters))
        self.scaler = scaler
        self.input_scaler = input_scaler
        self.clipped = bool(clipped)
        self.filter_gain = float(filter_gain)
        self._dt = float(dt)
        self._names = tuple(str(name) for name in names)
        self._initial_states = np.asarray(initial_states, dtype=np.float64)
        self._pseudo = np.linalg.pinv(self.parameters.B) if self.affine_readout else None

    @property
    def names(self):
        return self._names

    @property
    def dt(self):
        return self._dt

    @property
    def latent_dim(self):
        return self.parameters.A.size

    @property
    def hidden_dim(self):
        return self.parameters.h2.size

    @property
    def n_inputs(self):
        return self.parameters.C.shape[1]

    @property
    def initial_states(self):
        return self._initial_states

    @property
    def scale(self):
        return self.scaler.sd

    @property
    def affine_readout(self):
        """Whether the readout is a matrix rather than the first units."""
        return self.parameters.B.shape[0] > 0

    def step(self, z, u=None):
        p = self.parameters
        with np.errstate(over="ignore", invalid="ignore"):
            active = z @ p.W2.T
            r = np.maximum(active + p.h2, 0.0)
            if self.clipped:
                r -= np.maximum(active, 0.0)
            out = p.A * z + r @ p.W1.T + p.h1
            return out if u is None else out + self.input_scaler.transform(u) @ p.C.T

    def jacobian(self, z, u=None):
        p = self.parameters
        return p.A * np.eye(self.latent_dim) + (p.W1 * self._slopes(self.region(z))[:, None, :]) @ p.W2

    def readout(self, z):
        with np.errstate(over="ignore", invalid="ignore"):
            s = z @ self.parameters.B.T if self.affine_readout else z[..., : len(self.names)]
            return self.scaler.inverse(s)

    def trajectory(self, z, n_steps, u=None):
        drive = None if u is None else self.input_scaler.transform(u)
        return run(self.parameters, z, n_steps, drive, clipped=self.clipped)

    def region(self, z):
        """Bits 1[W2 z + h2 > 0], for the clipped form followed by 1[W2 z > 0]."""
        active = z @ self.parameters.W2.T
        bits = active + self.parameters.h2 > 0
        return np.concatenate([bits, active > 0], axis=-1) if self.clipped else bits

    def affine(self, region):
        p = self.parameters
        region = np.asarray(region, dtype=bool)
        matrix = np.diag(p.A) + (p.W1 * self._slopes(region[None])[0]) @ p.W2
        return matrix, p.W1 @ (region[: self.hidden_dim] * p.h2) + p.h1

    def initial(self, context, u=None):
        """State at the end of a context, by nudging the model along it.

            z[0] = zbar[0],   z <- F(z),   z += k_t (zbar[t] - z),   k_t = max(gain, 1 / (t + 1))

        zbar is the state that the data show: [x; 0] where the readout is the identity (only observed units are
        pulled), pinv(B) x otherwise. Missing values pull nothing. The gain is that of the best forecasts on
        validation data, so a noisy context is filtered rather than believed.
        """
        s = self.scaler.transform(np.asarray(context, dtype=np.float64))
        seen = np.isfinite(s)
        s = np.where(seen, s, 0.0)
        p = self.parameters
        if self.affine_readout:
            bar, pull = s @ self._pseudo.T, np.repeat(seen.all(axis=2)[..., None], self.latent_dim, axis=2)
            z = bar[:, 0]
        else:
            width = ((0, 0), (0, 0), (0, self.latent_dim - s.shape[2]))
            bar, pull = np.pad(s, width), np.pad(seen, width)
            z = np.concatenate([s[:, 0], s[:, 0] @ p.L.T], axis=1)
        for t in range(1, s.shape[1]):
            z = self.step(z, None if u is None else u[:, t])
            gain = max(self.filter_gain, 1.0 / (t + 1))
            z = z + gain * pull[:, t] * (bar[:, t] - z)
        return z

    def kernel(self):
        return self.family, {**self.parameters._asdict(), "clipped": self.clipped}

    def config(self):
        return {
            "family": self.family,
            "dt": self.dt,
            "names": list(self.names),
            "clipped": self.clipped,
            "filter_gain": self.filter_gain,
            "has_inputs": self.input_scaler is not None,
        }

    def arrays(self):
        scalers = {"scaler_mean": self.scaler.mean, "scaler_sd": self.scaler.sd}
        if self.input_scaler is not None:
            scalers |= {"input_mean": self.input_scaler.mean, "input_sd": self.input_scaler.sd}
        return {**self.parameters._asdict(), **scalers, "initial_states": self.initial_states}

    @classmethod
    def from_state(cls, config, arrays):
        inputs = Scaler(arrays["input_mean"], arrays["input_sd"]) if config["has_inputs"] else None
        return cls(
            Parameters(*(arrays[name] for name in Parameters._fields)),
            scaler=Scaler(arrays["scaler_mean"], arrays["scaler_sd"]),
            input_scaler=inputs,
            dt=config["dt"],
            names=config["names"],
            initial_states=arrays["initial_states"],
            clipped=config["clipped"],
            filter_gain=config["filter_gain"],
        )

    def _slopes(self, bits):
        """Slopes of the hidden units, (batch, H), from region bits (batch, H) or (batch, 2H)."""
        slopes = bits[:, : self.hidden_dim].astype(np.float64)
        return slopes - bits[:, self.hidden_dim :] if self.clipped else slopes
