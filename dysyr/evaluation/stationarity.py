"""Whether a series is the same at its end as at its beginning."""

import numpy as np
from scipy.signal import detrend
from scipy.special import gammaln, kv

from dysyr.core.delay_time import autocorrelation, decorrelation_time

N_TERMS = 20
FEWEST_SAMPLES, FEWEST_MEMORIES = 30, 10
STRAIGHT = 1e-9


def stationarity_p_value(x, memory):
    """Probability of so much drift in a stationary series, over its level, spread and roughness.

    KPSS statistics of x, of (x - mean)^2 and of (x[t+1] - x[t])^2,

        eta = sum_t S_t^2 / (n^2 s^2),  S_t = sum_{i <= t} (v_i - mean v),  s^2 the long-run variance
        (Bartlett weights),

    referred to their limit, the Cramer-von Mises distribution, and combined by Bonferroni: three times the
    smallest p.

    Args:
        x: (time,), finite.
        memory: decorrelation time in samples; the long-run variance takes lags up to eight of them, and at
            least 12 (n / 100)^(1/4).

    Returns:
        p value, at most 1; NaN for series shorter than 30 samples or ten decorrelation times, or constant
        ones.

    Reference: kwiatkowski1992
    """
    if len(x) < max(FEWEST_SAMPLES, FEWEST_MEMORIES * memory) or np.ptp(x) == 0:
        return np.nan
    quantities = (x, (x - x.mean()) ** 2, np.diff(x) ** 2)
    smallest = min(cramer_von_mises_tail(kpss_statistic(v, memory)) for v in quantities)
    return float(min(len(quantities) * smallest, 1.0))


def drift_p_value(x, memory):
    """The p value of stationarity, of a series whose trend hides how short its memory is as well.

    A strong trend lengthens the decorrelation time beyond what the test can take; that of the series without its
    straight line then stands for it.

    Args:
        x: (time,), finite.
        memory: decorrelation time in samples; None where the series never forgets.

    Returns:
        See ``stationarity_p_value``; 0 for a straight line.
    """
    if memory is not None and len(x) >= FEWEST_MEMORIES * memory:
        return stationarity_p_value(x, memory)
    if len(x) < FEWEST_SAMPLES or np.ptp(x) == 0:
        return np.nan
    rest = detrend(x)
    if np.ptp(rest) <= STRAIGHT * np.ptp(x):
        return 0.0
    memory = decorrelation_time([rest])
    return np.nan if memory is None else stationarity_p_value(x, memory)


def kpss_statistic(v, memory):
    """eta = sum_t S_t^2 / (n^2 s^2); see ``stationarity_p_value``.

    Args:
        v: (time,), finite.
        memory: decorrelation time in samples.

    Returns:
        eta; 0 for a constant series.
    """
    n = len(v)
    centred = v - v.mean()
    variance = centred.var()
    if not variance > 0:
        return 0.0
    lags = min(max(int(np.ceil(12 * (n / 100) ** 0.25)), 8 * memory), n // 3)
    weights = 1 - np.arange(1, lags + 1) / (lags + 1)
    covariance = autocorrelation([centred], lags) * (n - np.arange(lags + 1)) / n
    long_run = variance * max(1 + 2 * float(weights @ covariance[1:]), 1 / n)
    return float((np.cumsum(centred) ** 2).sum() / (n**2 * long_run))


def cramer_von_mises_tail(z):
    """P(integral of a squared Brownian bridge > z).

        P(W <= z) = 1 / (pi sqrt z) sum_k Gamma(k + 1/2) / (Gamma(1/2) k!) sqrt(4k + 1) e^-a K_1/4(a),
        a = (4k + 1)^2 / (16 z)

    Args:
        z: positive number.

    Returns:
        Probability between 0 and 1.

    Reference: anderson1952
    """
    if z <= 0:
        return 1.0
    k = np.arange(N_TERMS)
    a = (4 * k + 1) ** 2 / (16 * z)
    weight = np.exp(gammaln(k + 0.5) - gammaln(0.5) - gammaln(k + 1))
    below = (weight * np.sqrt(4 * k + 1) * np.exp(-a) * kv(0.25, a)).sum() / (np.pi * np.sqrt(z))
    return float(np.clip(1 - below, 0.0, 1.0))
