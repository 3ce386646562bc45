"""What each open quantum system of the catalogue must satisfy: physical states, and its own laws."""

import numpy as np
import pytest

from dysyr.core.catalogue import catalogue_system, system_names
from dysyr.core.povm import Frame, density_matrix
from dysyr.simulation.open_quantum import evolve_states
from dysyr.simulation.simulate import simulate
from dysyr.simulation.steady_state import steady_state

SPINS = [name for name in system_names() if catalogue_system(name).kind == "open_quantum"]
SMALL = [name for name in SPINS if catalogue_system(name).spins.n_sites < 6]


@pytest.mark.parametrize("name", SMALL)
def test_states_stay_states(name):
    for state in evolve_states(catalogue_system(name), [0.0, 0.3, 2.0]):
        rho = density_matrix(state)
        assert np.trace(rho).real == pytest.approx(1.0, abs=1e-9)
        assert np.linalg.eigvalsh(rho).min() > -1e-9


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("frame", ["tetra_pos", "tetra", "pauli4"])
def test_columns_of_the_generators_sum_to_zero(name, frame):
    for _, _, generator in catalogue_system(name).spins.local_generators():
        np.testing.assert_allclose(Frame(frame).generator(generator).sum(axis=0), 0.0, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in SMALL if not catalogue_system(name).has_time])
def test_the_steady_state_is_where_a_long_run_ends(name):
    system = catalogue_system(name)
    (late,) = evolve_states(system, [100.0])
    np.testing.assert_allclose(late, steady_state(system), atol=1e-8)


@pytest.mark.parametrize(("n", "gamma", "g"), [(3, 0.5, 1.5), (4, 1.0, 1.0), (6, 1.3, 0.7)])
def test_the_ising_ring_keeps_its_balance(n, gamma, g):
    """d<Z>/dt = 0 gives <Y> = (gamma/g)(1 + <Z>) at any size."""
    system = catalogue_system("tfim_decay").with_parameters(gamma=gamma, g=g).with_size(n_sites=n)
    r = steady_state(system)
    y, z = (r[(k, *[0] * (n - 1))] for k in (2, 3))
    assert y == pytest.approx(gamma / g * (1 + z), abs=1e-9)


def test_the_current_of_a_driven_chain_is_the_same_at_all_bonds():
    system = catalogue_system("xxz_boundary")
    r, n = steady_state(system), system.spins.n_sites

    def mean(string, site):
        index = [0] * n
        index[site], index[site + 1] = ("IXYZ".index(letter) for letter in string)
        return r[tuple(index)]

    currents = [2 * (mean("XY", i) - mean("YX", i)) for i in range(n - 1)]
    np.testing.assert_allclose(currents, currents[0], atol=1e-10)
    # what enters at the first site is epsilon (1 - <Z_0>)
    assert currents[0] == pytest.approx(1 - r[(3, *[0] * (n - 1))], abs=1e-10)


def test_dephasing_ends_in_the_mixed_state():
    r = steady_state(catalogue_system("dephasing"))
    expected = np.zeros_like(r)
    expected[0, 0, 0, 0] = 1.0
    np.testing.assert_allclose(r, expected, atol=1e-12)


@pytest.mark.parametrize("name", ["tfim_decay", "xyz_field_decay", "xxz_boundary"])
def test_trajectories_have_the_exact_mean(name):
    system, times = catalogue_system(name), [0.0, 0.4, 1.5]
    exact = simulate(system, times=times)["x"].values[0]
    x = simulate(system, times=times, method="trajectories", n_trajectories=400, seed=2)["x"].values
    error = x.std(axis=0) / np.sqrt(len(x)) + 1e-9
    assert (np.abs(x.mean(axis=0) - exact) < 5 * error).all()
