"""Valid prediction time: how long a forecast can be used."""

import numpy as np

from dysyr.evaluation.forecast_measure import ForecastMeasure
from dysyr.evaluation.smape import symmetric_percentage_error


def normalised_error(actual, predicted, scale):
    """E(t) = sqrt( mean_d ((x_d(t) - y_d(t)) / sd_d)^2 ).

    Args:
        actual: (..., time, state).
        predicted: (..., time, state); NaN gives an infinite error.
        scale: (state,) standard deviation of the truth.

    Returns:
        (..., time), in standard deviations.

    Reference: vlachas2020
    """
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.sqrt((((actual - predicted) / scale) ** 2).mean(axis=-1))
    return np.where(np.isnan(error), np.inf, error)


def steps_within(error, threshold):
    """Number of steps before ``error`` (..., time) first exceeds ``threshold``; all if it never does."""
    beyond = error > threshold
    return np.where(beyond.any(axis=-1), beyond.argmax(axis=-1), error.shape[-1])


class ValidPredictionTimeMeasure(ForecastMeasure):
    """Time until a forecast fails, in two definitions.

    * ``nrmse``: until the error normalised by the truth's standard deviation exceeds 0.4;
    * ``smape``: until the symmetric percentage error at one time exceeds 30.

    In Lyapunov times where the largest exponent of the truth is known and positive, else in system time
    units. A forecast that never fails counts with the horizon, so the value is a lower bound then.

    Reference: vlachas2020, gilpin2023
    """

    name = "valid_prediction_time"
    better = "higher"

    def unit_of(self, forecasts):
        return "time" if forecasts.lyapunov_time is None else "Lyapunov times"

    def scores(self, forecasts, predicted, settings):
        unit = forecasts.dt / (forecasts.lyapunov_time or 1.0)
        error = normalised_error(forecasts.actual, predicted, forecasts.scale)
        percentage = symmetric_percentage_error(forecasts.actual, predicted)
        by_error = steps_within(error, settings.valid_error) * unit
        by_smape = steps_within(percentage, settings.valid_smape) * unit
        return [{"nrmse": float(a), "smape": float(b)} for a, b in zip(by_error, by_smape, strict=True)]

    def settings(self, forecasts, settings):
        error = normalised_error(forecasts.actual, forecasts.predicted, forecasts.scale)
        never = steps_within(error, settings.valid_error) == forecasts.horizon
        return {
            "nrmse_threshold": settings.valid_error,
            "smape_threshold": settings.valid_smape,
            "lyapunov_time": forecasts.lyapunov_time,
            "reached_horizon": float(never.mean()),
        }
