import json

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.signal import lfilter

from dysyr.core.dataset import as_dataset, make_dataset
from dysyr.core.errors import InputError
from dysyr.core.shipped_data import load_dataset
from dysyr.evaluation.dominant_period import dominant_period
from dysyr.evaluation.inspection import inspect
from dysyr.evaluation.noise_level import noise_from_differences, noise_level
from dysyr.evaluation.outliers import count_outliers
from dysyr.evaluation.requirements import Requirements
from dysyr.evaluation.stationarity import cramer_von_mises_tail, drift_p_value, stationarity_p_value


@pytest.fixture(scope="module")
def lorenz():
    """8,000 samples of the Lorenz system, dt 0.01."""

    def field(t, v):
        x, y, z = v
        return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]

    t = 20 + 0.01 * np.arange(8000)
    return solve_ivp(field, (0, t[-1]), (1.0, 1.0, 20.0), "DOP853", t_eval=t, rtol=1e-8, atol=1e-8).y.T


def henon(n):
    x = [0.1, 0.1]
    for _ in range(n + 100):
        x.append(1 - 1.4 * x[-1] ** 2 + 0.3 * x[-2])
    return np.array(x[-n:])


@pytest.mark.parametrize("noise", [0.05, 0.2])
@pytest.mark.parametrize(("dt", "tolerance"), [(0.01, 0.1), (0.1, 0.35)])
def test_noise_of_a_flow_is_found(lorenz, rng, noise, dt, tolerance):
    for x in lorenz[:: round(dt / 0.01)].T:
        y = x + noise * x.std() * rng.normal(size=len(x))
        found, _ = noise_level([y])
        assert found * y.std() / x.std() == pytest.approx(noise, rel=tolerance)


def test_clean_flow_and_clean_map_have_no_noise(lorenz):
    assert noise_level([lorenz[:, 0]])[0] < 1e-4
    fraction, method = noise_level([henon(4000)])
    assert fraction < 1e-3 and method == "local_linear"


@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_noise_of_a_map_is_found_within_a_fifth(rng, noise):
    x = henon(4000)
    found, method = noise_level([x + noise * x.std() * rng.normal(size=len(x))])
    assert method == "local_linear"
    assert found * np.sqrt(1 + noise**2) == pytest.approx(noise, rel=0.2)


def test_white_noise_is_all_noise(rng):
    assert noise_level([rng.normal(size=3000)])[0] > 0.9


def test_differences_of_white_noise_give_its_standard_deviation(rng):
    x = 3.0 * rng.normal(size=20_000)
    x[rng.random(20_000) < 0.05] = np.nan
    assert noise_from_differences([x]) == pytest.approx(3.0, rel=0.03)


def test_constant_and_short_series_have_no_noise_level():
    assert np.isnan(noise_level([np.ones(100)])[0])
    assert np.isnan(noise_level([np.arange(8.0)])[0])


@pytest.mark.parametrize(("z", "p"), [(0.34730, 0.10), (0.46136, 0.05), (0.74346, 0.01)])
def test_tail_agrees_with_the_published_quantiles(z, p):
    assert cramer_von_mises_tail(z) == pytest.approx(p, abs=5e-6)


def test_stationary_processes_are_rarely_called_drifting():
    p = []
    for seed in range(200):
        r = np.random.default_rng(seed)
        p.append(stationarity_p_value(lfilter([1.0], [1.0, -0.8], r.normal(size=1200))[200:], 5))
    assert np.mean(np.array(p) < 0.05) < 0.09
    assert np.mean(np.array(p) < 0.01) < 0.035


def test_drift_of_level_spread_or_roughness_is_found(rng):
    n = 1500
    white = rng.normal(size=n)
    smooth = lfilter([1.0], [1.0, -0.9], rng.normal(size=n)) * np.sqrt(1 - 0.81)
    ramp = np.linspace(0, 1, n)
    half = np.arange(n) < n // 2
    for x in (white + ramp, white * (1 + ramp), np.where(half, smooth, white)):
        assert stationarity_p_value(x, 5) < 0.01


def test_period_of_a_noisy_wave_and_of_none(rng):
    t = np.arange(3000)
    assert dominant_period(np.sin(2 * np.pi * t / 37.3) + rng.normal(size=3000)) == pytest.approx(37.3, rel=0.02)
    assert np.isnan(dominant_period(rng.normal(size=3000)))
    assert np.isnan(dominant_period(np.cumsum(rng.normal(size=3000))))
    assert np.isnan(dominant_period(np.ones(100)))


def test_outliers_are_isolated_values(rng):
    x = rng.normal(size=1000)
    x[[100, 500, 900]] = [50.0, -40.0, 30.0]
    assert count_outliers([x]) == 3
    beat = np.tile(np.concatenate([np.zeros(40), np.sin(np.linspace(0, np.pi, 11)) * 60]), 20)
    assert count_outliers([beat + rng.normal(size=len(beat))]) == 0


