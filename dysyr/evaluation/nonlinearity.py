"""Surrogate test: is there anything that a linear process with noise does not explain?"""

import dataclasses

import numpy as np

from dysyr.core.delay_time import decorrelation_time
from dysyr.core.neighbours import nearest_neighbours
from dysyr.evaluation.surrogates import iaaft, matched_stretch

LEVEL = 0.02
N_SURROGATES = 199
MAX_SAMPLES = 1500
MIN_SAMPLES = 50
N_NEIGHBOURS = 8
N_TARGETS = 400


@dataclasses.dataclass(frozen=True)
class NonlinearityTest:
    """Outcome of the surrogate test.

    Attributes:
        p_asymmetry: two-sided rank p value of time-reversal asymmetry.
        p_prediction: one-sided rank p value of the nonlinear prediction error.
        p_value: Bonferroni combination, twice the smaller one, at most 1; NaN where the series is too short.
        nonlinear: p_value <= 0.02.
        n_surrogates: number of IAAFT surrogates.
        n_samples: samples of the stretch that was tested.
        stride: every stride-th sample was taken.
    """

    p_asymmetry: float
    p_prediction: float
    p_value: float
    nonlinear: bool
    n_surrogates: int
    n_samples: int
    stride: int


def surrogate_test(x, *, delay, dim, seed=0, n_surrogates=N_SURROGATES):
    """Compare a series with IAAFT surrogates in two quantities that vanish or saturate for linear processes.

    * time-reversal asymmetry  < (x[t+d] - x[t])^3 > / < (x[t+d] - x[t])^2 >^(3/2), two-sided;
    * nonlinear prediction error: root mean squared error of the mean successor of the 8 nearest neighbours
      among delay vectors, d samples ahead, in units of the standard deviation; smaller means more
      deterministic.

    The null hypothesis is a stationary linear Gaussian process seen through a monotone static function; a
    rejection says nothing about chaos, and non-stationary data reject as well. Long series are thinned to
    about three samples per delay and cut to 1500 samples whose ends match.

    Args:
        x: (time,), finite.
        delay: embedding delay in samples.
        dim: embedding dimension.
        seed: chooses the surrogates.
        n_surrogates: with 199, the smallest combined p value is 0.01.

    Returns:
        NonlinearityTest.

    Reference: schreiber1996, theiler1992
    """
    stride = max(delay // 3, 1) if len(x) > MAX_SAMPLES else 1
    x = matched_stretch(x[::stride][:MAX_SAMPLES])
    delay = max(int(round(delay / stride)), 1)
    dim = int(np.clip(dim, 2, 5))
    if len(x) < MIN_SAMPLES + dim * delay or np.ptp(x) == 0:
        return NonlinearityTest(np.nan, np.nan, np.nan, False, 0, len(x), stride)
    rng = np.random.default_rng([seed, 0x737572])
    surrogates = iaaft(x, n_surrogates, rng)
    theiler = max(decorrelation_time([x]) or delay, delay)
    asymmetry = time_asymmetry(x, delay)
    others = np.array([time_asymmetry(s, delay) for s in surrogates])
    below, above = (others <= asymmetry).sum(), (others >= asymmetry).sum()
    p_asymmetry = min(2 * (1 + min(below, above)) / (n_surrogates + 1), 1.0)
    error = prediction_error(x, delay, dim, theiler)
    errors = np.array([prediction_error(s, delay, dim, theiler) for s in surrogates])
    p_prediction = (1 + (errors <= error).sum()) / (n_surrogates + 1)
    p_value = min(2 * min(p_asymmetry, p_prediction), 1.0)
    return NonlinearityTest(
        float(p_asymmetry),
        float(p_prediction),
        float(p_value),
        bool(p_value <= LEVEL),
        n_surrogates,
        len(x),
        stride,
    )


def time_asymmetry(x, delay):
    """< d^3 > / < d^2 >^(3/2) of the increments d = x[t + delay] - x[t]; 0 if reversible.

    Args:
        x: (time,), finite.
        delay: samples.

    Returns:
        Number without unit.
    """
    d = x[delay:] - x[:-delay]
    spread = np.mean(d**2)
    return float(np.mean(d**3) / spread**1.5) if spread > 0 else 0.0


def prediction_error(x, delay, dim, theiler, n_neighbours=N_NEIGHBOURS):
    """Root mean squared error of nearest-neighbour prediction, one delay ahead, in standard deviations.

    Args:
        x: (time,), finite.
        delay: samples between coordinates, and how far ahead to predict.
        dim: number of coordinates.
        theiler: Theiler window in samples.
        n_neighbours: neighbours whose successors are averaged.

    Returns:
        Number without unit; about 1 where nothing can be predicted.
    """
    n = len(x) - dim * delay
    points = np.stack([x[k * delay : k * delay + n] for k in range(dim)], axis=1)
    ahead = x[dim * delay :]
    queries = np.arange(0, n, max(n // N_TARGETS, 1))
    _, found = nearest_neighbours(points, np.arange(n), queries, theiler=theiler, n_neighbours=n_neighbours)
    complete = (found >= 0).all(axis=1)
    if not complete.any():
        return 1.0
    predicted = ahead[found[complete]].mean(axis=1)
    return float(np.sqrt(np.mean((predicted - ahead[queries[complete]]) ** 2)) / x.std())
