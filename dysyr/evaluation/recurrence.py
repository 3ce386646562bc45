"""Recurrence quantification: how often and how long a series returns to where it has been."""


import numpy as np
from scipy.spatial.distance import pdist, squareform

from dysyr.core.errors import InputError
from dysyr.evaluation.invariant_measure import InvariantMeasure
from dysyr.evaluation.state_vectors import state_vectors

MIN_LINE = 2
SAMPLES_PER_CORRELATION_TIME = 5


def recurrence_threshold(x, rate):
    """Radius at which the share ``rate`` of all pairs of points recurs.

    Args:
        x: (time, n_variables), finite.
        rate: between 0 and 1.

    Returns:
        float, in the units of the data.
    """
    return float(np.quantile(pdist(x), rate))


def recurrence(x, *, threshold, theiler=1):
    """Measures of the recurrence plot R_ij = [ |x_i - x_j| <= threshold ].

        RR  = share of recurrent pairs,           DET = share of them on diagonals of length >= 2,
        LAM = share of them on verticals >= 2,    mean and entropy (nats) of the diagonals' lengths.

    Args:
        x: (time, n_variables), finite; memory grows with the square of its length.
        threshold: radius of recurrence, in the units of the data.
        theiler: pairs with |i - j| < theiler are left out; at least 1.

    Returns:
        dict: ``recurrence_rate``, ``determinism``, ``laminarity``, ``mean_diagonal`` (samples),
        ``diagonal_entropy``; zeros where nothing recurs.

    Raises:
        InputError: fewer points than the excluded band.

    Reference: marwan2007
    """
    n = len(x)
    if n <= theiler + 1:
        expected = f"more than {theiler + 1}"
        raise InputError("too few points for a recurrence plot", got=str(n), expected=expected)
    close = squareform(pdist(x) <= threshold)
    offset = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    close[offset < theiler] = False
    diagonals = _run_lengths([np.diagonal(close, k) for k in range(theiler, n)])
    verticals = _run_lengths(list(close))
    pairs = diagonals.sum()
    long = diagonals[diagonals >= MIN_LINE]
    shares = np.bincount(long)[MIN_LINE:] / max(len(long), 1)
    shares = shares[shares > 0]
    return {
        "recurrence_rate": float(2 * pairs / ((n - theiler) * (n - theiler + 1))),
        "determinism": float(long.sum() / pairs) if pairs else 0.0,
        "laminarity": float(verticals[verticals >= MIN_LINE].sum() / verticals.sum()) if pairs else 0.0,
        "mean_diagonal": float(long.mean()) if len(long) else 0.0,
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


def _run_lengths(rows):
    """Lengths of the unbroken runs of True in each row."""
    lengths = []
    for row in rows:
        padded = np.zeros(len(row) + 2, dtype=np.int8)
        padded[1:-1] = row
        edges = np.diff(padded)
        lengths.append(np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1))
    return np.concatenate(lengths) if lengths else np.empty(0, dtype=np.int64)
