"""Error of a rate matrix where the true one is known: absolute, and relative on the edges that are there."""

import math

import numpy as np

from dysyr.core.measure import Measure

INTERVAL = 2.0
"""An edge counts as found where its rate exceeds this many standard errors."""


def rate_error(rates, truth):
    """Root mean square error over all pairs of different states.

        RMSE = sqrt( mean over i != j of (q_ij - q_ij^true)^2 )

    Args:
        rates: (state, state) rate matrix in 1/time.
        truth: the true one.

    Returns:
        float in 1/time; 0 for one state.

    Reference: berghaus2024
    """
    off = ~np.eye(len(truth), dtype=bool)
    return math.sqrt(np.mean((rates[off] - truth[off]) ** 2)) if off.any() else 0.0


def rate_log_error(rates, truth):
    """Root mean square error of the logarithms over the edges that are there.

        sqrt( mean over q_ij^true > 0 of ln(q_ij / q_ij^true)^2 )

    Args:
        rates: (state, state) rate matrix in 1/time.
        truth: the true one.

    Returns:
        float without unit; infinite where the rate of such an edge is zero, 0 where the truth has no edge.
    """
    there = ~np.eye(len(truth), dtype=bool) & (truth > 0)
    if not there.any():
        return 0.0
    if (rates[there] <= 0).any():
        return math.inf
    return math.sqrt(np.mean(np.log(rates[there] / truth[there]) ** 2))


class RateErrorMeasure:
    """Root mean square error of the rates against those of the truth's system.

    Fast edges dominate it. The ceiling is a chain that never jumps; the control ``one_rate`` knows the mean of the true
    rates and gives it to every edge.
    """

    name = "rate_error"
    unit = "1/time"

    def lacking(self, context):
        """What the measure needs and the context does not have; None if nothing."""
        return _needs_both(context)

    def compute(self, context):
        """The Measure of a RateContext."""
        truth, off = context.truth.rates, context.off_diagonal
        expected = np.asarray(context.model.rate_stderr)[off]
        return Measure(
            name=self.name, kind="distance", value=rate_error(context.chain.rates, truth),
            ceiling=rate_error(np.zeros_like(truth), truth),
            controls={"one_rate": rate_error(np.full_like(truth, truth[off].mean()), truth)}, unit=self.unit,
            n=int(off.sum()), settings={
                "summary": "over all pairs of different states", "ceiling": "no jumps",
                "expected_by_its_standard_errors": math.sqrt(np.mean(expected**2)),
            },
        )  # fmt: skip


class RateLogErrorMeasure:
    """Error of the logarithms of the rates over the edges that the truth has; which edges were found.

    An edge counts as found where its rate exceeds two standard errors. The ceiling is the control ``one_rate``, which
    gives each edge the geometric mean of the true rates.
    """

    name = "rate_log_error"
    unit = ""

    def lacking(self, context):
        """What the measure needs and the context does not have; None if nothing."""
        return _needs_both(context)

    def compute(self, context):
        """The Measure of a RateContext."""
        truth, rates, off = context.truth.rates, context.chain.rates, context.off_diagonal
        there = off & (truth > 0)
        found = off & (rates > INTERVAL * np.asarray(context.model.rate_stderr)) & (rates > 0)
        one = np.full_like(truth, np.exp(np.log(truth[there]).mean())) if there.any() else np.ones_like(truth)
        value = rate_log_error(rates, truth)
        zero = int((rates[there] == 0).sum())
        return Measure(
            name=self.name, kind="distance", value=value, ceiling=rate_log_error(one, truth),
            controls={"one_rate": rate_log_error(one, truth)}, unit=self.unit, n=int(there.sum()),
            status="ok" if math.isfinite(value) else f"{zero} of {int(there.sum())} true edges have rate zero",
            settings={
                "summary": "over the edges of the truth", "ceiling": "one rate for all edges",
                "found_if": f"rate above {INTERVAL:g} standard errors",
                "true_edges": int(there.sum()), "true_edges_found": int((found & there).sum()),
                "other_edges": int((off & ~there).sum()), "other_edges_found": int((found & ~there).sum()),
            },
        )  # fmt: skip


def _needs_both(context):
    if context.model is None:
        return "a rate model; free runs were given"
    return (
        None if context.truth is not None else "the true rates: data of a system of the catalogue, or reference=system"
    )
