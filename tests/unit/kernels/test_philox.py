"""Random numbers: published vectors, distribution, independence of the blocking."""

import re

import mpmath
import numba
import numpy as np
import pytest
from scipy import stats

from dysyr.core.errors import InputError
from dysyr.kernels.normals import (
    fill_normals,
    fill_normals32,
    fill_normals64,
    normal_pair32,
    normal_pair64,
    normals_reference,
)
from dysyr.kernels.philox import key_of, philox4x32, philox4x32_reference

VECTORS = [
    # Random123 known answers: counter, key, result
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize("counter, key, expected", VECTORS)
def test_published_vectors(counter, key, expected):
    assert philox4x32_reference(counter, key) == expected
    words = [np.uint64(word) for word in (*counter, *key)]
    assert tuple(int(word) for word in philox4x32(*words)) == expected


def normals(seed, n_normals, lanes, step=0, first_lane=0, dtype=np.float64):
    out = np.empty((n_normals, lanes), dtype)
    fill_normals(*(int(word) for word in key_of(seed)), step, 0, first_lane, out)
    return out


@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-12), (np.float32, 1e-6)])
@pytest.mark.parametrize("n_normals, lanes", [(1, 37), (2, 5), (3, 37), (4, 16), (7, 1)])
def test_kernel_equals_its_slow_twin(n_normals, lanes, dtype, rtol):
    seed = 2**40 + 17
    out = normals(seed, n_normals, lanes, step=3, first_lane=11, dtype=dtype)
    twin = [normals_reference(seed, 3, 0, 11 + lane, n_normals) for lane in range(lanes)]
    np.testing.assert_allclose(out.T, twin, rtol=rtol, atol=1e-14)


WORDS = np.array(
    [0, 1, 2, 2**29 - 1, 2**29, 2**30, 2**31 - 1, 2**31, 3 * 2**30 - 1, 3 * 2**30, 7 * 2**29, 2**32 - 2, 2**32 - 1],
    np.uint32,
)


@pytest.mark.parametrize("dtype, bound", [(np.float64, 1e-15), (np.float32, 4e-7)])
def test_normals_of_extreme_words_keep_their_relative_error(dtype, bound):
    """The largest and the smallest radius, and angles just beside the quarter turns."""
    pair = normal_pair32 if dtype == np.float32 else normal_pair64
    for word in WORDS:
        for turn in WORDS:
            with mpmath.workdps(40):
                radius = mpmath.sqrt(-2 * mpmath.log((mpmath.mpf(int(word)) + 0.5) / 2**32))
                angle = 2 * (mpmath.mpf(int(turn)) + 0.5) / 2**32
                exact = radius * mpmath.cospi(angle), radius * mpmath.sinpi(angle)
                for value, number in zip(one_pair(pair, word, turn), exact, strict=True):
                    assert value == dtype(value)
                    assert abs(float(value) / number - 1) < bound


def one_pair(pair, word, turn):
    return pair(np.uint32(word), np.uint32(turn))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_lane_has_the_same_numbers_in_any_block(dtype):
    whole = normals(1, 3, 40, dtype=dtype)
    for first, last in ((13, 30), (0, 1), (7, 16), (39, 40)):
        np.testing.assert_array_equal(
            whole[:, first:last], normals(1, 3, last - first, first_lane=first, dtype=dtype)
        )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numbers_are_standard_normal_and_independent(dtype):
    many = np.concatenate([normals(5, 4, 50_000, step=step, dtype=dtype) for step in range(2)]).astype(float)
    for row in many:
        assert stats.kstest(row, "norm").pvalue > 1e-4
    correlation = np.corrcoef(np.concatenate([many, np.roll(many, 1, axis=1), many[:, ::-1], many**2]))
    assert np.abs(correlation - np.eye(32)).max() < 5.5 / np.sqrt(50_000)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_moments_and_tails(dtype):
    """Moments to the sixth within five standard errors, and the share beyond 3, 4 and 5 standard deviations."""
    x = normals(11, 4, 1_000_000, dtype=dtype).ravel().astype(float)
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3), (5, 0), (6, 15)):
        variance = stats.norm.moment(2 * power) - moment**2
        assert np.mean(x**power) == pytest.approx(moment, abs=5 * np.sqrt(variance / x.size))
    for beyond in (3, 4, 5):
        expected = 2 * stats.norm.sf(beyond) * x.size
        found = np.count_nonzero(np.abs(x) > beyond)
        assert 1e-5 < stats.poisson.cdf(found, expected) and stats.poisson.sf(found - 1, expected) > 1e-5
    assert 5 < np.abs(x).max() < np.sqrt(66 * np.log(2))


def test_other_arrays_are_refused():
    with pytest.raises(InputError, match=r"array for normals: shape \(3,\), float64.*\(normal, lane\), C-contiguous"):
        fill_normals(1, 0, 0, 0, 0, np.empty(3))
    with pytest.raises(InputError, match="int64"):
        fill_normals(1, 0, 0, 0, 0, np.empty((2, 3), int))
    with pytest.raises(InputError, match="C-contiguous"):
        fill_normals(1, 0, 0, 0, 0, np.empty((3, 2)).T)
    with pytest.raises(InputError, match="read-only; .* writable"):
        fill_normals(1, 0, 0, 0, 0, np.broadcast_to(np.zeros((1, 3)), (1, 3)))
    with pytest.raises(InputError, match="array for normals: list; a NumPy array"):
        fill_normals(1, 0, 0, 0, 0, [1.0])


@pytest.mark.parametrize("counter", [(-1, 0, 0, 0, 0), (0, 0, 2**32, 0, 0), (0, 0, 0, 0, 2**40)])
def test_numbers_that_are_no_words_are_refused(counter):
    """A 33rd bit would be dropped on CUDA and mixed in here."""
    with pytest.raises(InputError, match="seed, step, stream and lane of normals: .* words of 32 bits"):
        fill_normals(*counter, np.empty((1, 3)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_drawing_is_vectorised(dtype):
    normals(1, 3, 5, dtype=dtype)
    assembly = recompiled(fill_normals32 if dtype == np.float32 else fill_normals64)
    if re.search("%[yz]mm", assembly):
        kind = "ps" if dtype == np.float32 else "pd"
        assert re.search(r"pmuludq.*%[yz]mm", assembly)
        assert re.search(rf"sqrt{kind}.*%[yz]mm", assembly)
    assert not re.search(r"\$(?:log|sin|cos|sincos)f?,", assembly)


def recompiled(kernel):
    """Assembly of a kernel: code from the disk cache has none."""
    again = numba.njit(nogil=True, error_model="numpy", fastmath=kernel.targetoptions["fastmath"])(kernel.py_func)
    again.compile(kernel.signatures[0])
    return again.inspect_asm()[kernel.signatures[0]]


def test_seeds_and_steps_give_different_numbers():
    assert len({normals(seed, 1, 1, step=step)[0, 0] for seed in (0, 1, 2**32) for step in range(3)}) == 9
