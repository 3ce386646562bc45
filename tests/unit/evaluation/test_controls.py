import numpy as np
import pytest

from dysyr.core.surrogates import phase_surrogate
from dysyr.evaluation.controls import autoregression, negative_controls


def test_shuffling_keeps_the_states_and_a_loop_repeats(henon_truths):
    truth = henon_truths[0, :1000]
    controls = negative_controls(truth, seed=0)
    assert np.array_equal(np.sort(controls["time_shuffled"], axis=0), np.sort(truth, axis=0))
    loop = controls["short_loop"]
    assert np.array_equal(loop[75:], loop[:-75])
    assert any(np.array_equal(loop[:75], truth[k : k + 75]) for k in range(926))
    assert all(series.shape == truth.shape for series in controls.values())


@pytest.mark.parametrize("n", [999, 1000])
def test_phase_surrogates_keep_power_and_cross_spectra(henon_truths, rng, n):
    truth = henon_truths[0, :n]
    surrogate = phase_surrogate(truth, rng)
    spectra = [np.fft.rfft(x, axis=0) for x in (truth, surrogate)]
    cross = [s[:, 0] * s[:, 1].conj() for s in spectra]
    assert np.abs(spectra[1]) == pytest.approx(np.abs(spectra[0]), abs=1e-9)
    assert cross[1] == pytest.approx(cross[0], abs=1e-6)
    assert np.abs(surrogate - truth).max() > 0.1


def test_autoregression_of_a_linear_process_has_its_covariance(rng):
    a = np.array([[0.5, 0.3], [-0.3, 0.5]])
    x = np.zeros((20_000, 2))
    for t in range(1, len(x)):
        x[t] = a @ x[t - 1] + rng.normal(size=2)
    made = autoregression(x + 7.0, rng, order=2)
    assert made.mean(axis=0) == pytest.approx([7.0, 7.0], abs=0.1)
    assert np.cov(made.T) == pytest.approx(np.cov(x.T), abs=0.1)
    lagged = [(y[1:] - y.mean(axis=0)).T @ (y[:-1] - y.mean(axis=0)) / len(y) for y in (x, made)]
    assert lagged[1] == pytest.approx(lagged[0], abs=0.1)


def test_autoregression_of_a_growing_series_stays_bounded(rng):
    x = np.exp(0.01 * np.arange(500.0))[:, None]
    assert np.isfinite(autoregression(x, rng)).all()
