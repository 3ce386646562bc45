"""Bifurcations of skew tents and planar maps, where they are known by hand."""

import numpy as np
import pytest
from small_maps import invertible_lozi, shallow, skew_tent

from dysyr.core.errors import InputError
from dysyr.encoding.bifurcations import bifurcations
from dysyr.encoding.parameter_path import parameter_path
from dysyr.reconstruction.plrnn.elementwise_model import ElementwisePLRNN


def short(events):
    return [(event.kind, event.word, event.partner) for event in events]


def test_flip():
    events = bifurcations(parameter_path(skew_tent(0.5, -0.5), skew_tent(0.5, -1.7)), n_values=8)
    assert short(events) == [("flip", "1", None)]
    assert events[0].t == pytest.approx(0.5 / 1.2, abs=1e-9)
    assert events[0].eigenvalue == pytest.approx(-1.0, abs=1e-8)
    assert events[0].real_before
    assert events[0].real_after


def test_flip_of_the_cycle_and_its_birth():
    """At slope -1 the orbits {x, 1 - x} fill an interval whose end {0, 1} is the 2-cycle; it flips at 0.5 r = -1."""
    events = bifurcations(parameter_path(skew_tent(0.5, -0.5), skew_tent(0.5, -2.5)), max_period=2, n_values=8)
    assert sorted(short(events)) == [("border", "0.1", "1"), ("flip", "0.1", None), ("flip", "1", None)]
    at = {(event.kind, event.word): event.t for event in events}
    assert at["border", "0.1"] == pytest.approx(0.25, abs=1e-8)
    assert at["flip", "1"] == pytest.approx(0.25, abs=1e-8)
    assert at["flip", "0.1"] == pytest.approx(0.75, abs=1e-8)


def test_border_collision_that_persists():
    path = parameter_path(skew_tent(0.5, -0.6, height=-1.0), skew_tent(0.5, -0.6, height=2.0))
    (event,) = bifurcations(path, max_period=3, n_values=6)
    assert (event.kind, event.word, event.partner) == ("border persistence", "0", "1")
    assert event.t == pytest.approx(1.0 / 3.0, abs=1e-8)
    assert (event.real_before, event.real_after) == (True, False)
    assert event.orbit.points[0, 0] == pytest.approx(0.0, abs=1e-8)


def test_border_collision_that_folds():
    down = skew_tent(0.5, 1.8, height=-1.0), skew_tent(0.5, 1.8, height=2.0)
    (event,) = bifurcations(parameter_path(*down), n_values=6)
    assert (event.kind, {event.word, event.partner}) == ("border fold", {"0", "1"})
    assert event.t == pytest.approx(1.0 / 3.0, abs=1e-8)
    assert (event.real_before, event.real_after) == (True, False)
    (event,) = bifurcations(parameter_path(*down[::-1]), n_values=6)
    assert event.kind == "border fold"
    assert event.t == pytest.approx(2.0 / 3.0, abs=1e-8)
    assert (event.real_before, event.real_after) == (False, True)


def test_cycle_that_is_born_at_the_border():
    path = parameter_path(skew_tent(0.5, -1.5, height=-1.0), skew_tent(0.5, -1.5, height=1.0))
    events = bifurcations(path, max_period=2, n_values=6)
    assert {event.kind for event in events} == {"border persistence", "border collapse"}
    assert [event.t for event in events] == pytest.approx([0.5, 0.5], abs=1e-8)
    collapse = next(event for event in events if event.kind == "border collapse")
    assert (collapse.word, collapse.real_before, collapse.real_after) == ("0.1", False, True)


def test_orbit_that_leaves_through_infinity():
    (event,) = bifurcations(parameter_path(skew_tent(0.2, 0.5), skew_tent(0.2, 1.6)), n_values=9)
    assert (event.kind, event.word) == ("eigenvalue one", "1")
    assert event.t == pytest.approx(0.5 / 1.1, abs=1e-8)
    assert event.eigenvalue == pytest.approx(1.0, abs=1e-8)


