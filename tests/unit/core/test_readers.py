import numpy as np
import pandas as pd
import pytest

from dysyr.core.dataset import as_dataset, sampling_interval, times, trajectories
from dysyr.core.errors import FormatError, InputError

T = 0.1 * np.arange(20)
X = np.column_stack([np.sin(T), np.cos(T)])
ROWS = [f"{t:.1f},{a!r},{b!r}" for t, (a, b) in zip(T.tolist(), X.tolist(), strict=True)]


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def text(rows, header=None, mark=","):
    lines = ([header] if header else []) + rows
    return "\n".join(lines).replace(",", mark) + "\n"


@pytest.mark.parametrize(
    ("name", "content", "names"),
    [
        ("a.csv", text(ROWS, "time,x,y"), ["x", "y"]),
        ("a.csv", text(ROWS, "Time [s],x,y"), ["x", "y"]),
        ("a.csv", "\ufeff" + text(ROWS, '"time","x","y"'), ["x", "y"]),
        ("a.csv", text(ROWS, "time,x,y", ";"), ["x", "y"]),
        ("a.tsv", text(ROWS, "t,x,y", "\t"), ["x", "y"]),
        ("a.txt", text(ROWS, "t,x,y", "   "), ["x", "y"]),
        ("a.txt", "# made by numpy.savetxt\n" + text(ROWS, "# t x y", " "), ["x", "y"]),
        ("a.csv", "% a comment\n\n" + text(ROWS, "time,x,y"), ["x", "y"]),
        ("a.csv", text([f"{i},{row}" for i, row in enumerate(ROWS)], ",time,x,y"), ["x", "y"]),
    ],
)  # fmt: skip
def test_text_files_in_the_usual_dialects(write, name, content, names):
    ds = as_dataset(write(name, content))
    assert list(ds["state"].values) == names
    assert sampling_interval(ds) == pytest.approx(0.1)
    np.testing.assert_array_equal(trajectories(ds)[0], X)
    assert ds.attrs["source"] == name


def test_file_without_header_or_times(write):
    ds = as_dataset(write("a.csv", text([row.split(",", 1)[1] for row in ROWS])), dt=0.1)
    assert list(ds["state"].values) == ["x0", "x1"]
    np.testing.assert_array_equal(trajectories(ds)[0], X)


def test_binary_files_agree_with_text(tmp_path):
    frame = pd.DataFrame({"time": T, "x": X[:, 0], "y": X[:, 1]})
    np.save(tmp_path / "a.npy", X)
    np.savez(tmp_path / "a.npz", x=X, t=T)
    frame.to_parquet(tmp_path / "a.parquet")
    for name, options in [("a.npy", {"dt": 0.1}), ("a.npz", {}), ("a.parquet", {})]:
        ds = as_dataset(tmp_path / name, **options)
        np.testing.assert_array_equal(trajectories(ds)[0], X)
        assert sampling_interval(ds) == pytest.approx(0.1)


def test_columns_and_time_are_chosen_by_name(write):
    path = write("a.csv", text(ROWS, "clock,x,y"))
    ds = as_dataset(path, time="clock", columns=["y"])
    np.testing.assert_array_equal(trajectories(ds)[0], X[:, 1:])
    ds = as_dataset(path, dt=1)
    assert list(ds["state"].values) == ["clock", "x", "y"]


def test_column_that_only_looks_like_time_can_be_kept(write):
    path = write("a.csv", "t,b\n1,2\n5,3\n3,4\n")
    message = "'t' in 'a.csv' is named like a time but does not increase.*--trajectory.*time=False"
    with pytest.raises(InputError, match=message):
        as_dataset(path)
    assert as_dataset(path, time=False, dt=1)["x"].shape == (1, 3, 2)


def test_temperature_columns_are_not_times(write):
    ds = as_dataset(write("a.csv", "tmin,tmax\n1,2\n2,3\n3,5\n"), dt=1)
    assert list(ds["state"].values) == ["tmin", "tmax"]


def test_whole_numbers_stay_whole(write):
    assert as_dataset(write("a.csv", "n\n1\n2\n3\n"), dt=1)["x"].dtype == np.int64


def test_empty_cells_need_a_mask(write):
    path = write("a.csv", "a,b\n1,1\n2,\n3,3\n")
    with pytest.raises(InputError, match="not finite: 1, first nan in variable 'b', row 1.*mask=True"):
        as_dataset(path, dt=1)
    for mask in (True, "nan"):
        assert np.isnan(trajectories(as_dataset(path, dt=1, mask=mask))[0]).tolist() == [
            [0, 0],
            [0, 1],
            [0, 0],
        ]


