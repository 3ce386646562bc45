"""Smoothing of sampled flows by local cubic polynomials, with the window chosen by leave-one-out prediction."""

import numpy as np
from scipy.signal import savgol_coeffs, savgol_filter

from dysyr.core.errors import InputError
from dysyr.core.segments import complete_stretches

ORDER = 3
WINDOWS = (5, 7, 9, 11, 13, 15, 19, 23, 27, 31, 37, 43, 51, 61, 75, 91)
ROUGH = 0.5


def smoothing_window(series):
    """The window, per variable, with which neighbours predict a sample best.

        LOO(w) = mean_t ((x[t] - s_w[t]) / (1 - h_w))^2

    s_w is the local cubic fit over w samples and h_w the weight of the sample itself in it, so that LOO is the mean
    squared error of predicting each sample from its neighbours alone: noise plus the error of the fit. The smallest
    LOO gives the window. Where even that is above a quarter of the variance (maps, coarse sampling, mere noise) the
    samples do not lie on a smooth curve, and the window is 1: no smoothing.

    Args:
        series: list of (time, n_variables) arrays, NaN where missing.

    Returns:
        list of odd ints, one per variable.

    Reference: savitzky1964 for the filter, craven1979 for the choice
    """
    longest = max((len(part) for x in series for part in _complete(x)), default=0)
    windows = [w for w in WINDOWS if w <= longest // 4]
    chosen = []
    for d in range(series[0].shape[1]):
        parts = [part[:, d] for x in series for part in _complete(x)]
        values = np.concatenate(parts) if parts else np.empty(0)
        variance = values.var() if values.size else 0.0
        errors = [_leave_one_out(parts, w) for w in windows]
        if not errors or min(errors) > (ROUGH**2) * variance:
            chosen.append(1)
        else:
            chosen.append(windows[int(np.argmin(errors))])
    return chosen


def smooth(x, windows):
    """Replace each sample by the local cubic fit around it.

    Stretches without missing values are smoothed one by one; a stretch shorter than the window stays as it is. At the
    ends of a stretch the fit of the last full window is used.

    Args:
        x: (time, n_variables), NaN where missing.
        windows: odd window per variable, 1 for none.

    Returns:
        (time, n_variables) with the same missing values.

    Raises:
        InputError: a window that is not odd.
    """
    if any(w < 1 or w % 2 == 0 for w in windows):
        raise InputError("smoothing windows", got=str(windows), expected="odd whole numbers")
    out = np.array(x, dtype=np.float64)
    for start, stop in complete_stretches(x):
        for d, w in enumerate(windows):
            if ORDER < w <= stop - start:
                out[start:stop, d] = savgol_filter(x[start:stop, d], w, ORDER, mode="interp")
    return out


def remaining_noise(series, windows):
    """Standard deviation of the noise that smoothing leaves, per variable.

        left = sigma sqrt(h_w)

    with sigma from ``measurement_noise``; 0 where the window is 1.

    Args:
        series: list of (time, n_variables) arrays, NaN where missing.
        windows: window per variable, from ``smoothing_window``.

    Returns:
        (n_variables,) in data units.
    """
    own = [savgol_coeffs(w, ORDER)[w // 2] if w > ORDER else 0.0 for w in windows]
    return measurement_noise(series, windows) * np.sqrt(own)


def measurement_noise(series, windows):
    """Standard deviation of the noise of measurements, per variable.

        sigma^2 = mean_t (x[t] - s_w[t])^2 / (1 - h_w)

    exact for white noise on a curve that the local cubics follow. Where the window is 1 nothing is known, and 0 is
    returned.

    Args:
        series: list of (time, n_variables) arrays, NaN where missing.
        windows: window per variable, from ``smoothing_window``.

    Returns:
        (n_variables,) in data units.
    """
    sigma = np.zeros(len(windows))
    for d, w in enumerate(windows):
        if w > ORDER:
            own = savgol_coeffs(w, ORDER)[w // 2]
            loo = _leave_one_out([part[:, d] for x in series for part in _complete(x)], w)
            sigma[d] = np.sqrt(loo * (1 - own)) if np.isfinite(loo) else 0.0
    return sigma


def difference_noise(series):
    """Standard deviation of the noise of measurements from sixth differences, per variable.

        sigma = median_t |Delta^6 x[t]| / (0.6745 sqrt(924)),     924 = sum_k binomial(6, k)^2

    exact for normal white noise on quintics. Curves that are sampled densely enough add little to it, and bends or
    spikes here and there nothing: where this is much smaller than ``measurement_noise``, residuals of local cubics are
    no noise.

    Args:
        series: list of (time, n_variables) arrays, NaN where missing.

    Returns:
        (n_variables,) in data units; infinite where no seven samples follow each other.
    """
    differences = [np.diff(part, n=6, axis=0) for x in series for part in _complete(x) if len(part) > 6]
    if not differences:
        return np.full(series[0].shape[1], np.inf)
    return np.median(np.abs(np.concatenate(differences)), axis=0) / (0.6744897501960817 * np.sqrt(924))


def _complete(x):
    return [x[start:stop] for start, stop in complete_stretches(x)]


def _leave_one_out(parts, window):
    own = savgol_coeffs(window, ORDER)[window // 2]
    half = window // 2
    total, count = 0.0, 0
    for part in parts:
        if len(part) >= window:
            inner = (part - savgol_filter(part, window, ORDER, mode="interp"))[half : len(part) - half]
            total += float((inner**2).sum())
            count += len(inner)
    return total / count / (1 - own) ** 2 if count else np.inf
