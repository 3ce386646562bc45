"""Mean first-passage times of a rate model beside the truth's."""

import numpy as np

from dysyr.core.rate_properties import mean_first_passage_times
from dysyr.evaluation.rate_invariant import RateInvariant


class FirstPassageMeasure(RateInvariant):
    """Mean time until a state is first reached, for every pair of different states.

        sum_k q_ik tau_kj = -1 for i != j

    Infinite where the state may never be reached.

    Reference: norris1997
    """

    name = "first_passage_times"
    unit = "time"

    def quantity(self, context, rates):
        return mean_first_passage_times(rates)[context.off_diagonal]

    def form(self, context, numbers):
        pairs = np.argwhere(context.off_diagonal)
        return {
            f"{context.names[i]} -> {context.names[j]}": float(number)
            for (i, j), number in zip(pairs, numbers, strict=True)
        }
