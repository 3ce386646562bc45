"""Scores of forecasts exactly as the literature on forecasting chaos computes them, to compare with its tables.

Some of them are not what their names say; dysyr's own measures are in ``dysyr.evaluation``. Source: arXiv 2505.23863
and its code.
"""

import numpy as np
from scipy.spatial.distance import cdist, pdist

from dysyr.evaluation.smape import symmetric_percentage_error

THRESHOLD = 30.0
N_DRAWS = 1000


def cumulative_valid_steps(actual, predicted):
    """Samples until the sMAPE of all samples so far exceeds 30; early accuracy dilutes later error.

    Args:
        actual: (context, time, variable).
        predicted: (context, time, variable); what is not finite counts as 200.

    Returns:
        (context,), the horizon where it never does.
    """
    error = symmetric_percentage_error(actual, predicted)
    error = error.cumsum(axis=1) / np.arange(1, error.shape[1] + 1)
    beyond = error > THRESHOLD
    return np.where(beyond.any(axis=1), beyond.argmax(axis=1), error.shape[1])


def distance_exponent(x):
    """1 + n / sum log(r / r_min) over pairwise distances r between their 5th and 50th percentile.

    The exponent of a density of distances, called a correlation dimension in the tables: it is not one, a line has
    1.63.

    Args:
        x: (point, variable).

    Returns:
        float; NaN where points are not finite or all in one place.
    """
    if not np.isfinite(x).all():
        return np.nan
    r = pdist(x)
    r = r[r > 0]
    if len(r) == 0:
        return np.nan
    r = r[r > np.percentile(r, 5)]
    r = r[r < np.percentile(r, 50)]
    if len(r) == 0:
        return np.nan
    return 1 + len(r) / np.log(r / r.min()).sum()


def exponent_error(actual, predicted):
    """Root mean square difference of ``distance_exponent`` over contexts; one that is not a number counts as 0.

    Args:
        actual: (context, time, variable).
        predicted: (context, time, variable).
    """
    of_truth = np.array([distance_exponent(x) for x in actual])
    of_model = np.nan_to_num(np.array([distance_exponent(x) for x in predicted]), nan=0.0)
    return float(np.sqrt(((of_truth - of_model) ** 2).mean()))


def unit_mixture_divergence(actual, predicted, *, seed):
    """KL divergence of one mixture of Gaussians from another, each with unit covariance at each point of an orbit.

    p = mean_t N(actual[t], I),  q = mean_t N(predicted[t], I),  mean of log p / q over 1000 draws of p.

    Units count: in those of the data this is the published score, in standard deviations it is not.

    Args:
        actual: (time, variable).
        predicted: (time, variable).
        seed: of the draws.

    Returns:
        float; infinite where the prediction is not finite.
    """
    if not np.isfinite(predicted).all():
        return np.inf
    rng = np.random.default_rng([seed, 0x6D6978])
    draws = actual[rng.integers(len(actual), size=N_DRAWS)] + rng.normal(size=(N_DRAWS, actual.shape[1]))
    return float((_log_density(draws, actual) - _log_density(draws, predicted)).mean())


def _log_density(points, centres):
    """(point,) log of the mean of unit Gaussians at the centres, up to the constant that both mixtures share."""
    exponent = cdist(points, centres, "sqeuclidean")
    exponent *= -0.5
    largest = exponent.max(axis=1)
    exponent -= largest[:, None]
    return np.log(np.exp(exponent, out=exponent).mean(axis=1)) + largest
