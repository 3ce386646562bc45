import numpy as np
import pytest
from scipy.signal import lfilter

from dysyr.evaluation.nonlinearity import prediction_error, surrogate_test, time_asymmetry
from dysyr.evaluation.surrogates import iaaft, matched_stretch


def autoregression(rng, coefficients, n):
    return lfilter([1.0], np.concatenate([[1.0], -np.asarray(coefficients)]), rng.normal(size=n + 500))[500:]


def henon(n):
    x = [0.1, 0.1]
    for _ in range(n + 100):
        x.append(1 - 1.4 * x[-1] ** 2 + 0.3 * x[-2])
    return np.array(x[-n:])


@pytest.mark.parametrize("n", [500, 501])
def test_iaaft_has_the_values_exactly_and_the_spectrum_nearly(rng, n):
    x = np.exp(autoregression(rng, [0.8], n) / 2)
    surrogates = iaaft(x, 5, rng)
    np.testing.assert_array_equal(np.sort(surrogates), np.sort(x)[None].repeat(5, 0))
    wanted = np.abs(np.fft.rfft(x - x.mean()))
    error = np.linalg.norm(np.abs(np.fft.rfft(surrogates - x.mean())) - wanted, axis=1) / np.linalg.norm(wanted)
    assert np.median(error) < 0.1 and error.max() < 0.25
    shuffled = np.abs(np.fft.rfft(rng.permutation(x) - x.mean()))
    assert np.linalg.norm(shuffled - wanted) / np.linalg.norm(wanted) > 0.5


def test_iaaft_destroys_time_order(rng):
    x = henon(800)
    assert prediction_error(x, 1, 2, 1) < 0.2
    assert min(prediction_error(s, 1, 2, 1) for s in iaaft(x, 5, rng)) > 0.8


def test_matched_stretch_closes_the_circle(rng):
    x = np.cumsum(rng.normal(size=2000))
    part = matched_stretch(x)
    assert abs(part[-1] - part[0]) < 0.1 * abs(x[-1] - x[0])
    assert len(part) >= 0.8 * len(x)


def test_time_asymmetry_changes_sign_with_time(rng):
    saw = np.arange(1000) % 50 + 0.1 * rng.normal(size=1000)
    assert time_asymmetry(saw, 3) == pytest.approx(-time_asymmetry(saw[::-1], 3), rel=1e-9)
    assert time_asymmetry(saw, 3) < -1
    assert abs(time_asymmetry(autoregression(rng, [0.9], 5000), 3)) < 0.2


@pytest.mark.parametrize("coefficients", [[], [0.9], [1.8, -0.9]], ids=["white noise", "AR(1)", "AR(2)"])
def test_linear_processes_are_rarely_called_nonlinear(coefficients):
    calls = []
    for seed in range(5):
        x = autoregression(np.random.default_rng(seed), coefficients, 250)
        calls.append(surrogate_test(x, delay=2, dim=3, seed=seed, n_surrogates=99).nonlinear)
    assert sum(calls) <= 1, "the level is 2 %: two of five happen once in 250"


def test_henon_map_is_called_nonlinear_even_through_a_nonlinear_readout():
    for x in (henon(400), np.exp(henon(400))):
        found = surrogate_test(x, delay=1, dim=2)
        assert found.nonlinear and found.p_prediction == pytest.approx(1 / 200)


def test_static_nonlinearity_alone_is_not_called_nonlinear():
    calls = []
    for seed in range(5):
        x = np.exp(autoregression(np.random.default_rng(seed), [0.7], 250) / 2)
        calls.append(surrogate_test(x, delay=2, dim=3, n_surrogates=99).nonlinear)
    assert sum(calls) <= 1


def test_short_series_are_not_judged():
    found = surrogate_test(np.arange(40.0) % 7, delay=2, dim=3)
    assert not found.nonlinear and np.isnan(found.p_value)
