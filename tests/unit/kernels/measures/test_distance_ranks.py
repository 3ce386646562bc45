import numpy as np
import pytest

from dysyr.core.errors import InputError
from dysyr.kernels.measures import pair_counts_reference as reference
from dysyr.kernels.measures.distance_ranks import distances_at_ranks, quantile_distance


@pytest.mark.parametrize(("n", "dim"), [(2, 1), (65, 3), (700, 2)])
def test_ranks_and_quantiles_are_those_of_the_sorted_list(rng, n, dim):
    x = rng.normal(size=(n, dim))
    for points in (x, np.round(x, 1), np.round(x), np.full((n, dim), 0.3)):
        ordered = np.sort(reference.distances(points))
        ranks = sorted({0, 1 % len(ordered), len(ordered) // 3, len(ordered) - 1})
        np.testing.assert_array_equal(distances_at_ranks(points, ranks), ordered[ranks])
        for share in (0.0, 0.05, 0.5, 0.77, 1.0):
            assert quantile_distance(points, share) == np.quantile(ordered, share)


def test_distances_of_very_different_size_are_told_apart(rng):
    x = np.concatenate([1e-120 * rng.normal(size=(200, 1)), rng.normal(size=(100, 1))])
    ordered = np.sort(reference.distances(x))
    ranks = [0, 7_000, len(ordered) - 10_000]
    np.testing.assert_array_equal(distances_at_ranks(x, ranks), ordered[ranks])


def test_a_list_in_parts_is_the_list(rng, monkeypatch):
    x = rng.normal(size=(300, 2))
    whole = distances_at_ranks(x, [100, 40_000])
    monkeypatch.setattr("dysyr.kernels.measures.distance_ranks.PAIRS_PER_CALL", 1)
    np.testing.assert_array_equal(distances_at_ranks(x, [100, 40_000]), whole)


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="this rank: 10; a whole number from 0 to 9"):
        distances_at_ranks(np.zeros((5, 2)), [10])
    with pytest.raises(InputError, match="this rank: -1"):
        distances_at_ranks(np.zeros((5, 2)), [-1])
    with pytest.raises(InputError, match="this rank: 2.0"):
        distances_at_ranks(np.zeros((5, 2)), np.array([2.0]))
    with pytest.raises(InputError, match="this rank: 0; at least two points"):
        distances_at_ranks(np.zeros((1, 2)), [0])
    with pytest.raises(InputError, match="too large for squared distances: 1e"):
        quantile_distance(np.array([[0.0], [1e180]]), 0.5)
    with pytest.raises(InputError, match=r"share of the pairs: 1.5"):
        quantile_distance(np.zeros((5, 2)), 1.5)
    with pytest.raises(InputError, match=r"two points: 1"):
        quantile_distance(np.zeros((1, 2)), 0.5)
