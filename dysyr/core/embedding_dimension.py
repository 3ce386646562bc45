"""How many delay coordinates unfold an attractor."""

import dataclasses

import numpy as np

from dysyr.core.delay_time import decorrelation_time
from dysyr.core.errors import InputError
from dysyr.core.neighbours import nearest_neighbours, positions_of

MAX_DIM = 10
DISTANCE_RATIO = 15.0
SIZE_RATIO = 2.0
MAX_POINTS = 20_000
MAX_QUERIES = 2_000
MIN_POINTS = 20
FALSE_SHARE = 0.01
NOISY_SHARE = 0.10
SMALL_DROP = 0.02
CAO_LEVEL = 0.95


@dataclasses.dataclass(frozen=True)
class EmbeddingDimension:
    """What the neighbour statistics say about the dimension.

    Attributes:
        dim: the suggested dimension.
        rule: ``"false_neighbours"``, ``"cao"``, or ``"none"`` where neither settles up to the largest one
            looked at.
        false_share: share of false neighbours for dimension 1, 2, ...
        e1: Cao's E1 for dimension 1, 2, ...
        e2: Cao's E2; near 1 for all dimensions in a series without structure.
    """

    dim: int
    rule: str
    false_share: tuple
    e1: tuple
    e2: tuple


def neighbour_statistics(series, delay, max_dim=MAX_DIM, theiler=None):
    """False nearest neighbours and Cao's quantities for dimensions 1 to max_dim.

    With y_i(m) the delay vector of dimension m and n its nearest neighbour outside the Theiler window,

        false if |x_i+ - x_n+| > 15 R_m(i)  or  R_{m+1}(i) > 2 sd(x)                       (Kennel)
        E(m) = < R_{m+1}(i) / R_m(i) >,  E1(m) = E(m+1) / E(m)                             (Cao, maximum norm)
        E*(m) = < |x_i+ - x_n+| >,       E2(m) = E*(m+1) / E*(m)

    where x+ is the coordinate that dimension m + 1 adds.

    Args:
        series: list of (time,) arrays, NaN where missing.
        delay: samples between coordinates.
        max_dim: largest dimension.
        theiler: Theiler window in samples; by default the decorrelation time, at least the delay.

    Returns:
        (false_share, e1, e2), arrays (max_dim,), (max_dim - 1,), (max_dim - 1,); shorter where the series is.

    Raises:
        InputError: fewer than 20 delay vectors.

    Reference: kennel1992, cao1997
    """
    if theiler is None:
        theiler = max(decorrelation_time(series) or delay, delay)
    sd = np.nanstd(np.concatenate(series))
    floor = 1e-9 * sd
    false_share, growth, distance = [], [], []
    for dim in range(1, max_dim + 1):
        points, positions = _vectors(series, dim + 1, delay, theiler)
        if len(points) < MIN_POINTS + theiler:
            break
        step = max(len(points) // MAX_QUERIES, 1)
        queries = np.arange(0, len(points), step)
        near, gap = _nearest(points, positions, queries, theiler, 2)
        false = (gap > DISTANCE_RATIO * np.maximum(near, floor)) | (np.hypot(near, gap) > SIZE_RATIO * sd)
        false_share.append(false.mean())
        near, gap = _nearest(points, positions, queries, theiler, np.inf)
        apart = near > floor
        growth.append((np.maximum(near, gap)[apart] / near[apart]).mean() if apart.any() else 1.0)
        distance.append(gap.mean())
    if len(false_share) < 2:
        raise InputError(
            "the series is too short to choose an embedding dimension",
            got=f"{sum(len(x) for x in series)} samples, delay {delay}, Theiler window {theiler}",
            do="pass dim= yourself",
        )  # fmt: skip
    growth, distance = np.array(growth), np.maximum(np.array(distance), np.finfo(float).tiny)
    return np.array(false_share), growth[1:] / growth[:-1], distance[1:] / distance[:-1]


def suggest_dimension(series, delay, max_dim=MAX_DIM, theiler=None):
    """The smallest dimension in which the attractor is unfolded.

    Kennel's criterion, at most 1 % false neighbours, is met by clean and densely sampled data; noise and
    long delays leave some for ever, so at most 10 % count as well when a further dimension takes away less
    than 2 percentage points. Where even that is never reached, it is the dimension at which Cao's E1
    exceeds 0.95.

    Args:
        series: list of (time,) arrays, NaN where missing.
        delay: samples between coordinates.
        max_dim: largest dimension to look at.
        theiler: Theiler window in samples; by default the decorrelation time.

    Returns:
        EmbeddingDimension.

    Raises:
        InputError: the series is too short.

    Reference: kennel1992, cao1997
    """
    false_share, e1, e2 = neighbour_statistics(series, delay, max_dim, theiler)
    drop = false_share - np.append(false_share[1:], false_share[-1])
    unfolded = np.flatnonzero((false_share <= FALSE_SHARE) | ((false_share <= NOISY_SHARE) & (drop <= SMALL_DROP)))
    level = np.flatnonzero(e1 >= CAO_LEVEL)
    if len(unfolded):
        dim, rule = int(unfolded[0]) + 1, "false_neighbours"
    elif len(level):
        dim, rule = int(level[0]) + 1, "cao"
    else:
        dim, rule = len(false_share), "none"
    return EmbeddingDimension(dim, rule, tuple(false_share.tolist()), tuple(e1.tolist()), tuple(e2.tolist()))


def _nearest(points, positions, queries, theiler, p):
    """(distance to the nearest neighbour, its distance in the first column, which the search ignores)."""
    closest, found = nearest_neighbours(points[:, 1:], positions, queries, theiler=theiler, p=p)
    there = found[:, 0] >= 0
    found = found[there, 0]
    return closest[there, 0], np.abs(points[queries[there], 0] - points[found, 0])


def _vectors(series, dim, delay, theiler):
    """(points (n, dim), positions (n,)): delay vectors without missing coordinates, thinned to MAX_POINTS."""
    offsets = positions_of([len(x) for x in series], theiler)
    begins, start = [], 0
    for x in series:
        n = max(0, len(x) - (dim - 1) * delay)
        seen = np.isfinite(x)
        whole = np.logical_and.reduce([seen[k * delay : k * delay + n] for k in range(dim)])
        begins.append((x, start, np.flatnonzero(whole)))
        start += len(x)
    step = max(1, -(-sum(len(at) for _, _, at in begins) // MAX_POINTS))
    points, positions, done = [np.empty((0, dim))], [np.empty(0, dtype=np.int64)], 0
    for x, start, at in begins:
        kept = at[-done % step :: step]
        points.append(np.stack([x[kept + k * delay] for k in range(dim)], axis=1))
        positions.append(offsets[start + kept])
        done += len(at)
    return np.concatenate(points), np.concatenate(positions)
