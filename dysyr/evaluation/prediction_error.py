"""Error of a forecast n steps ahead."""

import numpy as np

from dysyr.evaluation.forecast_measure import ForecastMeasure


class PredictionErrorMeasure(ForecastMeasure):
    """Squared error at exactly n steps after the context, truth standardised, averaged over variables.

        PE(n) = mean over contexts and variables of ((x(t+n) - y(t+n)) / sd)^2

    Climatology scores about 1. The contexts are evenly spaced, not every admissible start. A forecast that
    diverged before step n has an infinite error and makes the mean infinite.
    """

    name = "prediction_error"
    unit = "variance of truth"

    def scores(self, forecasts, predicted, settings):
        steps = [n for n in settings.prediction_steps if n <= forecasts.horizon]
        with np.errstate(over="ignore", invalid="ignore"):
            error = (((forecasts.actual - predicted) / forecasts.scale) ** 2).mean(axis=-1)
        error = np.where(np.isnan(error), np.inf, error)
        return [{f"{n}": float(row[n - 1]) for n in steps} for row in error]

    def settings(self, forecasts, settings):
        return {"steps": [n for n in settings.prediction_steps if n <= forecasts.horizon]}
