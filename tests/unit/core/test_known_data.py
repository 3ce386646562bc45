"""Contexts, scores and validation data with dates: in the unit of the fit, and forecasts go on in it."""

import numpy as np
import pandas as pd
import pytest

import dysyr

QUARTERS = pd.DataFrame(
    {"a": np.sin(0.3 * np.arange(400)), "b": np.cos(0.3 * np.arange(400))},
    index=pd.date_range("2020-03-01", periods=400, freq="15min"),
)


@pytest.fixture(scope="module")
def in_hours():
    return dysyr.LinearAR().fit(QUARTERS, dt=0.25, validation=QUARTERS[:200], progress=False)


def test_dates_take_the_unit_that_the_fit_was_given(in_hours):
    ahead = in_hours.forecast(QUARTERS[-50:], n_steps=3)
    np.testing.assert_allclose(ahead["time"].values, [12.5, 12.75, 13.0])
    assert in_hours.score(QUARTERS[:300]) > -0.1
    assert in_hours.generate(5, context=QUARTERS[-50:])["x"].shape == (1, 5, 2)


def test_forecasts_of_dates_keep_unit_and_origin():
    fitted = dysyr.LinearAR().fit(QUARTERS, progress=False)
    context = dysyr.as_dataset(QUARTERS[-50:])
    ahead = fitted.forecast(context, n_steps=2)
    assert ahead.attrs["time_unit"] == context.attrs["time_unit"] == "min"
    assert ahead.attrs["time_origin"] == context.attrs["time_origin"]
    np.testing.assert_allclose(ahead["time"].values, [750, 765])


def test_numbers_at_another_interval_are_refused(in_hours):
    slower = QUARTERS.set_index(np.arange(400.0))
    with pytest.raises(dysyr.InputError, match="another interval than the model: dt = 1; the model has 0.25"):
        in_hours.forecast(dysyr.as_dataset(slower.reset_index(), time="index"), n_steps=3)
