"""Rivals of networks on delay windows: linear maps of windows, sparse regression, dense networks."""

import dataclasses

import numpy as np
import pysindy
import torch

from dysyr.reconstruction.hankel_stnn.estimator import DelayReconstructor
from dysyr.reconstruction.hankel_stnn.model import DelayModel
from dysyr.reconstruction.hankel_stnn.network import dense_counts, taper

RANKS = (5, 10, 20, 40)
RIDGE = 1e-8
SINDY_THRESHOLD = 0.05
FARTHEST = 1e3


class DenseModel(DelayModel):
    """A delay map whose network is dense."""

    family = "dense_delays"

    def config(self):
        activations = [activation for _, _, activation in self.layers]
        return {**self.delay_config(), "residual": self.residual, "activations": activations}

    def arrays(self):
        layers = {f"weights_{k}": weights for k, (weights, _, _) in enumerate(self.layers)}
        layers |= {f"bias_{k}": bias for k, (_, bias, _) in enumerate(self.layers)}
        return {**layers, **self.delay_arrays(), "change": self.change}

    @classmethod
    def from_state(cls, config, arrays):
        layers = [(arrays[f"weights_{k}"], arrays[f"bias_{k}"], phi) for k, phi in enumerate(config["activations"])]
        return cls(
            layers, change=arrays["change"], residual=config["residual"], **cls.from_delay_state(config, arrays)
        )


class DenseNetwork(torch.nn.Module):
    """One hidden layer, inputs weighted at the beginning by the taper of ``HankelNetwork``."""

    def __init__(self, n_inputs, n_units, n_outputs, weights, activation, seed):
        super().__init__()
        rng = np.random.default_rng([seed, 2])
        first = rng.normal(size=(n_units, n_inputs)) / np.sqrt(n_inputs) * weights
        values = {"weights": first, "bias": rng.uniform(-1, 1, n_units), "readout": np.zeros((n_outputs, n_units)),
                  "offset": np.zeros(n_outputs)}  # fmt: skip
        for name, value in values.items():
            setattr(self, name, torch.nn.Parameter(torch.tensor(value)))
        self.activation = activation

    def layers(self):
        return [(self.weights, self.bias, self.activation), (self.readout, self.offset, "identity")]


class DenseDelays(DelayReconstructor):
    """``HankelStNN`` with a dense network of ``n_units`` in place of the structured one, trained alike."""

    def __init__(
        self, *, n_units=128, window=64, activation="tanh", residual=True, memory="auto", n_rollout=6, n_windows=256,
        n_iterations=100, jitter=0.01, validation_fraction=0.2, n_checks=5, seed=0,
    ):  # fmt: skip
        self.n_units, self.window, self.activation, self.residual, self.memory = (
            n_units, window, activation, residual, memory
        )  # fmt: skip
        self.n_rollout, self.n_windows, self.n_iterations, self.jitter = n_rollout, n_windows, n_iterations, jitter
        self.validation_fraction, self.n_checks, self.seed = validation_fraction, n_checks, seed

    def _network(self, n_variables, memory):
        weights = np.repeat(taper(self.window, memory), n_variables)
        return DenseNetwork(
            self.window * n_variables, self.n_units, n_variables, weights, self.activation, self.seed
        )  # fmt: skip

    def _model(self, network, form):
        with torch.no_grad():
            layers = [(w.numpy().copy(), b.numpy().copy(), activation) for w, b, activation in network.layers()]
        return DenseModel(layers, **form)


@dataclasses.dataclass(frozen=True, eq=False)
class Rival:
    """A fitted rival.

    Attributes:
        forecast: function (contexts (batch, time, variable), n_steps) -> (batch, n_steps, variable).
        n_parameters, n_flops: counts, flops of one step.
    """

    forecast: object
    n_parameters: int
    n_flops: int


def dense_rival(fitted):
    """The Rival of a fitted ``DenseDelays``."""
    n_variables = len(fitted.model_.names)
    counts = dense_counts((fitted.window * n_variables, fitted.n_units, n_variables))
    return Rival(forecasts_of(fitted), *counts)


def forecasts_of(fitted):
    """The forecasts of a reconstructor as a function of arrays."""
    return lambda contexts, n_steps: fitted.forecast(contexts, n_steps=n_steps)["x"].values


def persistence():
    """The last sample, held."""
    return Rival(lambda contexts, n_steps: np.repeat(contexts[:, -1:], n_steps, axis=1), 0, 0)


def linear(series, window):
    """x[t+1] = A (window) + c by least squares."""
    past, after, mean, sd = _pairs(series, window)
    inputs = np.column_stack([past, np.ones(len(past))])
    gram = inputs.T @ inputs + RIDGE * len(inputs) * np.eye(inputs.shape[1])
    matrix = np.linalg.solve(gram, inputs.T @ after)
    n_variables = after.shape[1]

    def step(z):
        return np.concatenate([z[:, n_variables:], z @ matrix[:-1] + matrix[-1]], axis=1)

    return Rival(_windowed(step, window, mean, sd), matrix.size, 2 * matrix.size)


def hankel_dmd(series, window):
    """A linear map of the leading singular coordinates of windows; the rank that forecasts best on the last fifth."""
    return _best_rank(series, window, forced=False)


