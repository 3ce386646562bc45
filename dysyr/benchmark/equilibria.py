"""Equilibria of a system, found numerically, to hold those of fitted models against."""

import dataclasses

import numpy as np
from scipy.optimize import root

from dysyr.core.errors import InputError

N_STARTS = 200
TOLERANCE = 1e-9
SAME = 1e-4


@dataclasses.dataclass(frozen=True, eq=False)
class Equilibrium:
    """A state at which a flow stands still.

    Attributes:
        state: (dim,).
        eigenvalues: (dim,) complex, of the Jacobian, by falling real part; per time unit.
    """

    state: np.ndarray
    eigenvalues: np.ndarray

    @property
    def stable(self):
        """Whether all eigenvalues have a negative real part."""
        return bool((self.eigenvalues.real < 0).all())


def equilibria(system, states, *, seed=0):
    """Roots of the vector field that Newton-like iterations reach from around an attractor.

        f(x) = 0

    Args:
        system: System of kind ode.
        states: (n, dim) states of the attractor; the iterations start at some of them and at points between and
            beyond, up to one standard deviation off.
        seed: chooses the starts.

    Returns:
        list of Equilibrium, by distance from the mean of the states in standard deviations; those further than ten
        are left out, they belong to another part of state space.

    Raises:
        InputError: not an autonomous flow of as many variables as the states have.
    """
    if system.kind != "ode" or system.dim != states.shape[-1]:
        raise InputError("equilibria are those of an ode", got=f"{system.kind}, {system.dim} variables, states "
                         f"{states.shape}", expected="an ode and its states")  # fmt: skip
    rng = np.random.default_rng([seed, 0x6571])
    mean, sd = states.mean(axis=0), states.std(axis=0)
    starts = states[rng.choice(len(states), N_STARTS)] + sd * rng.standard_normal((N_STARTS, system.dim))
    found = []
    for start in starts:
        solution = root(system.vector_field, start, jac=system.jacobian, tol=1e-12)
        off = np.abs(system.vector_field(solution.x))
        known = any((np.abs(solution.x - each.state) < SAME * sd).all() for each in found)
        if not known and (off < TOLERANCE * (1 + np.abs(solution.x))).all():
            values = np.linalg.eigvals(system.jacobian(solution.x))
            found.append(Equilibrium(solution.x, values[np.argsort(-values.real)]))
    distances = [np.linalg.norm((each.state - mean) / sd) for each in found]
    return [found[i] for i in np.argsort(distances) if distances[i] < 10]
