"""Permutation entropy: how many ordinal patterns a series makes use of."""

import math

import numpy as np

from dysyr.core.errors import InputError
from dysyr.evaluation.invariant_measure import InvariantMeasure


def permutation_entropy(x, *, order=5, delay=1):
    """Shannon entropy of ordinal patterns, normalised to [0, 1].

        h = - sum_pi p(pi) ln p(pi) / ln m!

    where pi is the order of (x_t, x_{t+tau}, ..., x_{t+(m-1)tau}); equal values keep their order in time.

    Args:
        x: (time,) finite.
        order: m, length of a pattern.
        delay: tau, samples between its members.

    Returns:
        float; 1 for white noise, 0 for a monotone series.

    Raises:
        InputError: the series is shorter than one pattern.

    Reference: bandt2002
    """
    n_patterns = len(x) - (order - 1) * delay
    if n_patterns < 1:
        raise InputError(
            "too few samples for an ordinal pattern", got=str(len(x)),
            expected=f"at least {(order - 1) * delay + 1} for order {order} and delay {delay}",
        )  # fmt: skip
    members = np.stack([x[k * delay : k * delay + n_patterns] for k in range(order)])
    code = np.zeros(n_patterns, dtype=np.int64)
    for i in range(order):
        smaller = sum((members[j] < members[i]).astype(np.int64) for j in range(i + 1, order))
        code = code * (order - i) + smaller
    counts = np.bincount(code, minlength=math.factorial(order))
    p = counts[counts > 0] / n_patterns
    return float(max(0.0, -(p * np.log(p)).sum()) / math.log(math.factorial(order)))


class PermutationEntropyMeasure(InvariantMeasure):
    """Permutation entropy, averaged over variables; the delay is half the correlation time of the truth."""

    name = "permutation_entropy"

    def quantity(self, context, series):
        order, delay = context.settings.permutation_order, self._delay(context)
        return float(np.mean([permutation_entropy(x, order=order, delay=delay) for x in series.T]))

    def settings(self, context):
        return {"order": context.settings.permutation_order, "delay": self._delay(context)}

    def _delay(self, context):
        longest = (context.n - 1) // context.settings.permutation_order
        return max(min(context.correlation_steps // 2, longest), 1)
