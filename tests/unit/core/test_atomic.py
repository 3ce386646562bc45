"""Files are whole or not there: on a full disk, and with two processes at work in one folder."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from dysyr.core import folder_lock
from dysyr.core.atomic import write_text
from dysyr.core.checkpoint import Checkpoint
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import DysyrError
from dysyr.core.netcdf import read_dataset, save_dataset
from dysyr.core.run_folder import read_run, write_run


class Numbers:
    """The least that a run folder asks of a model, of any size."""

    def __init__(self, n):
        self.n = n

    def config(self):
        return {"n": self.n}

    def arrays(self):
        return {"a": np.full(self.n, float(self.n))}


def write(folder, n):
    write_run(
        folder, method=f"M{n}", parameters={"n": n}, model=Numbers(n), history={"loss": np.full(n, float(n))},
        provenance={"n": n},
    )  # fmt: skip


def fill(folder, n):
    """A data set, a checkpoint and a run of ``n`` numbers; the error of each that cannot be written."""
    told = []
    for work in (
        lambda: save_dataset(make_dataset(np.full((n, 1), 0.5), dt=0.1), folder / "data.nc"),
        lambda: Checkpoint(folder, "f").write({"a": np.full(n, 0.5)}, {}),
        lambda: write(folder / "run", n),
    ):
        try:
            work()
        except DysyrError as error:
            told.append(str(error))
    return told


def test_full_disk_is_told_and_leaves_the_old_files(tmp_path):
    """A limit on the size of files stands for the full disk. HDF5 would crash after it, so another process tries."""
    assert fill(tmp_path, 4) == []
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    words = [sys.executable, "-c", f"import {__name__} as t; t.fill_a_small_disk()", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(__file__)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for name, text in zip(("data.nc", "checkpoint.safetensors", "run/model.safetensors"), told, strict=True):
        assert text.startswith(f"cannot write '{tmp_path / name}': File too large")
        assert text.endswith("choose another place or free some room")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert read_dataset(tmp_path / "data.nc").sizes["time"] == 4


def fill_a_small_disk():
    """What the process of the test above does."""
    from pathlib import Path

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
    print(json.dumps(fill(Path(sys.argv[1]), 20_000)))


def test_two_processes_write_one_run(tmp_path):
    """Files of the two never stand side by side, for a reader either.

    Each pauses between two of its turns: one that takes the lock again at once can keep it from all others.
    """
    enough = tmp_path / "enough"
    loop = "while not os.path.exists(sys.argv[3]): t.write(sys.argv[1], int(sys.argv[2])); time.sleep(0.005)"
    program = f"import os, sys, time, {__name__} as t\n{loop}"
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(__file__)}
    folder = tmp_path / "run"
    write(folder, 2)
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(folder), str(n), str(enough)], env=environment, stderr=subprocess.PIPE
        )
        for n in (2, 3)
    ]
    seen, n_reads, begun = set(), 0, time.monotonic()
    try:
        while (seen != {2, 3} or n_reads < 50) and time.monotonic() < begun + 120:
            time.sleep(0.005)
            run, n_reads = read_run(folder), n_reads + 1
            n = run["model"]["n"]
            seen.add(n)
            assert run["method"] == f"M{n}" and run["provenance"] == {"n": n} and run["parameters"] == {"n": n}
            np.testing.assert_array_equal(run["arrays"]["a"], np.full(n, float(n)))
            np.testing.assert_array_equal(run["history"]["loss"], np.full(n, float(n)))
    finally:
        enough.touch()
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert seen == {2, 3}, "each has written while the other one did"
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "model.safetensors", "history.nc", "provenance.json",
    }  # fmt: skip


def test_folder_that_cannot_be_opened(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DysyrError, match="cannot open the folder '.*below': Not a directory"):
        with folder_lock.locked(tmp_path / "file" / "below"):
            pass


def test_file_system_without_locks_is_written_all_the_same(tmp_path, monkeypatch):
    def refuse(opened, kind):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(folder_lock.fcntl, "flock", refuse)
    write(tmp_path / "run", 3)
    assert read_run(tmp_path / "run")["model"] == {"n": 3}


def test_two_processes_write_one_page(tmp_path):
    """Reports and scores are written by ``write_text``: a reader sees the one or the other, always with its end."""
    page = tmp_path / "report.html"
    pages = {letter * 400_000 + "</html>" for letter in "ab"}
    program = (
        f"import sys, {__name__} as t\nfor _ in range(30): t.write_text(sys.argv[1], sys.argv[2]*400_000 + '</html>')"
    )
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(__file__)}
    write_text(page, "a" * 400_000 + "</html>")
    both = [
        subprocess.Popen([sys.executable, "-c", program, str(page), letter], env=environment, stderr=subprocess.PIPE)
        for letter in "ab"
    ]
    while any(process.poll() is None for process in both):
        assert page.read_text() in pages
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
