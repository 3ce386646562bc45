"""Scans of the device against plain loops in NumPy: run by test_kernels_run.py."""

import numpy as np
import pytest
import torch
from numba import cuda

from dysyr.core.errors import InputError
from dysyr.kernels.cuda.device import is_simulated
from dysyr.kernels.cuda.device_arrays import on_device, summed
from dysyr.kernels.cuda.linear_scan import Blocking, linear_scan, linear_scan_backward
from dysyr.kernels.cuda.selective_scan import CHECKPOINT, selective_scan, selective_scan_backward

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


def linear_twin(a, b, h0, g):
    """h, da, db, dh0 of the recurrence h_t = a_t h_{t-1} + b_t."""
    h, state = np.empty_like(b), h0
    for t in range(b.shape[1]):
        state = a[:, t] * state + b[:, t]
        h[:, t] = state
    da, db, carried = np.empty_like(a), np.empty_like(b), np.zeros_like(h0)
    for t in reversed(range(b.shape[1])):
        db[:, t] = g[:, t] + carried
        da[:, t] = db[:, t] * (h[:, t - 1] if t else h0)
        carried = a[:, t] * db[:, t]
    return h, da, db, carried


def selective_twin(u, delta, A, B, C, D, bias, z, h0):
    """out and the last states, time by time."""
    dt = np.logaddexp(0, delta + bias)
    h, y = h0, np.empty_like(u)
    for t in range(u.shape[1]):
        h = np.exp(dt[:, t, :, None] * A) * h + (dt[:, t] * u[:, t])[:, :, None] * B[:, t, None, :]
        y[:, t] = np.sum(C[:, t, None, :] * h, axis=2) + D * u[:, t]
    return y * z / (1 + np.exp(-z)), h


@pytest.mark.parametrize("blocking", [Blocking(1, 1, 1), Blocking(1, 2, 2), Blocking(2, 3, 2), Blocking(1, 2, 8)])
def test_linear_scan_gives_the_published_vector(blocking):
    a = np.array([0.5, 2, -1, 0.25, 0, 3]).reshape(1, 6, 1)
    b = np.array([1, -1, 2, 4, 1, 0.5]).reshape(1, 6, 1)
    g = np.array([1, 0, 2, -1, 0.5, 1]).reshape(1, 6, 1)
    h = linear_scan(a, b, np.zeros((1, 1)), blocking=blocking)
    np.testing.assert_array_equal(h.copy_to_host().ravel(), [1, 1, 1, 4.25, 1, 3.5])
    da, db, _ = linear_scan_backward(a, h, np.zeros((1, 1)), g, blocking=blocking)
    np.testing.assert_array_equal(da.copy_to_host().ravel(), [0, -1.75, 1.75, -1, 14.875, 1])
    np.testing.assert_array_equal(db.copy_to_host().ravel(), [-2.5, -1.75, 1.75, -1, 3.5, 1])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("length", [1, 2, 5, 6, 7, 23])
