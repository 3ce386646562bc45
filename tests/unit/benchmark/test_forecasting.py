"""The protocol of forecasts: its data, its scores and its table."""

import json

import numpy as np
import pytest

from dysyr.benchmark import forecasting
from dysyr.benchmark.forecasting import run_all, scores, table, training_data


@pytest.fixture
def orbit():
    return forecasting.test_data("lorenz63", 0.0, n_test=3)


def test_thirty_samples_make_a_nominal_lyapunov_time(orbit):
    contexts, truth = orbit
    assert contexts.shape == (3, 30, 3)
    assert truth.shape == (3, 900, 3)
    data = training_data("lorenz96", 0.0, 0)
    assert data["x"].shape == (1, 29_000, 5)
    assert data.attrs["dt"] == pytest.approx(1 / (30 * 1.3362))
    other = training_data("lorenz96", 0.0, 1)
    assert not np.allclose(data["x"].values[0, :50], other["x"].values[0, :50])


def test_noise_is_on_the_contexts_alone(orbit):
    noisy, truth = forecasting.test_data("lorenz63", 0.05, n_test=3)
    np.testing.assert_array_equal(truth, orbit[1])
    size = ((noisy - orbit[0]) / orbit[1].std(axis=(0, 1))).std()
    assert 0.03 < size < 0.07


def test_scores_of_a_perfect_and_of_a_late_failure(orbit):
    truth = orbit[1]
    sd = truth.std(axis=(0, 1))
    best = scores("lorenz63", truth, truth, sd)
    assert best["vpt"] == 10.0
    assert best["valid_time"] == pytest.approx(30 * 0.9056 / 0.8917)
    assert best["smape_10"] == best["d_frac"] == best["d_stsp_raw"] == best["first_step"] == 0.0
    late = truth.copy()
    late[:, 60:] = np.nan
    found = scores("lorenz63", truth, late, sd)
    assert found["diverged"] == 3
    assert found["valid_time"] == pytest.approx(2 * 0.9056 / 0.8917)
    assert 2 < found["vpt"] < 2.5
    assert found["smape_1"] == 0.0
    assert found["smape_10"] == pytest.approx(200 * 240 / 300)
    assert found["d_stsp_sd"] == np.inf


def test_finished_tasks_are_kept_and_failures_count(tmp_path, monkeypatch):
    monkeypatch.setattr(forecasting, "N_TEST", 2)
    record = {"system": "rossler", "noise": 0.0, "method": "shplrnn", "arguments": {}}
    made = scores("lorenz63", *(2 * [np.cumsum(np.ones((2, 300, 3)), axis=1)]), np.ones(3))
    for seed in range(3):
        failure = {"failure": "no"} if seed == 2 else {"failure": None, "seconds": 3.0, "parameters": 12_345, **made}
        path = tmp_path / f"rossler-noise_0-shplrnn-{seed}.json"
        path.write_text(json.dumps({**record, "seed": seed, **failure}))
    records = run_all(tmp_path, [("rossler", 0.0, "shplrnn", seed) for seed in range(3)], 1)
    text = table(records)
    assert "| shplrnn | 10 (0) | 0 (0) |" in text
    assert "| 1 of 3, 0 of 4 | 12,345 | 3 |" in text
    assert "*PhyxMamba, as published* | 9.83 | 2.84 | 3.55 | 12.64 | 0.049 | 0.034 |" in text
    assert "a nominal Lyapunov time is 0.47 true ones" in text
    assert "| shplrnn | 0 (0) | 200 (0) |" in table([r | {"failure": "no"} for r in records])
