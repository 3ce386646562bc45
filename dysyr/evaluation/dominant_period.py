"""The period that stands out of a spectrum."""

import numpy as np
from scipy.signal import welch

N_SEGMENTS = 8
CLEAR = 5.0
ZERO_PADDING = 4


def dominant_period(x):
    """Period of the highest peak of Welch's spectrum (8 half-overlapping windows), refined by a parabola.

    The peak is reported where it is at least five times as high as the median of the spectrum both at a
    quarter to two thirds and at 1.5 to 4 times its frequency, so neither for a decaying spectrum nor for
    noise.

    Args:
        x: (time,), finite.

    Returns:
        Period in samples; NaN where no peak stands out.
    """
    n = len(x)
    length = min(n, max(int(2 * n / (N_SEGMENTS + 1)), 64))
    if length < 16 or np.ptp(x) == 0:
        return np.nan
    frequency, power = welch(
        x - x.mean(), window="hann", nperseg=length, detrend="linear", nfft=ZERO_PADDING * length
    )
    top = ZERO_PADDING + int(power[ZERO_PADDING:].argmax())
    if top >= len(power) - 1:
        return np.nan
    below = power[(frequency >= frequency[top] / 4) & (frequency <= frequency[top] / 1.5) & (frequency > 0)]
    above = power[(frequency >= frequency[top] * 1.5) & (frequency <= frequency[top] * 4)]
    if len(below) < 2 or len(above) < 2 or power[top] < CLEAR * max(np.median(below), np.median(above)):
        return np.nan
    low, peak, high = np.log(np.maximum(power[top - 1 : top + 2], np.finfo(float).tiny))
    bend = low - 2 * peak + high
    shift = 0.5 * (low - high) / bend if bend < 0 else 0.0
    return float(1 / (frequency[top] + shift * frequency[1]))
