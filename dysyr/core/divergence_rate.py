"""Largest Lyapunov exponent from data alone: how fast neighbours part."""

import dataclasses
import math

import numpy as np
from scipy.spatial import cKDTree

from dysyr.core.correlation_time import correlation_time
from dysyr.core.errors import InputError
from dysyr.core.surrogates import phase_surrogate

MAX_POINTS = 10_000
N_REFERENCES = 1_000
LOW, HIGH, FAR = 0.1, 0.6, 0.9
MIN_STEPS = 4
MIN_RISE = 0.5
MIN_STRAIGHTNESS = 0.95
MIN_GROWTH = math.log(3.0)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DivergenceRate:
    """The rate and what speaks for it.

    Attributes:
        value: slope of the mean logarithmic distance over the scaling region, per time unit; NaN without one.
        stderr: over four groups of reference points.
        chaotic: whether the series passed all three checks: a scaling region, straight enough, and slower
            than in every surrogate.
        reason: the checks in words.
        straightness: R^2 of the fit.
        region: (first, last) step of the scaling region; None without one.
        curve: (steps,) mean ln distance.
        surrogates: rates of the phase surrogates, per time unit.
    """

    value: float
    stderr: float
    chaotic: bool
    reason: str
    straightness: float
    region: tuple | None
    curve: np.ndarray
    surrogates: tuple


def divergence_rate(x, *, dt, n_surrogates=39, seed=0):
    """Mean rate at which nearest neighbours part, after Rosenstein, Collins and De Luca.

        S(k) = < ln | x_{i+k} - x_{j(i)+k} | >_i,    lambda_1 ~ dS/dt over the scaling region

    j(i) is the nearest neighbour of x_i more than one correlation time away in time. The scaling region runs
    from 10 % to 60 % of the way from S(1) to the mean logarithmic distance of random pairs. Any noise makes
    neighbours part, so a slope proves nothing by itself: the series counts as chaotic only if the region
    holds at least 4 steps and a growth by 3, the fit is straight (R^2 >= 0.95), and the slope is smaller
    than in each of 39 phase surrogates, where neighbours part as fast as the linear correlations allow
    (level 2.5 %).

    Args:
        x: (time, n_variables) states or delay vectors, finite; the last 10,000 are used.
        dt: sampling interval in system time units.
        n_surrogates: phase surrogates; 0 for the rate alone.
        seed: chooses reference points and surrogates.

    Returns:
        DivergenceRate.

    Raises:
        InputError: too few samples, or a series at rest.

    Reference: rosenstein1993, kantz1994
    """
    x = np.asarray(x, dtype=np.float64)[-MAX_POINTS:]
    if len(x) < 200:
        raise InputError("too few samples for a rate of divergence", got=str(len(x)), expected="at least 200")
    if np.ptp(x, axis=0).max() == 0:
        raise InputError("a series at rest has no rate of divergence")
    rng = np.random.default_rng([seed, 0x726F73])
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), np.finfo(np.float64).tiny)
    saturation = _random_distance(x, rng)
    curves = _divergence_curves(x, saturation, rng)
    curve = curves.mean(axis=0)
    region = _scaling_region(curve, saturation)
    if region is None:
        return DivergenceRate(
            value=math.nan, stderr=math.nan, chaotic=False, straightness=math.nan, region=None, curve=curve,
            surrogates=(), reason=f"no scaling region: neighbours part within {MIN_STEPS} steps, or never",
        )  # fmt: skip
    value, straightness = _slope(curve, region, dt)
    stderr = np.std([_slope(group, region, dt)[0] for group in curves], ddof=1) / math.sqrt(len(curves))
    surrogates = tuple(_surrogate_rate(x, dt, rng) for _ in range(n_surrogates))
    growth = curve[region[1]] - curve[region[0]]
    checks = [
        (growth >= MIN_GROWTH, f"distances grow {math.exp(growth):.1f}-fold in the scaling region"),
        (straightness >= MIN_STRAIGHTNESS, f"R^2 = {straightness:.3f}"),
        (value < min(surrogates, default=math.inf), f"{sum(s > value for s in surrogates)} of {n_surrogates} "
         "phase surrogates part faster"),
    ]  # fmt: skip
    return DivergenceRate(
        value=float(value),
        stderr=float(stderr),
        chaotic=all(passed for passed, _ in checks) and n_surrogates > 0,
        reason="; ".join(text for _, text in checks),
        straightness=float(straightness),
        region=region,
        curve=curve,
        surrogates=surrogates,
    )


def _divergence_curves(x, saturation, rng, n_groups=4):
    """(group, steps) mean ln distance of points and their neighbours k steps on, until near saturation."""
    theiler = correlation_time(x)
    horizon = min(30 * theiler + 10, len(x) // 4)
    n = len(x) - horizon
    references = rng.choice(n, min(N_REFERENCES, n), replace=False)
    tree = cKDTree(x[:n])
    n_candidates = min(2 * theiler + 2, n, 50)
    _, candidates = tree.query(x[references], k=n_candidates)
    apart = np.abs(candidates - references[:, None]) > theiler
    found = apart.any(axis=1)
    references = references[found]
    neighbours = candidates[found, apart[found].argmax(axis=1)]
    groups = np.arange(len(references)) % n_groups
    if len(references) < 10 * n_groups:
        raise InputError("too few neighbours that are apart in time", got=str(len(references)))
    sizes, curves = np.bincount(groups), []
    for k in range(horizon):
        distance = np.sqrt(((x[references + k] - x[neighbours + k]) ** 2).sum(axis=1))
        log_distance = np.log(np.maximum(distance, 1e-12))
        curves.append(np.bincount(groups, log_distance) / sizes)
        if k > 1 and curves[-1].mean() > curves[1].mean() + FAR * (saturation - curves[1].mean()):
            break
    return np.stack(curves, axis=1)


def _random_distance(x, rng):
    i, j = rng.integers(len(x), size=(2, 4000))
    distance = np.sqrt(((x[i] - x[j]) ** 2).sum(axis=1))
    return float(np.log(distance[distance > 0]).mean())


def _scaling_region(curve, saturation):
    start = curve[1]
    low, high = start + LOW * (saturation - start), start + HIGH * (saturation - start)
    above_low, above_high = curve > low, curve > high
    if saturation - start < MIN_RISE or not above_high[1:].any():
        return None
    first = int(above_low[1:].argmax()) + 1
    last = int(above_high[1:].argmax()) + 1
    return (first, last) if last - first >= MIN_STEPS else None


def _slope(curve, region, dt):
    steps = np.arange(region[0], region[1] + 1)
    part = curve[region[0] : region[1] + 1]
    slope, offset = np.polyfit(steps * dt, part, 1)
    residual = part - (slope * steps * dt + offset)
    return slope, 1.0 - residual.var() / part.var()


def _surrogate_rate(x, dt, rng):
    surrogate = phase_surrogate(x, rng)
    saturation = _random_distance(surrogate, rng)
    curve = _divergence_curves(surrogate, saturation, rng, n_groups=1)[0]
    region = _scaling_region(curve, saturation)
    return math.inf if region is None else float(_slope(curve, region, dt)[0])
