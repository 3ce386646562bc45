"""Vector fields: the flow against scipy, the Jacobian against differences, blow-ups."""

import json

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dysyr.core.vector_field import VectorField, enough_substeps


class Polynomial(VectorField):
    """Lorenz 1963, or dx/dt = x^2 in three copies."""

    family = "polynomial"

    def __init__(self, n_substeps, dt=0.05, explosive=False, speed=1.0):
        self._n_substeps, self._dt, self.explosive, self.speed = n_substeps, dt, explosive, speed

    names = ("x", "y", "z")
    dt = property(lambda self: self._dt)
    n_substeps = property(lambda self: self._n_substeps)
    latent_dim = 3
    scale = np.ones(3)
    initial_states = np.ones((4, 3))

    def config(self):
        return {}

    def arrays(self):
        return {}

    @classmethod
    def from_state(cls, config, arrays):
        return cls(1)

    def initial(self, context, u=None):
        return context[:, -1]

    def readout(self, z):
        return z

    def derivative(self, z, u=None):
        x, y, w = z.T
        if self.explosive:
            return z**2
        return self.speed * np.stack([10 * (y - x), x * (28 - w) - y, x * y - 8 / 3 * w], axis=1)

    def derivative_jacobian(self, z, u=None):
        x, y, w = z.T
        one = np.ones_like(x)
        if self.explosive:
            return 2 * z[:, :, None] * np.eye(3)
        rows = [[-10 * one, 10 * one, 0 * one], [28 - w, -one, -x], [y, x, -8 / 3 * one]]
        return self.speed * np.stack([np.stack(row, axis=-1) for row in rows], axis=1)


@pytest.fixture
def states():
    return np.random.default_rng(0).normal(size=(5, 3)) * [8, 9, 8] + [0, 0, 24]


def test_steps_are_of_fourth_order(states):
    exact = [
        solve_ivp(lambda t, x: Polynomial(1).derivative(x[None])[0], (0, 0.05), z, rtol=1e-12, atol=1e-12).y[:, -1]
        for z in states
    ]
    errors = [np.abs(Polynomial(n).step(states) - exact).max() for n in (4, 8, 16)]
    assert errors[2] < 1e-6
    assert 12 < errors[0] / errors[1] < 22
    assert 12 < errors[1] / errors[2] < 20


@pytest.mark.parametrize("n_substeps", [1, 3])
def test_jacobian_is_that_of_the_steps(states, n_substeps):
    model, h = Polynomial(n_substeps), 1e-5
    for j in range(3):
        move = h * np.eye(3)[j]
        difference = (model.step(states + move) - model.step(states - move)) / (2 * h)
        np.testing.assert_allclose(model.jacobian(states)[:, :, j], difference, rtol=1e-6, atol=1e-7)


def test_orbit_is_steps_and_the_hidden_part_is_all_by_default(states):
    model = Polynomial(2)
    orbit = model.trajectory(states, 3)
    np.testing.assert_array_equal(orbit[:, 2], model.step(model.step(model.step(states))))
    np.testing.assert_array_equal(model.hidden_part(states), model.derivative(states))
    assert not model.known_part(states).any()


def test_a_blow_up_is_a_status():
    free = Polynomial(2, dt=0.5, explosive=True).generate(40, transient=0)
    status = json.loads(free.attrs["status"])[0]
    assert not status["finite"]
    assert 1 < status["diverged_at"] < 20
    assert np.isnan(free["x"].values[0, 20:]).all()


def test_enough_substeps_grow_with_speed(states):
    counts = [enough_substeps(lambda n, s=speed: Polynomial(n, dt=0.01, speed=s), states) for speed in (0.1, 1, 4, 1e4)]
    assert counts[0] == 1
    assert counts[0] < counts[1] < counts[2] < counts[3] == 64
    n = counts[1]
    coarse, fine = (Polynomial(k, dt=0.01).step(states) for k in (n, 2 * n))
    assert np.abs((coarse - fine) / states.std(axis=0)).max() <= 1e-6
    coarse, fine = (Polynomial(k, dt=0.01).step(states) for k in (n // 2, n))
    assert np.abs((coarse - fine) / states.std(axis=0)).max() > 1e-6