def test_inspection_of_noisy_lorenz(lorenz, rng):
    noisy = lorenz + 0.05 * lorenz.std(axis=0) * rng.normal(size=lorenz.shape)
    found = inspect(make_dataset(noisy, dt=0.01, names=["x", "y", "z"]))
    assert found.names == ("x", "y", "z") and found.n_samples == 8000
    assert [v.noise for v in found.variables] == pytest.approx([0.05] * 3, rel=0.12)
    assert 15 <= found.delay <= 21 and 3 <= found.dim <= 6
    assert found.nonlinearity.nonlinear
    assert found.variables[2].period == pytest.approx(0.75, abs=0.05)
    assert dict(found.methods)["shplrnn"] == ()
    assert found.correlation_time == pytest.approx(0.3, abs=0.1)


def test_inspection_of_sunspots():
    found = inspect(load_dataset("sunspots"))
    (spots,) = found.variables
    assert spots.period == pytest.approx(10.8, abs=0.4)
    assert found.nonlinearity.nonlinear and found.time_unit == "year"
    assert "length 309 year" in str(found)


def test_white_noise_is_described_as_such(rng):
    found = inspect(rng.normal(size=800), dt=1.0)
    text = str(found)
    assert "looks like noise" in text and "Neighbouring samples are nearly uncorrelated" in text
    assert "too noisy" in " ".join(dict(found.methods)["shplrnn"])


def test_short_linear_record_is_described_as_such(rng):
    x = lfilter([1.0], [1.0, -1.8, 0.9], rng.normal(size=700))[500:]
    text = str(inspect(x, dt=0.5))
    assert "A linear process with noise explains these data as well" in text
    assert "spans only" in text


def test_gaps_missing_values_and_constant_channels_are_reported(rng):
    x = lfilter([1.0], [1.0, -0.5], rng.normal(size=(600, 3)), axis=0)
    x[:, 2] = 4.0
    x[200:230] = np.nan
    x[::5, 1] = np.nan
    found = inspect(as_dataset(x, dt=1, mask=True))
    assert found.longest_stretch == 600 - 230
    assert found.variables[1].missing == pytest.approx(0.24, abs=0.01)
    assert found.variables[2].constant
    assert "Variable 'x2' is constant; leave it out." in found.warnings
    assert found.embedded == "x0"


def test_irregular_times_are_inspected_on_a_grid(rng):
    t = np.arange(0, 60, 0.05) + 0.02 * rng.uniform(-1, 1, 1200)
    found = inspect(as_dataset(np.sin(t) + 0.1 * np.sin(2.3 * t), time=t))
    assert not found.regular
    assert found.dt == pytest.approx(0.05, rel=0.02)
    assert "dysyr.resample" in found.warnings[0]
    assert "needs a constant time step" in " ".join(dict(found.methods)["shplrnn"])


def test_requirements_decide_which_methods_fit(rng):
    x = lfilter([1.0], [1.0, -0.9], rng.normal(size=(300, 1)), axis=0)
    needs = {"eager": Requirements(), "demanding": Requirements(min_samples=1000, max_noise=0.01)}
    methods = dict(inspect(x, dt=1, requirements=needs).methods)
    assert methods["eager"] == ()
    assert "needs 1000 samples without a gap, there are 300" in methods["demanding"][0]
    assert "too noisy" in methods["demanding"][1]


def test_numbers_are_json_and_the_same_for_the_same_seed(rng):
    x = lfilter([1.0], [1.0, -0.9], rng.normal(size=200))
    first, second = inspect(x, dt=1, seed=3), inspect(x, dt=1, seed=3)
    assert json.dumps(first.to_dict(), allow_nan=False) == json.dumps(second.to_dict())


def test_what_cannot_be_inspected_is_refused():
    with pytest.raises(InputError, match="all variables are constant: x0, x1; something that varies"):
        inspect(np.ones((50, 2)), dt=1)
    with pytest.raises(InputError, match="too few samples to be inspected: 5 without a gap"):
        inspect(np.arange(5) / 2, dt=1)


@pytest.mark.slow
def test_large_data_are_inspected_in_seconds(rng):
    import time

    x = lfilter([1.0], [1.0, -1.9, 0.95], rng.normal(size=(100_000, 3)), axis=0)
    start = time.process_time()
    inspect(x, dt=0.01)
    assert time.process_time() - start < 20


def test_labels_fit_the_methods_for_labels_and_nothing_else_does(rng):
    states = np.repeat(rng.integers(0, 3, 60), 5)
    assert dict(inspect(states, dt=1).methods)["jumpem"] == ()
    assert inspect(states, dt=1).n_states == 3
    for other in (rng.normal(size=300), np.repeat(rng.integers(0, 200, 60), 5)):
        reasons = dict(inspect(other, dt=1).methods)["jumpem"]
        assert reasons[0] == "needs labels of 2 to 50 discrete states, numbered from 0"


@pytest.mark.parametrize("size", [0.5, 2.0, 8.0, 100.0])
def test_a_trend_is_a_drift_however_strong_it_is(rng, size):
    x = rng.normal(size=2_000) + size * np.linspace(0, 1, 2_000)
    assert inspect(make_dataset(x, dt=1.0)).variables[0].drift_p < 1e-3


def test_a_straight_line_drifts_and_slow_waves_may_not():
    assert drift_p_value(np.arange(500.0), None) == 0.0
    assert np.isnan(drift_p_value(np.arange(20.0), None))
    slow = np.sin(2 * np.pi * 1.5 * np.arange(1_000) / 1_000)
    assert np.isnan(drift_p_value(slow, 300))
