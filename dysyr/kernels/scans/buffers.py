"""Memory of results: large pages where the system has them, and the same memory again where a caller wants that.

The first write to each page of fresh memory is a fault that the system answers with a page of zeros. For a scan over
tens of megabytes, which does two operations per number, that takes several times as long as the scan.
"""

import math
import threading
import weakref

import numpy as np
import torch

ALIGNMENT = 64
"""Bytes: a row of 16 float32 never lies across two cache lines."""


class Workspace:
    """Memory that is used again for results of the same size once nobody holds them.

    A result stays as it is while any tensor, view or autograd graph refers to its memory. A workspace belongs to the
    model or the training loop that makes one; there is none behind the scenes.
    """

    def __init__(self):
        self._blocks = []
        self._lock = threading.Lock()

    def empty(self, shape, dtype):
        """An uninitialised tensor.

        Args:
            shape: its shape.
            dtype: its torch dtype.

        Returns:
            tensor on the CPU, contiguous, aligned to 64 bytes.
        """
        n_bytes = math.prod(shape) * dtype.itemsize
        with self._lock:
            block = next((block for block in self._blocks if block.fits(n_bytes)), None)
            if block is None:
                block = _Block(n_bytes)
                self._blocks.append(block)
            return torch.from_numpy(block.lend()).view(dtype).view(shape)


class _Block:
    """A piece of memory and who holds it."""

    def __init__(self, n_bytes):
        self._memory = aligned(n_bytes, np.uint8)
        self._holder = None

    def fits(self, n_bytes):
        return self._memory.nbytes == n_bytes and self._holder() is None

    def lend(self):
        """The memory as an array object of its own, which torch keeps alive as long as the storage of a tensor."""
        array = self._memory[:]
        self._holder = weakref.ref(array)
        return array


def empty(shape, dtype, workspace=None):
    """An uninitialised tensor of fresh memory, or of a workspace."""
    return (Workspace() if workspace is None else workspace).empty(shape, dtype)


def aligned(size, dtype):
    """A flat uninitialised array, aligned to 64 bytes.

    NumPy asks for large pages from 4 MB on, which torch does not.
    """
    dtype = np.dtype(dtype)
    memory = np.empty(size * dtype.itemsize + ALIGNMENT, dtype=np.uint8)
    first = -memory.ctypes.data % ALIGNMENT
    return memory[first : first + size * dtype.itemsize].view(dtype)


def flat(tensor):
    """A contiguous tensor's numbers as a flat NumPy array, not a copy."""
    return tensor.detach().view(-1).numpy()


def contiguous(tensor):
    """The tensor, or None, without gaps between its numbers."""
    return None if tensor is None else tensor.detach().contiguous()
