"""Recurrence quantification: how often and how long a series returns to where it has been."""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.evaluation.invariant_measure import InvariantMeasure
from dysyr.evaluation.state_vectors import state_vectors
from dysyr.kernels.measures.distance_ranks import quantile_distance
from dysyr.kernels.measures.recurrence_lines import recurrence_lines

MIN_LINE = 2
SAMPLES_PER_CORRELATION_TIME = 5
NAMES = ("recurrence_rate", "determinism", "laminarity", "mean_diagonal", "diagonal_entropy")


def recurrence_threshold(x, rate):
    """Radius at which the share ``rate`` of all pairs of points recurs.

    Args:
        x: (time, n_variables), finite.
        rate: between 0 and 1.

    Returns:
        float, in the units of the data.

    Raises:
        InputError: fewer than two points, values that are not finite, or a rate outside [0, 1].
    """
    return quantile_distance(np.asarray(x, dtype=np.float64), rate)


def recurrence(x, *, threshold, theiler=1):
    """Measures of the recurrence plot R_ij = [ |x_i - x_j| <= threshold ].

        RR  = share of recurrent pairs,           DET = share of them on diagonals of length >= 2,
        LAM = share of them on verticals >= 2,    mean and entropy (nats) of the diagonals' lengths.

    Args:
        x: (time, n_variables), finite.
        threshold: radius of recurrence, in the units of the data.
        theiler: pairs with |i - j| < theiler are left out; at least 1.

    Returns:
        dict: ``recurrence_rate``, ``determinism``, ``laminarity``, ``mean_diagonal`` (samples),
        ``diagonal_entropy``; zeros where nothing recurs.

    Raises:
        InputError: fewer points than the excluded band, values that are not finite, or a negative threshold.

    Reference: marwan2007
    """
    n = len(x)
    if n <= theiler + 1:
        expected = f"more than {theiler + 1}"
        raise InputError("too few points for a recurrence plot", got=str(n), expected=expected)
    diagonals, verticals = recurrence_lines(np.asarray(x, dtype=np.float64), threshold, theiler=theiler)
    lengths = np.arange(n + 1)
    pairs = int((lengths * diagonals).sum())
    if pairs == 0:
        return dict.fromkeys(NAMES, 0.0)
    n_long = int(diagonals[MIN_LINE:].sum())
    long_pairs = int((lengths * diagonals)[MIN_LINE:].sum())
    shares = diagonals[MIN_LINE:] / max(n_long, 1)
    shares = shares[shares > 0]
    vertical = lengths * verticals
    return {
        "recurrence_rate": float(2 * pairs / ((n - theiler) * (n - theiler + 1))),
        "determinism": float(long_pairs / pairs),
        "laminarity": float(vertical[MIN_LINE:].sum() / vertical.sum()),
        "mean_diagonal": float(long_pairs / n_long) if n_long else 0.0,
        "diagonal_entropy": float(max(0.0, -(shares * np.log(shares)).sum())),
    }


class RecurrenceMeasure(InvariantMeasure):
    """Recurrence quantification of samples a fifth of a correlation time apart.

    One threshold, at which 5 % of the truth's pairs recur, serves the truth and all runs.
    """

    name = "recurrence"

    def quantity(self, context, series):
        points, threshold = self._points(context, series), self._threshold(context)
        return recurrence(points, threshold=threshold, theiler=self._theiler)

    def settings(self, context):
        return {
            "points": len(self._points(context, context.truth)),
            "stride": self._stride(context),
            "threshold": self._threshold(context),
            "rate_in_truth": context.settings.recurrence_rate,
            "theiler": self._theiler,
            "min_line": MIN_LINE,
        }

    _theiler = SAMPLES_PER_CORRELATION_TIME

    def _stride(self, context):
        fitting = max(context.n // context.settings.recurrence_points, 1)
        return max(min(context.correlation_steps // SAMPLES_PER_CORRELATION_TIME, fitting), 1)

    def _points(self, context, series):
        states = state_vectors(context.standardise(series), delay=context.correlation_steps)
        return states[:: self._stride(context)][: context.settings.recurrence_points]

    def _threshold(self, context):
        return recurrence_threshold(self._points(context, context.truth), context.settings.recurrence_rate)
