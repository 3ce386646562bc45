"""The stationary distribution of a rate model beside the truth's."""

from dysyr.core.rate_matrix import stationary_distribution
from dysyr.evaluation.rate_invariant import RateInvariant


class StationaryMeasure(RateInvariant):
    """Stationary probability of each state; for data the same of their estimated rates.

        pi Q = 0,  sum_i pi_i = 1

    Not defined where there is more than one closed class of states. The share of the held-out labels in each state is
    in the settings; it equals pi only where paths are stationary and labels free of noise.

    Reference: grassmann1985
    """

    name = "stationary_distribution"

    def quantity(self, context, rates):
        return stationary_distribution(rates, context.names)

    def form(self, context, numbers):
        return {name: float(number) for name, number in zip(context.names, numbers, strict=True)}

    def more(self, context):
        shares = context.panel.shares().sum(axis=0) / context.panel.n_labels
        return {"shares_of_labels": self.form(context, shares)}