def test_linear_scan_equals_its_loop(length, dtype, rng):
    """Chunks of 3 x 2 times, two groups of channels."""
    blocking = Blocking(2, 3, 2)
    shape = (2, length, 3)
    a, b, g = (rng.normal(size=shape).astype(dtype) for _ in range(3))
    a[0, length // 2, 1], a[1, 0, 2] = 0, 1
    h0 = rng.normal(size=(2, 3)).astype(dtype)
    twins = linear_twin(*(array.astype(float) for array in (a, b, h0, g)))
    h = linear_scan(a, b, h0, blocking=blocking)
    results = h, *linear_scan_backward(a, h, h0, g, blocking=blocking)
    for result, twin in zip(results, twins, strict=True):
        got = result.copy_to_host()
        assert got.dtype == dtype
        np.testing.assert_allclose(got, twin, rtol=0, atol=TOLERANCE[dtype] * np.abs(twin).max())


def test_linear_scan_with_the_blocking_of_a_device(rng):
    a, b = rng.uniform(0.5, 1, (2, 1, 67, 2))
    h = linear_scan(a, b, np.zeros((1, 2))).copy_to_host()
    np.testing.assert_allclose(h, linear_twin(a, b, np.zeros((1, 2)), b)[0], rtol=1e-12)


def test_selective_scan_gives_the_published_vector():
    def column(*values):
        return np.array(values, float).reshape(1, 3, 1)

    inputs = (
        column(1, -0.5, 2), column(0.1, -0.3, 0.7), np.array([[-1.0, -2.0]]),
        np.array([[[1, 0.5], [-0.5, 1], [0.25, -1]]]), np.array([[[1.0, 1], [0.5, -1], [2, 1]]]), np.array([0.3]),
        np.array([0.2]), column(0.5, -1, 1.5), np.zeros((1, 1, 2)),
    )  # fmt: skip
    out, last, checkpoints = selective_scan(*inputs)
    gradients = selective_scan_backward(*inputs, checkpoints, np.ones((1, 3, 1)), np.zeros((1, 1, 2)))
    expected = {
        "u": [0.793615533, -0.026450604, -0.393143282], "delta": [0.470824567, -0.183928577, -1.149361139],
        "A": [0.702462265, 0.002174404], "D": [2.898423805], "z": [1.170272938, 0.025986233, -0.318444841],
        "B": [0.523570315, 0.353352636, -0.185099788, -0.119665805, 6.088414374, 3.044207187],
        "C": [0.265900697, 0.132950349, -0.163951501, 0.054989601, 0.977149428, -3.065157422],
    }  # fmt: skip
    np.testing.assert_allclose(out.copy_to_host().ravel(), [0.492219945, -0.096624138, -0.375041537], atol=1e-9)
    np.testing.assert_allclose(last.copy_to_host().ravel(), [0.796787291, -2.499390992], atol=1e-9)
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(gradients, name).copy_to_host().ravel(), values, atol=1e-9)


def selective_case(rng, length, channels, n_states, dtype):
    rows = 2
    wide, narrow = (rows, length, channels), (rows, length, n_states)
    inputs = [
        rng.normal(size=wide), rng.normal(size=wide), -rng.uniform(0.2, 2, (channels, n_states)),
        rng.normal(size=narrow), rng.normal(size=narrow), rng.normal(size=channels), rng.normal(size=channels),
        rng.normal(size=wide), rng.normal(size=(rows, channels, n_states)),
    ]  # fmt: skip
    inputs[1][0, 0, 0] = 25.0
    d_out, d_last = rng.normal(size=wide), rng.normal(size=(rows, channels, n_states))
    return [array.astype(dtype) for array in inputs], d_out.astype(dtype), d_last.astype(dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("length, channels, n_states", [(1, 1, 1), (CHECKPOINT + 1, 3, 5), (3, 33, 64)])
def test_selective_scan_equals_its_loop(length, channels, n_states, dtype, rng):
    inputs, *_ = selective_case(rng, length, channels, n_states, dtype)
    out, last, _ = selective_scan(*inputs)
    twins = selective_twin(*(array.astype(float) for array in inputs))
    for result, twin in zip((out, last), twins, strict=True):
        got = result.copy_to_host()
        assert got.dtype == dtype
        np.testing.assert_allclose(got, twin, rtol=0, atol=TOLERANCE[dtype] * np.abs(twin).max())


@pytest.mark.parametrize("length, channels, n_states", [(1, 2, 1), (2 * CHECKPOINT + 3, 3, 2)])
def test_gradients_of_the_selective_scan_are_finite_differences(length, channels, n_states, rng):
    """Along one random direction of each input, in float64."""
    inputs, d_out, d_last = selective_case(rng, length, channels, n_states, "float64")
    *_, checkpoints = selective_scan(*inputs)
    gradients = selective_scan_backward(*inputs, checkpoints, d_out, d_last)
    for k, name in enumerate(gradients._fields):
        direction, step = rng.normal(size=inputs[k].shape), 1e-6
        ends = []
        for sign in (1, -1):
            moved = [array + sign * step * direction if j == k else array for j, array in enumerate(inputs)]
            out, last = selective_twin(*moved)
            ends.append(np.sum(out * d_out) + np.sum(last * d_last))
        along = np.sum(gradients[k].copy_to_host() * direction)
        assert along == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6, abs=1e-6), name


