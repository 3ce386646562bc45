"""Relaxation time scales of a rate model beside the truth's."""

import numpy as np

from dysyr.core.rate_properties import time_scales
from dysyr.evaluation.rate_invariant import RateInvariant


class TimeScalesMeasure(RateInvariant):
    """Times in which deviations from the stationary distribution decay, slowest first.

        t_k = 1 / |Re lambda_k|

    ``oscillating`` in the settings says which of them are damped oscillations (complex eigenvalues); a finite chain
    always settles. Draws and truths with another number of closed classes have fewer or more: what they lack is NaN.

    Reference: norris1997
    """

    name = "time_scales"
    unit = "time"

    def quantity(self, context, rates):
        scales = np.full(context.panel.n_states - 1, np.nan)
        found = time_scales(rates)[0]
        scales[: len(found)] = found
        return scales

    def more(self, context):
        own = context.chain.rates if context.chain is not None else context.run_rates.rates
        flags = {"oscillating": time_scales(own)[1].tolist()}
        if context.truth is not None:
            flags["truth_oscillating"] = time_scales(context.truth.rates)[1].tolist()
        return flags
