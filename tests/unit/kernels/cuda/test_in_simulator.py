"""Kernels for CUDA in numba's simulator: each file of simulated tests runs in a process of its own, since the
simulator is switched on before numba is imported."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("simulated_*.py"))

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="numba-cuda is not installed: pip install 'dysyr[cuda]'"
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_simulated(path):
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(path), "-q", "-p", "no:cacheprovider"],
        env=environment, capture_output=True, text=True, cwd=HERE.parents[3], timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout) and not re.search("skipped|xfailed", done.stdout), done.stdout


def test_simulated_files_are_there():
    assert len(FILES) == 4
