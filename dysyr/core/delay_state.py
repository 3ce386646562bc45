"""Models whose state is the window of the last n samples."""

import abc

import numpy as np

from dysyr.core.dataset import sampling_interval
from dysyr.core.errors import InputError
from dysyr.core.model import Sampled, StateSpace, continued_state
from dysyr.core.scaler import Scaler
from dysyr.core.segments import evenly_over

N_INITIAL_STATES = 64
RIDGE = 1e-6


class DelayState(Sampled, StateSpace):
    """s[t+1] = f(s[t-n+1], ..., s[t]) in standardised units.

    The state holds the window, oldest sample first, the variables of a sample together. Subclasses give f and its
    derivative; ``delay_config`` and ``delay_arrays`` are what they store of this class, ``from_delay_state`` reads it.

    Args:
        window: n.
        scaler: Scaler.
        covariance: (window, variable, variable) E[s(t) s(t + lag)^T] of the standardised training data.
        dt: sampling interval in system time units.
        names: observed variables.
        initial_states: (k, window * variable) states for free runs.
    """

    def __init__(self, *, window, scaler, covariance, dt, names, initial_states):
        self.window = int(window)
        self.hold(scaler=scaler, dt=dt, names=names, initial_states=initial_states)
        self.covariance = np.asarray(covariance, dtype=np.float64)

    @abc.abstractmethod
    def following(self, z):
        """The next sample; z (batch, latent) -> (batch, variable), standardised."""

    @abc.abstractmethod
    def following_jacobian(self, z):
        """Derivative of the next sample by the window; z (batch, latent) -> (batch, variable, latent)."""

    @property
    def latent_dim(self):
        return self.window * len(self.names)

    def readout(self, z):
        with np.errstate(over="ignore", invalid="ignore"):
            return self.scaler.inverse(z[..., -len(self.names) :])

    def initial(self, context, u=None):
        """The window of the last samples.

        Samples that the context does not show, missing or before its begin, are the best linear estimate from those
        that it does: E[a | b] = C_ab (C_bb + 1e-6 I)^-1 b with the covariances of the training data. Where the last
        samples are missing altogether the model goes on from those before.
        """
        return continued_state(self, np.asarray(context, dtype=np.float64), self._last)

    def _last(self, context):
        return last_window(self.scaler.transform(context), self.window, self.covariance)

    def step(self, z, u=None):
        with np.errstate(over="ignore", invalid="ignore"):
            return np.concatenate([z[:, len(self.names) :], self.following(z)], axis=1)

    def jacobian(self, z, u=None):
        n_variables = len(self.names)
        whole = np.zeros((len(z), self.latent_dim, self.latent_dim))
        whole[:, :-n_variables, n_variables:] = np.eye(self.latent_dim - n_variables)
        whole[:, -n_variables:] = self.following_jacobian(z)
        return whole

    def trajectory(self, z, n_steps, u=None):
        n_variables, n = len(self.names), self.latent_dim
        samples = np.empty((len(z), n + n_steps * n_variables))
        samples[:, :n] = z
        with np.errstate(over="ignore", invalid="ignore"):
            for t in range(n_steps):
                at = t * n_variables
                samples[:, at + n : at + n + n_variables] = self.following(samples[:, at : at + n])
        return np.lib.stride_tricks.sliding_window_view(samples, n, axis=1)[:, n_variables::n_variables]

    def delay_config(self):
        """The part of ``config`` that belongs to this class."""
        return {"family": self.family, "dt": self.dt, "names": list(self.names), "window": self.window}

    def delay_arrays(self):
        """The part of ``arrays`` that belongs to this class."""
        return {
            "covariance": self.covariance, "scaler_mean": self.scaler.mean, "scaler_sd": self.scaler.sd,
            "initial_states": self.initial_states,
        }  # fmt: skip

    @staticmethod
    def from_delay_state(config, arrays):
        """The arguments of this class, from ``config`` and ``arrays``; a dict."""
        return {
            "window": config["window"], "scaler": Scaler(arrays["scaler_mean"], arrays["scaler_sd"]),
            "covariance": arrays["covariance"], "dt": config["dt"], "names": config["names"],
            "initial_states": arrays["initial_states"],
        }  # fmt: skip


def last_window(s, window, covariance):
    """(batch, window * variable) the last samples of s (batch, time, variable), completed by ``complete_windows``."""
    s = s[:, -window:]
    before = np.full((len(s), window - s.shape[1], s.shape[2]), np.nan)
    return complete_windows(np.concatenate([before, s], axis=1).reshape(len(s), -1), covariance)


def complete_windows(z, covariance):
    """Windows with their missing values at the best linear estimate from the others.

        E[a | b] = C_ab (C_bb + 1e-6 I)^-1 b

    Args:
        z: (batch, window * variable) standardised windows, NaN where missing.
        covariance: (window, variable, variable) E[s(t) s(t + lag)^T].

    Returns:
        (batch, window * variable).
    """
    z = z.copy()
    for row in np.flatnonzero(np.isnan(z).any(axis=1)):
        seen = ~np.isnan(z[row])
        full = window_covariance(covariance)
        known = full[np.ix_(seen, seen)] + RIDGE * np.eye(seen.sum())
        z[row, ~seen] = full[np.ix_(~seen, seen)] @ np.linalg.solve(known, z[row, seen])
    return z


def delay_form(train, pieces, scaler, window, n_ahead=1):
    """The arguments of a ``DelayState`` that the training data fix.

    Args:
        train: Dataset of the training data.
        pieces: list of (time, variable) stretches without gaps, standardised.
        scaler: Scaler with which they were.
        window: n.
        n_ahead: samples that have to follow a window somewhere.

    Returns:
        dict.

    Raises:
        InputError: no stretch is long enough.
    """
    longest = max((len(x) for x in pieces), default=0)
    if longest < window + n_ahead:
        raise InputError(
            "no window fits into the data", got=f"the longest complete stretch has {longest} samples",
            expected=f"window and samples ahead take {window + n_ahead}",
            do="choose a shorter window, or use more data",
        )  # fmt: skip
    chosen = evenly_over([np.arange(max(0, len(x) - window + 1)) for x in pieces], N_INITIAL_STATES)
    return {
        "window": window, "scaler": scaler, "covariance": lagged_covariance(pieces, window),
        "dt": sampling_interval(train), "names": tuple(str(name) for name in train["state"].values),
        "initial_states": np.stack([pieces[i][at : at + window].ravel() for i, at in chosen]),
    }  # fmt: skip


def lagged_covariance(pieces, n_lags):
    """(n_lags, variable, variable) sum_t s(t) s(t + lag)^T / n, so that windows have a positive covariance.

    Args:
        pieces: list of (time, variable) standardised stretches.
        n_lags: lags 0 .. n_lags - 1.
    """
    total = sum(len(x) for x in pieces)
    sums = [sum(x[: len(x) - lag].T @ x[lag:] for x in pieces if len(x) > lag) for lag in range(n_lags)]
    return np.stack(sums) / total


def window_covariance(covariance):
    """(latent, latent) covariance of windows, block Toeplitz."""
    n, v = covariance.shape[:2]
    lag = np.arange(n)[None] - np.arange(n)[:, None]
    blocks = covariance[np.abs(lag)]
    blocks = np.where((lag < 0)[:, :, None, None], blocks.transpose(0, 1, 3, 2), blocks)
    return blocks.transpose(0, 2, 1, 3).reshape(n * v, n * v)
