"""Commands that are killed at random moments go on where they were, or leave the old file as it was."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

import dysyr

N_KILLS = 5
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="kills a group of processes"),
]


def start(*words, cwd):
    command = [sys.executable, "-m", "dysyr", *map(str, words)]
    return subprocess.Popen(command, cwd=cwd, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(*words, cwd):
    running = start(*words, cwd=cwd)
    said = running.communicate()[1].decode()
    assert running.returncode == 0, said


def killed(*words, cwd, after):
    """Start a command and kill it after some seconds; True if it was still running then."""
    running = start(*words, cwd=cwd)
    try:
        running.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        return True
    assert running.returncode == 0
    return False


@pytest.fixture
def moments():
    """Random shares of a duration, always the same."""
    return random.Random(20240229)


def test_training_ends_with_the_same_bits(tmp_path, moments):
    dysyr.save(dysyr.simulate("lorenz63", n_steps=2000, observation_noise=0.01), tmp_path / "train.nc")
    settings = ["hidden_dim=30", "n_updates=6000", "n_refinements=5", "max_restarts=0", "n_checks=60"]
    words = ["fit", "shplrnn", "train.nc", *(word for setting in settings for word in ("--set", setting))]
    begun = time.monotonic()
    finish(*words, "-o", "whole", cwd=tmp_path)
    seconds = time.monotonic() - begun
    n_killed, checkpoints = 0, set()
    while n_killed < N_KILLS and killed(
        *words, "-o", "killed", "--resume", cwd=tmp_path, after=seconds * moments.uniform(0.5, 0.95)
    ):
        n_killed += 1
        checkpoints |= {path.name for path in (tmp_path / "killed").rglob("*.safetensors")}
    assert n_killed > 0 and checkpoints, "no kill came after the first checkpoint"
    if n_killed == N_KILLS:
        finish(*words, "-o", "killed", "--resume", cwd=tmp_path)
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_reports_are_the_old_or_the_new_one(tmp_path, moments):
    data = dysyr.simulate("lorenz63", n_steps=1500)
    dysyr.save(data, tmp_path / "truth.nc")
    dysyr.LinearAR(order=2).fit(data, progress=False).save(tmp_path / "run")
    words = ["report", "run", "--truth", "truth.nc", "-o", "report.html", "--measures", "d_h,smape"]
    begun = time.monotonic()
    finish(*words, cwd=tmp_path)
    seconds, page = time.monotonic() - begun, tmp_path / "report.html"
    assert page.read_text().rstrip().endswith("</html>")
    page.write_text("the old one")
    n_killed = 0
    for _ in range(N_KILLS):
        n_killed += killed(*words, cwd=tmp_path, after=seconds * moments.uniform(0.3, 1.0))
        text = page.read_text()
        assert text == "the old one" or text.rstrip().endswith("</html>")
    assert n_killed > 0
    assert json.loads((tmp_path / "run" / "config.json").read_text())["method"] == "LinearAR"
    finish(*words, cwd=tmp_path)
    assert page.read_text().rstrip().endswith("</html>")
