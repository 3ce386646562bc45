"""The period that stands out of a spectrum."""

import numpy as np
from scipy.signal import welch

N_SEGMENTS = 8
CLEAR = 4.0


def dominant_period(x):
    """Period of the highest peak of Welch's spectrum (8 half-overlapping Hann windows), refined by a parabola.

    The peak is reported where it is not the low end of a decaying spectrum and is at least four times as
    high as the spectrum at both its foot at lower and its foot at higher frequencies.

    Args:
        x: (time,), finite.

    Returns:
        Period in samples; NaN where no peak stands out.
    """
    n = len(x)
    length = min(n, max(int(2 * n / (N_SEGMENTS + 1)), 64))
    if length < 16 or np.ptp(x) == 0:
        return np.nan
    frequency, power = welch(x - x.mean(), window="hann", nperseg=length, detrend="linear", nfft=4 * length)
    start = 4
    top = start + int(power[start:].argmax())
    if top == start or top >= len(power) - 1:
        return np.nan
    if power[top] < CLEAR * power[start:top].min() or power[top] < CLEAR * power[top:].min():
        return np.nan
    low, peak, high = np.log(np.maximum(power[top - 1 : top + 2], np.finfo(float).tiny))
    bend = low - 2 * peak + high
    shift = 0.5 * (low - high) / bend if bend < 0 else 0.0
    return float(1 / (frequency[top] + shift * frequency[1]))
