"""Small known systems for the tests of the measures."""

import numpy as np
import pytest

from dysyr.core.model import StateSpace
from dysyr.core.status import orbit_status
from dysyr.evaluation.context import EvaluationContext, truth_scale
from dysyr.evaluation.settings import EvaluationSettings

HENON_EXPONENTS = (0.41922, -1.62319)


def henon(z, a=1.4, b=0.3):
    return np.stack([1 - a * z[..., 0] ** 2 + z[..., 1], b * z[..., 0]], axis=-1)


def henon_orbits(n, n_orbits, seed, a=1.4):
    """(orbit, time, 2) after 500 steps."""
    z = np.random.default_rng(seed).uniform(-0.1, 0.1, (n_orbits, 2))
    orbits = np.empty((n_orbits, n, 2))
    for t in range(-500, n):
        z = henon(z, a)
        if t >= 0:
            orbits[:, t] = z
    return orbits


class HenonModel(StateSpace):
    """The Hénon map as a fitted model would be: exact, or with its parameter a off."""

    family = "henon"
    names = ("x", "y")
    dt = 0.5
    latent_dim = 2
    scale = np.array([0.72, 0.22])

    def __init__(self, a=1.4):
        self.a = a

    @property
    def initial_states(self):
        return henon_orbits(1, 40, seed=5)[:, 0]

    def config(self):
        return {"a": self.a}

    def arrays(self):
        return {}

    @classmethod
    def from_state(cls, config, arrays):
        return cls(**config)

    def initial(self, context, u=None):
        return context[:, -1]

    def step(self, z, u=None):
        with np.errstate(over="ignore", invalid="ignore"):
            return henon(z, self.a)

    def jacobian(self, z, u=None):
        jacobian = np.zeros((len(z), 2, 2))
        jacobian[:, 0, 0] = -2 * self.a * z[:, 0]
        jacobian[:, 0, 1] = 1.0
        jacobian[:, 1, 0] = 0.3
        return jacobian

    def readout(self, z):
        return z

    def trajectory(self, z, n_steps, u=None):
        orbit = np.empty((len(z), n_steps, 2))
        for t in range(n_steps):
            z = orbit[:, t] = self.step(z)
        return orbit


@pytest.fixture(scope="session")
def make_context():
    """Function that makes an EvaluationContext of arrays."""
    return _make_context


@pytest.fixture(scope="session")
def henon_model():
    """The class HenonModel."""
    return HenonModel


@pytest.fixture(scope="session")
def orbits_of_henon():
    """The function henon_orbits(n, n_orbits, seed, a=1.4)."""
    return henon_orbits


def _make_context(truth, runs, **fields):
    truth = np.asarray(truth, dtype=np.float64)
    runs = np.asarray(runs, dtype=np.float64)
    fields = {"dt": 1.0, "names": tuple(f"x{d}" for d in range(truth.shape[1])), **fields}
    statuses = tuple(orbit_status(run, truth_scale(truth)) for run in runs)
    return EvaluationContext(truth=truth, runs=runs, statuses=statuses, **fields)


@pytest.fixture(scope="session")
def henon_truths():
    """(32, 5000, 2) independent orbits of the Hénon map."""
    return henon_orbits(5000, 32, seed=1)


@pytest.fixture
def quick():
    """Settings for short tests."""
    return EvaluationSettings(
        n_contexts=50, exponent_orbits=20, exponent_steps=400, dimension_points=800, recurrence_points=300
    )
