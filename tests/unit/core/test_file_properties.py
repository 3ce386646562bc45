"""Random systems and data sets: what is written to a file comes back as it was, whatever its names and values are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import dysyr
from dysyr.core.system import System

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
floats = st.floats(allow_nan=False, allow_infinity=False)
words = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).map("v_{}".format)


@st.composite
def definitions(draw):
    """Definitions of systems with equations of all kinds of numbers, and texts with all kinds of characters."""
    names = draw(st.lists(words, min_size=1, max_size=4, unique=True))
    parameters = {f"p_{k}": draw(floats) for k in range(draw(st.integers(0, 3)))}
    terms = [*names, *parameters]
    kind = draw(st.sampled_from(("ode", "map", "sde")))
    chosen = st.tuples(st.sampled_from(terms), st.sampled_from("+-*"), st.sampled_from(terms))
    made = {
        "name": "made", "kind": kind, "title": draw(texts), "description": draw(texts), "reference": draw(texts),
        "parameters": parameters, "equations": {name: "".join(draw(chosen)) for name in names},
        "defaults": {
            "initial_state": {name: draw(floats) for name in names},
            "transient": draw(st.floats(0, 1e300)), "dt": float(draw(st.integers(1, 9))),
        },
        "invariants": [{"name": "lyapunov_spectrum", "value": [draw(floats)] * len(names), "source": draw(texts)}],
    }  # fmt: skip
    if kind == "sde":
        made |= {"diffusion": {names[0]: "0.5"}, "interpretation": "ito"}
    return made


@same_folder
@given(definition=definitions())
def test_a_system_comes_back_from_its_file(definition, tmp_path):
    system = System.from_dict(definition)
    system.to_file(tmp_path / "made.toml")
    again = System.from_file(tmp_path / "made.toml")
    assert again == system and again.to_dict() == system.to_dict()
    assert again.to_dict()["parameters"] == definition["parameters"]
    assert again.title == definition["title"] and again.invariants[0]["source"] == definition["invariants"][0]["source"]


@st.composite
def data_sets(draw):
    """Data sets of one or several series, down to one sample each, with odd names, gaps, labels and inputs."""
    n_states = draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    dtype = draw(st.sampled_from((np.float64, np.float32, np.int64)))
    gaps = dtype != np.int64 and draw(st.booleans())
    finite = {} if dtype == np.int64 else {"allow_nan": gaps, "allow_infinity": gaps}
    elements = hnp.from_dtype(np.dtype(dtype), **finite)
    series = [draw(hnp.arrays(dtype, (n, n_states), elements=elements)) for n in lengths]
    names = draw(st.lists(texts, min_size=n_states, max_size=n_states, unique=True))
    options = {"names": names, "mask": True if gaps else None}
    if draw(st.booleans()):
        options["label"] = [draw(hnp.arrays(np.int64, n)) for n in lengths]
    if draw(st.booleans()):
        options["u"] = [np.arange(float(n))[:, None] for n in lengths]
    if draw(st.booleans()):
        steps = st.floats(0.01, 100)
        options["time"] = [np.cumsum(draw(hnp.arrays(float, n, elements=steps))) for n in lengths]
    else:
        options["dt"] = draw(st.floats(1e-300, 1e300))
    attrs = {"source": draw(texts), "note": draw(st.one_of(floats, st.integers(-(2**63), 2**63 - 1)))}
    return series, {**options, "attrs": attrs}


@settings(same_folder, max_examples=15)
@given(made=data_sets())
def test_a_data_set_comes_back_from_netcdf(made, tmp_path):
    series, options = made
    data = dysyr.make_dataset(series, **options)
    dysyr.save(data, tmp_path / "made.nc")
    again = dysyr.read_dataset(tmp_path / "made.nc")
    assert again.identical(data)
    for name in data.variables:
        assert again[name].dtype == data[name].dtype or data[name].dtype.kind == "U"
    assert [str(name) for name in again["state"].values] == options["names"]


WRITERS = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    ".parquet": lambda frame, path: frame.to_parquet(path),
    ".npy": lambda frame, path: np.save(path, frame.to_numpy()),
    ".npz": lambda frame, path: np.savez(path, x=frame.to_numpy()),
}
"""By the ending of a file, how somebody else writes it."""


@st.composite
def frames(draw, gaps):
    """Tables of one to three columns with odd names, from one row on."""
    kinds = st.characters(categories=["L", "N", "S"], include_characters=" ,;'\"()[]#%")
    names = draw(st.lists(st.text(kinds, max_size=8).map("v{}v".format), min_size=1, max_size=3, unique=True))
    n = draw(st.integers(1, 6))
    sizes = st.floats(1e-200, 1e200) | st.just(0.0)
    numbers = st.one_of(sizes, sizes.map(lambda value: -value), *[st.just(np.nan)] * gaps)
    if not gaps and draw(st.booleans()):
        numbers = st.integers(-(2**63), 2**63 - 1)
    return pd.DataFrame({name: draw(st.lists(numbers, min_size=n, max_size=n)) for name in names})


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("ending", WRITERS)
@given(data=st.data())
@settings(same_folder, max_examples=30)
def test_a_table_comes_back(ending, gaps, data, tmp_path):
    frame = data.draw(frames(gaps))
    path = tmp_path / f"made{ending}"
    WRITERS[ending](frame, path)
    made = dysyr.as_dataset(path, dt=0.1, mask=True if gaps else None, min_samples=1)
    values = frame.to_numpy()
    np.testing.assert_allclose(made["x"].values[0], values, rtol=1e-15)
    assert made["x"].dtype == values.dtype and ("mask" in made) == np.isnan(values).any()
    if "mask" in made:
        np.testing.assert_array_equal(made["mask"].values[0], np.isfinite(values))
    if ending[1] != "n":
        assert [str(name) for name in made["state"].values] == list(frame.columns)


@pytest.mark.parametrize("ending", WRITERS)
def test_a_table_without_rows_is_refused(ending, tmp_path):
    path = tmp_path / f"made{ending}"
    WRITERS[ending](pd.DataFrame({"a": np.zeros(0), "b": np.zeros(0)}), path)
    with pytest.raises(dysyr.DysyrError, match="empty|no data|no samples"):
        dysyr.as_dataset(path, dt=0.1, min_samples=1)


def test_one_sample_is_too_few_to_look_at(tmp_path):
    dysyr.save(dysyr.make_dataset(np.zeros((1, 2)), dt=0.1), tmp_path / "made.nc")
    assert dysyr.as_dataset(tmp_path / "made.nc", min_samples=1).sizes["time"] == 1
    with pytest.raises(dysyr.InputError, match="too few samples .*1 per trajectory; at least 2"):
        dysyr.as_dataset(tmp_path / "made.nc")


def test_zero_bytes_are_refused(tmp_path):
    with pytest.raises(dysyr.InputError, match="a name of a variable holds a zero byte"):
        dysyr.make_dataset(np.zeros((3, 1)), dt=0.1, names=["a\0"])
    with pytest.raises(dysyr.InputError, match="attribute 'note' cannot be stored.*zero bytes"):
        dysyr.save(dysyr.make_dataset(np.zeros((3, 1)), dt=0.1, attrs={"note": "a\0"}), tmp_path / "made.nc")
    assert not list(tmp_path.iterdir())
