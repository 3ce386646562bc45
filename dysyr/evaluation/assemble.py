"""From data sets and a model to the context that all measures are computed from."""

import math

import numpy as np

from dysyr.core.correlation_time import correlation_time
from dysyr.core.dataset import inputs, make_dataset, sampling_interval, trajectories
from dysyr.core.errors import InputError
from dysyr.core.json_attribute import json_attribute
from dysyr.core.segments import complete_stretches
from dysyr.core.status import orbit_status
from dysyr.evaluation.context import EvaluationContext, truth_scale, varies
from dysyr.evaluation.forecasts import make_forecasts

MIN_SAMPLES = 50
LONGEST_HORIZON = 5_000
LOST = 1e100
LYAPUNOV_TIMES = 12
CORRELATION_TIMES = 10
SAME_VARIABLES = {"GaussianNoise", "MissingAtRandom", "MissingBlocks"}


def longest_stretch(data):
    """The longest piece of a data set without any missing value.

    Args:
        data: Dataset.

    Returns:
        (trajectory, start, stop), samples start <= t < stop.

    Raises:
        InputError: fewer than 50 samples in a row.
    """
    pieces = [(i, *piece) for i, x in enumerate(trajectories(data)) for piece in complete_stretches(x)]
    best = max(pieces, key=lambda piece: piece[2] - piece[1], default=(0, 0, 0))
    if best[2] - best[1] < MIN_SAMPLES:
        raise InputError(
            "the truth is too short to compare a model with",
            got=f"{best[2] - best[1]} samples without a gap", expected=f"at least {MIN_SAMPLES}",
        )  # fmt: skip
    return best


def free_runs(model, data, stretch, n_runs, seed):
    """Free runs of a model as long as a stretch of the truth.

    A model with external inputs is driven by those of the stretch, without a transient.

    Args:
        model: Model.
        data: Dataset of the truth.
        stretch: (trajectory, start, stop).
        n_runs: how many.
        seed: of the initial states.

    Returns:
        Dataset.

    Raises:
        InputError: the model has other variables or another sampling interval than the truth.
    """
    trajectory, start, stop = stretch
    names = [str(name) for name in data["state"].values]
    if len(model.names) != len(names):
        raise InputError(
            "model and truth have different variables",
            got=f"the model has {', '.join(model.names)}", expected=f"the truth has {', '.join(names)}",
            do="embed or select the truth as the training data were",
        )  # fmt: skip
    dt = sampling_interval(data, needed_by="evaluation")
    if abs(model.dt - dt) > 0.02 * dt:
        raise InputError(
            "model and truth are sampled at different intervals", got=f"the model steps by {model.dt:g}",
            expected=f"the truth has dt = {dt:g}", do="use dysyr.resample",
        )  # fmt: skip
    drive = inputs(data)
    if drive is None:
        return model.generate(stop - start, n_trajectories=n_runs, seed=seed)
    u = drive[trajectory][start:stop]
    return model.generate(stop - start, n_trajectories=n_runs, transient=0, inputs=u, seed=seed)


def independent_stretches(data, n, n_pairs):
    """Stretches of n samples cut from independent truth, one after the other.

    Args:
        data: Dataset.
        n: samples of each.
        n_pairs: at most this many.

    Returns:
        (pair, n, state) array.

    Raises:
        InputError: no gap-free stretch is that long.
    """
    pieces, longest = [], 0
    for x in trajectories(data):
        missing = np.flatnonzero(~np.isfinite(x).all(axis=1))
        bounds = np.concatenate([[-1], missing, [len(x)]])
        for before, after in zip(bounds[:-1], bounds[1:], strict=True):
            longest = max(longest, int(after - before - 1))
            pieces += [x[start : start + n] for start in range(before + 1, after - n + 1, n)]
    if not pieces:
        raise InputError(
            "the reference truth is too short", got=f"{longest} samples without a gap",
            expected=f"at least {n}, as many as truth and runs have",
        )  # fmt: skip
    return np.stack(pieces[:n_pairs])


