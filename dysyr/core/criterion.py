"""The validation criterion that all reconstructors share: one number by which checkpoints and runs are chosen."""

import numpy as np

from dysyr.core.attractor_distance import spectrum_distance
from dysyr.core.dataset import inputs, make_dataset, sampling_interval, trajectories
from dysyr.core.labels import labels_of
from dysyr.core.levels import signal_of
from dysyr.core.rate_model import RateModel
from dysyr.core.segments import complete_stretches, evenly_over
from dysyr.core.window_generator import WindowGenerator

MAX_SAMPLES = 20_000
MIN_SAMPLES = 20
N_RUNS = 4
N_CONTEXTS = 32
CONTEXT = 50
HORIZON = 20
MAX_WINDOWS = 2_000


def validation_criterion(model, data, *, n_runs=N_RUNS, transient=None, seed=0):
    """How far a model is from data that it was not fitted to; lower is better.

        criterion = (H_state + D_H + E) / 3, each in [0, 1]

    H_state is the Hellinger distance of coarse histograms over the three leading principal components, D_H the
    distance of power spectra, both averaged over free runs after a burn-in; E is the root mean squared error of
    forecasts of up to 20 steps in units of the standard deviation, at most 1. Values depend on the length of
    the data: compare them only on the same data. A ``RateModel`` is judged by ``label_criterion``, or by
    ``signal_criterion`` if its data are a signal; a ``WindowGenerator`` by ``window_criterion``.

    Args:
        model: a Model.
        data: Dataset in data units.
        n_runs: number of free runs.
        transient: steps of burn-in; by default a quarter of the length of a run.
        seed: chooses the initial states of the free runs.

    Returns:
        float in [0, 1]; 1 where nothing of the data is met. Without a complete stretch of 20
        samples, or with external inputs, only E counts.

    Reference: dysyr's own definition; D_H as in hess2023
    """
    if isinstance(model, RateModel):
        return label_criterion(model, data) if model.levels is None else signal_criterion(model, data)
    if isinstance(model, WindowGenerator):
        return window_criterion(model, data, seed=seed)
    dt = sampling_interval(data)
    series = trajectories(data)
    error = forecast_error(model, data)
    stretch = longest_complete_stretch(series)[:MAX_SAMPLES]
    if len(stretch) < MIN_SAMPLES or inputs(data) is not None:
        return error
    runs = model.generate(len(stretch), n_trajectories=n_runs, transient=transient, seed=seed)["x"].values
    state = np.mean([histogram_distance(stretch, run) for run in runs])
    spectrum = np.mean([spectrum_distance(stretch, run, dt=dt, sigma_bins=10).value for run in runs])
    return float((state + spectrum + error) / 3)


def window_criterion(model, data, *, seed=0):
    """How far drawn windows are from those of the data; lower is better.

        criterion = (H + E) / 2

    H is the Hellinger distance of coarse histograms of whole windows over their three leading principal components, E
    the error of forecasts as in ``validation_criterion``. Of more than 20,000 windows as many count, evenly over all.

    Args:
        model: a WindowGenerator.
        data: Dataset in data units.
        seed: of the windows that are drawn.

    Returns:
        float in [0, 1]. Without 20 complete windows only E counts.
    """
    stretches = [x[start:stop] for x in trajectories(data) for start, stop in complete_stretches(x)]
    views = [
        np.lib.stride_tricks.sliding_window_view(x, model.window, axis=0)
        for x in stretches if len(x) >= model.window
    ]  # fmt: skip
    error, n_windows = forecast_error(model, data), sum(map(len, views))
    if n_windows < MIN_SAMPLES:
        return error
    chosen = evenly_over([np.arange(len(view)) for view in views], min(n_windows, MAX_SAMPLES))
    windows = np.stack([views[i][at].ravel() for i, at in chosen])
    drawn = np.stack(trajectories(model.generate(model.window, n_trajectories=min(n_windows, MAX_WINDOWS), seed=seed)))
    return 0.5 * (histogram_distance(windows, drawn.transpose(0, 2, 1).reshape(len(drawn), -1)) + error)


def label_criterion(model, data):
    """How much of the uncertainty of labels a rate model leaves; lower is better.

        criterion = <-ln p(label | labels before it)> / <-ln (frequency of the label in the data)>

    Args:
        model: a RateModel.
        data: Dataset with labels, at any times.

    Returns:
        float in [0, 1]; 0 where every label is foreseen, 1 where the model is no better than the frequencies.
    """
    labels = np.concatenate(labels_of(data))
    shares = np.bincount(labels[labels >= 0]) / max((labels >= 0).sum(), 1)
    entropy = float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())
    left = -model.pair_log_likelihood(data)
    if left <= 0:
        return 0.0
    return float(min(1.0, left / entropy)) if entropy > 0 else 1.0


