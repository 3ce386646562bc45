"""A search that is killed, workers and all, goes on where it was."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

import dysyr

SETTINGS = ["--set", "learning_rate=1e-2,3e-3,1e-3,3e-4", "--set", "hidden_dim=4,6", "--set", "n_updates=300"]
REST = ["--set", "n_refinements=3", "--set", "max_restarts=0", "--rungs", "2"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills a group of processes")
def test_killed_at_some_moment_it_ends_with_the_same_table(tmp_path):
    pytest.importorskip("distributed")
    dysyr.save(dysyr.simulate("lorenz63", n_steps=400), tmp_path / "train.nc")

    def command(out, workers):
        words = [sys.executable, "-m", "dysyr", "tune", "shplrnn", tmp_path / "train.nc", "-o", out, *SETTINGS, *REST]
        return [*map(str, words), "--workers", str(workers)]

    out = tmp_path / "killed"
    running = subprocess.Popen(command(out, 2), start_new_session=True, stderr=subprocess.DEVNULL)
    while len(list(out.rglob("length_1_*.json"))) < 3:
        assert running.poll() is None, "it ended before it was killed"
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    written = {path: path.stat().st_mtime_ns for path in out.rglob("length_1_*.json")}
    assert 3 <= len(written) < 8 + 3
    for folder, workers in ((out, 1), (tmp_path / "whole", 0)):
        subprocess.run(command(folder, workers), check=True, stderr=subprocess.DEVNULL)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in written.items())
    tables = [pd.read_csv(folder / "candidates.csv").drop(columns="seconds") for folder in (out, tmp_path / "whole")]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    models = [(folder / "best" / "model.safetensors").read_bytes() for folder in (out, tmp_path / "whole")]
    assert models[0] == models[1]
