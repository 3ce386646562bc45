"""Surrogate series: like the data in everything that a stationary linear Gaussian process fixes."""

import numpy as np

N_ITERATIONS = 60


def iaaft(x, n_surrogates, rng, n_iterations=N_ITERATIONS):
    """Iterative amplitude-adjusted Fourier surrogates: spectrum and distribution of x.

    Spectrum and distribution are imposed in turn, starting from a shuffled copy, until the ranks stay as
    they are:

        s <- F^-1(|F x| F s / |F s|),    s <- the values of x in the rank order of s

    so that the null hypothesis is a linear Gaussian process seen through any monotone, static function. The
    distribution is exact, the spectrum as close as the iteration gets.

    Args:
        x: (time,), finite. Ends that do not match put spurious power at high frequencies; see
            ``matched_stretch``.
        n_surrogates: how many.
        rng: NumPy Generator.
        n_iterations: at most so many iterations.

    Returns:
        (n_surrogates, time).

    Reference: schreiber1996
    """
    values = np.sort(x)
    amplitude = np.abs(np.fft.rfft(x))
    s = np.stack([rng.permutation(x) for _ in range(n_surrogates)])
    order = None
    for _ in range(n_iterations):
        spectrum = np.fft.rfft(s, axis=1)
        size = np.abs(spectrum)
        spectrum *= amplitude / np.where(size > 0, size, 1.0)
        smooth = np.fft.irfft(spectrum, n=len(x), axis=1)
        new_order = np.argsort(smooth, axis=1)
        np.put_along_axis(s, new_order, np.broadcast_to(values, s.shape), axis=1)
        if order is not None and np.array_equal(order, new_order):
            break
        order = new_order
    return s


def matched_stretch(x, trim=0.1):
    """The stretch of x whose ends match best, so that its periodic continuation has no jump.

        minimise |x[a] - x[b]|^2 + |(x[a+1] - x[a]) - (x[b] - x[b-1])|^2  over a in the first, b in the last
        part

    Args:
        x: (time,), finite.
        trim: share of the series that may be given up at either end.

    Returns:
        (shorter time,) view of x.
    """
    n = len(x)
    reach = max(int(trim * n), 1)
    if n < 20:
        return x
    starts = np.arange(0, reach)
    stops = np.arange(n - reach, n)
    value = x[starts][:, None] - x[stops]
    slope = (x[starts + 1] - x[starts])[:, None] - (x[stops] - x[stops - 1])
    a, b = np.unravel_index(np.argmin(value**2 + slope**2), value.shape)
    return x[starts[a] : stops[b] + 1]
