"""Kaplan-Yorke dimension of a Lyapunov spectrum."""

import math

import numpy as np

from dysyr.core.measure import Measure
from dysyr.evaluation.model_exponents import exponent_effort
from dysyr.evaluation.summary import mean_and_stderr


def kaplan_yorke_dimension(exponents):
    """Dimension at which the sum of the largest exponents turns negative.

        D_KY = j + sum_{i <= j} lambda_i / |lambda_{j+1}|

    with j the largest number of leading exponents whose sum is not negative.

    Args:
        exponents: Lyapunov exponents in any order and unit.

    Returns:
        float; 0 if all exponents are negative, their number if no partial sum is.

    Reference: kaplan1979
    """
    ordered = np.sort(np.asarray(exponents, dtype=np.float64))[::-1]
    if not np.isfinite(ordered).all():
        return math.nan
    sums = np.cumsum(ordered)
    if sums[-1] >= 0:
        return float(len(ordered))
    j = int(np.flatnonzero(sums >= 0).max(initial=-1)) + 1
    before = sums[j - 1] if j else 0.0
    return j + float(before / abs(ordered[j])) if j else 0.0


class KaplanYorkeMeasure:
    """Kaplan-Yorke dimension of the model's own spectrum beside that of the truth's."""

    name = "kaplan_yorke_dimension"

    def compute(self, context):
        """The measure of a context.

        Args:
            context: EvaluationContext.

        Returns:
            Measure, or None where the model has no Jacobian.
        """
        if context.model_exponents is None:
            return None
        alive = context.model_exponents[np.isfinite(context.model_exponents).all(axis=1)]
        truth = context.truth_exponents
        latent_dim = context.model.latent_dim
        n_found, _, n_steps = exponent_effort(latent_dim, 1, context.settings.exponent_steps)
        common = {
            "name": self.name,
            "kind": "invariant",
            "truth": None if truth is None else kaplan_yorke_dimension(truth.value),
            "better": "match",
            "n": len(context.model_exponents) * n_steps,
            "dt": context.dt,
            "settings": {"summary": "mean over orbits", "orbits": len(context.model_exponents)},
        }
        if len(alive) == 0:
            return Measure(**common, value=math.nan, status="every orbit diverged")
        if n_found < latent_dim and (alive.sum(axis=1) >= 0).any():
            return Measure(**common, value=math.nan, status=f"larger than the {n_found} exponents that were computed")
        runs = [kaplan_yorke_dimension(exponents) for exponents in alive]
        value, stderr = mean_and_stderr(runs)
        return Measure(**common, value=value, stderr=stderr, runs=tuple(runs))
