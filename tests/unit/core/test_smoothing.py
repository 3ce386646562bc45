import numpy as np
import pytest

from dysyr.core.errors import InputError
from dysyr.core.smoothing import difference_noise, measurement_noise, remaining_noise, smooth, smoothing_window


def test_cubics_pass_unchanged_up_to_the_ends():
    t = np.linspace(-1, 1, 80)
    x = np.column_stack([t**3 - t, 2 * t**2 + 1])
    np.testing.assert_allclose(smooth(x, [11, 21]), x, atol=1e-12)


def test_noise_shrinks_and_the_curve_stays():
    rng = np.random.default_rng(0)
    t = 0.02 * np.arange(4000)
    clean = np.column_stack([np.sin(t), np.cos(2 * t)])
    noisy = clean + 0.1 * rng.normal(size=clean.shape)
    windows = smoothing_window([noisy])
    left = np.sqrt(((smooth(noisy, windows) - clean) ** 2).mean(axis=0))
    assert (left < 0.03).all()
    best = min(np.sqrt(((smooth(noisy, [w, w]) - clean) ** 2).mean()) for w in (5, 11, 23, 43, 61, 91))
    assert np.sqrt((left**2).mean()) < 1.15 * best


def test_more_noise_means_a_wider_window():
    rng = np.random.default_rng(1)
    clean = np.sin(0.05 * np.arange(3000))[:, None]
    chosen = [smoothing_window([clean + noise * rng.normal(size=clean.shape)])[0] for noise in (0.001, 0.02, 0.3)]
    assert chosen == sorted(chosen)
    assert chosen[0] < chosen[-1]


@pytest.mark.parametrize("kind", ["map", "noise"])
def test_what_is_no_smooth_curve_is_left_alone(kind):
    if kind == "noise":
        x = np.random.default_rng(2).normal(size=(2000, 1))
    else:
        x = np.empty((2000, 1))
        x[0] = 0.3
        for i in range(1, 2000):
            x[i] = 3.9 * x[i - 1] * (1 - x[i - 1])
    assert smoothing_window([x]) == [1]
    np.testing.assert_array_equal(smooth(x, [1]), x)


def test_smoothing_never_crosses_a_gap():
    x = np.concatenate([np.zeros(50), [np.nan], np.ones(50)])[:, None]
    out = smooth(x, [11])
    np.testing.assert_allclose(out[:50], 0, atol=1e-12)
    np.testing.assert_allclose(out[51:], 1, atol=1e-12)
    assert np.isnan(out[50, 0])


def test_a_stretch_shorter_than_the_window_stays():
    x = np.random.default_rng(3).normal(size=(8, 1))
    np.testing.assert_array_equal(smooth(x, [11]), x)


def test_even_windows_are_refused():
    with pytest.raises(InputError, match="smoothing windows: \\[4\\]; odd whole numbers"):
        smooth(np.zeros((20, 1)), [4])


def test_remaining_noise_is_what_is_left():
    rng = np.random.default_rng(4)
    clean = np.sin(0.03 * np.arange(20_000))[:, None]
    noisy = clean + 0.1 * rng.normal(size=clean.shape)
    window = [31]
    left = np.sqrt(((smooth(noisy, window) - clean) ** 2).mean())
    assert remaining_noise([noisy], window)[0] == pytest.approx(left, rel=0.05)
    assert remaining_noise([noisy], [1])[0] == 0


@pytest.mark.parametrize("sigma", [0.02, 0.3])
def test_noise_is_found_from_residuals_and_from_differences(sigma):
    rng = np.random.default_rng(4)
    x = np.sin(0.05 * np.arange(8000))[:, None] + sigma * rng.normal(size=(8000, 1))
    x[100] = np.nan
    np.testing.assert_allclose(measurement_noise([x], [9]), sigma, rtol=0.05)
    np.testing.assert_allclose(difference_noise([x]), sigma, rtol=0.05)


def test_coarse_sampling_and_spikes_are_noise_to_cubics_but_not_to_differences():
    t = 0.25 * np.arange(4000)
    curve = np.column_stack([np.sin(2 * t), np.exp(-50 * np.sin(0.3 * t) ** 2)])
    assert (difference_noise([curve]) < 0.1 * measurement_noise([curve], [5, 5])).all()
    quintic = np.linspace(-1, 1, 50)[:, None] ** 5
    np.testing.assert_allclose(difference_noise([quintic]), 0, atol=1e-13)


def test_without_smoothing_or_neighbours_nothing_is_known_of_the_noise():
    x = np.random.default_rng(0).normal(size=(6, 2))
    np.testing.assert_array_equal(measurement_noise([x], [1, 1]), 0.0)
    np.testing.assert_array_equal(difference_noise([x]), np.inf)
