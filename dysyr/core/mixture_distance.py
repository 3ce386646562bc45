"""D_stsp for many variables: divergence between two mixtures of Gaussians."""

import dataclasses
import math

import numpy as np
from scipy.special import logsumexp

from dysyr.core.errors import InputError

FAR = 1e100
"""From there on squares overflow; a kernel there has no density at the truth anyway."""
CENTRES_AT_ONCE = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixtureDivergence:
    """D_stsp of one pair of series by Gaussian mixtures.

    Attributes:
        value: Kullback-Leibler divergence, nats; inf when every generated point is not finite, or beyond 1e100.
        stderr: its Monte Carlo standard error.
        collapse: the same truth, centres and noise against a series that sits at the truth's mean. There is
            no finite ceiling; this is the score of a collapsed model.
        nonfinite: fraction of generated points with a value that is not finite.
        n_centres: Monte Carlo points.
        n_truth: points of the truth that were used.
        n_generated: points of the generated series that were used.
    """

    value: float
    stderr: float
    collapse: float
    nonfinite: float
    n_centres: int
    n_truth: int
    n_generated: int


def mixture_divergence(truth, generated, *, variance=1.0, n_centres=1000, max_points=10_000, seed=0):
    """Divergence of the states visited by a generated series from those visited by the truth, by mixtures.

        D_stsp = 1/m sum_i ln p(c_i) - ln q(c_i),   p(c) = 1/n_p sum_t N(c; x_t, s2 I),   q likewise

    with centres c_i = x_t(i) + sqrt(s2) noise drawn from p. Densities are added in logarithms and nothing is
    dropped; a generated point that is not finite keeps its share of q and adds no density.

    Args:
        truth: (time, n_variables), finite, usually standardised by the truth's mean and standard deviation.
        generated: (time, n_variables) in the same units; may hold NaN and inf.
        variance: s2, in the squared units of the data.
        n_centres: m, Monte Carlo points.
        max_points: only the first ``max_points`` samples of each series are used.
        seed: chooses the centres and their noise.

    Returns:
        MixtureDivergence; values in nats.

    Raises:
        InputError: shapes do not fit, or the truth is not finite.

    Reference: brenner2022
    """
    truth = np.asarray(truth, dtype=np.float64)[:max_points]
    generated = np.asarray(generated, dtype=np.float64)[:max_points]
    if truth.ndim != 2 or generated.ndim != 2 or truth.shape[1] != generated.shape[1]:
        raise InputError(
            "series do not fit together", got=f"shapes {truth.shape} and {generated.shape}",
            expected="two (time, n_variables) arrays with the same variables",
        )  # fmt: skip
    if not np.isfinite(truth).all():
        raise InputError("the truth holds values that are not finite", do="give a gap-free stretch")
    finite = np.isfinite(generated).all(axis=1)
    rng = np.random.default_rng([seed, 0x6D6978])
    centres = truth[rng.integers(len(truth), size=n_centres)]
    centres = centres + math.sqrt(variance) * rng.normal(size=centres.shape)
    log_p = _log_density(centres, truth, variance, len(truth))
    log_collapse = _log_density(centres, truth.mean(axis=0, keepdims=True), variance, 1)
    near = (np.abs(generated) < FAR).all(axis=1)
    if near.any():
        difference = log_p - _log_density(centres, generated[near], variance, len(generated))
        value, stderr = difference.mean(), difference.std(ddof=1) / math.sqrt(n_centres)
    else:
        value, stderr = math.inf, math.nan
    return MixtureDivergence(
        value=float(value),
        stderr=float(stderr),
        collapse=float((log_p - log_collapse).mean()),
        nonfinite=float(1.0 - finite.mean()),
        n_centres=n_centres,
        n_truth=len(truth),
        n_generated=len(generated),
    )


def _log_density(centres, points, variance, n):
    """ln of 1/n sum over points of the Gaussian kernel, without its normalisation, which cancels."""
    squares = (points**2).sum(axis=1)
    result = np.empty(len(centres))
    for start in range(0, len(centres), CENTRES_AT_ONCE):
        c = centres[start : start + CENTRES_AT_ONCE]
        distance = np.maximum((c**2).sum(axis=1)[:, None] + squares - 2.0 * (c @ points.T), 0.0)
        result[start : start + CENTRES_AT_ONCE] = logsumexp(distance / (-2.0 * variance), axis=1)
    return result - math.log(n)
