"""Where kernels are kept, and what happens where nothing can be."""

import tempfile

import pytest

from dysyr.core.errors import DysyrError
from dysyr.kernels import cache_folder


@pytest.fixture
def blocked(tmp_path):
    """A path in which no folder can be made, by root neither."""
    path = tmp_path / "file"
    path.write_text("not a folder")
    return path


def test_configured_folder(tmp_path):
    assert cache_folder._found(str(tmp_path)) == (tmp_path / "kernels", True)


def test_unwritable_folder_is_named(blocked):
    with pytest.raises(DysyrError, match=r"kernel cache cannot be written: DYSYR_CACHE_DIR=.*file.*name a writable"):
        cache_folder._found(str(blocked))


def test_without_a_writable_user_folder_a_temporary_one_is_taken_with_a_warning(monkeypatch, blocked):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(blocked))
    at_exit = []
    monkeypatch.setattr(cache_folder.atexit, "register", lambda *call, **options: at_exit.append((call, options)))
    with pytest.warns(RuntimeWarning, match="set DYSYR_CACHE_DIR"):
        folder, kept = cache_folder._found.__wrapped__(None)
    assert folder.is_dir()
    assert not kept
    [((remove, path), options)] = at_exit
    assert path == folder
    remove(path, **options)
    assert not folder.exists()


def test_without_any_writable_folder(monkeypatch, blocked):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(blocked))
    monkeypatch.setattr(tempfile, "tempdir", str(blocked))
    with pytest.raises(DysyrError, match=r"no folder for compiled kernels: neither '.*file.*set DYSYR_CACHE_DIR"):
        cache_folder._found.__wrapped__(None)
