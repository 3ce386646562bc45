"""Vector autoregression with ridge penalty: the linear baseline."""

from dysyr.core.arguments import FRACTION, check_arguments, number, whole, whole_from
from dysyr.core.candidate_search import CandidateReconstructor, auto_or, combinations, options, ridge_solution
from dysyr.core.linear_delays import LinearDelays

ORDERS = (1, 2, 3, 5, 10, 20, 50)
RIDGES = (1e-10, 1e-6, 1e-3)


class LinearAR(CandidateReconstructor):
    """x[t+1] = c + sum_k A_k x[t+1-k], k = 1 .. order, by ridge regression of standardised variables; c is free.

    Args:
        order: samples of the past, or "auto".
        ridge: penalty, relative to the number of samples, or "auto".
        validation_fraction: end of each trajectory that chooses what is "auto", when ``fit`` gets no validation data.
        seed: without effect.

    Reference: lutkepohl2005
    """

    uses_seed = False

    def __init__(self, *, order="auto", ridge="auto", validation_fraction=0.2, seed=0):
        self.order, self.ridge, self.validation_fraction, self.seed = order, ridge, validation_fraction, seed

    def _check(self):
        check_arguments(
            self,
            ("order", *auto_or("a whole number of at least 1", lambda v: whole(v, 1))),
            ("ridge", *auto_or("a number of at least 0", lambda v: number(v) and v >= 0)),
            ("validation_fraction", *FRACTION),
            ("seed", *whole_from(0)),
        )

    def _candidates(self, record):
        orders = [order for order in options(self.order, ORDERS) if order < record.longest]
        return combinations(order=orders, ridge=options(self.ridge, RIDGES))

    def _fit_candidate(self, candidate, record):
        past, after = record.pairs(candidate["order"])
        centre, mean = past.mean(axis=0), after.mean(axis=0)
        weights = ridge_solution(past - centre, after - mean, candidate["ridge"])
        return LinearDelays(weights=weights, offset=mean - centre @ weights, **record.delay_form(candidate["order"]))
