"""Tables are read as another one was."""

import json

import numpy as np
import pandas as pd
import pytest

from dysyr.core.dataset import as_dataset
from dysyr.core.errors import FormatError
from dysyr.core.reading import read_alike

TABLE = pd.DataFrame({"rat": [1, 1, 2, 2], "when": [0.0, 1.0, 0.0, 1.0], "a": [1.0, 2, 3, 4], "note": list("wxyz")})
ASKED = {"time": "when", "columns": ["a"], "trajectory": "rat"}


@pytest.fixture
def path(tmp_path):
    TABLE.to_csv(tmp_path / "a.csv", index=False)
    return tmp_path / "a.csv"


def test_the_names_are_kept_and_used_again(path, tmp_path):
    ds = as_dataset(path, **ASKED)
    assert json.loads(ds.attrs["reading"]) == ASKED
    assert read_alike(ds.attrs["reading"], path) == ASKED
    assert as_dataset(path, **read_alike(ds.attrs["reading"], path)).identical(ds)
    TABLE.to_parquet(tmp_path / "a.parquet")
    assert read_alike(ds.attrs["reading"], tmp_path / "a.parquet") == ASKED


def test_only_names_are_kept_and_only_those_of_tables(path):
    assert json.loads(as_dataset(TABLE[["when", "a"]], time=False, dt=1).attrs["reading"]) == {"time": False}
    assert "reading" not in as_dataset(TABLE[["a"]], time=TABLE.index.to_numpy()).attrs
    assert "reading" not in as_dataset(TABLE[["a"]].to_numpy(), dt=1, columns=["b"]).attrs
    assert json.loads(as_dataset(TABLE, dt=1, columns="a").attrs["reading"]) == {"columns": ["a"]}
    numbered = TABLE[["rat", "a"]].set_axis([0, 1], axis=1)
    asked = as_dataset(numbered, dt=1, columns=["1"], trajectory=0).attrs["reading"]
    assert json.loads(asked) == {"columns": ["1"], "trajectory": "0"}
    assert json.loads(as_dataset([path, path], **ASKED).attrs["reading"]) == ASKED


def test_a_table_without_some_of_the_columns(tmp_path):
    asked = json.dumps(ASKED)
    TABLE[["a", "rat"]].to_csv(tmp_path / "b.csv")
    assert read_alike(asked, tmp_path / "b.csv") == {"columns": ["a"], "trajectory": "rat"}
    assert read_alike('{"time": false, "columns": ["b"]}', tmp_path / "b.csv") == {"time": False}
    for name in ("a.nc", "a.npy", "absent.csv"):
        assert read_alike(asked, tmp_path / name) == {}
    with open(tmp_path / "archive.dat", "wb") as file:
        np.savez(file, a=np.ones(3))
    assert read_alike(asked, tmp_path / "archive.dat") == {}
    assert read_alike(None, tmp_path / "b.csv") == {}


@pytest.mark.parametrize("text", ["[", "3", "[3]", '{"time": 3}', '{"columns": [3]}', '{"columns": {"a": 1}}', 3])
def test_damaged_names_are_refused(path, text):
    with pytest.raises(FormatError, match="does not say how its training data were read"):
        read_alike(text, path)
