"""What fitted models of the PLRNN family share: readout, scaler, filtering of a context, state on disk."""

import numpy as np

from dysyr.core.model import PiecewiseLinear, Sampled
from dysyr.core.scaler import Scaler


class RecurrentModel(Sampled, PiecewiseLinear):
    """A piecewise-linear recurrent network with its scaler and states to start from.

    The readout in standardised units is the first N units (identity) or B z (affine).

    Args:
        parameters: the parts named by ``Parts``, A, C, L and B among them; B has rows when the readout is affine.
        scaler: Scaler of the observed variables.
        input_scaler: Scaler of the inputs, or None.
        dt: sampling interval in system time units.
        names: observed variables.
        initial_states: (k, M) states for free runs.
        filter_gain: strength in (0, 1] with which a context pulls the state, see ``initial``.

    Class attributes:
        Parts: named tuple of the family's parameters.
        FORM: names of the attributes, arguments of the constructor too, that fix the form of the map.
    """

    Parts = None
    FORM = ()

    def __init__(self, parameters, *, scaler, dt, names, initial_states, input_scaler=None, filter_gain=1.0):
        self.parameters = self.Parts(*(np.ascontiguousarray(part, dtype=np.float64) for part in parameters))
        self.input_scaler = input_scaler
        self.filter_gain = float(filter_gain)
        self.hold(scaler=scaler, dt=dt, names=names, initial_states=initial_states)
        self._pseudo = np.linalg.pinv(self.parameters.B) if self.affine_readout else None

    @property
    def latent_dim(self):
        return self.parameters.A.size

    @property
    def n_parameters(self):
        """Real numbers that were fitted: of the map, its readout, and the start of units that nobody observes."""
        return sum(part.size for part in self.parameters)

    @property
    def n_inputs(self):
        return self.parameters.C.shape[1]

    @property
    def affine_readout(self):
        """Whether the readout is a matrix rather than the first units."""
        return self.parameters.B.shape[0] > 0

    def readout(self, z):
        with np.errstate(over="ignore", invalid="ignore"):
            return self.scaler.inverse(self.standardised_readout(z))

    def standardised_readout(self, z):
        """Observation in standardised units; z (..., M) -> (..., N), not a number where z has left the numbers."""
        with np.errstate(over="ignore", invalid="ignore"):
            return z @ self.parameters.B.T if self.affine_readout else z[..., : len(self.names)]

    def observed_run(self, z, n_steps, stride):
        """A free run of which little is kept.

        Args:
            z: (batch, M) states to start from.
            n_steps: number of steps.
            stride: steps between two states that are kept.

        Returns:
            standardised readouts (batch, n_steps, N); every stride-th state (batch, ceil(n_steps / stride), M), from
            that after the first step on; the last states (batch, M).
        """
        orbit = self.trajectory(z, n_steps)
        return self.standardised_readout(orbit), orbit[:, ::stride], orbit[:, -1]

    def _driven(self, after, u):
        """``after`` plus what the inputs u (batch, K) in their own units add to it."""
        return after if u is None else after + self.input_scaler.transform(u) @ self.parameters.C.T

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
        if self.affine_readout:
            bar, pull = s @ self._pseudo.T, np.repeat(seen.all(axis=2)[..., None], self.latent_dim, axis=2)
            z = bar[:, 0]
        else:
            width = ((0, 0), (0, 0), (0, self.latent_dim - s.shape[2]))
            bar, pull = np.pad(s, width), np.pad(seen, width)
            z = np.concatenate([s[:, 0], s[:, 0] @ self.parameters.L.T], axis=1)
        for t in range(1, s.shape[1]):
            z = self.step(z, None if u is None else u[:, t])
            gain = max(self.filter_gain, 1.0 / (t + 1))
            z = z + gain * pull[:, t] * (bar[:, t] - z)
        return z

    def form(self):
        """JSON-ready dict of what fixes the form of the map."""
        return {name: getattr(self, name) for name in self.FORM}

    def kernel(self):
        return self.family, {**self.parameters._asdict(), **self.form()}

    def config(self):
        return {
            "family": self.family,
            "dt": self.dt,
            "names": list(self.names),
            **self.form(),
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
            cls.Parts(*(arrays[name] for name in cls.Parts._fields)),
            scaler=Scaler(arrays["scaler_mean"], arrays["scaler_sd"]),
            input_scaler=inputs,
            dt=config["dt"],
            names=config["names"],
            initial_states=arrays["initial_states"],
            filter_gain=config["filter_gain"],
            **{name: config[name] for name in cls.FORM},
        )
