"""Exact evolution of open quantum systems: fixtures, analytic solutions, superoperators, outcomes, refusals."""

import numpy as np
import pytest
from scipy.linalg import expm

from dysyr.core.catalogue import catalogue_system
from dysyr.core.dataset import data_hash, read_dataset, save_dataset
from dysyr.core.errors import InputError, NotConverged
from dysyr.core.povm import Frame, density_matrix
from dysyr.core.system import System
from dysyr.simulation.open_quantum import evolve_states
from dysyr.simulation.simulate import simulate

METHODS = ("taylor", "dop853")
ISING = catalogue_system("tfim_decay")


def one_spin(**changed):
    """H = 3 X and jumps Z at rate 1, from up along y."""
    tables = {
        "lattice": {"shape": [1], "boundary": "open"}, "initial_state": "right", "dt": 0.1,
        "hamiltonian": [{"operator": "X", "on": "sites", "coefficient": 3}],
        "jumps": [{"operator": "Z", "on": "sites", "rate": 1}],
    }  # fmt: skip
    return System.open_quantum(**(tables | changed))


@pytest.mark.parametrize("method", METHODS)
def test_a_driven_dephasing_spin_follows_its_solution(method):
    t, w = np.array([0.0, 0.1, 0.5, 1.0, 4.0]), np.sqrt(35)
    x = simulate(one_spin(), times=t, method=method)["x"].values[0]
    y = (np.cos(w * t) - np.sin(w * t) / w) * np.exp(-t)
    np.testing.assert_allclose(x, np.stack([0 * t, y, 6 / w * np.sin(w * t) * np.exp(-t)], axis=1), atol=1e-9)
    assert x[3, 1] == pytest.approx(0.36568610, abs=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_the_ising_ring_of_four(method):
    x = simulate(ISING, times=[1.0], method=method)["x"].values[0, 0]
    np.testing.assert_allclose(x[:3], [0.01917319, -0.05247978, -0.35763714], atol=1e-8)
    x = simulate(ISING, times=[60.0], method=method)["x"].values[0, 0]
    np.testing.assert_allclose(x[:3], [0.43978125, 0.18718612, -0.81281388], atol=1e-8)


def test_an_xyz_ring_of_four():
    xyz = {"XX": 0.9, "YY": 1.6, "ZZ": 1.0}
    system = System.open_quantum(
        lattice={"shape": [4], "boundary": "periodic"}, initial_state="up", dt=0.1,
        hamiltonian=[{"operator": xyz, "on": "bonds", "coefficient": 1}],
        jumps=[{"operator": "sigma_minus", "on": "sites", "rate": 1}],
    )  # fmt: skip
    x = simulate(system, times=[0.1])["x"].values.reshape(3, 4)
    np.testing.assert_allclose(x, [[0] * 4, [0] * 4, [0.793408] * 4], atol=5e-7)


@pytest.mark.parametrize("frame", [None, "tetra_pos", "tetra", "pauli4"])
def test_states_are_those_of_the_superoperator(frame, rng):
    system = System.open_quantum(
        lattice={"n_sites": 3, "edges": [[0, 2], [2, 1]]}, dt=0.1,
        hamiltonian=[{"operator": {"XY": 0.4, "ZZ": 1.1}, "on": "bonds", "coefficient": 1},
                     {"operator": "Y", "on": [1], "coefficient": 0.7}],
        jumps=[{"operator": "sigma_plus", "on": [0], "rate": 0.5},
               {"operator": "sigma_minus Z", "on": "bonds", "rate": 0.3}],
    )  # fmt: skip
    psi = rng.normal(size=8) + 1j * rng.normal(size=8)
    psi /= np.linalg.norm(psi)
    h, eye = system.spins.hamiltonian_matrix().toarray(), np.eye(8)
    super_ = -1j * (np.kron(h, eye) - np.kron(eye, h.T))
    for jump in (j.toarray() for j in system.spins.jump_matrices()):
        loss = jump.conj().T @ jump
        super_ += np.kron(jump, jump.conj()) - (np.kron(loss, eye) + np.kron(eye, loss.T)) / 2
    times = [0.0, 0.3, 1.7]
    found = evolve_states(system, times, initial_state=psi, frame=frame)
    for state, t in zip(found, times, strict=True):
        rho = (expm(t * super_) @ np.outer(psi, psi.conj()).ravel()).reshape(8, 8)
        own = density_matrix(state) if frame is None else Frame(frame).density_matrix(state)
        np.testing.assert_allclose(own, rho, atol=1e-9)


def test_samples_do_not_depend_on_how_many_there_are():
    many = simulate(ISING, times=np.linspace(0, 3, 31))["x"].values[0]
    few = simulate(ISING, times=[1.5, 3.0])["x"].values[0]
    np.testing.assert_allclose(many[[15, 30]], few, atol=1e-10)
    late = simulate(ISING, times=[0.0, 1.0], transient=0.5)["x"].values[0]
    np.testing.assert_allclose(late, many[[5, 15]], atol=1e-10)


def test_large_systems_run_in_tiles_and_threads():
    """Eight spins without bonds behave as one."""
    decay = {"operator": "sigma_minus", "on": "sites", "rate": 1}
    alone = one_spin(hamiltonian=[], jumps=[decay], initial_state="plus")
    eight = System.from_dict(alone.to_dict()).with_size(n_sites=8)
    x = simulate(eight, times=[0.0, 0.4, 2.0])["x"].values[0].reshape(3, 3, 8)
    np.testing.assert_allclose(x[1], np.outer([np.exp(-0.2), 0, np.exp(-0.4) - 1], np.ones(8)), atol=1e-10)
    np.testing.assert_allclose(x[..., 0], simulate(alone, times=[0.0, 0.4, 2.0])["x"].values[0], atol=1e-10)


def test_driven_strengths():
    """H = c(t) X/2 turns a spin by the integral of c."""
    system = one_spin(hamiltonian=[{"operator": "X", "on": "sites", "coefficient": "cos(2*t)/2"}], jumps=[{
        "operator": "Z", "on": "sites", "rate": 0}], initial_state="up")
    t = np.linspace(0, 5, 21)
    x = simulate(system, times=t)["x"].values[0]
    angle = np.sin(2 * t) / 2
    np.testing.assert_allclose(x, np.stack([0 * t, -np.sin(angle), np.cos(angle)], axis=1), atol=1e-8)
    np.testing.assert_allclose(evolve_states(system, t)[:, 1:], x, atol=1e-8)
    with pytest.raises(InputError, match="'taylor' needs strengths.*dop853"):
        simulate(system, times=t, method="taylor")


def test_batches_of_initial_states():
    bloch = np.array([[[0, 0, 1.0]] * 4, [[1.0, 0, 0]] * 4])
    both = simulate(ISING, times=[0.7], initial_state=bloch)["x"].values[:, 0]
    for k, name in enumerate(("up", "plus")):
        alone = simulate(ISING, times=[0.7], initial_state=name)["x"].values[0, 0]
        np.testing.assert_allclose(both[k], alone, atol=1e-12)
    spread = simulate(ISING, times=[0.0], initial_state="random", n_trajectories=3, seed=1)["x"].values[:, 0]
    again = simulate(ISING, times=[0.0], initial_state="random", n_trajectories=3, seed=1)["x"].values[:, 0]
    np.testing.assert_array_equal(spread, again)
    assert len(np.unique(spread[:, 0])) == 3
    default = simulate(ISING, times=[0.0], n_trajectories=3, seed=1)["x"].values[:, 0]
    np.testing.assert_array_equal(default, spread)


def test_outcomes_of_measurements(tmp_path):
    data = simulate(ISING, times=[0.0, 1.0], n_shots=20_000, seed=3)
    assert data["outcome"].dims == ("shot", "site") and data.attrs["frame"] == "tetra_pos"
    table, z = Frame().table("Z"), data["x"].sel(state="Z").values[0, -1]
    found = table[data["outcome"].values].mean()
    assert abs(found - z) < 5 * np.sqrt(3 / 80_000)
    save_dataset(data, tmp_path / "samples.nc")
    assert read_dataset(tmp_path / "samples.nc").identical(data)
    other = simulate(ISING, times=[0.0, 1.0], n_shots=20_000, seed=4, frame="pauli4")
    assert not np.array_equal(other["outcome"], data["outcome"]) and other.attrs["frame"] == "pauli4"
    assert data_hash(data) != data_hash(other) != data_hash(other.drop_vars("outcome"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_trajectories": 2, "initial_state": "up"}, "same trajectory 2 times"),
        ({"method": "euler"}, "unknown method 'euler'.*taylor, dop853"),
        ({"dtype": "float32"}, "float64"),
        ({"substeps": 2}, "substeps"),
        ({"frame": "tetra"}, "frame without n_shots"),
        ({"n_shots": 0}, "n_shots"),
        ({"n_shots": 5, "frame": "sic"}, "unknown frame"),
        ({"n_shots": 5, "initial_state": "random", "n_trajectories": 2}, "measured of one state"),
        ({"initial_state": "north"}, "unknown state"),
        ({"initial_state": np.ones(16)}, "not normalised.*16"),
        ({"initial_state": np.diag([1.5, -0.5, *[0] * 14])}, "no density matrix"),
    ],
)
def test_what_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        simulate(ISING, times=[1.0], **arguments)


def test_too_many_spins_are_refused_with_the_memory():
    with pytest.raises(InputError, match="15 spins.*GB needed"):
        simulate(ISING.with_size(n_sites=15), times=[1.0])
    with pytest.raises(InputError) as refused:
        simulate(ISING.with_size(n_sites=20), times=[1.0])
    assert "trajectories" not in str(refused.value)


def test_other_systems_have_no_shots_and_no_states():
    with pytest.raises(InputError, match="n_shots and frame"):
        simulate(catalogue_system("lorenz63"), n_steps=3, n_shots=5)
    with pytest.raises(InputError, match="evolve_states is for"):
        evolve_states(catalogue_system("lorenz63"), [1.0])
    with pytest.raises(InputError, match="ascending"):
        evolve_states(ISING, [1.0, 0.5])
    with pytest.raises(InputError, match="times are not made of numbers"):
        evolve_states(ISING, ["soon"])


@pytest.mark.parametrize("V", [1e9, 1e308])
def test_hopeless_strengths_are_refused(V):
    with pytest.raises(InputError, match="too long.*rates up to"):
        simulate(ISING.with_parameters(V=V), times=[1.0])


def test_a_series_that_does_not_end(monkeypatch):
    monkeypatch.setattr("dysyr.simulation.taylor_path.MOST_TERMS", 3)
    with pytest.raises(NotConverged, match="does not end.*after 3"):
        simulate(ISING, times=[1.0])
