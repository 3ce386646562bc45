"""Equilibria against those that can be written down."""

import numpy as np
import pytest

import dysyr
from dysyr.benchmark.equilibria import equilibria


def test_equilibria_of_lorenz_and_their_eigenvalues():
    """Origin and foci; the eigenvalues are roots of the characteristic polynomials of Sparrow's book."""
    system = dysyr.load_system("lorenz63")
    found = equilibria(system, dysyr.simulate(system, n_steps=5_000, seed=0)["x"].values[0])
    c = np.sqrt(8 / 3 * 27)
    wanted = {(0.0, 0.0, 0.0), (c, c, 27.0), (-c, -c, 27.0)}
    assert {tuple(np.round(each.state, 6) + 0.0) for each in found} == {tuple(np.round(w, 6)) for w in wanted}
    origin = next(each for each in found if abs(each.state[2]) < 1)
    assert origin.eigenvalues.real == pytest.approx([(-11 + np.sqrt(1201)) / 2, -8 / 3, (-11 - np.sqrt(1201)) / 2])
    focus = next(each for each in found if each.state[0] > 1)
    assert np.poly(focus.eigenvalues).real == pytest.approx([1.0, 41 / 3, 8 / 3 * 38, 2 * 8 / 3 * 10 * 27])
    assert not origin.stable and not focus.stable


def test_a_point_of_another_part_of_state_space_is_left_out():
    """Rössler's outer equilibrium lies 30 standard deviations off."""
    system = dysyr.load_system("rossler")
    found = equilibria(system, dysyr.simulate(system, n_steps=5_000, seed=0)["x"].values[0])
    a, b, c = (system.parameters[name] for name in "abc")
    z = (c - np.sqrt(c * c - 4 * a * b)) / (2 * a)
    assert len(found) == 1
    assert found[0].state == pytest.approx([a * z, -z, z])


def test_a_stable_node_is_stable():
    system = dysyr.System.ode({"x": "1 - x", "y": "-2*y"}, initial_state={"x": 0.5, "y": 0.1})
    found = equilibria(system, np.random.default_rng(0).normal(size=(100, 2)))
    assert len(found) == 1 and found[0].stable
    assert found[0].state == pytest.approx([1.0, 0.0], abs=1e-9)
    assert found[0].eigenvalues.real == pytest.approx([-1.0, -2.0])


def test_maps_and_other_numbers_of_variables_are_refused():
    with pytest.raises(dysyr.InputError, match="equilibria are those of an ode"):
        equilibria(dysyr.load_system("henon"), np.zeros((10, 2)))
    with pytest.raises(dysyr.InputError, match="3 variables"):
        equilibria(dysyr.load_system("lorenz63"), np.zeros((10, 2)))
