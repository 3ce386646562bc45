"""Forecasts from contexts of the truth, beside the best and the worst that can be had."""

import dataclasses

import numpy as np

from dysyr.evaluation.controls import linear_forecast


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Forecasts:
    """What the model foretold, and what came.

    Attributes:
        predicted: (context, time, state) the model's forecast, data units; NaN after it diverged.
        actual: (context, time, state) the truth after each context.
        best: (context, time, state) the true system started at the last sample of the same (noisy) context;
            None where the system is not known or not fully observed.
        persistence: (context, time, state) the last sample, held.
        linear: (context, time, state) a linear autoregression fitted to the truth itself.
        climatology: (state,) mean of the truth, the forecast of a model that knows only the average.
        scale: (state,) standard deviation of the truth.
        contexts: (context, time, state) the samples that the model was given.
        starts: (context,) index in the truth of the first predicted sample.
        dt: sampling interval in system time units; the first prediction is one dt after the context.
        lyapunov_time: 1 / largest exponent of the truth in system time units; None where it is not known or
            not positive.
        names: names of the variables.
    """

    predicted: np.ndarray
    actual: np.ndarray
    best: np.ndarray | None
    persistence: np.ndarray
    linear: np.ndarray
    climatology: np.ndarray
    scale: np.ndarray
    contexts: np.ndarray
    starts: np.ndarray
    dt: float
    lyapunov_time: float | None
    names: tuple

    @property
    def n_contexts(self):
        """Number of forecasts."""
        return len(self.starts)

    @property
    def horizon(self):
        """Samples predicted per context."""
        return self.actual.shape[1]

    def references(self):
        """The other forecasts of the same samples: ``{"best" (if known), "climatology", "persistence", "linear"}``."""
        climatology = np.broadcast_to(self.climatology, self.actual.shape)
        known = {"climatology": climatology, "persistence": self.persistence, "linear": self.linear}
        return known if self.best is None else {"best": self.best, **known}


def context_starts(n, *, context_length, horizon, n_contexts):
    """Where forecasts start: evenly spaced, every one with a full context before and a full horizon after.

    Args:
        n: samples of the truth.
        context_length: samples given to the model.
        horizon: samples predicted.
        n_contexts: at most this many.

    Returns:
        (k,) indices of the first predicted sample, 0 < k <= n_contexts; empty when the truth is too short.
    """
    first, last = context_length, n - horizon
    if last < first:
        return np.empty(0, dtype=np.int64)
    return np.unique(np.linspace(first, last, min(n_contexts, last - first + 1)).astype(np.int64))


def make_forecasts(
    predict, truth, *, dt, names, context_length, horizon, n_contexts, lyapunov_time=None, true_flow=None,
    clean=None,
):  # fmt: skip
    """Forecast from evenly spaced contexts of the truth.

    Args:
        predict: function (contexts (k, context_length, state), starts (k,), n_steps) -> (k, n_steps, state).
        truth: (time, state) gap-free.
        dt: sampling interval in system time units.
        names: names of the variables.
        context_length: samples given to the model.
        horizon: samples predicted.
        n_contexts: at most this many contexts.
        lyapunov_time: system time units, or None.
        true_flow: function (states (k, state), n_steps) -> (k, n_steps, state) of the true system, or None.
        clean: (time, state) truth before observation noise; forecasts are judged against it where it is
            given, since noise that was added afterwards cannot be foretold.

    Returns:
        Forecasts, or None when the truth is too short for one.
    """
    starts = context_starts(len(truth), context_length=context_length, horizon=horizon, n_contexts=n_contexts)
    if len(starts) == 0:
        return None
    contexts = truth[starts[:, None] + np.arange(-context_length, 0)]
    actual = (truth if clean is None else clean)[starts[:, None] + np.arange(horizon)]
    last = contexts[:, -1]
    return Forecasts(
        predicted=np.asarray(predict(contexts, starts, horizon), dtype=np.float64),
        actual=actual,
        best=None if true_flow is None else np.asarray(true_flow(last, horizon), dtype=np.float64),
        persistence=np.broadcast_to(last[:, None], actual.shape),
        linear=linear_forecast(truth, contexts, horizon),
        climatology=truth.mean(axis=0),
        scale=truth.std(axis=0, ddof=1),
        contexts=contexts,
        starts=starts,
        dt=float(dt),
        lyapunov_time=lyapunov_time,
        names=tuple(names),
    )
