"""Windows of delays in the coordinates of their leading singular directions."""

import abc

import numpy as np

from dysyr.core.delay_state import last_window
from dysyr.core.model import Sampled, StateSpace, continued_state, repeat_step
from dysyr.core.scaler import Scaler
from dysyr.core.tall_matrix import shortened_equations


def leading_modes(windows, rank):
    """Leading right singular vectors of windows and the root mean square of the windows along them.

    Args:
        windows: (n, latent).
        rank: how many, at most.

    Returns:
        (latent, rank) orthonormal columns, (rank,) positive; fewer where the windows span fewer dimensions.
    """
    _, s, v = np.linalg.svd(shortened_equations(windows)[0], full_matrices=False)
    kept = s[:rank] > np.finfo(np.float64).eps * max(windows.shape) * s[0]
    return v[:rank][kept].T, s[:rank][kept] / np.sqrt(len(windows))


class ModeState(Sampled, StateSpace):
    """A linear map of the coordinates v = diag(1 / spread) modes^T w of a window w of standardised samples.

    Args:
        matrix: A, (rank, rank), v[t+1] = A v[t].
        modes: (window * variable, rank).
        spread: (rank,).
        form: dict, the arguments of a ``DelayState`` without a method, ``initial_states`` those of its windows.
    """

    def __init__(self, *, matrix, modes, spread, form):
        self.matrix, self.modes, self.spread = (np.ascontiguousarray(array) for array in (matrix, modes, spread))
        self.window, self.covariance = int(form["window"]), form["covariance"]
        self.hold(scaler=form["scaler"], dt=form["dt"], names=form["names"])
        self._windows = form["initial_states"]

    @abc.abstractmethod
    def _state(self, coordinates):
        """The state that belongs to the coordinates of a window; (..., rank) -> (..., latent)."""

    @property
    def n_parameters(self):
        """Numbers of the map and of the directions."""
        return self.matrix.size + self.modes.size

    @property
    def latent_dim(self):
        return len(self.matrix)

    @property
    def initial_states(self):
        return self._state(self._coordinates(self._windows))

    @property
    def eigenvalues(self):
        """(latent,) complex eigenvalues of the map; log(eigenvalues) / dt are the continuous ones."""
        return np.linalg.eigvals(self.matrix)

    def _coordinates(self, windows):
        return windows @ self.modes / self.spread

    def readout(self, z):
        rank = z.shape[-1]
        with np.errstate(over="ignore", invalid="ignore"):
            last = (z * self.spread[:rank]) @ self.modes[-len(self.names) :, :rank].T
            return self.scaler.inverse(last)

    def initial(self, context, u=None):
        """The coordinates of the last window, completed as in ``DelayState.initial``."""
        return continued_state(self, np.asarray(context, dtype=np.float64), self._last)

    def _last(self, context):
        windows = last_window(self.scaler.transform(context), self.window, self.covariance)
        return self._state(self._coordinates(windows))

    def step(self, z, u=None):
        with np.errstate(over="ignore", invalid="ignore"):
            return z @ self.matrix.T

    def jacobian(self, z, u=None):
        return np.broadcast_to(self.matrix, (len(z), *self.matrix.shape))

    def trajectory(self, z, n_steps, u=None):
        return repeat_step(self, z, n_steps)

    def config(self):
        return {"family": self.family, "dt": self.dt, "names": list(self.names), "window": self.window}

    def arrays(self):
        return {
            "matrix": self.matrix, "modes": self.modes, "spread": self.spread, "covariance": self.covariance,
            "scaler_mean": self.scaler.mean, "scaler_sd": self.scaler.sd, "windows": self._windows,
        }  # fmt: skip

    @classmethod
    def from_state(cls, config, arrays):
        form = {
            "window": config["window"], "dt": config["dt"], "names": config["names"],
            "scaler": Scaler(arrays["scaler_mean"], arrays["scaler_sd"]), "covariance": arrays["covariance"],
            "initial_states": arrays["windows"],
        }  # fmt: skip
        known = {"matrix", "modes", "spread", "covariance", "scaler_mean", "scaler_sd", "windows"}
        own = {name: value for name, value in arrays.items() if name not in known}
        return cls(form=form, **{name: arrays[name] for name in ("matrix", "modes", "spread")}, **own)


def mode_series(record, window, rank):
    """Leading modes of the training windows, and for each stretch the series of their coordinates.

    Args:
        record: Record, see ``candidate_search``.
        window: samples of a window.
        rank: number of modes, at most.

    Returns:
        (latent, rank) modes, (rank,) spread, list of (time, rank) coordinates of unit mean square.
    """
    if record.kept.get("window") != window:
        views = [np.lib.stride_tricks.sliding_window_view(x, window, axis=0) for x in record.pieces if len(x) > window]
        n_values = window * record.pieces[0].shape[1]
        all_windows = np.concatenate([view.transpose(0, 2, 1) for view in views]).reshape(-1, n_values)
        windows = np.split(all_windows, np.cumsum([len(view) for view in views])[:-1])
        modes = leading_modes(all_windows, all_windows.shape[1])
        record.kept.update(window=window, windows=windows, modes=modes)
    modes, spread = (array[..., :rank] for array in record.kept["modes"])
    return modes, spread, [w @ modes / spread for w in record.kept["windows"]]
