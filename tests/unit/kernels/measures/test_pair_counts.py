import math

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from dysyr.core.errors import InputError
from dysyr.kernels.measures import pair_counts_reference as reference
from dysyr.kernels.measures.pair_counts import largest_square, pair_counts
from dysyr.kernels.measures.pair_tree import LEAF, build_tree


def clouds(rng, n, dim):
    """A cloud without ties, one on a lattice with many, and one of equal points."""
    x = rng.normal(size=(n, dim))
    return x, np.round(x, 1), np.full((n, dim), 0.3)


def radii_of(x):
    distances = reference.distances(x)
    return np.sort(np.concatenate([[0.0, np.inf], np.geomspace(0.01, 9.0, 12), distances[:: len(distances) // 5 + 1]]))


@pytest.mark.parametrize(("n", "dim"), [(1, 2), (2, 1), (63, 1), (64, 2), (65, 3), (333, 5), (700, 2)])
def test_counts_equal_the_numpy_twin_also_where_distances_equal_radii(rng, n, dim):
    for x in clouds(rng, n, dim):
        radii = radii_of(x)
        for theiler in (0, 1, 7, n):
            expected = reference.pair_counts(x, radii, theiler=theiler)
            np.testing.assert_array_equal(pair_counts(x, radii, theiler=theiler), expected)


def test_the_twin_rounds_distances_as_scipy_does(rng):
    x = rng.normal(size=(200, 3))
    np.testing.assert_array_equal(reference.distances(x), pdist(x))


def test_counts_equal_those_of_a_tree_on_a_long_orbit(rng):
    x = np.cumsum(rng.normal(size=(5120, 3)), axis=0)
    radii = np.geomspace(0.5, 200.0, 16)
    ordered = cKDTree(x).count_neighbors(cKDTree(x), radii)
    np.testing.assert_array_equal(pair_counts(x, radii), (ordered - len(x)) // 2)


def test_single_precision_is_counted_in_double_precision(rng):
    x = rng.normal(size=(150, 3)).astype(np.float32)
    radii = radii_of(x)
    np.testing.assert_array_equal(pair_counts(x, radii), reference.pair_counts(x.astype(np.float64), radii))


def test_long_counts_are_taken_up_where_they_were_left(rng, monkeypatch):
    x, radii = rng.normal(size=(500, 2)), np.geomspace(0.05, 3.0, 7)
    whole = pair_counts(x, radii, theiler=30)
    monkeypatch.setattr("dysyr.kernels.measures.pair_counts.PAIRS_PER_CALL", 1)
    np.testing.assert_array_equal(pair_counts(x, radii, theiler=30), whole)


@pytest.mark.parametrize("radius", [0.0, 1e-170, 1e-155, 0.1, 1.0, 2.0 / 3.0, 1e150, math.inf])
def test_a_square_is_within_the_limit_exactly_when_its_root_is_within_the_radius(radius):
    limit = largest_square(radius)
    assert math.sqrt(limit) <= radius
    assert limit == math.inf or math.sqrt(math.nextafter(limit, math.inf)) > radius


def test_leaves_hold_all_points_once_within_their_boxes(rng):
    x = rng.normal(size=(389, 3))
    tree = build_tree(x)
    np.testing.assert_array_equal(np.sort(tree.x[:, :389], axis=None), np.sort(x, axis=None))
    leaves = np.flatnonzero(tree.child < 0)
    assert tree.count[leaves].sum() == 389 and (tree.first[leaves] % LEAF == 0).all()
    rows = {tuple(row) for row in x}
    for node in range(len(tree.child)):
        points = tree.x[:, tree.first[node] : tree.first[node] + tree.count[node]].T
        assert rows.issuperset(map(tuple, points))
        np.testing.assert_array_equal(points.min(axis=0), tree.low[node])
        np.testing.assert_array_equal(points.max(axis=0), tree.high[node])


def test_a_radius_whose_square_is_no_number_holds_all_pairs():
    assert pair_counts(np.array([[0.0], [1.0], [-3.0]]), [1e200]).tolist() == [3]


@pytest.mark.parametrize(
    ("points", "radii", "message"),
    [
        (np.zeros(5), [1.0], r"not a table: shape \(5,\)"),
        (np.zeros((5, 2), dtype=int), [1.0], "wrong type: int64"),
        (np.array([[0.0], [np.nan]]), [1.0], "not finite: 1 values"),
        (np.zeros((5, 2)), [2.0, 1.0], "do not ascend"),
        (np.zeros((5, 2)), [-1.0], "do not ascend"),
        (np.zeros((5, 2)), [], "not a list"),
        (np.array([[0.0], [-1e180]]), [1.0, 1e190], r"too large for .* 1e\+180; at most 1e\+150: choose"),
    ],
)
def test_bad_input_is_refused(points, radii, message):
    with pytest.raises(InputError, match=message):
        pair_counts(points, radii)


@pytest.mark.parametrize("theiler", [-1, 2.5, math.nan])
def test_a_window_that_is_no_number_of_samples_is_refused(theiler):
    with pytest.raises(InputError, match=f"theiler={theiler}; a whole number of samples, at least 0"):
        pair_counts(np.zeros((5, 2)), [1.0], theiler=theiler)


def test_read_only_and_strided_points_are_counted_as_their_copies(rng):
    x = rng.normal(size=(200, 6))
    x.flags.writeable = False
    part = x[::-2, ::3]
    for points in (part, np.asfortranarray(part)):
        np.testing.assert_array_equal(pair_counts(points, [1.0], theiler=2), pair_counts(part.copy(), [1.0], theiler=2))
