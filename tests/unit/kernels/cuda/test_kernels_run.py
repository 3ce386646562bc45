"""Kernels for CUDA in numba's simulator, and where there is a device on the device.

The simulated tests run in a process of their own, since the simulator is switched on before numba is imported.
"""

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


def test_in_the_simulator():
    run_tests(FILES, {"NUMBA_ENABLE_CUDASIM": "1"})


def test_on_the_device():
    from numba import cuda

    if not cuda.is_available():
        pytest.skip("there is no CUDA device")
    # dysyr bench --device cuda runs the contests, at full size
    run_tests([path for path in FILES if path.stem != "simulated_benchmark"], {"NUMBA_ENABLE_CUDASIM": "0"})


def run_tests(paths, variables):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *map(str, paths), "-q", "-p", "no:cacheprovider"],
        env=os.environ | variables, capture_output=True, text=True, cwd=HERE.parents[3], timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout) and not re.search("skipped|xfailed", done.stdout), done.stdout


def test_simulated_files_are_there():
    assert len(FILES) == 8
