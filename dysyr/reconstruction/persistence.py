"""Persistence: the last sample, or the one a period ago, again."""

import numpy as np

from dysyr.core.arguments import FRACTION, check_arguments, whole, whole_from
from dysyr.core.candidate_search import CandidateReconstructor, auto_or, combinations, options
from dysyr.core.linear_delays import LinearDelays

N_PERIODS = 5
MAX_PERIOD = 200


class Persistence(CandidateReconstructor):
    """x[t+1] = x[t+1-period], the least that a forecast has to beat.

    With ``period="auto"`` the candidates are 1 and the five lags, up to 200 samples, at which the autocorrelation of
    the training data has its highest maxima.

    Args:
        period: samples, 1 for plain persistence, or "auto".
        validation_fraction: end of each trajectory that chooses what is "auto", when ``fit`` gets no validation data.
        seed: without effect.
    """

    uses_seed = False

    def __init__(self, *, period=1, validation_fraction=0.2, seed=0):
        self.period, self.validation_fraction, self.seed = period, validation_fraction, seed

    def _check(self):
        check_arguments(
            self,
            ("period", *auto_or("a whole number of at least 1", lambda v: whole(v, 1))),
            ("validation_fraction", *FRACTION),
            ("seed", *whole_from(0)),
        )

    def _candidates(self, record):
        periods = options(self.period, (1, *periods_of(record)))
        return combinations(period=[period for period in periods if period < record.longest])

    def _fit_candidate(self, candidate, record):
        period, n_variables = candidate["period"], len(record.names)
        weights = np.zeros((period * n_variables, n_variables))
        weights[:n_variables] = np.eye(n_variables)
        return LinearDelays(weights=weights, offset=np.zeros(n_variables), **record.delay_form(period))


def periods_of(record):
    """Up to five lags at which the mean autocorrelation has its highest maxima, ascending."""
    n_lags = min(record.longest // 2, MAX_PERIOD + 2)
    at = [x for x in record.pieces if len(x) > n_lags]
    rho = np.array([np.mean([np.sum(x[: len(x) - lag] * x[lag:]) / len(x) for x in at]) for lag in range(n_lags)])
    peaks = np.flatnonzero((rho[1:-1] > rho[:-2]) & (rho[1:-1] >= rho[2:])) + 1
    return sorted(int(lag) for lag in peaks[np.argsort(-rho[peaks])][:N_PERIODS] if lag > 1)