def assemble(
    data, runs, *, stretch, settings, seed=0, model=None, system=None, references=None,
    reference_kind="halves", truth_exponents=None, true_flow=None,
):  # fmt: skip
    """The context of an evaluation.

    Truth, runs and references are cut to the shortest of them; a run that stops early counts as not finite from there
    on, as does a value beyond 1e100 standard deviations, whose square is none.

    Args:
        data: Dataset of the truth.
        runs: Dataset of free runs in data units.
        stretch: (trajectory, start, stop) of the truth to compare with.
        settings: EvaluationSettings.
        seed: of forecasts, controls and directions.
        model: Model for forecasts and exponents, or None.
        system: System behind the truth, or None.
        references: (pair, time, state) independent truth, or None to use further trajectories of the truth.
        reference_kind: where references come from.
        truth_exponents: Measure, or None.
        true_flow: function of the true system for forecasts, or None.

    Returns:
        EvaluationContext.

    Raises:
        InputError: shapes that do not fit.
    """
    trajectory, start, stop = stretch
    series = trajectories(data)
    truth = series[trajectory][start:stop]
    orbits = trajectories(runs)
    n = min(len(truth), max(len(orbit) for orbit in orbits))
    if orbits[0].shape[1] != truth.shape[1]:
        raise InputError(
            "free runs and truth have different variables", got=f"{orbits[0].shape[1]} in the runs",
            expected=f"{truth.shape[1]}, as in the truth",
        )  # fmt: skip
    if references is None or len(references) == 0:
        others = [x[:n] for i, x in enumerate(series) if i != trajectory and len(x) >= n]
        others = [x for x in others if np.isfinite(x).all()][: settings.n_truth_pairs]
        references, reference_kind = (np.stack(others), "other trajectories") if others else (None, "halves")
    truth = truth[:n]
    dt = sampling_interval(data, needed_by="evaluation")
    scale = truth_scale(truth)
    padded = np.full((len(orbits), n, truth.shape[1]), np.nan)
    for row, orbit in zip(padded, orbits, strict=True):
        row[: min(n, len(orbit))] = orbit[:n]
    padded[np.abs(padded) > LOST * scale] = np.inf
    names = tuple(str(name) for name in data["state"].values)
    exponent = math.nan if truth_exponents is None else max(truth_exponents.value)
    forecasts = None
    if model is not None and varies(truth).all():
        forecasts = make_forecasts(
            _predictor(model, data, stretch), truth, dt=dt, names=names,
            context_length=max(min(settings.context_length, n // 10), 1),
            horizon=_horizon(truth, dt, exponent, settings), n_contexts=settings.n_contexts,
            lyapunov_time=1.0 / exponent if exponent > 0 else None, true_flow=true_flow,
            clean=_clean(data, stretch, n),
        )  # fmt: skip
    return EvaluationContext(
        truth=truth,
        runs=padded,
        dt=dt,
        names=names,
        statuses=tuple(orbit_status(run, scale) for run in padded),
        references=np.empty((0, 0, 0)) if references is None else references[:, :n],
        reference_kind=reference_kind,
        forecasts=forecasts,
        model=model,
        system=system,
        truth_exponents=truth_exponents,
        seed=seed,
        settings=settings,
    )


def _horizon(truth, dt, exponent, settings):
    """Samples to predict: 12 Lyapunov times, or 10 correlation times; a quarter of the truth at most."""
    if settings.horizon is not None:
        return settings.horizon
    wanted = LYAPUNOV_TIMES / (exponent * dt) if exponent > 0 else CORRELATION_TIMES * correlation_time(truth)
    return int(max(min(max(wanted, max(settings.prediction_steps)), len(truth) // 4, LONGEST_HORIZON), 1))


def _clean(data, stretch, n):
    """The truth before observation noise, where the data set has it for the same variables."""
    if "x_true" not in data or data["x_true"].dims != data["x"].dims or "embedding" in data.attrs:
        return None
    models = {observation["model"] for observation in json_attribute(data, "observation", [])}
    if not models <= SAME_VARIABLES:
        return None
    trajectory, start, _ = stretch
    clean = np.asarray(data["x_true"].values[trajectory, start : start + n], dtype=np.float64)
    return clean if np.isfinite(clean).all() else None


def _predictor(model, data, stretch):
    """``model.forecast`` on arrays, with the inputs that belong to each context."""
    trajectory, start, _ = stretch
    drive = inputs(data)

    def predict(contexts, starts, n_steps):
        past, future = None, None
        if drive is not None:
            u = drive[trajectory][start:]
            past = u[starts[:, None] + np.arange(-contexts.shape[1], 0)]
            future = u[starts[:, None] + np.arange(n_steps)]
        given = make_dataset(contexts, dt=model.dt, names=list(model.names), u=past)
        return np.stack(trajectories(model.forecast(given, n_steps=n_steps, inputs=future)))

    return predict
