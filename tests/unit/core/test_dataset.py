import json
import os
import stat

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from dysyr.core.dataset import (
    as_dataset,
    data_hash,
    inputs,
    make_dataset,
    parts,
    read_dataset,
    sampling_interval,
    save_dataset,
    times,
    trajectories,
)
from dysyr.core.errors import DysyrError, FormatError, InputError


@pytest.fixture
def full(rng):
    """A ragged data set with every optional part."""
    lengths = (5, 8)
    x = [rng.normal(size=(n, 2)) for n in lengths]
    x[1][2, 0] = np.nan
    return make_dataset(
        x, dt=0.1, names=["a", "b"], mask=True,
        u=[rng.normal(size=(n, 1)) for n in lengths], input_names=["force"],
        x_true=[rng.normal(size=(n, 3)) for n in lengths], label=[np.arange(n) for n in lengths],
        attrs={"system": "test", "parameters": json.dumps({"p": 1.5}), "seed": 3, "empty": ""},
    )  # fmt: skip


def test_values_times_and_names_come_back(rng):
    x = rng.normal(size=(2, 7, 3))
    ds = make_dataset(x, dt=0.5, names=("x", "y", "z"))
    assert ds["x"].dims == ("trajectory", "time", "state")
    assert list(ds["state"].values) == ["x", "y", "z"]
    assert sampling_interval(ds) == 0.5
    np.testing.assert_array_equal(np.stack(trajectories(ds)), x)
    np.testing.assert_array_equal(ds["time"], 0.5 * np.arange(7))


def test_ragged_trajectories_are_padded_and_trimmed_again(full):
    assert [len(x) for x in trajectories(full)] == [5, 8]
    assert [len(u) for u in inputs(full)] == [5, 8]
    assert [len(t) for t in times(full)] == [5, 8]
    assert full["mask"].values[0, 5:].all(), "padding is not missing data"
    assert np.isnan(trajectories(full)[1][2, 0])
    assert np.isfinite(trajectories(full)[0]).all()


def test_file_gives_back_every_bit(full, tmp_path):
    save_dataset(full, tmp_path / "d.nc")
    back = read_dataset(tmp_path / "d.nc")
    xr.testing.assert_identical(back, full)
    assert back.attrs == full.attrs
    assert data_hash(back) == data_hash(full)
    assert all(back[name].dtype == full[name].dtype for name in full.variables)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_number_types_survive_the_file(tmp_path, dtype):
    ds = make_dataset(np.arange(6, dtype=dtype), dt=1)
    save_dataset(ds, tmp_path / "d.nc")
    assert ds["x"].dtype == read_dataset(tmp_path / "d.nc")["x"].dtype == dtype
    assert trajectories(ds)[0].dtype == np.float64


def test_parts_make_the_same_data_set_again(full):
    assert make_dataset(**parts(full)).identical(full)


def test_hash_sees_values_names_and_step_but_not_the_seed(full):
    same = full.assign_attrs(seed=99)
    other_step = make_dataset(**{**parts(full), "time": None, "dt": 0.2})
    other_value = full.copy(deep=True)
    other_value["x"].values[0, 0, 0] += 1e-12
    other_name = full.assign_coords(state=["a", "c"])
    other_input = full.copy(deep=True)
    other_input["u"].values[0, 0, 0] += 1e-12
    other_label = full.copy(deep=True)
    other_label["label"].values[0, 0] += 1
    assert data_hash(same) == data_hash(full)
    others = [data_hash(ds) for ds in (other_step, other_value, other_name, other_input, other_label)]
    assert len({data_hash(full), *others}) == 6


