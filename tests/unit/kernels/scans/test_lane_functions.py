import mpmath
import numpy as np
import pytest
from numba.core.errors import TypingError

from dysyr.kernels.jit import jit
from dysyr.kernels.scans.lane_functions import exp, exp2, logistic, softplus
from dysyr.kernels.scans.lanes import LANES, load, load_part, spread, store, store_part, total, zeros

ULP = {"exp": 1.0, "exp2": 1.0, "softplus": 3.5, "logistic": 2.5}


@jit
def apply(x, exps, powers, softplusses, logistics):
    for i in range(0, x.size, LANES):
        row = load(x, i)
        store(exps, i, exp(row))
        store(powers, i, exp2(row))
        store(softplusses, i, softplus(row))
        store(logistics, i, logistic(row))


@jit
def arithmetic(a, b, number, out):
    x, y = load(a, 0), load(b, 0)
    store(out, 0, x + y)
    store(out, 16, x - 2.0 * y)
    store(out, 32, x / (1 - y))
    store(out, 48, spread(b, 3) * x + zeros(a))
    store(out, 64, x * number)
    return total(x)


@jit
def copy_part(a, at, count, out):
    store_part(out, at, count, load_part(a, at, count))
    return total(load_part(a, at, count))


def results(x):
    outputs = {name: np.empty_like(x) for name in ULP}
    apply(x, *outputs.values())
    return outputs


def exact(name, x):
    x = mpmath.mpf(float(x))
    if name == "exp":
        return mpmath.exp(x)
    if name == "exp2":
        return mpmath.mpf(2) ** x
    return mpmath.log1p(mpmath.exp(x)) if name == "softplus" else 1 / (1 + mpmath.exp(-x))


@pytest.mark.parametrize("dtype, largest", [(np.float32, 87.0), (np.float64, 707.0)])
def test_errors_in_units_of_the_last_place(rng, dtype, largest):
    x = np.concatenate([rng.uniform(-largest, largest, 800), rng.normal(size=400), 10 ** rng.uniform(-9, 0, 400)])
    x = x.astype(dtype)
    with mpmath.workdps(40):
        for name, got in results(x).items():
            for y, at in zip(got, x, strict=True):
                error = abs(mpmath.mpf(float(y)) - exact(name, at)) / float(np.spacing(y))
                assert error < ULP[name], (name, at)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_limits(dtype):
    x = np.zeros(LANES, dtype)
    x[:7] = [np.nan, np.inf, -np.inf, 0, 1e4, -1e4, -0.0]
    expected = {
        "exp": [np.nan, np.inf, 0, 1, np.inf, 0, 1],
        "exp2": [np.nan, np.inf, 0, 1, np.inf, 0, 1],
        "softplus": [np.nan, np.inf, 0, np.log(dtype(2)), 1e4, 0, np.log(dtype(2))],
        "logistic": [np.nan, 1, 0, 0.5, 1, 0, 0.5],
    }
    for name, got in results(x).items():
        np.testing.assert_allclose(got[:7], expected[name], rtol=2e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_operators_keep_the_dtype(rng, dtype):
    a, b = (rng.integers(2, 9, LANES).astype(dtype) for _ in range(2))
    out = np.empty(80, dtype)
    assert arithmetic(a, b, 0.1, out) == a.sum()
    expected = [a + b, a - 2 * b, a / (1 - b), b[3] * a, a * dtype(0.1)]
    np.testing.assert_array_equal(out, np.concatenate(expected))


@pytest.mark.parametrize("count", [1, 7, 15, 16])
def test_parts_of_rows_touch_nothing_else(rng, count):
    a, out = rng.normal(size=18), np.zeros(18)
    sum_of_part = copy_part(a, 1, count, out)
    np.testing.assert_array_equal(out, np.concatenate([[0], a[1 : 1 + count], np.zeros(17 - count)]))
    np.testing.assert_allclose(sum_of_part, a[1 : 1 + count].sum(), rtol=1e-14)


@pytest.mark.parametrize("array", [np.zeros(64)[::2], np.zeros((2, 32))], ids=["strided", "matrix"])
def test_rows_are_not_read_across_gaps(array):
    with pytest.raises(TypingError, match="rows of lanes lie in flat contiguous arrays"):
        copy_part(array, 0, 3, np.zeros(16))


def test_a_row_of_another_dtype_is_not_stored(rng):
    @jit
    def narrow(wide, single):
        store(single, 0, load(wide, 0))

    with pytest.raises(TypingError):
        narrow(rng.normal(size=16), np.zeros(16, np.float32))