def havok(series, window):
    """The same map with the last coordinate as a force, which is zero in a forecast, since nobody knows it."""
    return _best_rank(series, window, forced=True)


def sindy(series, dt):
    """Sparse regression of the derivative on polynomials of degree 2; integrated from the last sample.

    Derivatives of order 4 from the samples or from smoothed ones, whichever forecasts 20 training samples better.
    """
    length = min(len(x) for x in series) - 21
    starts = np.stack([x[n : n + 21] for x in series for n in np.linspace(0, length, 20).astype(int)])
    found = [
        _regression(series, dt, method)
        for method in (pysindy.FiniteDifference(order=4), pysindy.SmoothedFiniteDifference())
    ]
    errors = [np.abs(one.forecast(starts[:, :1], 20) - starts[:, 1:]).mean() for one in found]
    return found[int(np.argmin(errors))]


def _regression(series, dt, differentiation):
    model = pysindy.SINDy(
        optimizer=pysindy.STLSQ(threshold=SINDY_THRESHOLD), feature_library=pysindy.PolynomialLibrary(degree=2),
        differentiation_method=differentiation,
    )  # fmt: skip
    model.fit([np.asarray(x) for x in series], t=dt)
    coefficients, powers = np.asarray(model.coefficients()), model.feature_library.powers_

    def slope(x):
        return np.prod(x[:, None, :] ** powers[None], axis=2) @ coefficients.T

    def forecast(contexts, n_steps):
        x, orbit = contexts[:, -1].copy(), []
        bound, h = FARTHEST * np.abs(contexts).max(), dt / 4
        for k in range(4 * n_steps):
            a = slope(x)
            b = slope(x + h / 2 * a)
            c = slope(x + h / 2 * b)
            x = np.clip(x + h / 6 * (a + 2 * b + 2 * c + slope(x + h * c)), -bound, bound)
            if k % 4 == 3:
                orbit.append(x)
        return np.stack(orbit, axis=1)

    n_terms = int((coefficients != 0).sum())
    return Rival(forecast, n_terms, 16 * 2 * n_terms)


def _pairs(series, window):
    """Standardised windows (row, window * variable) and the samples after them, with mean and spread."""
    rows = np.concatenate(series)
    mean, sd = rows.mean(axis=0), rows.std(axis=0)
    past, after = [], []
    for x in series:
        s = (x - mean) / sd
        view = np.lib.stride_tricks.sliding_window_view(s[:-1], window, axis=0).transpose(0, 2, 1)
        past.append(view.reshape(len(view), -1))
        after.append(s[window:])
    return np.concatenate(past), np.concatenate(after), mean, sd


def _windowed(step, window, mean, sd):
    """Forecasts by a step of standardised windows."""

    def forecast(contexts, n_steps):
        z = ((contexts[:, -window:] - mean) / sd).reshape(len(contexts), -1)
        samples = []
        for _ in range(n_steps):
            z = np.clip(step(z), -FARTHEST, FARTHEST)
            samples.append(z[:, -len(mean) :])
        return np.stack(samples, axis=1) * sd + mean

    return forecast


def _best_rank(series, window, forced):
    cut = [int(0.8 * len(x)) for x in series]
    early = [x[:n] for x, n in zip(series, cut, strict=True)]
    places = [(x, n) for x, n in zip(series, cut, strict=True)]
    if len(series) == 1:
        places = [(series[0], n) for n in np.linspace(cut[0], len(series[0]) - 21, 30).astype(int)]
    late = np.stack([x[n - window : n + 20] for x, n in places])
    ranks = [rank for rank in RANKS if rank <= window * series[0].shape[1]]
    subspace = _subspace(early, window)
    errors = [
        np.abs(_reduced(subspace, window, rank, forced).forecast(late[:, :window], 20) - late[:, window:]).mean()
        for rank in ranks
    ]
    return _reduced(_subspace(series, window), window, ranks[int(np.argmin(errors))], forced)


def _subspace(series, window):
    """Leading singular directions of windows, the windows and the ones after them in these, mean and spread."""
    past, after, mean, sd = _pairs(series, window)
    following = np.concatenate([past[:, len(mean) :], after], axis=1)
    modes = np.linalg.eigh(past.T @ past)[1][:, ::-1][:, : max(RANKS)]
    return modes, past @ modes, following @ modes, mean, sd


def _reduced(subspace, window, rank, forced):
    """The map of ``hankel_dmd`` or ``havok`` at one rank."""
    modes, v, w, mean, sd = subspace
    modes, v, w, n_variables = modes[:, :rank], v[:, :rank], w[:, :rank], len(mean)
    kept = rank - 1 if forced else rank
    matrix = np.pad(np.linalg.lstsq(v, w[:, :kept], rcond=None)[0], ((0, 0), (0, rank - kept)))

    def forecast(contexts, n_steps):
        state = ((contexts[:, -window:] - mean) / sd).reshape(len(contexts), -1) @ modes
        samples = []
        for _ in range(n_steps):
            if forced:
                state = np.concatenate([state[:, :kept], np.zeros((len(state), 1))], axis=1)
            state = np.clip(state @ matrix, -FARTHEST, FARTHEST)
            samples.append(state @ modes[-n_variables:].T)
        return np.stack(samples, axis=1) * sd + mean

    return Rival(forecast, rank * kept + modes.size, 2 * rank * (kept + n_variables))