def test_failed_write_leaves_the_old_file(full, tmp_path):
    path = tmp_path / "d.nc"
    save_dataset(full, path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="attribute 'bad' cannot be stored: list"):
        save_dataset(full.assign_attrs(bad=[1, 2]), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["d.nc"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder_is_said(full, tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(DysyrError, match="cannot write"):
        save_dataset(full, tmp_path / "d.nc")


def test_foreign_and_damaged_files_are_refused(full, tmp_path):
    path = tmp_path / "d.nc"
    path.write_bytes(b"not a data set")
    with pytest.raises(FormatError, match="cannot read .*d.nc' as NetCDF"):
        read_dataset(path)
    save_dataset(full, path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(FormatError, match="cannot read .*d.nc' as NetCDF"):
        read_dataset(path)
    xr.Dataset({"temperature": ("station", [1.0])}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(FormatError, match="not a dysyr data set: temperature"):
        read_dataset(path)
    full.assign_attrs(format=999).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(FormatError, match="another format .* format 999; format 1"):
        read_dataset(path)
    with pytest.raises(InputError, match="no such file"):
        read_dataset(tmp_path / "none.nc")


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (np.ones((5, 2)), {}, r"no sampling interval: neither dt nor a time column: pass dt"),
        (np.ones((5, 2)), {"dt": -1}, "dt is not a positive number: -1"),
        (np.ones((5, 2)), {"dt": "fast"}, "dt is not a number: 'fast'"),
        (np.ones((1, 2)), {"dt": 1}, "too few samples: 1 per trajectory; at least 2"),
        (np.ones((0, 2)), {"dt": 1}, "data is empty"),
        (np.ones((3, 10_000)), {"dt": 1}, r"probably transposed: shape \(3, 10000\).*pass x.T"),
        ([], {"dt": 1}, "data is empty: a list without arrays"),
        ([np.ones((5, 2)), np.ones((5, 3))], {"dt": 1}, r"different numbers of variables: \[2, 3\]"),
        (np.array(["a", "b"]), {"dt": 1}, "data does not hold real numbers: dtype <U1"),
        (np.ones((5, 2), complex), {"dt": 1}, "data does not hold real numbers: dtype complex128"),
        ({"x": [1, 2]}, {"dt": 1}, "not a time series: dict"),
        ([1.0, np.nan, 2.0], {"dt": 1}, "finite: 1, first nan in variable 'x', row 1; .*mask=True"),
        ([1.0, np.inf, 2.0], {"dt": 1}, r"not finite: 1, first inf"),
        (np.ones((5, 2)), {"dt": 1, "columns": ["a", "a"]}, "names do not fit the variables: a, a; 2 diff"),
        (np.ones((2, 3, 4, 5)), {"dt": 1}, "data has 4 dimensions"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_a_reason(x, options, message):
    with pytest.raises(InputError, match=message):
        as_dataset(x, **options)


@pytest.mark.parametrize(
    "part",
    [
        {"u": np.ones((4, 1))}, {"x_true": [np.ones((5, 1))] * 2}, {"label": np.arange(3)},
        {"mask": np.ones((2, 2))}, {"time": np.arange(4.0)}, {"lengths": [9]},
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_are_named(part):
    with pytest.raises(InputError, match=f"{next(iter(part))} do(es)? not fit x"):
        make_dataset(np.ones((5, 2)), **{"dt": 1, **part})


def test_frames_arrays_lists_and_data_arrays_agree(rng):
    t = 0.25 * np.arange(30)
    x = rng.normal(size=(30, 2))
    wanted = make_dataset(x, dt=0.25, names=["a", "b"])
    frame = pd.DataFrame({"time": t, "a": x[:, 0], "b": x[:, 1]})
    array = xr.DataArray(x.T, dims=("state", "time"), coords={"time": t, "state": ["a", "b"]})
    for obj, options in [
        (frame, {}),
        (frame.set_index("time"), {}),
        ([frame], {}),
        (array, {}),
        (x, {"time": t, "columns": ["a", "b"]}),
        (x.tolist(), {"dt": 0.25, "columns": ["a", "b"]}),
        (x[None], {"dt": 0.25, "columns": ["a", "b"]}),
        (wanted, {}),
        (wanted, {"dt": 0.25}),
    ]:
        assert data_hash(as_dataset(obj, **options)) == data_hash(wanted)


def test_dataset_without_step_gets_one_and_contradiction_is_refused():
    bare = xr.Dataset({"x": (("trajectory", "time", "state"), np.ones((1, 4, 2)))})
    assert sampling_interval(as_dataset(bare, dt=0.3)) == 0.3
    with pytest.raises(InputError, match="no sampling interval"):
        as_dataset(bare)
    with pytest.raises(InputError, match="dt contradicts the times of the data: dt = 2; the samples are 1 apart"):
        as_dataset(make_dataset(np.ones((4, 2)), dt=1), dt=2)
    with pytest.raises(InputError, match="not a dysyr data set"):
        as_dataset(xr.Dataset({"y": ("t", [1.0])}))


def test_non_finite_values_in_a_given_dataset_are_found():
    ds = make_dataset(np.ones((4, 1)), dt=1)
    ds["x"].values[0, 2, 0] = np.nan
    with pytest.raises(InputError, match="row 2"):
        as_dataset(ds)


def test_mask_true_marks_what_is_missing_and_nothing_else(rng):
    ds = make_dataset(rng.normal(size=(2, 6, 2)), dt=1, u=rng.normal(size=(2, 6, 1)), input_names=["force"])
    assert as_dataset(ds, mask=True) is ds
    ds["x"].values[1, 3, 0] = np.nan
    marked = as_dataset(ds, mask=True)
    assert np.argwhere(~marked["mask"].values).tolist() == [[1, 3, 0]]
    assert as_dataset(marked) is marked
    assert list(marked["input"].values) == ["force"]


def test_irregular_times_are_kept_but_have_no_interval(rng):
    t = np.cumsum(rng.uniform(0.5, 1.5, 50))
    ds = as_dataset(np.sin(t), time=t)
    assert "dt" not in ds.attrs
    np.testing.assert_array_equal(times(ds)[0], t)
    with pytest.raises(InputError, match=r"dt runs from 0\.5.* to 1\.[45].*; SHPLRNN needs a regular grid: resample"):
        sampling_interval(ds, needed_by="SHPLRNN")


def test_missing_rows_become_missing_samples_only_on_request():
    t = np.delete(np.arange(20.0), [4, 5, 11])
    with pytest.raises(InputError, match="a grid of 1 with 3 missing samples.*mask=True"):
        sampling_interval(as_dataset(np.sin(t), time=t))
    ds = as_dataset(np.sin(t), time=t, mask=True)
    assert sampling_interval(ds) == 1
    assert np.flatnonzero(np.isnan(trajectories(ds)[0][:, 0])).tolist() == [4, 5, 11]


def test_mask_hides_values_whatever_they_are():
    mask = np.ones((6, 1), dtype=bool)
    mask[2] = False
    ds = make_dataset(np.arange(6), dt=1, mask=mask)
    assert ds["x"].dtype == np.int64
    assert np.isnan(trajectories(ds)[0][2, 0])


def test_labels_may_be_a_plain_list():
    single = make_dataset(np.arange(4.0), dt=1.0, label=[0, 1, 0, 1])["label"].values
    np.testing.assert_array_equal(single, [[0, 1, 0, 1]])
    rows = make_dataset(np.zeros((2, 3, 1)), dt=1.0, label=[[0, 1, 0], (1, 1, 1)])["label"].values
    np.testing.assert_array_equal(rows, [[0, 1, 0], [1, 1, 1]])
    with pytest.raises(InputError, match="label does not fit x"):
        make_dataset(np.arange(4.0), dt=1.0, label=3)


def test_missing_rows_of_a_data_set_become_missing_samples():
    clocks = [np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 3.0, 4.0])]
    x, truth, labels = [np.arange(3.0), np.arange(4.0)], [np.ones(3), np.ones(4)], [[1, 2, 3], [4, 5, 6, 7]]
    mask = [np.ones((3, 1), dtype=bool), np.array([[True], [False], [True], [True]])]
    ds = make_dataset([v[:, None] for v in x], time=clocks, x_true=[v[:, None] for v in truth], label=labels, mask=mask)
    assert "dt" not in ds.attrs
    filled = as_dataset(ds, mask=True)
    assert filled.attrs["dt"] == 1.0
    first, second = (row[:, 0].tolist() for row in trajectories(filled))
    np.testing.assert_array_equal(first, [0.0, 1.0, np.nan, 2.0])
    np.testing.assert_array_equal(second, [0.0, np.nan, np.nan, 2.0, 3.0])
    np.testing.assert_array_equal(filled["label"].values, [[1, 2, np.nan, 3, np.nan], [4, np.nan, 5, 6, 7]])
    np.testing.assert_array_equal(np.isnan(filled["x_true"].values[0, :4, 0]), [False, False, True, False])
