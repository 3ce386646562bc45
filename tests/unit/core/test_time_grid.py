import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dysyr.core.calendar_time import numeric_time
from dysyr.core.errors import InputError
from dysyr.core.time_grid import fill_missing_rows, find_grid, grid_positions


@settings(max_examples=60)
@given(
    dt=st.floats(1e-3, 1e3), start=st.floats(-1e4, 1e4), n=st.integers(3, 400), jitter=st.floats(0, 0.018),
    seed=st.integers(0, 100),
)  # fmt: skip
def test_jitter_below_two_percent_is_regular(dt, start, n, jitter, seed):
    t = start + dt * (np.arange(n) + jitter * np.random.default_rng(seed).uniform(-1, 1, n))
    grid = find_grid(t)
    assert grid.regular
    assert abs(grid.dt - dt) * (n - 1) < 0.08 * dt


@settings(max_examples=60)
@given(dt=st.floats(0.1, 10), n=st.integers(10, 300), at=st.integers(1, 8), seed=st.integers(0, 100))
def test_one_missing_sample_is_never_hidden(dt, n, at, seed):
    t = np.delete(dt * np.arange(n), at)
    grid = find_grid(t)
    assert not grid.regular
    assert grid.missing == 1
    values, filled = fill_missing_rows(np.ones((n - 1, 2)), t)
    assert np.isnan(values[at]).all() and np.isfinite(np.delete(values, at, axis=0)).all()
    np.testing.assert_allclose(filled, dt * np.arange(n), rtol=1e-9, atol=1e-9 * dt)


def test_rounded_time_stamps_explain_their_own_jitter():
    grid = find_grid(np.round(np.arange(50_000) / 360, 3))
    assert grid.regular
    assert abs(grid.dt - 1 / 360) < 1e-9


def test_single_precision_times_are_regular():
    assert find_grid((np.arange(100_000) * 0.01).astype(np.float32)).regular


def test_jitter_of_five_percent_is_irregular(rng):
    assert not find_grid(np.arange(200) + 0.05 * rng.uniform(-1, 1, 200)).regular


def test_whole_years_with_a_hole_are_not_explained_by_rounding():
    assert not find_grid(np.array([1700, 1701, 1703, 1704])).regular
    assert not find_grid(np.array([0.0, 1.0, 3.0])).regular


@pytest.mark.parametrize(
    ("t", "message"),
    [
        ([0.0, 1.0, 1.0], "time does not increase: 1 after 1 in row 2"),
        ([0.0, np.nan, 1.0], "time is missing: nan in row 1"),
    ],
)  # fmt: skip
def test_times_that_do_not_increase_are_refused(t, message):
    with pytest.raises(InputError, match=message):
        find_grid(np.array(t))


def test_positions_on_the_grid():
    assert grid_positions([0.1, 0.3, 0.6], 0.1).tolist() == [0, 2, 5]


@pytest.mark.parametrize(
    ("dates", "unit", "dt"),
    [
        (["2020-01-31", "2020-02-29", "2020-03-31"], "year", 1 / 12),
        (["2019-05-01", "2020-05-01", "2021-05-01"], "year", 1.0),
        (["2020-01-01", "2020-01-02", "2020-01-03"], "d", 1.0),
        (["2020-01-01T00:00", "2020-01-01T06:00", "2020-01-01T12:00"], "h", 6.0),
        (["2020-01-01T00:00:00.00", "2020-01-01T00:00:00.25", "2020-01-01T00:00:00.50"], "s", 0.25),
    ],
)
def test_dates_become_numbers_with_a_unit(dates, unit, dt):
    for given_as in (np.array(dates), np.array(dates, dtype="datetime64[ns]")):
        converted = numeric_time(given_as)
        assert converted.attrs["time_unit"] == unit
        assert converted.attrs["time_origin"].startswith(dates[0][:10])
        grid = find_grid(converted.values)
        assert grid.regular and grid.dt == pytest.approx(dt, rel=1e-9)


def test_text_that_is_no_date_is_named():
    with pytest.raises(
        InputError, match="column 'when' holds times that cannot be read: 'yesterday' in data row 2"
    ):
        numeric_time(np.array(["2020-01-01", "yesterday"]), label="when")
    with pytest.raises(InputError, match="'0.2s' in data row 3"):
        numeric_time(np.array(["0.0", "0.1", "0.2s", "0.3"]))


@pytest.mark.parametrize("zone", ["Z", "+00:00", "+02", "-0130"])
def test_times_of_which_only_some_name_a_zone_are_refused(zone):
    with pytest.raises(InputError, match=f"times without one: .*{re.escape(zone)}' in data row 2"):
        numeric_time(np.array(["2020-01-01T00:00", f"2020-01-01T01:00{zone}"]))


@pytest.mark.parametrize("zones, hours", [(("Z", "Z"), 1.0), (("+02:00", "+01"), 2.0), (("", ""), 1.0)])
def test_times_that_all_name_a_zone_or_none(zones, hours):
    times = [f"2020-03-29T0{k}:00{zone}" for k, zone in enumerate(zones)]
    assert numeric_time(np.array(times), dt=hours).values[1] == pytest.approx(hours, rel=1e-12)
    plain = numeric_time(np.array([*times, f"2020-03-29T05:00{zones[1]}"]))
    assert plain.values[1] / plain.values[2] == pytest.approx(hours / (5 - 1 + hours), rel=1e-12)


def test_the_day_of_a_date_is_no_zone():
    assert numeric_time(np.array(["2020-01-01T00:00:00", "2020-01-02"])).attrs["time_unit"] == "d"