def test_dates_with_a_missing_day(write):
    path = write("a.csv", "date,v\n2020-01-01,1\n2020-01-02,2\n2020-01-04,4\n")
    ds = as_dataset(path, mask=True)
    assert ds.attrs["time_unit"] == "d" and sampling_interval(ds) == 1
    assert np.isnan(trajectories(ds)[0][:, 0]).tolist() == [False, False, True, False]


def test_list_of_files_is_a_list_of_trajectories(write):
    ds = as_dataset([write("a.csv", text(ROWS, "time,x,y")), write("b.csv", text(ROWS[:7], "time,x,y"))])
    assert [len(x) for x in trajectories(ds)] == [20, 7]
    np.testing.assert_allclose(times(ds)[1], T[:7])


@pytest.mark.parametrize(
    ("content", "names", "rows"),
    [
        ("a;b\n1,5;-2\n3,25;4e-1\n", ["a", "b"], [[1.5, -2], [3.25, 0.4]]),
        ("1,5;-2,5\n3,25;4\n", ["x0", "x1"], [[1.5, -2.5], [3.25, 4]]),
        ("1,5\t2,500\n3,250\t4\n", ["x0", "x1"], [[1.5, 2.5], [3.25, 4]]),
        ("0,250;1\n0,500;2\n", ["x0", "x1"], [[0.25, 1], [0.5, 2]]),
        ("1,5 2\n3,5 nan\n", ["x0", "x1"], [[1.5, 2], [3.5, np.nan]]),
        ("1, 2\n3, 4\n", ["x0", "x1"], [[1, 2], [3, 4]]),
        ("x\n1,5\n2,75\n", ["x"], [[1.5], [2.75]]),
        ('"a","b"\n"1,5","2"\n"3,25",""\n', ["a", "b"], [[1.5, 2], [3.25, np.nan]]),
        (";0\n0;1,5\n1;2,5\n", ["0"], [[1.5], [2.5]]),
        ("a;s\n1,5;True\n2,5;False\n", ["a", "s"], [[1.5, 1], [2.5, 0]]),
    ],
)  # fmt: skip
def test_decimal_commas(write, content, names, rows):
    ds = as_dataset(write("a.txt", content), dt=1, mask=True)
    assert list(ds["state"].values) == names
    np.testing.assert_array_equal(ds["x"][0], rows)


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("a.csv", "", FormatError, "the file is empty"),
        ("a.csv", "# only words\n", FormatError, "the file holds no data"),
        ("a.csv", "a,b\n", FormatError, "has only a header"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\xff", FormatError, "cannot read .* as text: byte 0x89 at 0; UTF-8"),
        ("a.csv", "a\0b", FormatError, "binary content"),
        ("a.csv", "a,b\n1,2\n1,2,3\n", FormatError, "lengths: 2 cells in the first row, 3 in row 3"),
        ("a.csv", "b,b\n1,2\n3,4\n", InputError, "share a name: b"),
        ("a.csv", "name,v\nfoo,1\nbar,2\n", InputError, r"'name' in .* holds text: 'foo' .*columns=\['v'\]"),
        ("a.csv", "t,s\n0,open\n1,shut\n2,open\n", InputError, "'s' in .* holds text: 'open' .*of states 0, 1, 2"),
        ("a.csv", "a\n1\n2\noops\n4\n", InputError, "'a' in .* holds text: 'oops' in data row 3.*correct"),
        ("a.csv", "a;b\n1,250;2\n-3,500;4\n", InputError, r"part thousands: 1,250; .*sep=';', decimal=','.*thousands"),
        ("a.txt", "a b\n1,250 2\n3,500 4\n", InputError, r"part thousands: 1,250; .*sep='\\s\+', decimal=','"),
        ("a.csv", "a;b\n1,5;2\n3,5;2.5\n", InputError, "points beside decimal commas: '2.5' in data row 2"),
        ("a.csv", "a;b\n1,5;2\n1.203,5;2\n", InputError, "points beside decimal commas: '1.203,5' in data row 2"),
        ("a.csv", "a;b\n" + 60 * "1,5;2\n" + "1.203;2\n", InputError, "decimal commas: '1.203' in data row 61"),
        ("a.csv", "a;b\n1,5;2,5\n1,5;oops\n2,5;2\n", InputError, "'b' in .* holds text: 'oops' in data row 2"),
        ("a.csv", "a;b\n1,5;01.02.2020\n2,5;02.02.2020\n", InputError, "'b' in .* holds text: '01.02.2020'"),
        ("a.txt", "1,2 foo\n3,4 bar\n", InputError, "holds text: '2 foo'"),
        ("a.txt", "1, 2\n", InputError, "too few samples .*: 1 per trajectory"),
        ("a.csv", "a,b\n1.203,text\n2,text\n", InputError, "'b' in .* holds text: 'text'"),
        ("a.npy", b"\x80\x04junk", FormatError, "not a NumPy file"),
        ("a.npz", b"PK\x03\x04junk", FormatError, "not a NumPy file, or damaged"),
        ("a.parquet", b"junk", FormatError, "cannot read .* as Parquet"),
        ("a.xlsx", b"junk", InputError, r"unknown kind of file .*: \.xlsx; one of \.nc"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_with_a_reason(write, name, content, error, message):
    with pytest.raises(error, match=message):
        as_dataset(write(name, content), dt=1)


def test_pickles_are_never_read(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}, 1], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "b.npz", a=np.array([{}, 1], dtype=object))
    for name in ("a.npy", "b.npz"):
        with pytest.raises(FormatError, match="cannot read .* as a NumPy file"):
            as_dataset(tmp_path / name, dt=1)


