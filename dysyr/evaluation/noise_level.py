"""How much of a variable is measurement noise."""

import math

import numpy as np

from dysyr.core.neighbours import nearest_neighbours, positions_of

MAX_ORDER = 8
MAX_POINTS = 20_000
MAX_QUERIES = 500
MIN_POINTS = 60
REACH = 2
AGREEMENT = 0.8


def noise_level(series, theiler=1):
    """Standard deviation of white measurement noise, as a fraction of that of the variable as measured.

    Two estimates, each of which can only be too large by what it cannot tell from noise:

    * differences, for flows sampled densely:  sigma_k^2 = < (D^k x)^2 > / binom(2k, k), the smallest over k
      <= 8, since the k-th difference of a smooth signal vanishes with its sampling interval while that of
      white noise does not;
    * local linear fits of x[t] to the two samples before and after it, for maps and coarsely sampled flows.

    Where they agree within 20 % it is the first, which has the smaller error; otherwise the smaller one.
    Deterministic chaos that neither resolves counts as noise, so the value is an upper bound.

    Args:
        series: list of (time,) arrays, NaN where missing.
        theiler: Theiler window in samples for the neighbours.

    Returns:
        (fraction, method): 0 to 1 and ``"differences"`` or ``"local_linear"``; (nan, "none") for a constant
        variable or fewer than 12 samples without a gap.
    """
    values = np.concatenate(series)
    sd = float(np.nanstd(values)) if np.isfinite(values).any() else 0.0
    from_differences = noise_from_differences(series)
    if not sd > 0 or math.isnan(from_differences):
        return math.nan, "none"
    from_neighbours = noise_from_neighbours(series, theiler)
    if math.isnan(from_neighbours) or from_neighbours >= AGREEMENT * from_differences:
        return min(from_differences / sd, 1.0), "differences"
    return min(from_neighbours / sd, 1.0), "local_linear"


def noise_from_differences(series):
    """sigma_k = sqrt(< (D^k x)^2 > / binom(2k, k)), the smallest over the orders k = 1 .. 8.

    Args:
        series: list of (time,) arrays, NaN where missing.

    Returns:
        Standard deviation of the noise in units of the variable; NaN for too few samples.
    """
    best = math.nan
    for order in range(1, MAX_ORDER + 1):
        differences = np.concatenate([np.diff(x, n=order) for x in series])
        differences = differences[np.isfinite(differences)]
        if len(differences) < 12:
            break
        sigma = math.sqrt(np.mean(differences**2) / math.comb(2 * order, order))
        best = sigma if math.isnan(best) else min(best, sigma)
    return best


def noise_from_neighbours(series, theiler):
    """Noise from local linear fits of x[t] to y = (x[t-2], x[t-1], x[t+1], x[t+2]) over nearest neighbours.

        sigma^2 = < max(r^2 / (1 + |b|^2), r^2 - |b|^2 v) >

    over residual variances r^2 with slopes b, which allows for the noise of the other four samples; where
    that noise exceeds their variance v in the neighbourhood, it contributes no more than |b|^2 v.

    Args:
        series: list of (time,) arrays, NaN where missing.
        theiler: Theiler window in samples.

    Returns:
        Standard deviation of the noise in units of the variable; NaN for fewer than 60 points.
    """
    width = 2 * REACH + 1
    offsets = positions_of([len(x) for x in series], theiler)
    windows, positions, start = [], [], 0
    for x in series:
        if len(x) >= width:
            view = np.lib.stride_tricks.sliding_window_view(x, width)
            whole = np.isfinite(view).all(axis=1)
            windows.append(view[whole])
            positions.append(offsets[start : start + len(view)][whole])
        start += len(x)
    if not windows:
        return math.nan
    windows, positions = np.concatenate(windows), np.concatenate(positions)
    if len(windows) < MIN_POINTS:
        return math.nan
    step = -(-len(windows) // MAX_POINTS)
    windows, positions = windows[::step], positions[::step]
    around = np.delete(windows, REACH, axis=1)
    queries = np.arange(0, len(windows), max(len(windows) // MAX_QUERIES, 1))
    n_neighbours = int(np.clip(len(windows) // 10, 10, 20))
    _, found = nearest_neighbours(around, positions, queries, theiler=theiler, n_neighbours=n_neighbours)
    squares = []
    for query, neighbours in zip(queries, found, strict=True):
        members = np.append(neighbours[neighbours >= 0], query)
        if len(members) < width + 3:
            continue
        centred = around[members] - around[members].mean(axis=0)
        target = windows[members, REACH] - windows[members, REACH].mean()
        slopes, _, rank, _ = np.linalg.lstsq(centred, target, rcond=1e-10)
        residual = target - centred @ slopes
        variance = residual @ residual / (len(members) - 1 - rank)
        amplified = slopes @ slopes
        spread = centred.var(axis=0, ddof=1).mean()
        squares.append(max(variance / (1 + amplified), variance - amplified * spread))
    return math.sqrt(np.mean(squares)) if squares else math.nan
