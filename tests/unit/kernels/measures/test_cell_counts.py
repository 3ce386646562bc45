import numpy as np
import pytest

from dysyr.core import attractor_distance as reference
from dysyr.core.errors import InputError
from dysyr.kernels.measures.cell_counts import count_cells


@pytest.mark.parametrize(
    ("dim", "n_bins", "n"),
    [(1, 30, 50), (2, 1, 5), (3, 30, 1000), (4, 30, 777), (5, 30, 700), (14, 30, 300), (20, 1000, 100)],
)
def test_counts_equal_the_numpy_twin(rng, dim, n_bins, n):
    truth, generated = rng.normal(size=(n, dim)), 1.2 * rng.normal(size=(n + 3, dim))
    generated[0], generated[1], generated[2, -1], generated[3] = np.nan, np.inf, -np.inf, truth[0]
    low, high = truth.min(axis=0) - 0.1, truth.max(axis=0) + 0.1
    found = count_cells(truth, generated, low, high, n_bins)
    for counts, expected in zip(found, reference.count_cells(truth, generated, low, high, n_bins), strict=True):
        assert counts.dtype == np.int64
        np.testing.assert_array_equal(counts, expected)


def test_a_cell_holds_more_points_than_a_short_counter(rng):
    truth = np.concatenate([np.zeros((70_000, 2)), rng.normal(size=(100, 2))])
    low, high = truth.min(axis=0) - 0.1, truth.max(axis=0) + 0.1
    found = count_cells(truth, truth[:33_000], low, high, 5)
    for counts, expected in zip(found, reference.count_cells(truth, truth[:33_000], low, high, 5), strict=True):
        np.testing.assert_array_equal(counts, expected)


def test_points_on_the_walls_of_cells_fall_as_in_the_twin():
    grid = np.stack(np.meshgrid(np.arange(0, 1, 0.1), np.arange(0, 1, 0.1)), axis=-1).reshape(-1, 2)
    low, high = np.zeros(2), np.ones(2)
    found = count_cells(grid, grid + 0.1, low, high, 10)
    for counts, expected in zip(found, reference.count_cells(grid, grid + 0.1, low, high, 10), strict=True):
        np.testing.assert_array_equal(counts, expected)


def test_the_divergence_is_the_same_with_either_count(rng):
    truth, generated = rng.normal(size=(2, 2000, 3))
    generated[:5] = np.inf
    slow = reference.state_space_divergence(truth, generated)
    assert reference.state_space_divergence(truth, generated, count=count_cells) == slow


def test_bad_input_is_refused():
    x, ends = np.zeros((4, 2)), (np.zeros(2), np.ones(2))
    with pytest.raises(InputError, match=r"do not fit together: \(4, 2\), \(4, 3\)"):
        count_cells(x, np.zeros((4, 3)), *ends, 5)
    with pytest.raises(InputError, match=r"\(2,\), \(3,\)"):
        count_cells(x, x, np.zeros(2), np.ones(3), 5)
    with pytest.raises(InputError, match="do not fit together"):
        count_cells(np.zeros(4), np.zeros(4), *ends, 5)
    for n_bins in (0, 2.5):
        with pytest.raises(InputError, match=f"needs cells: n_bins={n_bins} in 2 variables"):
            count_cells(x, x, *ends, n_bins)
    with pytest.raises(InputError, match="n_bins=5 in 0 variables"):
        count_cells(x[:, :0], x[:, :0], np.zeros(0), np.zeros(0), 5)
    for low, high in (ends[::-1], (ends[0], ends[0]), (ends[0], [1.0, np.nan]), (ends[0], [1.0, np.inf])):
        with pytest.raises(InputError, match="ends of a partition do not ascend: low="):
            count_cells(x, x, low, high, 5)


@pytest.mark.parametrize("dim", [2, 20])
def test_no_points_occupy_no_cells(dim):
    none = np.zeros((0, dim))
    for counts in count_cells(none, none, np.zeros(dim), np.ones(dim), 1000):
        assert counts.dtype == np.int64 and len(counts) == 0
