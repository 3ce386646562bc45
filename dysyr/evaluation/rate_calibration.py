"""Do the intervals of the rates hold the true rates as often as they should?"""

import math

import numpy as np

from dysyr.core.measure import Measure

LEVELS = {"68": 1.0, "95": 1.959963984540054}
NOMINAL = {"68": 0.6826894921370859, "95": 0.95}


def coverage(rates, stderr, truth, width):
    """Share of true rates within a number of standard errors of the estimates, over the edges that the truth has.

        share of  |q_ij - q_ij^true| <= z s_ij   over q_ij^true > 0

    Args:
        rates: (..., state, state) estimates, for example of many fits, in 1/time.
        stderr: their standard errors; edges whose error is infinite are left out.
        truth: (..., state, state) true rates.
        width: z.

    Returns:
        (share, number of edges); NaN for the share where there is no edge.
    """
    rates, stderr, truth = np.broadcast_arrays(rates, stderr, truth)
    used = ~np.eye(truth.shape[-1], dtype=bool) & (truth > 0) & np.isfinite(stderr)
    hit = np.abs(rates - truth) <= width * stderr
    n = int(used.sum())
    return (float(hit[used].mean()) if n else math.nan), n


class RateCalibrationMeasure:
    """Coverage of the 68 % and 95 % intervals of the rates, beside what it should be.

    The rates of one fit are few: the error of the share is that of independent edges. ``coverage`` pools many fits.
    """

    name = "rate_calibration"
    unit = ""

    def lacking(self, context):
        """What the measure needs and the context does not have; None if nothing."""
        if context.model is None:
            return "a rate model; free runs were given"
        if context.truth is None:
            return "the true rates: data of a system of the catalogue, or reference=system"
        return None

    def compute(self, context):
        """The Measure of a RateContext."""
        found = {
            level: coverage(context.chain.rates, context.model.rate_stderr, context.truth.rates, width)
            for level, width in LEVELS.items()
        }
        n = next(iter(found.values()))[1]
        errors = {level: math.sqrt(p * (1 - p) / n) if n else math.nan for level, p in NOMINAL.items()}
        return Measure(
            name=self.name, kind="invariant", value={level: share for level, (share, _) in found.items()},
            truth=dict(NOMINAL), truth_stderr=errors, better="match", n=n,
            status="ok" if n else "not defined: no edge has a finite standard error",
            settings={"intervals": "rate +- 1 and 1.96 standard errors", "edges": n},
        )  # fmt: skip
