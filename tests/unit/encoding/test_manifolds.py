"""Manifolds of saddles against the Lozi map by its formula, its inverse, and linear maps."""

import numpy as np
import pytest
from small_maps import dendritic, invertible_lozi, skew_tent

from dysyr.core.errors import InputError
from dysyr.encoding.cycles import cycles
from dysyr.encoding.fixed_points import fixed_points
from dysyr.encoding.inverse_step import inverse_step
from dysyr.encoding.manifolds import stable_manifold, unstable_manifold
from dysyr.reconstruction.plrnn.elementwise_model import ElementwisePLRNN

A, B = 1.7, 0.5


def lozi_step(z):
    return np.column_stack([1.0 - A * np.abs(z[:, 0]) + z[:, 1], B * z[:, 0]])


def lozi_back(z):
    x = z[:, 1] / B
    return np.column_stack([x, z[:, 0] - 1.0 + A * np.abs(x)])


def distance_to_lines(points, branches):
    """Largest distance of points to the nearest segment of some polylines."""
    start = np.concatenate([line[:-1] for line in branches])
    along = np.concatenate([np.diff(line, axis=0) for line in branches])
    length = np.maximum((along**2).sum(axis=1), 1e-300)
    share = np.clip(((points[:, None] - start) * along).sum(axis=2) / length, 0.0, 1.0)
    return np.linalg.norm(points[:, None] - start - share[..., None] * along, axis=2).min(axis=1).max()


def saddles():
    model = invertible_lozi(A, B)
    orbits = cycles(model, max_period=2)
    inside = [orbit for orbit in orbits if orbit.stability == "saddle"]
    assert sorted(orbit.period for orbit in inside) == [1, 1, 2]
    return model, inside


def test_fixed_points_of_the_lozi_map():
    _, inside = saddles()
    right = max((orbit for orbit in inside if orbit.period == 1), key=lambda orbit: orbit.points[0, 0])
    np.testing.assert_allclose(right.points[0], [1.0 / (1.0 + A - B), B / (1.0 + A - B)], rtol=1e-12)
    np.testing.assert_allclose(right.eigenvalues, (-A + np.array([-1, 1]) * np.sqrt(A**2 + 4 * B)) / 2, rtol=1e-10)


def test_unstable_manifold_is_invariant():
    model, inside = saddles()
    for orbit in inside:
        made = unstable_manifold(model, orbit, n_steps=9)
        assert (made.kind, made.dimension, made.complete) == ("unstable", 1, True)
        before, after = made.generations[-2], made.generations[-1]
        share = np.linspace(0.0, 1.0, 7)[:, None, None]
        dense = np.concatenate([(line[:-1] + share * np.diff(line, axis=0)).reshape(-1, 2) for line in before])
        dense = dense[np.abs(dense).max(axis=1) < 100.0]
        assert distance_to_lines(lozi_step(dense), after) < 1e-9
        earlier = np.concatenate(made.generations[-1 - orbit.period])
        assert distance_to_lines(earlier, after) < 1e-9


def test_unstable_manifold_goes_back_to_the_saddle():
    model, inside = saddles()
    orbit = max((orbit for orbit in inside if orbit.period == 1), key=lambda orbit: orbit.points[0, 0])
    made = unstable_manifold(model, orbit, n_steps=8)
    z = np.concatenate(made.generations[-1])
    assert np.ptp(z, axis=0).min() > 1.0
    for _ in range(8):
        z = lozi_back(z)
    assert distance_to_lines(z, made.generations[0]) < 1e-7
    start = np.linalg.norm(z - orbit.points[0], axis=1)
    for _ in range(3):
        z = lozi_back(z)
    factor = np.abs(orbit.eigenvalues[0]) ** -3
    np.testing.assert_allclose(np.linalg.norm(z - orbit.points[0], axis=1), factor * start, atol=1e-5)


def test_stable_manifold_comes_to_the_saddle():
    model, inside = saddles()
    for orbit in inside:
        made = stable_manifold(model, orbit, n_steps=6, n_points=50)
        assert (made.kind, made.dimension, made.failed) == ("stable", 1, 0.0)
        z = np.concatenate(made.generations[-1])
        assert np.linalg.norm(z - orbit.points[0], axis=1).max() > 2.0
        for _ in range(6):
            z = lozi_step(z)
        np.testing.assert_allclose(z, np.concatenate(made.generations[0]), atol=1e-9)
        start = np.linalg.norm(z - orbit.points[0], axis=1)
        for _ in range(2 * orbit.period):
            z = lozi_step(z)
        factor = np.abs(orbit.eigenvalues[1]) ** 2
        np.testing.assert_allclose(np.linalg.norm(z - orbit.points[0], axis=1), factor * start, atol=1e-9)


def test_manifolds_of_a_map_on_the_line():
    """The unstable set of the fixed point of the full tent is the whole interval, to all points of it."""
    model = skew_tent(2.0, -2.0)
    high = fixed_points(model)[1]
    made = unstable_manifold(model, high, n_steps=8)
    last = np.concatenate(made.generations[-1])
    assert (last.min(), last.max()) == (-1.0, 1.0)
    assert len(last) > 2**5