def signal_criterion(model, data):
    """How much of the spread of a signal a rate model leaves; lower is better.

        criterion = exp <ln N(y; mean, sd^2) - ln p(y | the signal before it)>

    the mean and standard deviation being those of the data: the ratio of standard deviations, if both laws were normal.

    Args:
        model: a RateModel with levels.
        data: Dataset of one signal, at any times.

    Returns:
        float in [0, 1]; 1 where the model is no better than a single normal law.
    """
    y = np.concatenate(signal_of(data))
    y = y[np.isfinite(y)]
    if len(y) < 2 or np.ptp(y) == 0:
        return 1.0
    plain = -0.5 - np.log(y.std()) - 0.5 * np.log(2 * np.pi)
    return float(np.exp(min(0.0, plain - model.pair_log_likelihood(data))))


def histogram_distance(truth, generated):
    """Hellinger distance of histograms over the three leading principal components of the truth.

    About 20 samples of the truth per cell; what leaves the range of the truth, or is not finite, lies in one cell of
    its own.

    Args:
        truth: (time, n_variables), finite.
        generated: (time, n_variables).

    Returns:
        float in [0, 1].
    """
    centre, sd = truth.mean(axis=0), truth.std(axis=0)
    sd = np.where(sd > 0, sd, 1.0)
    scaled = (truth - centre) / sd
    axes = np.linalg.eigh(scaled.T @ scaled)[1][:, ::-1][:, :3]
    with np.errstate(invalid="ignore", over="ignore"):
        p, q = scaled @ axes, ((generated - centre) / sd) @ axes
    n_cells = int(np.clip(round((len(truth) / 20) ** (1 / axes.shape[1])), 3, 20))
    low, high = p.min(axis=0), p.max(axis=0)
    margin = 0.05 * (high - low) + 1e-12
    counts = [_cells(points, low - margin, high + margin, n_cells) for points in (p, q)]
    return float(np.sqrt(0.5 * ((np.sqrt(counts[0]) - np.sqrt(counts[1])) ** 2).sum()))


def forecast_error(model, data):
    """Root mean squared error of forecasts over up to 20 steps from up to 32 contexts, in standard deviations.

    Args:
        model: a Model.
        data: Dataset in data units; with the inputs that the model needs.

    Returns:
        float in [0, 1]; 1 where the model is no better than the mean, diverges, or the data are too short.
    """
    series, drives, dt = trajectories(data), inputs(data), sampling_interval(data)
    sd = np.nanstd(np.concatenate(series), axis=0)
    sd = np.where(sd > 0, sd, 1.0)
    context = min(CONTEXT, max(len(x) for x in series) // 3)
    horizon = min(HORIZON, max(len(x) for x in series) - context)
    if context < 1 or horizon < 1:
        return 1.0
    places = [
        context + np.flatnonzero(np.isfinite(x[context - 1 : max(0, len(x) - horizon)]).all(axis=1)) for x in series
    ]
    chosen = evenly_over(places, N_CONTEXTS)
    if not chosen:
        return 1.0
    past = np.stack([series[i][at - context : at] for i, at in chosen])
    future = np.stack([series[i][at : at + horizon] for i, at in chosen])
    past_drive = future_drive = None
    if drives is not None:
        past_drive = np.stack([drives[i][at - context : at] for i, at in chosen])
        future_drive = np.stack([drives[i][at : at + horizon] for i, at in chosen])
    contexts = make_dataset(past, dt=dt, names=model.names, mask=True, u=past_drive)
    ahead = model.forecast(contexts, n_steps=horizon, inputs=future_drive)
    return _relative_error(ahead["x"].values, future, sd)


def longest_complete_stretch(series):
    """The longest run of samples without a missing value.

    Args:
        series: list of (time, n_variables) arrays, NaN where missing.

    Returns:
        (time, n_variables).
    """
    pieces = [x[start:stop] for x in series for start, stop in complete_stretches(x)]
    return max(pieces, key=len, default=series[0][:0])


def _relative_error(predicted, truth, sd):
    with np.errstate(over="ignore", invalid="ignore"):
        squares = ((predicted - truth) / sd) ** 2
    squares = squares[np.isfinite(truth)]
    if not np.isfinite(squares).all():
        return 1.0
    return float(min(1.0, np.sqrt(squares.mean()))) if squares.size else 1.0


def _cells(points, low, high, n_cells):
    """Shares of points per cell, the last cell for what is out of range."""
    with np.errstate(invalid="ignore", over="ignore"):
        position = np.floor(n_cells * (points - low) / (high - low))
        inside = ((position >= 0) & (position < n_cells)).all(axis=1)
    shape = (n_cells,) * points.shape[1]
    keys = np.ravel_multi_index(tuple(position[inside].astype(np.int64).T), shape)
    counts = np.bincount(keys, minlength=int(np.prod(shape)))
    return np.append(counts, len(points) - inside.sum()) / len(points)
