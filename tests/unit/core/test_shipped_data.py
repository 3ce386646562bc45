import hashlib
import importlib.resources
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from dysyr.core.errors import InputError
from dysyr.core.shipped_data import load_dataset

SHIPPED = importlib.resources.files("dysyr.data")


@pytest.mark.parametrize(
    ("name", "shape", "years", "peak"),
    [
        ("sunspots", (1, 309, 1), (1700, 2008), (1957, 190.2)),
        ("lynx_hare", (1, 91, 2), (1845, 1935), (1863, 152.65)),
    ],
)  # fmt: skip
def test_shipped_series_are_the_published_ones(name, shape, years, peak):
    ds = load_dataset(name)
    assert ds["x"].shape == shape and ds.attrs["dt"] == 1.0 and ds.attrs["time_unit"] == "year"
    assert tuple(ds["time"].values[[0, -1]]) == years
    first = ds["x"].values[0, :, 0]
    assert (ds["time"].values[first.argmax()], first.max()) == peak


@pytest.mark.parametrize("name", ["sunspots", "lynx_hare"])
def test_readme_holds_the_checksum_of_every_file(name):
    found = hashlib.sha256((SHIPPED / f"{name}.csv").read_bytes()).hexdigest()
    assert re.search(rf"`{name}.csv` \| `{found}`", (SHIPPED / "README.md").read_text())


def test_sunspots_agree_with_statsmodels():
    from statsmodels.datasets import sunspots

    np.testing.assert_array_equal(
        load_dataset("sunspots")["x"].values[0, :, 0], sunspots.load_pandas().data["SUNACTIVITY"]
    )


def test_electrocardiogram_is_in_millivolt(real_data):
    ds = load_dataset("ecg", path=real_data("mitbih208.npz"))
    assert ds["x"].shape == (1, 108_000, 1)
    np.testing.assert_allclose(ds["x"].values[0, :3, 0], [-0.245, -0.215, -0.185])
    assert ds.attrs["dt"] == pytest.approx(1 / 360)


def test_electrocardiogram_comes_from_the_cache_of_scipy(real_data, tmp_path):
    folder = tmp_path / "scipy-data"
    folder.mkdir()
    (folder / "ecg.dat").write_bytes(real_data("mitbih208.npz").read_bytes())
    code = "import dysyr.core.shipped_data as s; print(float(s.load_dataset('ecg')['x'].values[0, 0, 0]))"
    run = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert float(run.stdout) == pytest.approx(-0.245)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(InputError, match="unknown data set: 'moonspots'; one of sunspots, lynx_hare, ecg"):
        load_dataset("moonspots")
