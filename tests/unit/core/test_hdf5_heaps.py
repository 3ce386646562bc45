"""Files over which the HDF5 library reads for ever are refused; all that it wrote itself are not."""

import struct

import h5py
import numpy as np
import pytest

import dysyr
from dysyr.core.hdf5_heaps import HEAP, damaged_heap


@pytest.fixture
def path(tmp_path):
    """A data set with a heap of names."""
    dysyr.save(dysyr.make_dataset(np.zeros((5, 2)), dt=0.1, names=["a", "b" * 300]), tmp_path / "a.nc")
    return tmp_path / "a.nc"


def damage(path, change):
    """Change the size of the last object of the first heap, the one of what is left over."""
    content = bytearray(path.read_bytes())
    heap = content.index(HEAP)
    (size,) = struct.unpack_from("<Q", content, heap + 8)
    at = heap + 16
    while (index := struct.unpack_from("<H", content, at)[0]) != 0:
        at += 16 + -(-struct.unpack_from("<Q", content, at + 8)[0] // 8) * 8
        assert at < heap + size
    assert index == 0 and struct.unpack_from("<Q", content, at + 8)[0] == heap + size - at
    struct.pack_into("<Q", content, at + 8, change)
    path.write_bytes(content)
    return heap


@pytest.mark.parametrize("size", [0, 2**63, 2**64 - 1])
def test_an_object_that_ends_nowhere(path, size):
    assert damaged_heap(path) is None
    heap = damage(path, size)
    assert damaged_heap(path) == heap
    with pytest.raises(dysyr.FormatError, match=f"cannot read .*the heap at byte {heap} is damaged"):
        dysyr.load(path)


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_heaps_of_the_library_are_sound(tmp_path, libver):
    with h5py.File(tmp_path / "a.h5", "w", libver=libver) as opened:
        words = np.array(["x" * n for n in (0, 1, 7, 8, 9, 5000) * 300], dtype=object)
        opened.create_dataset("words", data=words, dtype=h5py.string_dtype())
    content = (tmp_path / "a.h5").read_bytes()
    assert content.count(HEAP) > 10 and damaged_heap(tmp_path / "a.h5") is None


def test_other_files(tmp_path):
    (tmp_path / "a").write_bytes(b"no HDF5, but " + HEAP + bytes(40))
    assert damaged_heap(tmp_path / "a") is None
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(ValueError, match="empty"):
        damaged_heap(tmp_path / "a")
