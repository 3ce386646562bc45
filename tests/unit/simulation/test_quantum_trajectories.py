"""Paths of pure states with jumps: laws of single jumps, reproducibility, refusals."""

import numpy as np
import pytest
from scipy import stats

from dysyr.core.catalogue import catalogue_system
from dysyr.core.errors import InputError
from dysyr.core.system import System
from dysyr.simulation import quantum_trajectories as module
from dysyr.simulation.simulate import simulate

ISING = catalogue_system("tfim_decay")


def run(system, times, n=1, **arguments):
    return simulate(system, times=times, method="trajectories", n_trajectories=n, **arguments)["x"].values


def test_decays_come_at_exponential_times():
    """A spin that is up falls once, at rate 0.5, and stays down."""
    decay = {"operator": "sigma_minus", "on": "sites", "rate": 0.5}
    system = System.open_quantum(lattice={"shape": [1], "boundary": "open"}, jumps=[decay], initial_state="up")
    times = np.linspace(0, 20, 401)
    z = run(system, times, 600)[..., 2]
    np.testing.assert_allclose(np.abs(z), 1.0, atol=1e-12)
    assert (np.diff(z, axis=1) <= 1e-12).all()
    falls = times[(z > 0).sum(axis=1).clip(max=400)] - 0.025
    assert stats.kstest(falls, "expon", args=(0, 2.0)).pvalue > 1e-3
    assert stats.kstest(falls, "expon", args=(0, 2.5)).pvalue < 1e-3


def test_without_jumps_a_path_is_the_evolution():
    closed = System.from_dict(ISING.to_dict() | {"jumps": []})
    times = [0.0, 0.7, 3.0]
    np.testing.assert_allclose(run(closed, times)[0], simulate(closed, times=times)["x"].values[0], atol=1e-9)


def test_a_path_depends_on_its_number_and_the_seed_only(monkeypatch):
    times = [0.5, 2.0]
    many = run(ISING, times, 9, seed=5)
    np.testing.assert_allclose(run(ISING, times, 3, seed=5), many[:3], atol=1e-12)
    monkeypatch.setattr(module, "BLOCK_BYTES", 16 * 2**4 * module.N_TERMS * 2)
    np.testing.assert_allclose(run(ISING, times, 9, seed=5), many, atol=1e-12)
    assert np.abs(run(ISING, times, 9, seed=6) - many).max() > 0.1


def test_mixed_spins_start_in_drawn_eigenstates():
    x = run(ISING, [0.0], 2000, initial_state=[0.6, 0.0, 0.0])[:, 0]
    assert abs(x[:, 0].mean() - 0.6) < 5 * 0.4 / np.sqrt(2000)
    np.testing.assert_allclose(np.abs(4 * x[:, 0]) % 2, 0.0, atol=1e-9)


def test_given_wave_functions_and_refusals():
    psi = np.zeros(16)
    psi[15] = 1.0
    assert run(ISING, [0.0], 2, initial_state=psi)[0, 0, 2] == pytest.approx(-1.0)
    assert run(ISING, [0.0], 2, initial_state="random")[:, 0, 2].std() > 0
    with pytest.raises(InputError, match="pure states.*density matrix"):
        run(ISING, [0.0], 2, initial_state=np.diag(np.full(16, 1 / 16)))
    with pytest.raises(
        InputError, match="17 spins are too many for trajectories: 0.055 GB for each path; at most 16 spins"
    ):
        run(ISING.with_size(n_sites=17), [0.0])
    with pytest.raises(InputError, match="do not depend on t"):
        run(catalogue_system("driven_qubit"), [0.0])
    with pytest.raises(InputError, match="neither a tolerance nor outcomes"):
        run(ISING, [0.0], n_shots=3)