def test_planes_of_a_linear_map_in_three_dimensions():
    rng = np.random.default_rng(1)
    W = 0.2 * rng.normal(size=(3, 3))
    np.fill_diagonal(W, 0.0)
    model = ElementwisePLRNN.from_arrays(A=[1.5, 0.6, -1.7], W=W, h=[0.1, 0.2, -0.1], n_rectified=0)
    (orbit,) = fixed_points(model)
    jacobian = model.jacobian(orbit.points)[0]
    values, left = np.linalg.eig(jacobian.T)
    assert np.abs(left.imag).max() == 0.0
    plane = unstable_manifold(model, orbit, n_steps=4, n_points=60)
    line = stable_manifold(model, orbit, n_steps=4, n_points=60)
    assert (plane.dimension, line.dimension) == (2, 1)
    # a point of an invariant plane has no component along the left eigenvectors of the other directions
    off = (plane.points - orbit.points[0]) @ left[:, np.abs(values) < 1.0].real
    assert np.abs(off).max() < 1e-10
    off = (line.points - orbit.points[0]) @ left[:, np.abs(values) > 1.0].real
    assert np.abs(off).max() < 1e-10
    again = unstable_manifold(model, orbit, n_steps=4, n_points=60)
    np.testing.assert_array_equal(plane.points, again.points)
    assert np.linalg.matrix_rank(plane.generations[0][0] - orbit.points[0], tol=1e-9) == 2


def test_inverse_step_from_wrong_guesses():
    model = invertible_lozi(A, B)
    z = np.random.default_rng(2).uniform(-1.5, 1.5, (200, 2))
    after = model.step(z)
    wrong = model.region(z)
    wrong[:, 0] ^= True
    found, region = inverse_step(model, after, wrong)
    np.testing.assert_allclose(found, z, atol=1e-9)
    np.testing.assert_array_equal(region, model.region(z))


def test_inverse_step_finds_a_preimage_wherever_it_gives_one():
    model = dendritic(np.random.default_rng(3), 2, 2, clipped=False)
    z = np.random.default_rng(4).normal(size=(300, 2))
    after = model.step(z)
    found, _ = inverse_step(model, after, np.zeros((300, model.n_bits), dtype=bool))
    known = np.isfinite(found).all(axis=1)
    assert known.mean() > 0.5
    np.testing.assert_allclose(model.step(found[known]), after[known], atol=1e-8)


def test_states_without_preimage_are_counted():
    """x' = 1 - 2 |x| + y, y' = y / 2: the stable line x = 1/3 + 2y/5 leaves the image of the map at y = -5/12."""
    model = ElementwisePLRNN.from_arrays(A=[0.5, 2.0], W=[[0, 0], [1.0, -4.0]], h=[0.0, 1.0], n_rectified=1)
    saddle = next(orbit for orbit in fixed_points(model) if orbit.points[0, 1] > 0)
    np.testing.assert_allclose(saddle.points, [[0.0, 1.0 / 3.0]], atol=1e-15)
    made = stable_manifold(model, saddle, n_steps=7, n_points=37)
    for before, after in zip(made.generations[:-1], made.generations[1:], strict=True):
        for z, back in zip(before, after, strict=True):
            lost = np.isfinite(z[:, 0]) & (z[:, 0] < -5.0 / 12.0)
            np.testing.assert_array_equal(np.isnan(back[:, 0]) & np.isfinite(z[:, 0]), lost)
            np.testing.assert_allclose(back[:, 0], np.where(lost, np.nan, 2.0 * z[:, 0]), atol=1e-12)
    assert 0.0 < made.failed == made.n_failed / made.n_sought
    assert np.isfinite(made.points).all()
    np.testing.assert_allclose(made.points[:, 1], 1.0 / 3.0 + 0.4 * made.points[:, 0], atol=1e-12)


def test_inverse_step_has_nothing_beyond_the_top_of_the_tent():
    found, _ = inverse_step(skew_tent(2.0, -2.0), np.array([[1.5], [0.5]]), np.array([[True], [True]]))
    np.testing.assert_array_equal(found, [[np.nan], [0.25]])


def test_polyline_stops_at_its_largest_size():
    model, inside = saddles()
    made = unstable_manifold(model, inside[0], n_steps=60, max_points=500)
    assert not made.complete
    assert len(made.generations) < 61
    tent = skew_tent(2.0, -2.0)
    assert not unstable_manifold(tent, fixed_points(tent)[0], n_steps=400).complete


def test_refusals():
    model = skew_tent(1.5, -2.2)
    with pytest.raises(InputError, match="the orbit has no stable direction: it is unstable"):
        stable_manifold(model, fixed_points(model)[0])
    with pytest.raises(InputError, match="n_steps is not a positive whole number: 0"):
        unstable_manifold(model, fixed_points(model)[0], n_steps=0)
    flip = skew_tent(0.5, -1.0)
    with pytest.raises(InputError, match="it is not hyperbolic; a real, hyperbolic orbit"):
        unstable_manifold(flip, fixed_points(flip)[0])
    border = skew_tent(1.5, -2.2, height=0.0)
    with pytest.raises(InputError, match="the orbit lies on a switching surface"):
        unstable_manifold(border, fixed_points(border)[0])
    shifted = skew_tent(1.5, -2.2, height=-1.0)
    virtual = next(orbit for orbit in fixed_points(shifted, virtual=True) if not orbit.real)
    with pytest.raises(InputError, match="it is virtual"):
        unstable_manifold(shifted, virtual)
