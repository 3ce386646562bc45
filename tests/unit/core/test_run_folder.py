import json

import numpy as np
import pytest

from dysyr.core.atomic import atomic_path, write_text
from dysyr.core.errors import DysyrError, FormatError
from dysyr.core.run_folder import check_target, read_run, write_run


class OneNumber:
    """The least that a run folder asks of a model."""

    def config(self):
        return {"family": "one", "dt": 0.1}

    def arrays(self):
        return {"a": np.arange(6.0).reshape(2, 3).T}


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    write_run(
        folder, method="M", parameters={"seed": 3, "rate": 1e-3}, model=OneNumber(),
        history={"loss": np.array([2.0, 1.0]), "update": np.array([5, 10])}, provenance={"seed": 3},
    )  # fmt: skip
    return folder


def test_what_is_written_is_read(run):
    back = read_run(run)
    assert back["method"] == "M"
    assert back["parameters"] == {"seed": 3, "rate": 1e-3}
    assert back["model"] == {"family": "one", "dt": 0.1}
    np.testing.assert_array_equal(back["arrays"]["a"], OneNumber().arrays()["a"])
    np.testing.assert_array_equal(back["history"]["loss"], [2.0, 1.0])
    assert back["provenance"] == {"seed": 3}


def test_no_file_of_a_run_is_a_pickle(run):
    for file in run.iterdir():
        assert file.suffix in (".json", ".nc", ".safetensors")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "config.json").unlink(), "is not a run: it has no config.json"),
        (lambda run: (run / "config.json").write_text("{"), "cannot read"),
        (lambda run: (run / "config.json").write_text("[1]"), "is not a run"),
        (lambda run: (run / "config.json").write_text('{"kind": "dysyr run", "format": 9}'), "another format: 9"),
        (lambda run: (run / "model.safetensors").write_bytes(b"\x80\x04nonsense"), "is damaged"),
        (lambda run: (run / "model.safetensors").unlink(), "is damaged"),
        (lambda run: (run / "history.nc").write_bytes(b"CDF"), "is damaged"),
        (lambda run: (run / "provenance.json").unlink(), "cannot read"),
    ],
)
def test_damaged_runs_are_refused(run, damage, message):
    damage(run)
    with pytest.raises(FormatError, match=message):
        read_run(run)


def test_no_such_folder(tmp_path):
    with pytest.raises(FormatError, match="there is no such folder"):
        read_run(tmp_path / "nothing")


def test_foreign_folders_are_not_written_into(tmp_path, run):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(DysyrError, match="is not empty: it holds other files"):
        check_target(tmp_path)
    check_target(run)
    with pytest.raises(DysyrError, match="it holds a run"):
        check_target(run, allow_run=False)
    with pytest.raises(DysyrError, match="is a file"):
        check_target(tmp_path / "thesis.tex")


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "a.json"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_is_told_as_such(tmp_path):
    target = tmp_path / "a.json"
    write_text(target, "old")
    with pytest.raises(DysyrError, match="cannot write .*a.json.*No space left on device"), atomic_path(target):
        raise OSError(28, "No space left on device")
    assert target.read_text() == "old"


def test_config_is_strict_json(run):
    assert json.loads((run / "config.json").read_text())["kind"] == "dysyr run"
