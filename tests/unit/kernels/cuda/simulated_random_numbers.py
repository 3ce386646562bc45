"""Philox words and normal numbers of the device: run by test_kernels_run.py."""

import numpy as np
import pytest
from numba import cuda

from dysyr.kernels.cuda.compilation import configured, device_function, kernel
from dysyr.kernels.cuda.elementary import absolute, floor, sign
from dysyr.kernels.cuda.random_numbers import philox_words
from dysyr.kernels.normals import normal_pair32, normal_pair64, normals_reference
from dysyr.kernels.philox import key_of, philox4x32, philox4x32_reference


@kernel
def draw_words(step, low, high, out):
    i = cuda.grid(1)
    w0, w1, w2, w3 = philox_words(
        np.uint32(step), np.uint32(0), np.uint32(i), np.uint32(2), np.uint32(low), np.uint32(high)
    )
    out[0, i] = w0
    out[1, i] = w1
    out[2, i] = w2
    out[3, i] = w3


@kernel
def draw_normals_float32(words, out):
    i = cuda.grid(1)
    first, second = normal_pair32(words[0, i], words[1, i])
    out[0, i] = first
    out[1, i] = second


@kernel
def draw_normals_float64(words, out):
    i = cuda.grid(1)
    first, second = normal_pair64(words[0, i], words[1, i])
    out[0, i] = first
    out[1, i] = second


@kernel
def apply_elementary(x, out):
    i = cuda.grid(1)
    out[0, i] = sign(x[i])
    out[1, i] = absolute(x[i])
    out[2, i] = floor(x[i])


@device_function
def doubled(value):
    return value + value


@kernel
def quadruple(x):
    i = cuda.grid(1)
    x[i] = doubled(doubled(x[i]))


def launched(function, threads, *arguments):
    """The last argument of a kernel after it ran on arrays of the device."""
    held = [cuda.to_device(value) if isinstance(value, np.ndarray) else value for value in arguments]
    configured(function, 1, threads)(*held)
    return held[-1].copy_to_host()


@pytest.mark.parametrize("seed", [0, 17, 2**40 + 3, 2**64 - 1])
def test_words_are_those_of_the_processor_bit_for_bit(seed):
    low, high = key_of(seed)
    out = launched(draw_words, 33, 2**32 - 1, int(low), int(high), np.zeros((4, 33), np.uint32))
    for lane in range(33):
        twin = philox4x32_reference((2**32 - 1, 0, lane, 2), (int(low), int(high)))
        processor = philox4x32(np.uint64(2**32 - 1), np.uint64(0), np.uint64(lane), np.uint64(2), low, high)
        assert tuple(int(word) for word in out[:, lane]) == twin == tuple(int(word) for word in processor)


@pytest.mark.parametrize("draw, dtype", [(draw_normals_float32, np.float32), (draw_normals_float64, np.float64)])
def test_normals_equal_their_slow_twin(draw, dtype):
    words = np.array([philox4x32_reference((5, 0, lane, 0), (9, 2)) for lane in range(61)], np.uint32).T
    out = launched(draw, 61, np.ascontiguousarray(words), np.zeros((2, 61), dtype))
    twin = np.array([normals_reference(9 + 2 * 2**32, 5, 0, lane, 2) for lane in range(61)]).T
    np.testing.assert_allclose(out, twin, rtol=0, atol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("draw, dtype", [(draw_normals_float32, np.float32), (draw_normals_float64, np.float64)])
def test_normals_at_the_ends_of_the_words(draw, dtype):
    """The largest radius, the smallest one, and angles at the borders of the quarters."""
    ends = [0, 1, 2**29 - 1, 2**29, 2**30, 2**31, 3 * 2**30 - 1, 3 * 2**30, 2**32 - 2, 2**32 - 1]
    words = np.array([(a, b) for a in ends for b in ends], np.uint32).T
    out = launched(draw, words.shape[1], np.ascontiguousarray(words), np.zeros((2, words.shape[1]), dtype))
    u = (words.astype(np.longdouble) + 0.5) / 2**32
    radius, angle = np.sqrt(-2 * np.log(u[0])), 2 * np.pi * u[1]
    twin = np.array([radius * np.cos(angle), radius * np.sin(angle)], float)
    np.testing.assert_allclose(out, twin, rtol=0, atol=8 * np.finfo(dtype).eps * radius.max())
    small = radius < 0.1
    np.testing.assert_allclose(
        np.hypot(*out[:, small].astype(float)), radius[small].astype(float), rtol=16 * np.finfo(dtype).eps
    )


def test_elementary_functions_under_the_names_of_the_processor():
    x = np.array([-2.5, -0.0, 0.0, 1.0, 3.7])
    out = launched(apply_elementary, 5, x, np.zeros((3, 5)))
    np.testing.assert_array_equal(out, [np.sign(x), np.absolute(x), np.floor(x)])


def test_device_functions_can_be_called_from_kernels():
    np.testing.assert_array_equal(launched(quadruple, 3, np.arange(3.0)), [0.0, 4.0, 8.0])
