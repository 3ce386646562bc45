"""Commands that fuzzing has found (tests/fuzz): each ends with a message, or works, and leaves other files alone."""

import errno
import io
import re

import numpy as np
import pytest

import dysyr
import dysyr.cli


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with a data file in it."""
    monkeypatch.chdir(tmp_path)
    dysyr.save(dysyr.make_dataset(np.sin(0.3 * np.arange(50.0)), dt=0.1), "a.nc")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "match"),
    [
        ("generate a.nc -o b.nc --n-steps 3", 1, "'a.nc' is no run: it is a file"),
        ("forecast a.nc --context a.nc -o b.nc --n-steps 3", 1, "'a.nc' is no run: it is a file"),
        ("generate c.nc -o b.nc --n-steps 3", 1, "'c.nc' is no run: there is no such folder"),
        ("inspect " + "a" * 5000, 1, "cannot use a file: .*File name too long"),
        ("simulate henon -o " + "a" * 5000, 1, "File name too long"),
        ("simulate henon -o b.csv", 1, r"cannot write 'b.csv': a data set; a name that ends in \.nc"),
        ("generate c -o b.csv --n-steps 3", 1, r"a name that ends in \.nc"),
        ("forecast c --context a.nc -o b --n-steps 3", 1, r"a name that ends in \.nc"),
        ("simulate henon -o /", 1, "cannot write '/': it is a folder"),
        ("evaluate a.nc --truth a.nc -o .", 1, "cannot write '.': it is a folder"),
        ("simulate henon -o b.nc --n-steps 9223372036854775807", 1, "n_steps: 9223372036854775807; at most"),
    ],
)
def test_refusals(words, code, match, run, here):
    got, out, err = run(*words.split())
    assert (got, out) == (code, "")
    assert re.search(match, err) and err.startswith("dysyr: ") and err.count("\n") == 1
    assert [path.name for path in here.iterdir()] == ["a.nc"]


def test_too_little_memory(run, here, monkeypatch):
    def too_large(*args, **kwargs):
        raise MemoryError("Unable to allocate 7.28 TiB")

    monkeypatch.setattr("dysyr.simulation.simulate.sampling_times", too_large)
    code, _, err = run("simulate", "henon", "-o", "b.nc")
    assert (code, err) == (1, "dysyr: not enough memory: Unable to allocate 7.28 TiB\n")


def test_names_that_are_not_text(here, monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.argv", ["dysyr", "simulate", "henon", "-o", "\udc89.nc", "--n-steps", "5"])
    with pytest.raises(SystemExit) as stop:
        dysyr.cli.main()
    out.flush()
    assert not stop.value.code and out.buffer.getvalue().startswith(b"\\udc89.nc: 1 x 5 samples")
    assert dysyr.load("\udc89.nc").sizes["time"] == 5


def test_a_reader_that_has_left(run, monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("sys.stdout", Closed())
    code, _, err = run("systems", "henon")
    assert (code, err) == (1, "")
