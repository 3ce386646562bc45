"""Tables in which one column tells several recordings apart."""

import numpy as np
import pandas as pd
import pytest

from dysyr.core.dataset import as_dataset, times, trajectories
from dysyr.core.errors import InputError

T = 0.1 * np.arange(8)
FIRST, SECOND = np.sin(T), np.cos(T[:5])
LONG = pd.DataFrame(
    {
        "run": ["b"] * 8 + ["a"] * 5,
        "time": np.concatenate([T, 1 + T[:5]]),
        "x": np.concatenate([FIRST, SECOND]),
        "y": np.arange(13.0),
    }
)


def check(ds):
    assert list(ds["state"].values) == ["x", "y"]
    np.testing.assert_allclose(np.concatenate(times(ds)), LONG["time"], rtol=1e-12)
    np.testing.assert_array_equal([len(x) for x in trajectories(ds)], [8, 5])
    np.testing.assert_array_equal(np.concatenate(trajectories(ds)), LONG[["x", "y"]])


def test_each_value_is_a_trajectory_in_the_order_of_the_table(tmp_path):
    check(as_dataset(LONG, trajectory="run"))
    LONG.to_csv(tmp_path / "long.csv", index=False)
    check(as_dataset(tmp_path / "long.csv", trajectory="run"))
    LONG.to_parquet(tmp_path / "long.parquet")
    check(as_dataset(tmp_path / "long.parquet", trajectory="run"))
    check(as_dataset(LONG.drop(columns="time"), trajectory="run", time=LONG["time"]))
    numbered = LONG.assign(run=[7] * 8 + [3] * 5).rename(columns={"run": 0})
    check(as_dataset(numbered, trajectory=0))


def test_rows_may_be_interleaved(rng):
    shuffled = LONG.iloc[np.argsort(np.concatenate([np.arange(8), np.arange(5) + 0.5]))]
    check(as_dataset(shuffled, trajectory="run"))
    check(as_dataset(shuffled.drop(columns="time"), trajectory="run", time=shuffled["time"].to_numpy()))


def test_each_recording_has_its_own_grid_and_gaps():
    gappy = LONG.drop(index=[3, 10])
    ds = as_dataset(gappy, trajectory="run", columns=["x"], mask=True)
    missing = [np.flatnonzero(np.isnan(x[:, 0])).tolist() for x in trajectories(ds)]
    assert missing == [[3], [2]]
    without = as_dataset(LONG, trajectory="run", time=False, dt=0.5, columns=["x"])
    np.testing.assert_array_equal([clock[-1] for clock in times(without)], [3.5, 2.0])


def test_a_list_of_tables_is_split_table_by_table():
    ds = as_dataset([LONG, LONG.iloc[:8]], trajectory="run")
    assert [len(x) for x in trajectories(ds)] == [8, 5, 8]


@pytest.mark.parametrize(
    ("data", "given", "message"),
    [
        (LONG, {"trajectory": "rum"}, "unknown columns: rum; there are run, time, x, y"),
        (LONG.assign(run=[None] + ["a"] * 12), {}, "'run' does not say .*: an empty cell in data row 1"),
        (LONG, {"columns": ["run", "x"]}, "unknown columns .run b.: run"),
        (LONG, {"trajectory": "y", "columns": ["x"]}, "too few samples: 1 per trajectory"),
        (LONG.assign(time=LONG["time"].to_numpy()[::-1]), {}, r"\(run b\) is named like a time but does not increase"),
        (LONG.assign(x=["?"] + [1.0] * 12), {}, r"column 'x' \(run b\) holds text"),
        (LONG[["run", "time"]], {"time": "time"}, r"no series \(run b\): only the times 'time'"),
        (LONG["x"].to_numpy(), {"dt": 1}, "only tables have a column .* trajectory='run'.*one array for each"),
        (LONG.rename_axis("time")["x"].to_xarray(), {"dt": 1}, "only tables have a column"),
        (as_dataset(LONG[["x"]], dt=1), {}, "a data set has its own trajectory: 'run': leave trajectory out"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_apart_is_refused(data, given, message):
    with pytest.raises(InputError, match=message):
        as_dataset(data, **{"trajectory": "run", **given})


def test_arrays_in_files_have_no_such_column(tmp_path):
    np.save(tmp_path / "a.npy", FIRST)
    with pytest.raises(InputError, match="only tables have a column"):
        as_dataset(tmp_path / "a.npy", dt=1, trajectory="run")
