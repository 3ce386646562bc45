"""Series made from a series, that keep its linear correlations and nothing else."""

import numpy as np


def phase_surrogate(x, rng):
    """Fourier surrogate: one random phase per frequency, shared by all variables.

    Args:
        x: (time, state), finite.
        rng: NumPy Generator.

    Returns:
        (time, state) with the power and cross spectra of x.

    Reference: prichard1994
    """
    mean = x.mean(axis=0)
    spectrum = np.fft.rfft(x - mean, axis=0)
    phase = rng.uniform(0, 2 * np.pi, len(spectrum))
    phase[0] = 0.0
    if len(x) % 2 == 0:
        phase[-1] = 0.0
    return np.fft.irfft(spectrum * np.exp(1j * phase)[:, None], n=len(x), axis=0) + mean
