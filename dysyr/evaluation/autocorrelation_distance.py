"""Distance of autocorrelation functions: does the model forget at the same pace?"""

import numpy as np

from dysyr.core.correlation_time import autocorrelation
from dysyr.evaluation.distance_measure import DistanceMeasure

CORRELATION_TIMES = 10


class AutocorrelationMeasure(DistanceMeasure):
    """Root mean square difference of autocorrelation functions over 10 correlation times.

        d = sqrt( mean_k mean_d (rho_d(k) - sigma_d(k))^2 )

    A run that is not finite has no autocorrelation and scores the ceiling, 2. The ceiling is never met in
    practice; white noise among the controls is the useful mark.
    """

    name = "autocorrelation"

    def score(self, context, truth, series):
        if not np.isfinite(series).all():
            return self.ceiling(context)
        n_lags = self._n_lags(context)
        difference = autocorrelation(truth, n_lags) - autocorrelation(context.standardise(series), n_lags)
        return float(np.sqrt((difference**2).mean()))

    def ceiling(self, context):
        return 2.0

    def settings(self, context):
        return {"lags": self._n_lags(context), "correlation_steps": context.correlation_steps}

    def _n_lags(self, context):
        return min(CORRELATION_TIMES * context.correlation_steps + 1, context.n // 4)
