"""Correlation dimension after Grassberger and Procaccia, with an automatic scaling range."""

import dataclasses
import math

import numpy as np

from dysyr.core.errors import InputError
from dysyr.evaluation.invariant_measure import InvariantMeasure
from dysyr.evaluation.state_vectors import state_vectors
from dysyr.kernels.measures.distance_ranks import distances_at_ranks
from dysyr.kernels.measures.pair_counts import pair_counts

BINS_PER_DECADE = 20
MIN_PAIRS = 50
LARGEST_SUM = 0.1
RANGE_DECADES = 1.0
RADII_PER_PASS = BINS_PER_DECADE // 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class CorrelationDimension:
    """The dimension and the fit behind it.

    Attributes:
        value: slope of ln C against ln r over the scaling range.
        stderr: spread of the local slopes within that range, per independent third of a decade.
        radius_low: lower end of the scaling range, in the units of the data.
        radius_high: upper end.
        n_pairs: pairs of points.
    """

    value: float
    stderr: float
    radius_low: float
    radius_high: float
    n_pairs: int


def correlation_dimension(x, *, theiler=0):
    """Slope of the correlation sum.

        C(r) = share of pairs |i - j| > w with |x_i - x_j| < r,   D_2 = d ln C / d ln r

    The fit runs over the decade of radii in which the local slope varies least, among those with at least
    50 pairs and C <= 0.1 (less than a decade where the points are too few).

    Args:
        x: (points, n_variables), finite; 1,000 to 5,000 points are a good number.
        theiler: w, pairs closer in time are left out.

    Returns:
        CorrelationDimension.

    Raises:
        InputError: too few different points for a scaling range, or values that are not finite or too large to square.

    Reference: grassberger1983, theiler1986
    """
    n = len(x)
    if n - theiler < 100:
        raise InputError("too few points for a correlation dimension", got=str(n), expected="at least 100")
    x = np.asarray(x, dtype=np.float64)
    n_pairs = (n - theiler) * (n - theiler - 1) // 2
    log_r, cumulative = _correlation_sum(x, theiler, LARGEST_SUM * n_pairs)
    usable = (cumulative >= MIN_PAIRS) & (cumulative <= LARGEST_SUM * n_pairs)
    log_r, log_c = log_r[usable], np.log10(np.maximum(cumulative[usable], 1) / n_pairs)
    width = min(int(RANGE_DECADES * BINS_PER_DECADE), len(log_r) // 2)
    if width < 4:
        raise InputError("too few different distances for a scaling range", got=f"{len(log_r)} radii")
    slopes = np.gradient(log_c, log_r)
    windows = np.lib.stride_tricks.sliding_window_view(slopes, width)
    start = int(np.argmin(windows.std(axis=1)))
    chosen = slice(start, start + width)
    slope = np.polyfit(log_r[chosen], log_c[chosen], 1)[0]
    independent = max(3.0 * width / BINS_PER_DECADE, 1.0)
    return CorrelationDimension(
        value=float(slope),
        stderr=float(windows[start].std() / math.sqrt(independent)),
        radius_low=float(10 ** log_r[start]),
        radius_high=float(10 ** log_r[start + width - 1]),
        n_pairs=n_pairs,
    )


class CorrelationDimensionMeasure(InvariantMeasure):
    """Correlation dimension of evenly spaced samples; scalar series in delay vectors of dimension 5."""

    name = "correlation_dimension"

    def quantity(self, context, series):
        states = state_vectors(context.standardise(series), delay=context.correlation_steps, dim=5)
        stride = self._stride(context, len(states))
        try:
            return correlation_dimension(states[::stride], theiler=self._theiler(context, stride)).value
        except InputError:
            return math.nan

    def settings(self, context):
        stride = self._stride(context, context.n)
        return {
            "points": math.ceil(context.n / stride),
            "stride": stride,
            "theiler": self._theiler(context, stride),
            "delay_dim": 5 if context.truth.shape[1] == 1 else None,
            "range": "decade of least varying slope, at least 50 pairs, C <= 0.1",
        }

    def _stride(self, context, n):
        return max(math.ceil(n / context.settings.dimension_points), 1)

    def _theiler(self, context, stride):
        return max(math.ceil(context.correlation_steps / stride) - 1, 0)


def _correlation_sum(x, theiler, enough):
    """Decimal logarithms of the radii and the pairs nearer than each, from the 51st smallest positive distance on
    until there are enough pairs."""
    total = len(x) * (len(x) - 1) // 2
    n_equal = int(pair_counts(x, [0.0])[0])
    if n_equal == total:
        raise InputError("all points are equal", expected="a correlation dimension needs points that differ")
    smallest = distances_at_ranks(x, [min(n_equal + MIN_PAIRS, total - 1)])[0]
    low = math.floor(math.log10(smallest) * BINS_PER_DECADE) / BINS_PER_DECADE
    log_r, counts = [], [np.zeros(1)]
    while counts[-1][-1] <= enough:
        log_r.append(low + (np.arange(RADII_PER_PASS) + 1 + len(log_r) * RADII_PER_PASS) / BINS_PER_DECADE)
        # nearer than a radius: at most the next smaller number
        counts.append(pair_counts(x, np.nextafter(10 ** log_r[-1], 0.0), theiler=theiler))
    return np.concatenate(log_r), np.concatenate(counts[1:])
