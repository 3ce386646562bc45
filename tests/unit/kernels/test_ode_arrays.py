"""Views, stores past the caches and function addresses that the integrators use."""

import numpy as np
import pytest

from dysyr.core.codegen import UNROLLED, kernel_source
from dysyr.core.system import System
from dysyr.kernels.jit import first_class, jit, load_generated, right_hand_side
from dysyr.kernels.ode_pointer import FunctionPointer
from dysyr.kernels.ode_stores import stream
from dysyr.kernels.ode_views import aligned, block, window, with_windows
from dysyr.simulation.compiled import CompiledSystem

N_SITES = UNROLLED + 5
RING = System.ode(
    {"x[i]": "(x[i+1] - x[i-2])*x[i-1] - x[i] + F*y[i]", "y[i]": "G*x[i] - y[i-1]"},
    parameters={"F": 8.0, "G": 0.5}, index={"i": N_SITES}, name="ring_of_two_fields",
)  # fmt: skip


@jit
def copied(target, target_at, source, source_at, n):
    stream(target, target_at, source, source_at, n)


@jit
def window_of(array, begin, length):
    return window(array, begin, length).copy()


@jit
def block_of(array, begin, n_rows, n_columns):
    return block(array, begin, n_rows, n_columns).copy()


@jit
def address_of_aligned(size, like):
    values = aligned(size, like)
    return values.size, values.ctypes.data


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_streams_copy_any_length_to_any_place_and_nothing_else(dtype, rng):
    source = rng.normal(size=200).astype(dtype)
    for n in (0, 1, 7, 8, 15, 16, 17, 33, 100):
        for at in range(17):
            target = np.full(150, 7, dtype)
            copied(target, at, source, 3, n)
            expected = np.full(150, 7, dtype)
            expected[at : at + n] = source[3 : 3 + n]
            np.testing.assert_array_equal(target, expected)


def test_views_are_the_elements_they_name(rng):
    x = rng.normal(size=(5, 7))
    np.testing.assert_array_equal(window_of(x, 4, 9), x.ravel()[4:13])
    np.testing.assert_array_equal(block_of(x.ravel(), 3, 4, 6), x.ravel()[3:27].reshape(4, 6))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_workspaces_begin_at_a_cache_line(dtype):
    for size in (1, 5, 64, 1000):
        n, address = address_of_aligned(size, np.zeros(1, dtype))
        assert (n, address % 64) == (size, 0)


def test_long_loops_of_a_lattice_become_windows():
    plain = kernel_source(RING)
    text = with_windows(plain)
    assert "flat_" in plain
    assert "flat_" not in text
    assert text.count("window(") >= 8
    small = kernel_source(System.ode({"x": "-x"}))
    assert with_windows(small) == small


@pytest.mark.parametrize("lanes", [1, 3, 16, 37])
@pytest.mark.parametrize("alike", [True, False])
def test_a_lattice_is_right_whether_or_not_its_lanes_share_parameters(lanes, alike, rng):
    compiled = CompiledSystem(RING)
    x, out = rng.normal(size=(2 * N_SITES, lanes)), np.empty((2 * N_SITES, lanes))
    p = compiled.parameter_lanes(lanes)
    if not alike:
        p[:] = rng.normal(size=p.shape)
    compiled.rhs(np.zeros(lanes), x, p, out)
    a, b = x[:N_SITES], x[N_SITES:]
    expected = (np.roll(a, -1, 0) - np.roll(a, 2, 0)) * np.roll(a, 1, 0) - a + p[0] * b
    np.testing.assert_allclose(out[:N_SITES], expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(out[N_SITES:], p[1] * a - np.roll(b, 1, 0), rtol=1e-12, atol=1e-12)


def test_an_address_calls_the_function_it_was_made_from(rng):
    source = "def rhs(t, x, p, out):\n    for i in range(x.shape[1]):\n        out[0, i] = 3*x[0, i] + t[i]\n"
    signature = right_hand_side(np.float64)
    pointer = FunctionPointer(first_class(load_generated(source, "three_times").rhs, signature), signature)

    @jit
    def call(function, t, x, p, out):
        function(t, x, p, out)

    t, x, out = rng.normal(size=4), rng.normal(size=(1, 4)), np.empty((1, 4))
    call(pointer, t, x, np.empty((0, 4)), out)
    np.testing.assert_allclose(out, 3 * x + t)
