"""Entropy production of a rate model beside the truth's: how far it is from detailed balance."""

import numpy as np

from dysyr.core.rate_properties import entropy_production
from dysyr.evaluation.rate_invariant import RateInvariant


class EntropyProductionMeasure(RateInvariant):
    """Entropy production in the stationary distribution; 0 in detailed balance.

        sigma = sum_(i != j) pi_i q_ij ln[ pi_i q_ij / (pi_j q_ji) ]

    Infinite where a jump has no reverse. It cannot be negative, so that errors of the rates raise it: an estimate of
    the order of its standard error says no more than that the chain may be in detailed balance.

    Reference: schnakenberg1976
    """

    name = "entropy_production"
    unit = "1/time"

    def quantity(self, context, rates):
        return np.array([entropy_production(rates)])

    def form(self, context, numbers):
        return float(numbers[0])
