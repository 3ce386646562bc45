"""How far apart the coordinates of a delay vector should be."""

import numpy as np

from dysyr.core.errors import InputError

AUTOCORRELATION_LEVEL = np.exp(-1.0)
MAX_PAIRS = 50_000
MAX_LAG = 500
RISE = 0.01


def autocorrelation(series, max_lag):
    """Autocorrelation function of one variable.

        r(k) = sum_t (x[t] - m)(x[t+k] - m) / sum_t (x[t] - m)^2, the sums corrected for their numbers of
        terms

    Pairs do not cross the ends of the series or missing values.

    Args:
        series: list of (time,) arrays, NaN where missing.
        max_lag: largest lag in samples.

    Returns:
        (max_lag + 1,) array with r(0) = 1; NaN at lags without pairs.

    Raises:
        InputError: the variable is constant.
    """
    values = np.concatenate(series)
    seen = np.isfinite(values)
    mean = values[seen].mean() if seen.any() else 0.0
    products, counts = np.zeros(max_lag + 1), np.zeros(max_lag + 1)
    for x in series:
        present = np.isfinite(x)
        centred = np.where(present, x - mean, 0.0)
        size = 1 << int(np.ceil(np.log2(2 * len(x))))
        lags = min(max_lag + 1, len(x))
        products[:lags] += np.fft.irfft(np.abs(np.fft.rfft(centred, size)) ** 2, size)[:lags]
        counts[:lags] += np.rint(np.fft.irfft(np.abs(np.fft.rfft(present * 1.0, size)) ** 2, size)[:lags])
    if not products[0] > 0:
        raise InputError("a constant variable has no autocorrelation", got=f"{mean:g} throughout")
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = np.where(counts > 0, products / counts, np.nan)
    return covariance / covariance[0]


