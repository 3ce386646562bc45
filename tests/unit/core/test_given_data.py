"""What scientists hold in their hands: frames, arrays and data sets with dates, masks, units and foreign dimensions."""

import datetime

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from dysyr.core.dataset import as_dataset, make_dataset, trajectories
from dysyr.core.embedding import embed
from dysyr.core.errors import FormatError, InputError
from dysyr.core.json_attribute import json_attribute
from dysyr.evaluation.inspection import inspect

X = np.random.default_rng(0).normal(size=(30, 3))
HOURS = pd.date_range("2024-01-01", periods=30, freq="h", tz="Europe/Berlin")
NAMED = xr.DataArray(X, dims=("time", "state"), coords={"state": ["a", "b", "c"], "time": np.arange(30.0)})


def frame(**columns):
    return pd.DataFrame({"a": X[:, 0], **columns})


@pytest.mark.parametrize(("given", "how"), [
    (pd.DataFrame(X, index=HOURS), {}),
    (pd.DataFrame(X, index=HOURS.tz_localize(None)), {}),
    (frame(time=HOURS), {}),
    (X, {"time": HOURS}),
    (X, {"time": HOURS.tz_localize(None)}),
    (X, {"time": [one.isoformat() for one in HOURS]}),
    (X, {"time": [datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=i) for i in range(30)]}),
    (X, {"time": pd.timedelta_range("0h", periods=30, freq="h")}),
    (xr.DataArray(X, dims=("time", "state"), coords={"time": HOURS.tz_localize(None)}), {}),
    (xr.Dataset({"x": (("trajectory", "time", "state"), X[None])}, coords={"time": HOURS.tz_localize(None)}), {}),
])  # fmt: skip
def test_dates_in_any_form_are_hours(given, how):
    data = as_dataset(given, **how)
    assert (data.attrs["dt"], data.attrs["time_unit"]) == (1.0, "h")
    np.testing.assert_array_equal(data["x"].values[0], X[:, : data.sizes["state"]])


def test_months_of_a_period_index_are_parts_of_years():
    data = as_dataset(pd.DataFrame(X, index=pd.period_range("2024-01", periods=30, freq="M")))
    assert data.attrs["dt"] == pytest.approx(1 / 12) and data.attrs["time_unit"] == "year"


def test_dates_with_and_without_a_zone_are_not_mixed():
    mixed = [datetime.datetime(2024, 1, 1), datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)]
    with pytest.raises(InputError, match="a time zone and times without one: '2024-01-01 00:00:00' in data row 1"):
        as_dataset(np.zeros(2), time=mixed)


@pytest.mark.parametrize("time", [np.arange(30).astype("datetime64[h]"), 3.0, [], "t"])
def test_times_of_an_array_are_numbers(time):
    with pytest.raises(InputError, match="times are no numbers: dtype|time is no array of times|time does not fit x"):
        make_dataset(X, time=time)


@pytest.mark.parametrize(("column", "what"), [
    (HOURS, "dates"), (HOURS.tz_localize(None), "dates"), (pd.timedelta_range("0h", periods=30, freq="h"), "durations"),
    (pd.period_range("2024-01", periods=30, freq="M"), "dates"), (X[:, 1] + 1j, "complex numbers"),
])  # fmt: skip
def test_columns_of_dates_are_no_numbers(column, what):
    with pytest.raises(InputError, match=rf"column 'b' holds {what}; numbers: choose columns=\['a'\]"):
        as_dataset(frame(b=column), dt=1.0)


def test_masked_values_are_missing():
    masked = np.ma.masked_greater(X, 1.0)
    with pytest.raises(InputError, match="values are not finite"):
        as_dataset(masked, dt=1.0)
    (found,) = trajectories(as_dataset(masked, dt=1.0, mask=True))
    np.testing.assert_array_equal(np.isnan(found), X > 1.0)


def test_whole_numbers_beyond_int64_do_not_wrap():
    found = as_dataset(np.array([2**64 - 1, 5], dtype=np.uint64), dt=1.0)["x"].values
    assert found[0, 0, 0] == 2.0**64


def test_columns_of_a_data_array_are_chosen_by_name():
    np.testing.assert_array_equal(as_dataset(NAMED, columns=["b", "a"])["x"].values[0], X[:, [1, 0]])
    with pytest.raises(InputError, match="unknown columns: q; there are a, b, c"):
        as_dataset(NAMED, columns=["q"])


def test_time_of_a_data_array_runs_down_the_rows_whatever_the_other_dimension_is_called():
    turned = as_dataset(NAMED.rename(state="channel").transpose("channel", "time"))
    np.testing.assert_array_equal(turned["x"].values[0], X)
    with pytest.raises(InputError, match="dimensions that are neither time nor states: time, lat, lon"):
        as_dataset(xr.DataArray(np.zeros((9, 2, 3)), dims=("time", "lat", "lon")), dt=1.0)


def test_a_list_of_series_is_a_list_of_trajectories():
    assert as_dataset([pd.Series(range(8)), pd.Series(range(8))], dt=1.0)["x"].shape == (2, 8, 1)


def test_tables_in_different_units_are_not_joined():
    with pytest.raises(InputError, match="times in different units: h, d"):
        as_dataset([pd.DataFrame(X, index=HOURS), pd.DataFrame(X, index=pd.date_range("2024", periods=30, freq="D"))])


