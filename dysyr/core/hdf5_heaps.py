"""Global heaps of HDF5 files, and damage in them over which the HDF5 library reads for ever.

A global heap (HDF5 File Format Specification, III.E) is ``GCOL``, a version, three bytes and its size; then objects,
each of an index, a count of references, four bytes, a size and as many bytes, padded to eight. Index 0 is what is left
over, and its size includes its header. The library walks from object to object, and a size that moves it nowhere holds
it for ever.
"""

import mmap
import struct

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAP = b"GCOL\x01"
HEADER, OBJECT = struct.Struct("<8xQ"), struct.Struct("<H6xQ")


def damaged_heap(path):
    """Where the first global heap begins in which an object ends nowhere or outside of the heap.

    Args:
        path: file; of other kinds than HDF5 with lengths of eight bytes nothing is said.

    Returns:
        int, or None where there is none.

    Raises:
        OSError, ValueError: the file cannot be read, or is empty.
    """
    with open(path, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        length_of_lengths = content[14:15] if content[8:9] < b"\x02" else content[10:11]
        if content[:8] != SIGNATURE or length_of_lengths != b"\x08":
            return None
        at = content.find(HEAP)
        while at >= 0:
            if not _ends(content, at):
                return at
            at = content.find(HEAP, at + len(HEAP))
    return None


def _ends(content, begin):
    """Whether a walk over the objects of a heap comes to its end."""
    (size,) = HEADER.unpack_from(content, begin) if begin + HEADER.size <= len(content) else (0,)
    at, end = begin + HEADER.size, min(begin + size, len(content))
    while at + OBJECT.size <= end:
        index, length = OBJECT.unpack_from(content, at)
        step = length if index == 0 else OBJECT.size + -(-length // 8) * 8
        if not 0 < step <= end - at:
            return False
        at += step
    return True
