"""Where the power is: peak and mean frequency of each variable."""

import numpy as np

from dysyr.core.attractor_distance import power_spectrum
from dysyr.evaluation.invariant_measure import InvariantMeasure

SIGMA_BINS = 20.0


def peak_frequency(x, *, dt, sigma_bins=SIGMA_BINS):
    """Frequency at which the smoothed power spectrum is highest, zero frequency left out.

    Args:
        x: (time, n_variables), finite.
        dt: sampling interval.
        sigma_bins: width of the Gaussian smoothing in frequency bins.

    Returns:
        (n_variables,) in cycles per time unit; 0 for a constant variable.
    """
    return _per_variable(x, lambda power, f: f[1:][power[1:].argmax()], dt, sigma_bins)


def mean_frequency(x, *, dt):
    """Centre of mass of the power spectrum.

        <f> = sum_f f P(f)

    A clock that runs 1 % fast moves it by 1 %, while D_H may hardly or wholly change, depending on its
    bandwidth.

    Args:
        x: (time, n_variables), finite.
        dt: sampling interval.

    Returns:
        (n_variables,) in cycles per time unit; 0 for a constant variable.
    """
    return _per_variable(x, lambda power, f: (f * power).sum(), dt, 0.0)


class PeakFrequencyMeasure(InvariantMeasure):
    """Highest peak of the power spectrum of each variable, smoothed by 20 bins, or n / 1000 if that is less."""

    name = "peak_frequency"
    unit = "1/time"

    def quantity(self, context, series):
        found = peak_frequency(series, dt=context.dt, sigma_bins=self._sigma_bins(context))
        return dict(zip(context.names, found.tolist(), strict=True))

    def settings(self, context):
        sigma_bins = self._sigma_bins(context)
        return {"sigma_bins": sigma_bins, "sigma_hz": sigma_bins / (context.n * context.dt)}

    def _sigma_bins(self, context):
        return max(min(SIGMA_BINS, context.n / 1000), 1.0)


class MeanFrequencyMeasure(InvariantMeasure):
    """Mean frequency of each variable: does the model's clock run right?"""

    name = "mean_frequency"
    unit = "1/time"

    def quantity(self, context, series):
        return dict(zip(context.names, mean_frequency(series, dt=context.dt).tolist(), strict=True))

    def settings(self, context):
        return {}


def _per_variable(x, pick, dt, sigma_bins):
    frequency = np.fft.rfftfreq(len(x), dt)
    result = np.zeros(x.shape[1])
    for d in np.flatnonzero(np.ptp(x, axis=0) > 1e-12 * np.abs(x).max(axis=0)):
        result[d] = pick(power_spectrum(x[:, d : d + 1], sigma_bins=sigma_bins)[:, 0], frequency)
    return result
