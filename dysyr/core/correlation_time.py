"""Autocorrelation and the time over which a series forgets itself."""

import numpy as np


def autocorrelation(x, n_lags):
    """Autocorrelation function per variable, biased estimate.

        rho(k) = sum_t (x_t - m)(x_{t+k} - m) / sum_t (x_t - m)^2

    Args:
        x: (time, n_variables), finite.
        n_lags: lags 0 .. n_lags - 1 are returned.

    Returns:
        (n_lags, n_variables); a constant variable has 1 at every lag.
    """
    centred = x - x.mean(axis=0)
    size = 2 ** int(np.ceil(np.log2(2 * len(x))))
    power = np.abs(np.fft.rfft(centred, n=size, axis=0)) ** 2
    correlation = np.fft.irfft(power, n=size, axis=0)[:n_lags]
    zero = correlation[0] <= 0
    return np.where(zero, 1.0, correlation / np.where(zero, 1.0, correlation[0]))


def correlation_time(x):
    """Lag at which the autocorrelation first falls below 1/e, the longest over the variables.

    Args:
        x: (time, n_variables), finite.

    Returns:
        int, samples, at least 1 and at most a tenth of the series.
    """
    longest = max(len(x) // 10, 1)
    below = autocorrelation(x, longest + 1) < np.exp(-1)
    first = np.where(below.any(axis=0), below.argmax(axis=0), longest)
    return int(max(first.max(), 1))
