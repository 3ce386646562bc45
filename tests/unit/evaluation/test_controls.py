import numpy as np
import pytest

from dysyr.core.surrogates import phase_surrogate
from dysyr.evaluation.controls import autoregression, linear_forecast, negative_controls
from dysyr.simulation.simulate import simulate


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


def test_a_clean_flow_has_a_stable_linear_model_in_any_units():
    """Least squares alone have roots outside the unit circle there; a linear oscillation is foretold in any case."""
    truth = simulate("rossler", n_steps=5_000, seed=1)["x"].values[0]
    contexts = np.stack([truth[i : i + 10] for i in range(0, 4_900, 50)])
    later = np.stack([truth[i + 10 : i + 30] for i in range(0, 4_900, 50)])
    units = np.array([1e8, 1.0, 1e-6])
    errors, spreads = [], []
    for unit in (np.ones(3), units):
        apart = (linear_forecast(truth * unit, contexts * unit, 20) - later * unit) / (truth * unit).std(axis=0)
        errors.append(np.square(apart).mean(axis=(0, 2)))
        spreads.append(autoregression(truth * unit, np.random.default_rng(0)).std(axis=0) / (truth * unit).std(axis=0))
    assert errors[0][0] < 1e-5 and errors[0][19] < 0.5
    assert (spreads[0] < 3).all()
    np.testing.assert_allclose(errors[1], errors[0], rtol=1e-3)
