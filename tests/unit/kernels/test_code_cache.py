"""Files of compiled code: whole or not there, and never those of another signature."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from dysyr.kernels import code_cache
from dysyr.kernels.code_cache import CompiledFiles, KernelCache

ADD = """
def add(x):
    x[0] += 1
"""

# compiles the function of a file for types one after another, and says how often the cache had it already
COMPILE = """
import sys
sys.path.insert(0, sys.argv[1])
import adding
from dysyr.kernels.jit import jit
import numpy as np
print("ready", flush=True)
sys.stdin.readline()
compiled = jit(adding.add)
for dtype in sys.argv[2:]:
    x = np.full(2, 1.5, dtype)
    compiled(x)
    assert x.tolist() == [2.5, 1.5], (dtype, x)
print(sum(compiled.stats.cache_hits.values()))
"""


@pytest.fixture
def files(tmp_path):
    return CompiledFiles(tmp_path, "add-1")


def test_each_key_has_its_own_file(files, tmp_path):
    files.save(("float64",), 1)
    files.save(("float32",), 2)
    assert (files.load(("float64",)), files.load(("float32",)), files.load(("int64",))) == (1, 2, None)
    assert len(list(tmp_path.iterdir())) == 2
    files.flush()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:-1], lambda whole: b"", lambda whole: whole[:40] + b"?" + whole[41:]]
)
def test_damaged_file_is_as_good_as_none(files, damage):
    files.save("key", "data")
    path = files.path("key")
    path.write_bytes(damage(path.read_bytes()))
    assert files.load("key") is None
    files.save("key", "data")
    assert files.load("key") == "data"


def test_file_of_another_key_is_not_taken(files):
    """Types of different modules can have one text."""
    files.save("key", "data")
    files.path("other").write_bytes(files.path("key").read_bytes())
    assert files.load("other") is None


@pytest.fixture
def add(tmp_path):
    """A function in a file of a folder whose ``__pycache__`` cannot be made, by root neither."""
    (tmp_path / "__pycache__").write_text("not a folder")
    path = tmp_path / "adding.py"
    path.write_text(ADD)
    space = {"__name__": "adding"}
    exec(compile(ADD, str(path), "exec"), space)
    return space["add"]


def test_package_that_cannot_be_written_keeps_its_code_in_the_folder_of_dysyr(add, monkeypatch, tmp_path):
    monkeypatch.setattr(code_cache, "cache_folder", lambda: tmp_path / "kernels")
    monkeypatch.setattr("numba.core.config.CACHE_DIR", "")
    assert KernelCache(add, "texts").cache_path.startswith(str(tmp_path / "kernels" / tmp_path.name))


def test_full_disk_costs_the_cache_and_not_the_result(add, monkeypatch, tmp_path):
    monkeypatch.setattr(code_cache, "cache_folder", lambda: tmp_path / "kernels")
    monkeypatch.setattr("numba.core.config.CACHE_DIR", "")
    from dysyr.kernels.jit import jit

    def full(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    compiled = jit(add)
    monkeypatch.setattr(code_cache.os, "replace", full)
    x, y = np.zeros(2), np.zeros(2, np.float32)
    with pytest.warns(RuntimeWarning, match="compiled kernels cannot be kept in '.*kernels.*': No space left"):
        compiled(x)
    compiled(y)  # told once
    assert x.tolist() == y.tolist() == [1.0, 0.0]
    assert not [path for path in (tmp_path / "kernels").rglob("*") if path.is_file()]


def test_two_processes_fill_one_cache(tmp_path):
    (tmp_path / "adding.py").write_text(ADD)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "compiled")}
    kinds = ["float32", "float64", "complex64", "complex128"]

    def start(*dtypes):
        words = [sys.executable, "-W", "error", "-c", COMPILE, str(tmp_path), *dtypes]
        return subprocess.Popen(words, env=environment, stdin=-1, stdout=-1, stderr=-1, text=True)

    both = [start(*kinds), start(*reversed(kinds))]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    out, said = start(*kinds).communicate("\n")
    assert out == f"ready\n{len(kinds)}\n", said
    names = [file.name for file in (tmp_path / "compiled").rglob("*") if file.is_file()]
    assert len(names) == len(kinds)
    assert all(name.endswith(".nbc") for name in names)
