"""Symmetric mean absolute percentage error over 1, 4 and 10 Lyapunov times."""

import numpy as np

from dysyr.evaluation.forecast_measure import ForecastMeasure


def symmetric_percentage_error(actual, predicted):
    """sMAPE at each time: 200 mean_d |x_d - y_d| / (|x_d| + |y_d|).

    Args:
        actual: (..., time, state), data units.
        predicted: (..., time, state); a value that is not finite counts as 200.

    Returns:
        (..., time), between 0 and 200.

    Reference: gilpin2023
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        ratio = np.abs(actual - predicted) / (np.abs(actual) + np.abs(predicted))
    ratio = np.where((actual == predicted), 0.0, np.where(np.isfinite(ratio), ratio, 1.0))
    return 200.0 * ratio.mean(axis=-1)


class SmapeMeasure(ForecastMeasure):
    """sMAPE averaged from the end of the context to 1, 4 and 10 Lyapunov times, data units.

    Where the largest exponent of the truth is not known, the horizon is divided by 10, 2.5 and 1 instead.
    """

    name = "smape"
    unit = "%"

    def scores(self, forecasts, predicted, settings):
        error = symmetric_percentage_error(forecasts.actual, predicted)
        steps = _steps(forecasts, settings)
        return [{key: float(row[:n].mean()) for key, n in steps.items()} for row in error]

    def settings(self, forecasts, settings):
        unit = "tenths of the horizon" if forecasts.lyapunov_time is None else "Lyapunov times"
        steps = _steps(forecasts, settings)
        return {"over": unit, "steps": steps, "lyapunov_time": forecasts.lyapunov_time}


def _steps(forecasts, settings):
    """``{"1": steps, "4": steps, "10": steps}``, those that fit the horizon."""
    unit = forecasts.lyapunov_time or forecasts.horizon * forecasts.dt / 10
    steps = {f"{k:g}": max(round(k * unit / forecasts.dt), 1) for k in settings.smape_lyapunov_times}
    return {key: n for key, n in steps.items() if n <= forecasts.horizon}
