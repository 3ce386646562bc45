"""Sliced Wasserstein distance: how far the mass of one attractor must move to become the other."""

import numpy as np

from dysyr.evaluation.distance_measure import DistanceMeasure

FARTHEST = 10.0


def sliced_wasserstein(truth, generated, *, n_directions=50, seed=0):
    """Earth mover's distance of one-dimensional projections, averaged over directions.

        W = mean_v 1/n sum_i | (Xv)_(i) - (Yv)_(i) |

    with (.)_(i) the sorted projections on random unit vectors v. One variable needs no directions and is
    exact.

    Args:
        truth: (time, n_variables), standardised.
        generated: (time, n_variables) of the same length and scaling; may hold NaN and inf. Points farther
            than 10 standard deviations from the origin in a variable, or not finite, count as 10 away in
            it.
        n_directions: random directions.
        seed: chooses them.

    Returns:
        float, in standard deviations of the truth.

    Reference: rabin2012
    """
    with np.errstate(invalid="ignore"):
        generated = np.clip(np.where(np.isnan(generated), FARTHEST, generated), -FARTHEST, FARTHEST)
    n_variables = truth.shape[1]
    if n_variables == 1:
        directions = np.ones((1, 1))
    else:
        directions = np.random.default_rng([seed, 0x776173]).normal(size=(n_variables, n_directions))
        directions /= np.linalg.norm(directions, axis=0)
    x, y = np.sort(truth @ directions, axis=0), np.sort(generated @ directions, axis=0)
    return float(np.abs(x - y).mean())


class WassersteinMeasure(DistanceMeasure):
    """Sliced Wasserstein-1 distance of evenly spaced samples, truth standardised.

    It has no finite ceiling; the score of a collapse to the truth's mean is given instead.
    """

    name = "wasserstein"
    unit = "sd of truth"

    def score(self, context, truth, series):
        at = np.linspace(0, len(truth) - 1, min(len(truth), context.settings.wasserstein_points)).astype(int)
        return sliced_wasserstein(
            context.standardise(truth[at]), context.standardise(series[at]),
            n_directions=context.settings.n_directions, seed=context.seed,
        )  # fmt: skip

    def ceiling(self, context):
        return self.score(context, context.truth, np.broadcast_to(context.mean, context.truth.shape))

    def settings(self, context):
        return {
            "definition": "sliced Wasserstein-1",
            "n_directions": context.settings.n_directions if context.truth.shape[1] > 1 else 1,
            "points": min(context.n, context.settings.wasserstein_points),
            "beyond_10_sd": "counts as 10 sd",
            "ceiling": "collapse to the mean of the truth",
            "seed": context.seed,
        }
