"""The kernel cache: one compilation serves all processes."""

import os
import subprocess
import sys

import numpy as np

from dysyr.kernels import jit

SOURCE = """
import numpy as np
N_DIM = 1


def rhs(t, x, p, out):
    for i in range(x.shape[1]):
        out[0, i] = p[0, i]*x[0, i]
"""

PROGRAM = f"""
import numpy as np
from dysyr.kernels.jit import load_generated, first_class, right_hand_side
from dysyr.kernels.iteration import map_iterator
module = load_generated({SOURCE!r}, "doubling")
rhs = first_class(module.rhs, right_hand_side(np.float64))
iterate = map_iterator(np.float64)
x, p = np.ones((1, 2)), np.full((1, 2), 2.0)
iterate(rhs, 0.0, 0, 3, 1, x, p, False, np.empty((0, 1, 2)), np.full(2, -1))
assert x.tolist() == [[8.0, 8.0]], x
from dysyr.kernels.measures.pair_counts import _count_near, pair_counts
from dysyr.kernels.shallow_plrnn import Parameters
from dysyr.kernels.shallow_plrnn_run import _run, run
shapes = [2], [2, 3], [3, 2], [2], [3], [2, 0], [0, 2], [0, 2]
assert run(Parameters(*map(np.ones, shapes)), np.zeros((1, 2)), 1).tolist() == [[[4.0, 4.0]]]
assert pair_counts(np.eye(3), [2.0], theiler=1).tolist() == [1]
for compiled in (rhs, iterate, _run, _count_near):
    print(sum(compiled.stats.cache_misses.values()), sum(compiled.stats.cache_hits.values()))
"""


def run_program(folder):
    environment = {**os.environ, "DYSYR_CACHE_DIR": str(folder), "NUMBA_CACHE_DIR": str(folder / "numba")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_second_process_compiles_nothing(tmp_path):
    assert run_program(tmp_path) == ["1 0"] * 4
    assert run_program(tmp_path) == ["0 1"] * 4


def test_same_text_is_the_same_module():
    assert jit.load_generated(SOURCE, "doubling") is jit.load_generated(SOURCE, "doubling")


def test_generated_files_bear_a_fixed_time(tmp_path):
    # numba takes the time of a file for its version: two processes that write the same text must agree on it
    path = tmp_path / "generated.py"
    jit._write_once(path, "a = 1\n")
    first = path.stat().st_mtime
    jit._write_once(path, "a = 1\n")
    assert path.stat().st_mtime == first
    assert [p.name for p in tmp_path.iterdir()] == ["generated.py"]


def test_fingerprint_depends_on_text_and_on_imported_kernels(monkeypatch, tmp_path):
    text = "from dysyr.kernels.normals import fill_normals\n" + SOURCE
    assert {"normals", "philox", "jit"} <= jit._kernel_imports(text)
    in_brackets = "from dysyr.kernels import (\n    shallow_plrnn as k,\n)"
    assert {"lane_products", "vector_code"} <= jit._kernel_imports(in_brackets)
    assert jit._kernel_imports("from dysyr.kernels import nothing_of_the_kind") == set()
    of_a_package = jit._kernel_imports("from dysyr.kernels.scans import linear_kernels as kernels, work_parts")
    assert {"scans.linear_kernels", "scans.work_parts", "scans.lanes"} <= of_a_package
    plain = jit._fingerprint(text)
    assert plain != jit._fingerprint(text + "\n")
    changed = tmp_path / "changed.py"
    changed.write_text("x = 1\n")
    original = jit._kernel_file
    monkeypatch.setattr(jit, "_kernel_file", lambda name: changed if name == "philox" else original(name))
    assert jit._fingerprint(text) != plain


def test_nan_and_infinity_keep_their_meaning():
    @jit.jit
    def kinds(x):
        return np.isnan(x), np.isfinite(x), 1.0 / x

    assert kinds(np.nan)[:2] == (True, False)
    assert kinds(0.0) == (False, True, np.inf)


def test_cached_code_is_named_after_the_texts_of_its_callees(monkeypatch, tmp_path):
    """numba notices a change in a function's own file only."""
    from dysyr.kernels import forcing

    path = forcing.growth.py_func.__code__.co_filename
    assert jit._module_fingerprint(path) in forcing.growth._cache._impl.filename_base
    changed = tmp_path / "changed.py"
    changed.write_text("x = 1\n")
    original = jit._kernel_file
    monkeypatch.setattr(jit, "_kernel_file", lambda name: changed if name == "vector_blocks" else original(name))
    assert jit._module_fingerprint.__wrapped__(path) != jit._module_fingerprint(path)
