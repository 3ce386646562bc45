"""Random numbers: published vectors, distribution, independence of the blocking."""

import numpy as np
import pytest
from scipy import stats

from dysyr.kernels.normals import fill_normals, normals_reference
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


def normals(seed, n_normals, lanes, step=0, first_lane=0):
    out = np.empty((n_normals, lanes))
    fill_normals(*(int(word) for word in key_of(seed)), step, 0, first_lane, out)
    return out


@pytest.mark.parametrize("n_normals", [1, 2, 3, 4, 7])
def test_kernel_equals_its_slow_twin(n_normals):
    seed = 2**40 + 17
    out = normals(seed, n_normals, 5, step=3, first_lane=11)
    twin = [normals_reference(seed, 3, 0, 11 + lane, n_normals) for lane in range(5)]
    np.testing.assert_allclose(out.T, twin, rtol=1e-12, atol=1e-14)


def test_a_lane_has_the_same_numbers_in_any_block():
    whole = normals(1, 3, 40)
    np.testing.assert_array_equal(whole[:, 13:30], normals(1, 3, 17, first_lane=13))


def test_numbers_are_standard_normal_and_independent():
    many = np.concatenate([normals(5, 2, 50_000, step=step) for step in range(2)])
    for row in many:
        assert stats.kstest(row, "norm").pvalue > 1e-4
        assert abs(stats.kurtosis(row)) < 5 * np.sqrt(24 / row.size)
    correlation = np.corrcoef(np.concatenate([many, np.roll(many, 1, axis=1)]))
    assert np.abs(correlation - np.eye(8)).max() < 5 / np.sqrt(50_000)


def test_seeds_and_steps_give_different_numbers():
    assert len({normals(seed, 1, 1, step=step)[0, 0] for seed in (0, 1, 2**32) for step in range(3)}) == 9
