"""Files with bytes changed at random: each is read or refused with a message, nothing else happens."""

import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dysyr
from dysyr.benchmark.sweep_file import read_sweep
from dysyr.core.expression_parser import Scope, parse_expression
from dysyr.core.expressions import parameter
from dysyr.core.system import System
from dysyr.experiment_file import read_experiment

ROOT = Path(__file__).resolve().parents[3]
PIECES = (
    b"nan", b"inf", b"-1", b"1e400", b"1e308", b"0", b"9" * 20, b"true", b"[]", b"{}", b"''", b'"', b"\\", b"\x00",
    b"\xff", b"\n", b"[[", b"]]", b"**", b"__import__('os').system('true')", b"lambda: 0", b"x.y", b"x[0]", b"=", b",",
    b";", "\u00e9".encode(), b"(" * 40, b"1" * 400, b"-", b".", b"None", b"i", b"x",
)  # fmt: skip
SIZES = [60, pytest.param(3000, marks=pytest.mark.slow)]


def changed(data, rng):
    """The bytes after one to five changes: other bytes, bytes less, bytes more, bytes from elsewhere."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        i = int(rng.integers(len(data) + 1))
        j, piece = i + int(rng.integers(12)), PIECES[rng.integers(len(PIECES))]
        start = int(rng.integers(len(data) + 1))
        kind = rng.integers(5)
        data[i:j] = (piece, b"", bytes([rng.integers(256)]), data[i:j] * 3, data[start : start + 12])[kind]
    return bytes(data)


def n_refused(n, rng, make):
    """How many of n calls of make end with a DysyrError; any other error is passed on with what caused it."""
    refused = 0
    for _ in range(n):
        read, content = make(rng)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", pd.errors.ParserWarning)
                read()
        except dysyr.DysyrError as error:
            assert str(error).strip()
            refused += 1
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}; from {content!r}"[:2000]) from error
    return refused


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.mark.parametrize("n", SIZES)
def test_system_files(n, rng, tmp_path):
    files = sorted((ROOT / "systems").glob("*.toml"))
    path = tmp_path / "system.toml"

    def make(rng):
        content = changed(files[rng.integers(len(files))].read_bytes().split(b"[[invariants]]")[0], rng)

        def read():
            path.write_bytes(content)
            system = System.from_file(path)
            if system.kind in ("ode", "map"):
                system.vector_field(system.initial_state, 0.0)

        return read, content

    assert 0 < n_refused(n, rng, make) < n


@pytest.mark.parametrize("n", SIZES)
def test_expressions(n, rng):
    scope = Scope({name: parameter(name) for name in ("x", "y", "z", "t", "a", "sigma")})
    texts = [b"sigma*(y - x)", b"where(x > 0, exp(-x**2), y % 2)/(1 + abs(z))", b"-a*sin(2*pi*t) + sqrt(x*y)"]

    def make(rng):
        content = changed(texts[rng.integers(len(texts))], rng).decode("utf-8", "replace")
        return lambda: parse_expression(content, scope), content

    assert 0 < n_refused(n, rng, make) < n


@pytest.mark.parametrize("n", SIZES)
def test_experiment_and_sweep_files(n, rng, tmp_path):
    files = sorted((ROOT / "examples").glob("*.toml"))
    path = tmp_path / "file.toml"

    def make(rng):
        file = files[rng.integers(len(files))]
        content = changed(file.read_bytes(), rng)

        def read():
            path.write_bytes(content)
            (read_sweep if "sweep" in file.name else read_experiment)(path)

        return read, content

    assert 0 < n_refused(n, rng, make) < n


@pytest.mark.parametrize("n", SIZES)
def test_data(n, rng, tmp_path):
    x = rng.normal(size=(40, 2))
    dysyr.save(dysyr.make_dataset(x, dt=0.1), tmp_path / "a.nc")
    np.save(tmp_path / "a.npy", x)
    np.savez(tmp_path / "a.npz", x=x)
    frame = pd.DataFrame({"time": 0.1 * np.arange(40), "a": x[:, 0], "b": x[:, 1]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    files = sorted(tmp_path.glob("a.*"))

    def make(rng):
        file = files[rng.integers(len(files))]
        content = changed(file.read_bytes(), rng)
        path = tmp_path / f"changed{file.suffix}"

        def read():
            path.write_bytes(content)
            dysyr.as_dataset(path, dt=0.1 if file.suffix in (".npy", ".npz") else None)

        return read, content

    assert 0 < n_refused(n, rng, make) < n


@pytest.mark.parametrize("n", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_run_folders(n, rng, tmp_path):
    t = 0.1 * np.arange(300)
    x = np.column_stack([np.sin(t), np.cos(t)])
    small = {"hidden_dim": 4, "sequence_length": 20, "n_updates": 20, "n_refinements": 0, "n_checks": 1}
    for number, method in enumerate((dysyr.LinearAR(), dysyr.SINDy(window=11), dysyr.SHPLRNN(**small, max_restarts=0))):
        method.fit(x, dt=0.1, progress=False).save(tmp_path / f"run{number}")
    folder = tmp_path / "changed"

    def make(rng):
        source = tmp_path / f"run{rng.integers(3)}"
        files = sorted(path for path in source.rglob("*") if path.is_file())
        file = files[rng.integers(len(files))]
        content = changed(file.read_bytes(), rng)

        def read():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(source, folder)
            (folder / file.relative_to(source)).write_bytes(content)
            dysyr.load(folder).generate(3)

        return read, (file.name, content)

    assert 0 < n_refused(n, rng, make) < n


def test_a_header_that_claims_more_than_the_file_can_hold(tmp_path):
    import h5py

    path = tmp_path / "claims.nc"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", shape=(10**6, 10**6), dtype="f8", chunks=(10, 10))
    with pytest.raises(dysyr.FormatError, match=r"claims to hold 8e\+03 GB"):
        dysyr.load(path)


def test_a_run_whose_arrays_do_not_fit_its_configuration(tmp_path):
    t = 0.1 * np.arange(300)
    made = dysyr.LinearAR(order=4).fit(np.sin(t)[:, None], dt=0.1, progress=False)
    made.save(tmp_path / "run")
    config = (tmp_path / "run" / "config.json").read_text()
    (tmp_path / "run" / "config.json").write_text(config.replace('"window": 4', '"window": 8'))
    with pytest.raises(dysyr.FormatError, match="is damaged"):
        dysyr.load(tmp_path / "run")