def test_gradients_of_the_selective_scan_in_float32_equal_those_in_float64(rng):
    inputs, d_out, d_last = selective_case(rng, CHECKPOINT + 1, 5, 3, "float32")
    results = {}
    for dtype in ("float32", "float64"):
        typed = [array.astype(dtype) for array in inputs]
        *_, checkpoints = selective_scan(*typed)
        results[dtype] = selective_scan_backward(*typed, checkpoints, d_out.astype(dtype), d_last.astype(dtype))
    for single, double in zip(results["float32"], results["float64"], strict=True):
        twin = double.copy_to_host()
        np.testing.assert_allclose(single.copy_to_host(), twin, rtol=0, atol=1e-5 * np.abs(twin).max())


def test_sums_run_in_the_order_of_the_first_axis(rng):
    partial = rng.normal(size=(5, 3, 7)).astype(np.float32)
    expected = partial[0]
    for k in range(1, 5):
        expected = expected + partial[k]
    np.testing.assert_array_equal(summed(cuda.to_device(partial)).copy_to_host(), expected)


class ForeignArray:
    """An array on the device that another library made, as torch's tensors are."""

    def __init__(self, values):
        self.array = cuda.to_device(values)
        self.shape, self.dtype = values.shape, f"torch.{values.dtype}"

    @property
    def __cuda_array_interface__(self):
        return {} if is_simulated() else self.array.__cuda_array_interface__


def test_arrays_of_other_libraries_are_taken_where_they_lie(rng, monkeypatch):
    if is_simulated():
        monkeypatch.setattr(cuda, "as_cuda_array", lambda foreign: foreign.array, raising=False)
    a, b, h0 = rng.normal(size=(1, 5, 2)), rng.normal(size=(1, 5, 2)), rng.normal(size=(1, 2))
    h = linear_scan(ForeignArray(a), ForeignArray(b), ForeignArray(h0))
    np.testing.assert_array_equal(h.copy_to_host(), linear_scan(a, b, h0).copy_to_host())
    assert on_device("h", h, h.shape, h.dtype) is h


ONES = np.ones((1, 4, 2))


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: linear_scan(ONES, ONES[:, :3], ONES[:, 0]), r"b has another shape: \(1, 3, 2\); \(1, 4, 2\)"),
        (lambda: linear_scan(ONES, ONES.astype("float32"), ONES[:, 0]), "b has another dtype: float32; float64"),
        (lambda: linear_scan(ONES.astype(int), ONES, ONES[:, 0]), "dtype of a: int64; float32 or float64"),
        (lambda: linear_scan(torch.ones(1, 4, 2), ONES, ONES[:, 0]), "a is no array of NumPy or of the device: Tensor"),
        (lambda: linear_scan(ONES, [1], ONES[:, 0]), "b is not an array: list"),
        (lambda: linear_scan(ONES[0], ONES[0], ONES[0]), r"shape of a: \(4, 2\); \(batch, time, channel\)"),
        (
            lambda: selective_scan(ONES, ONES, np.ones((2, 300)), ONES, ONES, ONES, ONES, ONES, ONES),
            "number of states N: 300; 1 to 64 in float64",
        ),
        (
            lambda: selective_scan(ONES, ONES, np.ones((2, 3)), ONES, ONES, ONES, ONES, ONES, ONES),
            r"B has another shape: \(1, 4, 2\); \(1, 4, 3\)",
        ),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call()