def test_ambiguous_archive_lists_its_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", p=np.ones(3), q=np.ones(4))
    with pytest.raises(InputError, match="several arrays .*: p, q; one array, or one called x"):
        as_dataset(tmp_path / "a.npz", dt=1)


def test_missing_file_unknown_column_and_unknown_time(write, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        as_dataset(tmp_path / "none.csv", dt=1)
    path = write("a.csv", "a,b\n1,2\n3,4\n")
    with pytest.raises(InputError, match="unknown columns in 'a.csv': c; there are a, b"):
        as_dataset(path, dt=1, columns=["c"])
    with pytest.raises(InputError, match="no time column 'c' in 'a.csv': columns a, b"):
        as_dataset(path, time="c")


def test_measured_electrocardiogram_is_read_as_it_is(real_data):
    ds = as_dataset(real_data("mitbih208.npz"), dt=1 / 360)
    assert ds["x"].shape == (1, 108_000, 1) and list(ds["state"].values) == ["ecg"]
    ds = as_dataset(real_data("ecg_pecuzal_5d_train.npy"), dt=1 / 360)
    assert ds["x"].shape == (1, 100_000, 5) and ds["x"].dtype == np.float32


@pytest.mark.parametrize("separator", [" ", ",", "\t"])
def test_a_short_row_far_down_is_refused(write, separator):
    """Of a middle cell that is empty, the value after it would move to the left."""
    rows = [separator.join(["1.5", "2.5", "3.5"])] * 80
    rows[70] = separator.join(["1.5", "3.5"])
    for mask in (None, True):
        with pytest.raises(FormatError, match="different lengths: 3 cells in the first row, 2 in data row 71"):
            as_dataset(write("a.dat", "\n".join(rows) + "\n"), dt=1, mask=mask)
    rows[70] = separator.join(["1.5", "2.5", "nan"])
    assert as_dataset(write("a.dat", "\n".join(rows) + "\n"), dt=1, mask=True)["x"].shape == (1, 80, 3)


def test_unnamed_columns_as_pandas_writes_them_are_a_header(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3)))
    frame.to_csv(tmp_path / "a.csv")
    data = as_dataset(tmp_path / "a.csv", dt=1)
    np.testing.assert_allclose(data["x"].values[0], frame.to_numpy())
    assert data["state"].values.tolist() == ["0", "1", "2"]


def test_a_series_that_begins_at_zero_and_one_keeps_its_first_sample(tmp_path):
    t = 0.1 * np.arange(60)
    np.savetxt(tmp_path / "a.txt", np.column_stack([np.sin(t), np.cos(t)]), fmt="%g")
    assert as_dataset(tmp_path / "a.txt", dt=0.1)["x"].shape == (1, 60, 2)


def test_whole_numbers_that_begin_by_counting_are_data(write):
    assert as_dataset(write("a.csv", "0,1,2\n3,4,5\n6,7,8\n"), dt=1)["x"].shape == (1, 3, 3)


def test_frames_whose_rows_or_columns_have_several_levels():
    runs = pd.MultiIndex.from_product([["a", "b"], range(10)], names=["run", "step"])
    frame = pd.DataFrame(X, index=runs, columns=["x", "y"])
    with pytest.raises(InputError, match="index of several levels: run, step: .*trajectory='run'"):
        as_dataset(frame, dt=1)
    ds = as_dataset(frame.reset_index(), time="step", trajectory="run")
    np.testing.assert_array_equal(trajectories(ds), [X[:10], X[10:]])
    frame = pd.DataFrame(X, columns=pd.MultiIndex.from_tuples([("left", "x"), ("left", "y")]))
    with pytest.raises(InputError, match=r"columns have names of several levels: \('left', 'x'\); .*'_'.join"):
        as_dataset(frame, dt=1)
    frame.columns = ["_".join(map(str, name)) for name in frame.columns]
    assert list(as_dataset(frame, dt=1)["state"].values) == ["left_x", "left_y"]
