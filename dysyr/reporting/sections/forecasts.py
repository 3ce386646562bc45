"""Forecasts from contexts, and for how long they hold."""

import numpy as np

from dysyr.evaluation.valid_prediction_time import normalised_error, steps_within
from dysyr.reporting.document import Picture, Section
from dysyr.reporting.figures.forecasts import LOOKS, forecasts_figure, valid_times_figure
from dysyr.reporting.figures.image import svg_uri
from dysyr.reporting.numbers import format_exact, format_number
from dysyr.reporting.views import distinct, time_unit

N_SHOWN = 4
DEFAULT_THRESHOLD = 0.4

_BEST = (
    "The dashed green curve is the true system started from the last sample of the same, possibly noisy, "
    "context: the best that can be had without filtering. "
)


def forecasts_section(card):
    """Some forecasts, and how long all of them held.

    Args:
        card: Card.

    Returns:
        Section, or None where no forecasts were made.
    """
    made = card.forecasts
    if made is None:
        return None
    measure = card.measures.get("valid_prediction_time")
    threshold = measure.settings["nrmse_threshold"] if measure is not None else DEFAULT_THRESHOLD
    steps = {"model": _steps(made, made.predicted, threshold)}
    steps |= {name: _steps(made, predicted, threshold) for name, predicted in made.references().items()}
    variables = distinct(card.truth)
    shown = np.linspace(0, made.n_contexts - 1, min(N_SHOWN, made.n_contexts)).astype(int)
    reach = _reach(steps["model"], made.horizon)
    unit = time_unit(card.truth)
    examples = forecasts_figure(
        made.contexts[shown][..., variables], made.actual[shown, :reach][..., variables],
        made.predicted[shown, :reach][..., variables],
        dt=made.dt, names=[made.names[i] for i in variables], time_unit=unit,
        valid_time=np.where(steps["model"][shown] < made.horizon, steps["model"][shown] * made.dt, np.inf),
        best=None if made.best is None else made.best[shown, :reach][..., variables],
    )  # fmt: skip
    per = made.dt / made.lyapunov_time if made.lyapunov_time else made.dt
    horizon_unit = "Lyapunov times" if made.lyapunov_time else unit or "time units"
    curves = valid_times_figure(
        steps["model"] * per, {name: count * per for name, count in steps.items() if name in LOOKS and name != "model"},
        horizon=made.horizon * per, unit=horizon_unit,
        threshold=f"until the error first exceeds {format_exact(threshold)} standard deviations",
    )  # fmt: skip
    median = format_number(float(np.median(steps["model"]) * per))
    blocks = (
        Picture(
            uri=svg_uri(examples),
            alt=f"{len(shown)} forecasts of the model beside what then happened.",
            caption=(
                "The model was shown the context (grey) and then left alone. The dotted line marks where "
                f"its error first exceeds {format_exact(threshold)} standard deviations. In a chaotic "
                "system every forecast must fail in the end; what counts is for how long it holds, and "
                "that it then still looks like the system. The contexts are evenly spaced, not picked."
            ),
        ),
        Picture(
            uri=svg_uri(curves),
            alt=f"Share of forecasts that still hold after a time; median {median} {horizon_unit}.",
            caption=(
                f"Share of {made.n_contexts} forecasts that still hold after a time; the median of the "
                f"model is {median} {horizon_unit}. {_BEST if made.best is not None else ''}Persistence "
                "repeats the last value, climatology foretells the mean, and the linear model is an "
                "autoregression fitted to the truth itself: a useful model lies well above all three. A curve "
                "that ends above zero has forecasts that never failed within the horizon."
            ),
        ),
    )
    return Section(anchor="forecasts", title="Forecasts", blocks=blocks)


def _steps(made, predicted, threshold):
    return steps_within(normalised_error(made.actual, predicted, made.scale), threshold)


def _reach(steps, horizon):
    """Samples to show: twice what most forecasts hold, so that their failure is seen."""
    return int(np.clip(2 * np.quantile(steps, 0.8), 20, horizon)) if horizon > 20 else horizon
