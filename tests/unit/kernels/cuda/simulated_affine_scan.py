"""The affine scan of the device against its twin in torch: run by test_kernels_run.py."""

import numpy as np
import pytest
import torch

from dysyr.core.errors import InputError
from dysyr.kernels.cuda.affine_scan import MOST_STATES, Blocking, affine_scan, affine_scan_backward, blocking_for
from dysyr.kernels.scans import affine_scan_reference

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


def twin(A, b, h0, g):
    """h, dA, db, dh0 by the reference and torch's derivatives, in float64."""
    A, b, h0 = (torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in (A, b, h0))
    h = affine_scan_reference.affine_scan(A, b, h0)
    h.backward(torch.tensor(g, dtype=torch.float64))
    return [tensor.detach().numpy() for tensor in (h, A.grad, b.grad, h0.grad)]


def case(rng, batch, length, n, dtype="float64"):
    shape = (batch, length, n)
    arrays = rng.normal(size=(*shape, n)) / np.sqrt(n), rng.normal(size=shape), rng.normal(size=(batch, n))
    return [array.astype(dtype) for array in (*arrays, rng.normal(size=shape))]


def results_of(A, b, h0, g, blocking):
    h = affine_scan(A, b, h0, blocking=blocking)
    return [result.copy_to_host() for result in (h, *affine_scan_backward(A, h, h0, g, blocking=blocking))]


def check(arrays, blocking):
    for got, expected in zip(results_of(*arrays, blocking), twin(*arrays), strict=True):
        assert got.dtype == arrays[0].dtype
        bound = TOLERANCE[got.dtype.name] * np.abs(expected).max()
        np.testing.assert_allclose(got, expected, rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch, length, n", [(1, 1, 1), (1, 5, 4), (3, 1, 3), (3, 7, 3)])
def test_states_and_gradients_equal_the_twin(batch, length, n, dtype, rng):
    """Two rows a block, chunks of three times, more threads than states; a singular matrix and one of zeros."""
    arrays = case(rng, batch, length, n, dtype)
    arrays[0][0, length // 2, 0] = 0
    arrays[0][-1, -1] = 0
    check(arrays, Blocking(2, 3, 2 * n + 1))


def test_with_the_blocking_of_a_device(rng):
    check(case(rng, 1, 9, 20), None)


def test_the_blocking_changes_no_bit(rng):
    arrays = case(rng, 3, 5, 2, "float32")
    expected = results_of(*arrays, Blocking(1, 1, 2))
    for got, other in zip(results_of(*arrays, Blocking(3, 4, 7)), expected, strict=True):
        np.testing.assert_array_equal(got, other)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_blocking_of_each_size_fits_a_block(dtype):
    for n in range(1, MOST_STATES + 1):
        rows, times, threads = blocking_for(n, dtype)
        reals = rows * times * n * (n | 1) + rows * (2 * times + 1) * n
        assert rows >= 1 and times >= 1 and rows * n <= threads
        assert reals * np.dtype(dtype).itemsize <= 48 * 1024


b, h0 = np.ones((1, 4, 2)), np.ones((1, 2))
A = np.ones((1, 4, 2, 2))
WIDE = np.ones((1, 1, MOST_STATES + 1))


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: affine_scan(A[:, :, 0], b, h0), r"A has another shape: \(1, 4, 2\); \(1, 4, 2, 2\)"),
        (lambda: affine_scan(A.astype("float32"), b, h0), "A has another dtype: float32; float64"),
        (lambda: affine_scan(A, b.astype(int), h0), "dtype of b: int64; float32 or float64"),
        (lambda: affine_scan(A, b[0], h0), r"shape of b: \(4, 2\); \(batch, time, state\)"),
        (lambda: affine_scan(A, b[:, :0], h0), r"shape of b: \(1, 0, 2\)"),
        (lambda: affine_scan(A, b, h0[0]), r"h0 has another shape: \(2,\); \(1, 2\)"),
        (lambda: affine_scan(A, WIDE, h0), "number of states: 65; at most 64"),
        (lambda: affine_scan(A, b, h0, blocking=Blocking(2, 1, 3)), "threads of a block: 3; at least 2 rows times 2"),
        (lambda: affine_scan_backward(A, b[0], h0, b), r"shape of h: \(4, 2\); \(batch, time, state\)"),
        (lambda: affine_scan_backward(A, b, h0, b[:, :3]), r"g has another shape: \(1, 3, 2\); \(1, 4, 2\)"),
        (lambda: affine_scan_backward(A, torch.ones(1, 4, 2).double(), h0, b), "h is no array of NumPy"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call()