def rotation(radius, angle=0.7, height=1.0):
    return ElementwisePLRNN.from_arrays(
        A=[radius * np.cos(angle), 0.2],
        W=[[0.0, -radius * np.sin(angle)], [radius * np.sin(angle), radius * np.cos(angle) - 0.2]],
        h=[0.0, height], n_rectified=1,
    )  # fmt: skip


def test_neimark_sacker():
    events = bifurcations(parameter_path(rotation(0.8), rotation(1.1)), n_values=7)
    assert short(events) == [("Neimark-Sacker", "1", None)]
    assert events[0].t == pytest.approx(2.0 / 3.0, abs=1e-7)
    assert abs(np.angle(events[0].eigenvalue)) == pytest.approx(0.7, abs=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 5, 8, 12, 14])
def test_kind_of_a_planar_border_collision_follows_the_determinants(seed):
    """At h = 0 the two fixed points meet; they persist iff det(I - J_0) det(I - J_1) > 0 (Feigin)."""
    rng = np.random.default_rng(seed)
    A, W, h = rng.uniform(-1, 1, 2), rng.normal(size=(2, 2)), rng.normal(size=2)
    first, last = (ElementwisePLRNN.from_arrays(A=A, W=W, h=scale * h, n_rectified=1) for scale in (-1.0, 3.0))
    products = np.linalg.det(np.eye(2) - first.affine(np.array([[False], [True]]))[0]).prod()
    (event,) = bifurcations(parameter_path(first, last), n_values=4)
    assert event.kind == ("border persistence" if products > 0 else "border fold")
    assert event.t == pytest.approx(0.25, abs=1e-7)


def test_lozi_map_loses_stability_by_a_flip_at_a_equal_to_one_minus_b():
    """The right fixed point has eigenvalue -1 where a = 1 - b."""
    b = 0.3
    events = bifurcations(lambda t: invertible_lozi(0.5 + 0.6 * t, b), n_values=6)
    flips = [event for event in events if event.kind == "flip"]
    assert [event.t for event in flips] == pytest.approx([(1.0 - b - 0.5) / 0.6], abs=1e-7)


def test_path_between_models():
    rng = np.random.default_rng(3)
    first, last = shallow(rng, 2, 4), shallow(rng, 2, 4)
    path, z = parameter_path(first, last), rng.normal(size=(5, 2))
    np.testing.assert_array_equal(path(0.0).step(z), first.step(z))
    np.testing.assert_array_equal(path(1.0).step(z), last.step(z))
    np.testing.assert_allclose(path(0.25).parameters.W1, 0.75 * first.parameters.W1 + 0.25 * last.parameters.W1)


def test_refusals():
    rng = np.random.default_rng(4)
    with pytest.raises(InputError, match="ShallowPLRNN and ElementwisePLRNN; models of one class"):
        parameter_path(shallow(rng, 1, 2), skew_tent(0.5, -0.5))
    with pytest.raises(InputError, match="they differ in W1, W2, h2; models of one form"):
        parameter_path(shallow(rng, 2, 3), shallow(rng, 2, 4))
    with pytest.raises(InputError, match="they differ in dt"):
        parameter_path(skew_tent(0.5, -0.5), skew_tent(0.5, -0.5, dt=0.1))
    with pytest.raises(InputError, match="the path cannot be divided so: n_values=1"):
        bifurcations(parameter_path(skew_tent(0.5, -0.5), skew_tent(0.5, -0.6)), n_values=1)
    with pytest.raises(InputError, match="n_values is not a positive whole number: 2.5"):
        bifurcations(parameter_path(skew_tent(0.5, -0.5), skew_tent(0.5, -0.6)), n_values=2.5)
    with pytest.raises(InputError, match="the models of the path have different regions: 2 bits at t = 1"):
        bifurcations(lambda t: shallow(np.random.default_rng(0), 1, 1 + int(t)), n_values=2)
