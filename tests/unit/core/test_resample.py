import json

import numpy as np
import pytest

from dysyr.core.dataset import as_dataset, make_dataset, sampling_interval, times, trajectories
from dysyr.core.errors import InputError
from dysyr.core.resample import low_pass, resample


def wave(t, frequency=1.0):
    return np.sin(2 * np.pi * frequency * t)


def test_finer_grid_follows_the_wave():
    t = 0.01 * np.arange(2000)
    fine = resample(make_dataset(wave(t), dt=0.01), dt=0.003)
    assert sampling_interval(fine) == 0.003
    np.testing.assert_allclose(trajectories(fine)[0][:, 0], wave(times(fine)[0]), atol=1e-6)


def test_interpolation_error_falls_as_the_fourth_power():
    errors = []
    for dt in (0.08, 0.04, 0.02):
        t = dt * np.arange(int(20 / dt))
        fine = resample(make_dataset(wave(t), dt=dt), dt=dt / 3)
        inside = slice(60, -60)
        errors.append(np.abs(trajectories(fine)[0][:, 0] - wave(times(fine)[0]))[inside].max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders, 4, atol=0.3)


def test_coarser_grid_has_no_alias():
    t = 0.01 * np.arange(4000)
    coarse = resample(make_dataset(wave(t) + wave(t, 30.0), dt=0.01), dt=0.05)
    inside = slice(20, -20)
    np.testing.assert_allclose(trajectories(coarse)[0][inside, 0], wave(times(coarse)[0])[inside], atol=2e-3)
    assert json.loads(coarse.attrs["resampled"]) == {"from": 0.01, "to": 0.05, "low_pass": True}


@pytest.mark.parametrize("cutoff", [0.1, 0.3, 0.7])
def test_filter_passes_and_stops(cutoff):
    n = 4000
    inside = slice(n // 4, -n // 4)
    low, high = (np.cos(np.pi * share * cutoff * np.arange(n)) for share in (0.79, 1.01))
    np.testing.assert_allclose(low_pass(low, cutoff)[inside], low[inside], atol=3e-3)
    assert np.abs(low_pass(high, cutoff)[inside]).max() < 3e-3


def test_irregular_series_comes_onto_a_grid(rng):
    t = np.arange(0, 20, 0.01) + 0.004 * rng.uniform(-1, 1, 2000)
    ds = as_dataset(wave(t), time=t)
    assert "dt" not in ds.attrs
    even = resample(ds, dt=0.02)
    np.testing.assert_allclose(trajectories(even)[0][:, 0], wave(times(even)[0]), atol=0.01)


def test_gaps_stay_gaps():
    x = np.column_stack([wave(0.01 * np.arange(2000), 0.3)] * 2)
    x[500:600, 0] = np.nan
    out = trajectories(resample(as_dataset(x, dt=0.01, mask=True), dt=0.02))[0]
    missing = np.flatnonzero(np.isnan(out[:, 0]))
    assert missing.tolist() == list(range(250, 300))
    assert np.isfinite(out[:, 1]).all()
    np.testing.assert_allclose(out[200:250, 0], wave(0.02 * np.arange(200, 250), 0.3), atol=1e-3)


def test_short_gaps_are_bridged_only_on_request():
    x = wave(0.01 * np.arange(300))
    x[100] = np.nan
    ds = as_dataset(x, dt=0.01, mask=True)
    assert np.isnan(trajectories(resample(ds, dt=0.01))[0]).sum() == 1
    np.testing.assert_allclose(
        trajectories(resample(ds, dt=0.01, max_gap=0.05))[0][:, 0], wave(0.01 * np.arange(300)), atol=1e-3
    )


def test_trajectories_inputs_and_labels_move_along():
    lengths = (101, 61)
    ds = make_dataset(
        [wave(0.1 * np.arange(n), 0.05) for n in lengths], dt=0.1, u=[np.arange(n)[:, None] for n in lengths],
        label=[np.arange(n) // 10 for n in lengths],
    )  # fmt: skip
    out = resample(ds, dt=0.05)
    assert [len(x) for x in trajectories(out)] == [201, 121]
    np.testing.assert_allclose(out["u"].values[0, :, 0], np.arange(201) / 2)
    assert out["label"].values[0, [0, 18, 20, 200]].tolist() == [0, 0, 1, 10]


def test_impossible_steps_are_refused():
    ds = make_dataset(np.arange(10), dt=1)
    with pytest.raises(InputError, match="dt is too long for the data: dt = 8, a trajectory of length 9"):
        resample(ds, dt=8)
    with pytest.raises(InputError, match="dt is not a positive number: 0"):
        resample(ds, dt=0)