def test_a_data_set_has_its_own_times_and_its_columns_can_be_chosen():
    data = as_dataset(NAMED)
    assert as_dataset(data, columns="c")["state"].values.tolist() == ["c"]
    with pytest.raises(InputError, match="unknown columns: q"):
        as_dataset(data, columns=["q"])
    with pytest.raises(InputError, match="a data set has its own time: .t.: leave time out"):
        as_dataset(data, time="t")
    with pytest.raises(InputError, match="data sets in a list"):
        as_dataset([data, data])
    with pytest.raises(InputError, match="data sets in a list"):
        as_dataset(["a.nc", "b.nc"])


@pytest.mark.parametrize(("change", "message"), [
    (lambda ds: ds.assign_attrs(dt="abc"), "dt is not a number"),
    (lambda ds: ds.assign_attrs(dt=-1), "dt is not a positive number"),
    (lambda ds: ds.assign_attrs(dt=7.0), "the times do not fit dt"),
    (lambda ds: ds.assign_coords(time=ds["time"].values[::-1]), "times of a data set do not increase"),
    (lambda ds: ds.assign_coords(state=["a", "a", "b"]), "no names of their own: a, a, b"),
    (lambda ds: ds.assign(n_valid=("trajectory", [31])), "n_valid holds no numbers of samples"),
    (lambda ds: ds.assign(n_valid=("trajectory", [-1])), "n_valid holds no numbers of samples"),
    (lambda ds: ds.assign(x=ds["x"].astype(complex)), "x does not hold real numbers: dtype complex128"),
])  # fmt: skip
def test_data_sets_of_others_are_checked(change, message):
    with pytest.raises(InputError, match=message):
        as_dataset(change(as_dataset(NAMED)))


def test_delays_are_counted_before_they_are_listed():
    with pytest.raises(InputError, match="too short to be embedded"):
        embed(as_dataset(NAMED), dim=10**9, delay=1, variable="a")
    with pytest.raises(InputError, match="dim is not a positive whole number: 2.5"):
        embed(as_dataset(NAMED), dim=2.5, delay=1, variable="a")


def test_files_that_point_to_other_files_are_not_followed(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(80))
    with h5py.File(tmp_path / "outside.nc", "w") as file:
        file.create_dataset("group/x", shape=(10,), dtype="f8", external=[(str(tmp_path / "secret"), 0, 80)])
    with h5py.File(tmp_path / "link.nc", "w") as file:
        file["y"] = h5py.ExternalLink(str(tmp_path / "outside.nc"), "/group/x")
    for name in ("outside.nc", "link.nc"):
        with pytest.raises(FormatError, match="lies in another file"):
            as_dataset(tmp_path / name)


def test_attributes_of_other_programs_are_told_apart():
    labels = make_dataset(np.zeros((40, 1)), dt=1.0, label=np.arange(40) % 2)
    with pytest.raises(InputError, match="attribute 'states' of the data is not what dysyr keeps there: 'open,closed'"):
        inspect(labels.assign_attrs(states="open,closed"))
    assert json_attribute(labels.assign_attrs(states='["a", "b"]'), "states", []) == ["a", "b"]
    assert json_attribute(labels, "states", []) == []
    for wrong in ('{"a": 1}', 3):
        with pytest.raises(InputError, match="JSON of a list: take it out"):
            json_attribute(labels.assign_attrs(states=wrong), "states", [])


def test_a_data_set_without_times_takes_the_interval_that_is_given():
    bare = xr.Dataset({"x": (("trajectory", "time", "state"), X[None])})
    data = as_dataset(bare, dt=0.01, mask=True)
    assert data.attrs["dt"] == 0.01 and data["state"].values.tolist() == ["x0", "x1", "x2"]
    with pytest.raises(InputError, match="no sampling interval"):
        as_dataset(bare, mask=True)


def test_what_else_an_irregular_data_set_holds_stays():
    data = make_dataset(X[:4], time=[0.0, 1.0, 3.0, 4.0]).assign(weight=("time", np.arange(4.0)))
    assert "weight" in as_dataset(data, mask=True)
    uneven = make_dataset(X[:4], time=[0.0, 1.0, 2.7, 4.0])
    assert as_dataset(uneven, mask=True) is uneven


def test_dates_of_a_data_set_may_be_in_its_own_unit():
    minutes = make_dataset(X, dt=0.1).assign_coords(time=pd.date_range("2024", periods=30, freq="6min"))
    assert as_dataset(minutes).attrs["dt"] == 0.1


def test_dimensions_of_a_data_array_before_and_after_time():
    runs = xr.DataArray(np.zeros((3, 9, 2)), dims=("run", "time", "variable"))
    assert as_dataset(runs, dt=1.0)["x"].shape == (3, 9, 2)
    space = xr.DataArray(X, dims=("time", "space"), coords={"space": [0.0, 1.0, 2.0], "state": "CA"})
    assert as_dataset(space, dt=1.0, columns=["p", "q", "r"])["state"].values.tolist() == ["p", "q", "r"]


def test_masked_arrays_of_something_else_are_refused():
    with pytest.raises(InputError, match="does not hold real numbers"):
        as_dataset(np.ma.masked_invalid(np.arange(9.0) + 1j), dt=1.0)


def test_a_missing_date_is_a_missing_time():
    with pytest.raises(InputError, match="a time is missing in column 'time': row 5"):
        as_dataset(frame(time=HOURS.where(np.arange(30) != 5)))


@pytest.mark.parametrize("time", [[], 5.0])
def test_no_times_beside_an_array_are_refused(time):
    with pytest.raises(InputError, match="time is no array of times"):
        as_dataset(X, time=time)


def test_times_of_a_part_of_a_frame_belong_to_its_rows():
    clock = pd.Series(np.arange(40.0)).iloc[10:]
    assert as_dataset(X, time=clock)["time"].values[0] == 10.0
