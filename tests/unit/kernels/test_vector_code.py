"""Vector code over rows of 16 lanes refuses arrays that it would read in the wrong places."""

import numpy as np
import pytest
from numba.core.errors import TypingError

from dysyr.kernels.jit import jit
from dysyr.kernels.lane_products import add_times
from dysyr.kernels.vector_code import CACHE_LINE, LANES, lane_zeros


@jit
def add_products(a, b, total):
    add_times(total.size // LANES, a, 0, b, 0, total, 0, total, 0)


def test_products_of_rows(rng):
    a, b = rng.normal(size=(2, 3 * LANES))
    total = np.ones(3 * LANES)
    add_products(a, b, total)
    np.testing.assert_allclose(total, 1 + a * b, rtol=0, atol=1e-14)


def test_arrays_with_gaps_more_axes_or_another_type_are_refused(rng):
    rows = np.zeros(2 * LANES)
    for other in (np.zeros(4 * LANES)[::2], np.zeros((2, LANES)), np.zeros(2 * LANES, np.float32)):
        with pytest.raises(TypingError, match="flat contiguous arrays of one type"):
            add_products(rows, other, rows.copy())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3, LANES), (1, 5, 7, LANES), (0, LANES)])
def test_rows_begin_at_cache_lines_and_are_zero(dtype, shape):
    rows = lane_zeros(shape, dtype)
    assert rows.shape == shape and rows.dtype == dtype and not rows.any()
    assert rows.size == 0 or rows.ctypes.data % CACHE_LINE == 0
    assert rows.flags.c_contiguous
