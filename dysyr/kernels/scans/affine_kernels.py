"""Compiled loops of the affine recurrence with matrices: one sequence after the other.

Products with rows of a matrix and with its transpose both read the matrix row by row. Columns go in rows of 16 lanes,
what is left in scalars. Arrays are flat, (batch, time, row, column), (batch, time, row) and, for states, (batch, row).
The slow twin is ``affine_scan_reference.py``.
"""

import numpy as np

from dysyr.kernels.jit import jit
from dysyr.kernels.scans.lanes import LANES, load, spread, store, total, zeros


@jit
def forward(A, b, sizes, first, last, start, stop, state, h):
    """Advance sequences first..last-1 over times start..stop-1.

    Args:
        A, b: matrices and inputs.
        sizes: (n_steps, n), n = rows and columns.
        first, last: sequences.
        start, stop: times.
        state: states before; overwritten with those after.
        h: filled.
    """
    n_steps, n = sizes
    whole = n - n % LANES
    for sequence in range(first, last):
        s = state[sequence * n : (sequence + 1) * n]
        for t in range(start, stop):
            row = (sequence * n_steps + t) * n
            for i in range(n):
                at = (row + i) * n
                value = b[row + i]
                if whole > 0:
                    products = zeros(A)
                    for j in range(0, whole, LANES):
                        products = products + load(A, at + j) * load(s, j)
                    value += total(products)
                for j in range(whole, n):
                    value += A[at + j] * s[j]
                h[row + i] = value
            for i in range(n):
                s[i] = h[row + i]


@jit
def backward(A, h, h0, dh, sizes, first, last, start, stop, with_matrices, state, dA, db):
    """Gradients of sequences first..last-1 from time stop - 1 back to time start.

    Args:
        A, sizes, first, last, start, stop: as in :func:`forward`.
        h: its result.
        h0: its states at the very beginning.
        dh: gradient of h.
        with_matrices: whether dA is wanted.
        state: gradient of the states after these times, without that of h; overwritten with that before them.
        dA, db: filled; dA is empty when it is not wanted.
    """
    n_steps, n = sizes
    whole = n - n % LANES
    carried = np.empty(n, A.dtype)
    for sequence in range(first, last):
        s = state[sequence * n : (sequence + 1) * n]
        for t in range(stop - 1, start - 1, -1):
            row = (sequence * n_steps + t) * n
            past = h[row - n : row] if t > 0 else h0[sequence * n : (sequence + 1) * n]
            carried[:] = 0
            for i in range(n):
                at = (row + i) * n
                g = dh[row + i] + s[i]
                db[row + i] = g
                for j in range(0, whole, LANES):
                    lanes = spread(db, row + i)
                    store(carried, j, load(carried, j) + lanes * load(A, at + j))
                    if with_matrices:
                        store(dA, at + j, lanes * load(past, j))
                for j in range(whole, n):
                    carried[j] += g * A[at + j]
                    if with_matrices:
                        dA[at + j] = g * past[j]
            s[:] = carried
