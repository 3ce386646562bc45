import sys

import numpy as np
import pytest

from dysyr.benchmark import memory
from dysyr.core.dataset import as_dataset
from dysyr.core.errors import InputError

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a process holds")
DRAWN = ("LSTM", "KoopmanVAE", "LatentSDE", "SHPLRNN", "HankelStNN", "NeuralODE")
"""Methods that are trained on windows; repeats of PhyxMamba differ by more than what is to be seen here."""


@needs_linux
def test_the_peak_is_that_since_it_was_forgotten():
    np.ones(20_000_000)
    memory.forget_peak()
    before = memory.memory("VmRSS")
    np.ones(10_000_000)
    assert 0.9 * 8e7 < memory.memory("VmHWM") - before < 1.2 * 8e7


@needs_linux
def test_a_name_that_the_kernel_does_not_know():
    with pytest.raises(KeyError, match="VmNothing"):
        memory.memory("VmNothing")


def test_the_table_tells_growth_from_the_second_longest_record():
    samples = [1000, 10_000, 100_000]
    found = {("LSTM", n): {"before": 5e8, "peak": 5e8 + 1e6 + 48 * n, "seconds": 3.2, "failure": None} for n in samples}
    found |= {("GRU", n): {**found["LSTM", n], "failure": None if n < 1e5 else "too long"} for n in samples}
    lines = memory.table(found, samples).splitlines()
    assert lines[0].startswith("| method | more at 1,000 | more at 10,000 | more at 100,000 |")
    assert lines[2] == "| LSTM | 1 MB | 1 MB | 6 MB | 48 | 2.0 | 0.51 GB | 3 |"
    assert "100,000 samples: too long" in lines[3]
    assert lines[3].count("|") == lines[0].count("|")


def test_what_is_finished_is_kept_and_the_page_is_written(tmp_path, monkeypatch, capsys):
    asked = []

    def cell(name, path):
        asked.append((name, len(np.load(path))))
        return {"before": 1e8, "peak": 2e8, "seconds": 1.0, "failure": None}

    def whole(name, path):
        asked.append((name, path))
        return {"peak": 3e9, "size": 5e6, "seconds": 2.0, "failure": None}

    monkeypatch.setattr(memory, "cell", cell)
    monkeypatch.setattr(memory, "whole", whole)
    page = tmp_path / "memory.md"
    arguments = ["-o", str(tmp_path), "--samples", "3000", "2000", "--methods", "LSTM", "--write", str(page)]
    memory.main(arguments)
    memory.main(arguments)
    assert asked == [("LSTM", 2000), ("LSTM", 3000), ("LinearAR", str(tmp_path / "record_3000.npy"))]
    text = page.read_text()
    assert text.startswith("# Memory on long records\n\nWritten by `python -m dysyr.benchmark.memory -o ")
    assert "| LSTM | 100 MB | 100 MB | 0 | 0.0 | 0.20 GB | 1 |" in text
    assert "| LinearAR | 3,000 | 5 MB | 3.00 GB | 2 |" in text
    memory.main([*arguments, "--runs"])
    assert "LinearAR" not in page.read_text()


@needs_linux
def test_a_whole_run_begins_with_a_text_file(tmp_path, monkeypatch):
    seen = []

    def run_experiment(experiment, out, say):
        seen.append((experiment.reconstructors[0]["method"], as_dataset(experiment.data["path"], dt=memory.DT)))

    x = np.random.default_rng(0).normal(size=(50, 3))
    np.save(tmp_path / "x.npy", x)
    monkeypatch.setattr(memory, "run_experiment", run_experiment)
    made = memory.measure_whole("HankelDMD", tmp_path / "x.npy")
    method, data = seen[0]
    assert method == "hankeldmd"
    assert list(data["state"].values) == ["x", "y", "z"]
    np.testing.assert_allclose(data["x"].values[0], x, rtol=1e-7)
    assert made["size"] > 50 * 3 * 8 and made["peak"] > 1e7 and made["failure"] is None


@needs_linux
def test_a_fit_that_is_refused_is_a_failure_not_an_end(tmp_path, monkeypatch):
    def refused(name, x):
        raise InputError("too long")

    np.save(tmp_path / "x.npy", np.zeros((10, 3)))
    monkeypatch.setattr(memory, "fit", refused)
    assert memory.measure("LSTM", tmp_path / "x.npy") == {"failure": "too long"}


@needs_linux
@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWN)
def test_the_memory_of_a_training_grows_by_a_few_times_the_data(tmp_path, name):
    """In processes of their own, what libraries allocate included: twice what was measured, windows are far more."""
    more = []
    for n in (100_000, 300_000):
        np.save(tmp_path / f"{n}.npy", memory.record(n))
        found = memory.cell(name, tmp_path / f"{n}.npy")
        assert found["failure"] is None
        more.append(found["peak"] - found["before"])
    assert more[1] - more[0] < 20 * 200_000 * memory.SAMPLE
