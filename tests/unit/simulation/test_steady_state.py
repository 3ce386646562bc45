"""Steady states: a solution on paper, both solvers against each other, and what has none or many."""

import numpy as np
import pytest

from dysyr.core.catalogue import catalogue_system
from dysyr.core.errors import InputError, NotConverged
from dysyr.core.povm import Frame, along_sites
from dysyr.core.system import System
from dysyr.simulation import steady_state as module
from dysyr.simulation.steady_state import steady_state

ISING = catalogue_system("tfim_decay")


def spins(n, hamiltonian, jumps):
    return System.open_quantum(lattice={"shape": [n], "boundary": "open"}, hamiltonian=hamiltonian, jumps=jumps)


def test_a_driven_decaying_spin():
    """Bloch equations of H = (w/2) X and decay c: <Z> = -c^2/(c^2 + 2 w^2), <Y> = 2 w c/(c^2 + 2 w^2)."""
    w, c = 0.7, 0.4
    system = spins(1, [{"operator": "X", "on": "sites", "coefficient": w / 2}],
                   [{"operator": "sigma_minus", "on": "sites", "rate": c}])  # fmt: skip
    expected = [1, 0, 2 * w * c / (c**2 + 2 * w**2), -(c**2) / (c**2 + 2 * w**2)]
    np.testing.assert_allclose(steady_state(system), expected, atol=1e-12)
    np.testing.assert_allclose(steady_state(system, frame="tetra"), Frame("tetra").to_outcomes @ expected, atol=1e-12)


def test_the_iterated_solver_agrees_with_the_dense_one(monkeypatch):
    dense = steady_state(ISING)
    monkeypatch.setattr(module, "DENSE_SITES", 3)
    np.testing.assert_allclose(steady_state(ISING), dense, atol=1e-9)
    p = steady_state(ISING, frame="pauli4")
    np.testing.assert_allclose(p, along_sites(Frame("pauli4").to_outcomes, dense), atol=1e-9)


DARK = spins(2, [], [{"operator": "sigma_minus", "on": [0], "rate": 1.0}])


def test_more_than_one_is_refused(monkeypatch):
    with pytest.raises(InputError, match="more than one steady state.*condition"):
        steady_state(DARK)
    monkeypatch.setattr(module, "DENSE_SITES", 1)
    with pytest.raises(InputError, match="more than one steady state.*differ"):
        steady_state(DARK)


def test_what_is_not_found(monkeypatch):
    monkeypatch.setattr(module, "DENSE_SITES", 3)
    monkeypatch.setattr(module, "MOST_ITERATIONS", 1)
    monkeypatch.setattr(module, "RESTART", 1)
    with pytest.raises(NotConverged, match="steady state was not found.*residual"):
        steady_state(ISING)


def test_what_has_none():
    with pytest.raises(InputError, match="depend on t"):
        steady_state(catalogue_system("driven_qubit"))
    with pytest.raises(InputError, match="kind ode"):
        steady_state(catalogue_system("lorenz63"))
