"""What a model that draws windows can be asked, with one whose answers are known."""

import json

import numpy as np
import pytest

import dysyr
from dysyr.core import criterion
from dysyr.core.criterion import validation_criterion, window_criterion
from dysyr.core.dataset import make_dataset, times
from dysyr.core.errors import InputError
from dysyr.core.window_generator import WindowGenerator


class Ramps(WindowGenerator):
    """Windows x_t = a + t with a ~ N(0, 1); what was seen tells a exactly, up to noise of 0.1."""

    family = "ramps"
    names = ("x",)
    dt = 0.5
    window = 8
    scale = np.ones(1)

    def draw(self, n_windows, n_steps, rng):
        return (rng.normal(size=(n_windows, 1)) + np.arange(n_steps))[:, :, None]

    def draw_given(self, seen, n_draws, rng):
        start = np.nanmean(seen[:, :, 0] - np.arange(seen.shape[1]), axis=1)
        start = start + 0.1 * rng.normal(size=(n_draws, len(seen)))
        return (start[:, :, None] + np.arange(seen.shape[1]))[..., None]

    def config(self):
        return {}

    def arrays(self):
        return {}

    @classmethod
    def from_state(cls, config, arrays):
        return cls()


def ramp(start, n):
    return start + np.arange(n, dtype=float)[:, None]


def test_windows_are_drawn_with_a_status_and_a_seed():
    free = Ramps().generate(12, n_trajectories=3, seed=1)
    assert free["x"].shape == (3, 12, 1)
    assert free.attrs["window"] == 8
    assert len(json.loads(free.attrs["status"])) == 3
    np.testing.assert_array_equal(free["x"], Ramps().generate(12, n_trajectories=3, seed=1)["x"])
    assert not np.array_equal(free["x"], Ramps().generate(12, n_trajectories=3, seed=2)["x"])
    late = Ramps().generate(12, n_trajectories=3, transient=4, seed=1)
    np.testing.assert_allclose(late["x"], free["x"] + 4)


def test_a_context_is_continued_and_the_spread_is_that_of_the_draws():
    ahead = Ramps().forecast([ramp(5.0, 20), ramp(-3.0, 3)], n_steps=3, n_draws=400)
    np.testing.assert_allclose(ahead["x"][:, :, 0], [[25, 26, 27], [0, 1, 2]], atol=0.03)
    np.testing.assert_allclose(ahead["spread"], 0.1, rtol=0.15)
    free = Ramps().generate(3, context=ramp(5.0, 20), n_trajectories=5, seed=0)
    assert free["x"].shape == (5, 3, 1)
    np.testing.assert_allclose(free["x"].mean(), 26, atol=0.2)


def test_a_forecast_of_a_whole_window_still_sees_half_of_one():
    ahead = Ramps().forecast(ramp(5.0, 20), n_steps=30)
    np.testing.assert_allclose(ahead["x"][0, :, 0], 25 + np.arange(30), atol=0.2)


def test_what_is_missing_is_filled_and_what_is_known_stays():
    x = ramp(2.0, 21)
    holes = x.copy()
    holes[[0, 7, 8, 20]] = np.nan
    filled = Ramps().impute([holes, ramp(0.0, 9)], n_draws=100)
    known = np.isfinite(holes[:, 0])
    values, spread = filled["x"].values[0, :21, 0], filled["spread"].values[0, :21, 0]
    np.testing.assert_array_equal(values[known], x[known, 0])
    assert not spread[known].any()
    np.testing.assert_allclose(values[~known], x[~known, 0], atol=0.06)
    np.testing.assert_allclose(spread[~known], 0.1, rtol=0.4)
    assert filled["spread"].shape == filled["x"].shape


def test_filled_data_keep_times_and_attributes():
    holes = ramp(3.0, 12)
    holes[4] = np.nan
    for time in (1749.0 + 0.5 * np.arange(12), [1749.0 + 0.5 * np.arange(12), 0.5 * np.arange(10)]):
        several = [holes] if len(time) == 12 else [holes, ramp(0.0, 10)]
        data = make_dataset(several, time=time, mask=True, names=["x"], attrs={"time_unit": "year"})
        filled = Ramps().impute(data)
        for ours, theirs in zip(times(filled), times(data), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert filled.attrs["time_unit"] == "year"
        assert "mask" not in filled


def test_unsuitable_questions_are_refused():
    model = Ramps()
    with pytest.raises(InputError, match="other variables than the model"):
        model.forecast(np.zeros((20, 2)), n_steps=2)
    with pytest.raises(InputError, match="sampled at another interval"):
        model.forecast(make_dataset(ramp(0.0, 20), dt=1.0), n_steps=2)
    with pytest.raises(InputError, match="inputs were given"):
        model.generate(5, inputs=np.zeros((5, 1)))
    with pytest.raises(InputError, match="inputs were given"):
        model.forecast(ramp(0.0, 20), n_steps=2, inputs=np.zeros((2, 1)))
    with pytest.raises(InputError, match="n_draws"):
        model.forecast(ramp(0.0, 20), n_steps=2, n_draws=1)
    with pytest.raises(InputError, match="shorter than a window"):
        model.impute(ramp(0.0, 5))


def test_windows_have_no_exponents():
    with pytest.raises(InputError, match="need equations or a model with a Jacobian"):
        dysyr.lyapunov_spectrum(Ramps(), n_steps=100)


def test_the_criterion_is_low_for_windows_of_the_same_law_only():
    rng = np.random.default_rng(0)
    own = make_dataset(rng.normal(size=(400, 1, 1)) + np.arange(8.0)[:, None], dt=0.5)
    falling = make_dataset(rng.normal(size=(400, 1, 1)) - np.arange(8.0)[:, None], dt=0.5)
    good, bad = (validation_criterion(Ramps(), data) for data in (own, falling))
    assert good < 0.2
    assert bad > 0.9
    assert good == window_criterion(Ramps(), own)


def test_of_very_many_windows_some_count(monkeypatch):
    rng = np.random.default_rng(0)
    own = make_dataset(rng.normal(size=(400, 1, 1)) + np.arange(8.0)[:, None], dt=0.5)
    monkeypatch.setattr(criterion, "MAX_SAMPLES", 100)
    some = own["x"].values[np.linspace(0, 399, 100).astype(int), :, 0]
    drawn = Ramps().generate(8, n_trajectories=400, seed=0)["x"].values[:, :, 0]
    error = criterion.forecast_error(Ramps(), own)
    assert window_criterion(Ramps(), own) == 0.5 * (criterion.histogram_distance(some, drawn) + error)


def test_without_complete_windows_the_criterion_is_the_forecast_error():
    x = np.tile(ramp(0.0, 40), (5, 1, 1))
    x[:, 6::7] = np.nan
    data = make_dataset(x, dt=0.5, mask=np.isfinite(x))
    assert validation_criterion(Ramps(), data) < 0.05
