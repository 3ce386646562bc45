import numpy as np
import pytest

from dysyr.evaluation.frequencies import mean_frequency, peak_frequency

DT, N = 0.05, 4000


def tones(*frequencies):
    t = DT * np.arange(N)
    return np.column_stack([np.sin(2 * np.pi * f * t) + 3.0 for f in frequencies])


def test_tones_are_found_in_cycles_per_time_unit():
    x = tones(0.5, 2.0)
    assert peak_frequency(x, dt=DT, sigma_bins=2) == pytest.approx([0.5, 2.0], abs=1 / (N * DT))
    assert mean_frequency(x, dt=DT) == pytest.approx([0.5, 2.0], rel=1e-6)


def test_mean_frequency_is_the_centre_of_mass_of_power():
    low, high = tones(0.5), 2.0 * tones(2.0)
    assert mean_frequency(low + high, dt=DT)[0] == pytest.approx((1 * 0.5 + 4 * 2.0) / 5, rel=1e-6)


def test_a_fast_clock_raises_the_mean_frequency_in_proportion():
    x = tones(0.5)
    assert mean_frequency(x, dt=DT / 1.01) == pytest.approx(1.01 * mean_frequency(x, dt=DT))


def test_constant_variables_have_no_frequency():
    x = np.column_stack([np.ones(N), tones(0.5)])
    assert peak_frequency(x, dt=DT)[0] == mean_frequency(x, dt=DT)[0] == 0.0