def decorrelation_time(series, max_lag=None):
    """First lag at which the autocorrelation falls below 1/e.

    Args:
        series: list of (time,) arrays, NaN where missing.
        max_lag: where to stop looking; by default half of the longest series.

    Returns:
        Lag in samples, or None if it stays above 1/e.
    """
    longest = max(len(x) for x in series)
    r = autocorrelation(series, max_lag or max(longest // 2, 1))
    below = np.flatnonzero(r < AUTOCORRELATION_LEVEL)
    return int(below[0]) if len(below) else None


def mutual_information(a, b, n_bins=None):
    """Mutual information of two variables in nats, from a two-dimensional histogram of their ranks.

        I(a; b) = sum_ij p_ij log(p_ij / (p_i p_j)) - (m - k_a - k_b + 1) / (2 n)

    with the Miller-Madow correction for m occupied cells and k_a, k_b occupied marginal bins. Bins hold
    equally many values, so the estimate does not change under monotone maps of a or b.

    Args:
        a: (n,) array.
        b: (n,) array.
        n_bins: bins per variable; by default about (n / 5)^(1/2), at least 4 and at most 32.

    Returns:
        Mutual information in nats; near 0 for independent variables, and possibly slightly negative.

    Reference: fraser1986
    """
    bins = n_bins or _bin_count(len(a))
    return _information(_rank_bins(a, bins), _rank_bins(b, bins), bins)


def average_mutual_information(series, max_lag, n_bins=None):
    """Mutual information of x[t] and x[t+k] for k = 1 .. max_lag, from at most 50,000 pairs per lag.

    Args:
        series: list of (time,) arrays, NaN where missing.
        max_lag: largest lag in samples.
        n_bins: bins per variable, as for ``mutual_information``; they are those of the whole series at
            every lag.

    Returns:
        (max_lag + 1,) array in nats; entry 0 is NaN, as are lags with fewer than 16 pairs.
    """
    values = np.concatenate(series)
    seen = np.isfinite(values)
    bins = n_bins or _bin_count(min(int(seen.sum()), MAX_PAIRS))
    binned = np.full(len(values), -1)
    binned[seen] = _rank_bins(values[seen], bins)
    pieces = np.split(binned, np.cumsum([len(x) for x in series])[:-1])
    information = np.full(max_lag + 1, np.nan)
    for lag in range(1, max_lag + 1):
        pairs = [(piece[:-lag], piece[lag:]) for piece in pieces if len(piece) > lag]
        if not pairs:
            break
        step = max(sum(len(earlier) for earlier, _ in pairs) // MAX_PAIRS, 1)
        earlier = np.concatenate([pair[0][::step] for pair in pairs])
        later = np.concatenate([pair[1][::step] for pair in pairs])
        both = (earlier >= 0) & (later >= 0)
        if both.sum() >= 16:
            information[lag] = _information(earlier[both], later[both], bins)
    return information


def suggest_delay(series, max_lag=None):
    """Delay in samples for a delay embedding.

    The first minimum of the average mutual information (smoothed over three lags), but not more than the
    first lag with an autocorrelation below 1/e, nor less than a third of it: the mutual information of a
    periodic signal has minima without meaning. Where the information only decays (maps, noise), or has no
    minimum before three times the lag at which it has fallen to 1/e (slow drifts), it is that lag, or the
    one of the autocorrelation where that comes first.

    Args:
        series: list of (time,) arrays, NaN where missing.
        max_lag: largest lag to look at; by default three decorrelation times, at most a tenth of the
            longest series and 500 samples.

    Returns:
        (delay, rule), rule ``"mutual_information"``, ``"autocorrelation"`` or ``"information_decay"``.

    Reference: fraser1986
    """
    longest = max(len(x) for x in series)
    memory = decorrelation_time(series)
    bound = memory or max(longest // 10, 1)
    if max_lag is None:
        max_lag = int(np.clip(3 * bound, 10, min(max(longest // 10, 2), MAX_LAG)))
    information = average_mutual_information(series, max_lag)[1:]
    information = information[np.isfinite(information)]
    n_pairs = min(sum(len(x) for x in series), MAX_PAIRS)
    blur = 4 * _bin_count(n_pairs) / (np.sqrt(2) * n_pairs)
    if len(information) < 3 or information[0] <= blur:
        return bound, "autocorrelation"
    minimum = _first_minimum(information, max(RISE * information[0], blur))
    low = np.flatnonzero(information <= information[0] * AUTOCORRELATION_LEVEL)
    decay = int(low[0]) + 1 if len(low) else None
    if minimum is not None and 3 * minimum >= bound and (decay is None or minimum <= 3 * decay):
        return min((minimum, "mutual_information"), (bound, "autocorrelation"))
    if decay is not None:
        return min((decay, "information_decay"), (bound, "autocorrelation"))
    return bound, "autocorrelation"


def _first_minimum(information, rise):
    """Lag of the first minimum after which the smoothed values (of lags 1, 2, ...) rise clearly, or None."""
    padded = np.concatenate([information[:1], information, information[-1:]])
    smooth = padded[:-2] / 4 + padded[1:-1] / 2 + padded[2:] / 4
    lowest = 0
    for i in range(1, len(smooth)):
        if smooth[i] < smooth[lowest]:
            lowest = i
        elif lowest > 0 and smooth[i] > smooth[lowest] + rise:
            return lowest + 1
    return None


def _rank_bins(values, bins):
    """Bin number of each value, bins of equal numbers; equal values share a bin."""
    edges = np.quantile(values, np.arange(1, bins) / bins)
    return np.searchsorted(edges, values, side="right")


def _bin_count(n):
    return int(np.clip(np.sqrt(n / 5), 4, 32))


def _information(a, b, bins):
    """Mutual information of two arrays of bin numbers, nats, Miller-Madow corrected."""
    n = len(a)
    joint = np.bincount(a * bins + b, minlength=bins * bins).reshape(bins, bins) / n
    pa, pb = joint.sum(axis=1), joint.sum(axis=0)
    filled = joint > 0
    information = float((joint[filled] * np.log(joint[filled] / np.outer(pa, pb)[filled])).sum())
    excess = filled.sum() - (pa > 0).sum() - (pb > 0).sum() + 1
    return information - float(excess) / (2 * n)
