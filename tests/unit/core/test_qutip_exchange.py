"""Systems from QuTiP and back, and the same dynamics on both sides."""

import sys

import numpy as np
import pytest

from dysyr.core.catalogue import catalogue_system, system_names
from dysyr.core.errors import DysyrError, InputError
from dysyr.core.qutip_exchange import from_qutip, to_qutip
from dysyr.core.system import System
from dysyr.simulation.simulate import simulate

SPINS = [name for name in system_names() if catalogue_system(name).kind == "open_quantum"]
TIGHT = {"atol": 1e-12, "rtol": 1e-11, "nsteps": 100_000}


@pytest.fixture
def qutip():
    return pytest.importorskip("qutip", reason="QuTiP is not installed: pip install 'dysyr[quantum]'")


def product(qutip, bloch):
    paulis = (qutip.sigmax(), qutip.sigmay(), qutip.sigmaz())
    return qutip.tensor([(qutip.qeye(2) + sum(b * p for b, p in zip(v, paulis, strict=True))) / 2 for v in bloch])


def by_mesolve(qutip, system, times):
    """Observables (time, observable) by mesolve at tight tolerance."""
    h, c_ops = to_qutip(system)
    dims = [[2] * system.spins.n_sites] * 2
    e_ops = [qutip.Qobj(matrix.tocsr(), dims=dims) for matrix in system.spins.observable_matrices()]
    start = product(qutip, system.initial_state)
    found = qutip.mesolve(h, start, times, c_ops=c_ops, e_ops=e_ops, options=TIGHT)
    return np.real(found.expect).T


@pytest.mark.parametrize("name", SPINS)
def test_catalogue_systems_agree_with_mesolve(qutip, name):
    system = catalogue_system(name)
    if system.spins.n_sites > 6:
        system = small_of(system)
    times = np.linspace(0, 1.5, 7)
    x = simulate(system, times=times)["x"].values[0]
    np.testing.assert_allclose(x, by_mesolve(qutip, system, times), atol=1e-8)


def small_of(system):
    """The model on a square of 2 x 3 open sites: a torus has nine at least."""
    definition = system.to_dict()
    definition["lattice"] = {"shape": [2, 3], "boundary": "open"}
    return System.from_dict(definition)


def test_six_spins_agree_with_mesolve(qutip):
    system = catalogue_system("tfim_decay").with_size(n_sites=6)
    x = simulate(system, times=[0.0, 0.5, 1.0])["x"].values[0]
    np.testing.assert_allclose(x, by_mesolve(qutip, system, [0.0, 0.5, 1.0]), atol=1e-8)


@pytest.mark.parametrize("name", [name for name in SPINS if name not in ("xyz_decay_torus", "driven_qubit")])
def test_round_trip(qutip, name):
    system = catalogue_system(name)
    h, c_ops = to_qutip(system)
    again = from_qutip(h, c_ops, initial_state="up")
    np.testing.assert_allclose(
        again.spins.generator_matrix().toarray(), system.spins.generator_matrix().toarray(), atol=1e-12
    )


def test_import_from_qutip_operators(qutip):
    """Written in QuTiP's way: a spin with a drive, another that decays, and a collective jump."""
    x0, z1 = qutip.tensor(qutip.sigmax(), qutip.qeye(2)), qutip.tensor(qutip.qeye(2), qutip.sigmaz())
    lower = qutip.tensor(qutip.qeye(2), qutip.sigmam())
    both = qutip.tensor(qutip.sigmam(), qutip.qeye(2)) + lower
    system = from_qutip([z1, [x0, "cos(w*t)"]], [0.5 * lower, both], args={"w": 2.0}, initial_state="right", dt=0.1)
    assert system.has_time and system.parameters == {"w": 2.0}
    coefficient = qutip.coefficient(lambda t: np.cos(2 * t))
    z0 = qutip.tensor(qutip.sigmaz(), qutip.qeye(2))
    found = qutip.mesolve(
        qutip.QobjEvo([z1, [x0, coefficient]]), product(qutip, [[0, 1, 0]] * 2), [0, 1.0], c_ops=[0.5 * lower, both],
        e_ops=[z0, z1], options=TIGHT,
    )  # fmt: skip
    x = simulate(system, times=[0.0, 1.0])["x"].sel(state=["Z_0", "Z_1"]).values[0]
    np.testing.assert_allclose(x, np.real(found.expect).T, atol=1e-8)


def test_what_is_refused(qutip):
    with pytest.raises(InputError, match="not on spins one half"):
        from_qutip(qutip.num(3))
    with pytest.raises(InputError, match="not Hermitian"):
        from_qutip(qutip.sigmam())
    with pytest.raises(InputError, match="no Qobj"):
        from_qutip(np.eye(2))
    with pytest.raises(InputError, match="coefficient of a Hamiltonian.*function"):
        from_qutip([[qutip.sigmax(), lambda t: t]])
    with pytest.raises(InputError, match="different numbers of spins.*1 and 2"):
        from_qutip(qutip.sigmax(), [qutip.tensor(qutip.sigmam(), qutip.qeye(2))])
    with pytest.raises(InputError, match="neither a Hamiltonian"):
        from_qutip(None)
    with pytest.raises(InputError, match="on too many sites at once.*5"):
        from_qutip(qutip.tensor([qutip.sigmax()] * 5))
    with pytest.raises(InputError, match="collapse operator acts on too many sites"):
        from_qutip(None, [sum(qutip.tensor([qutip.sigmam() if k == j else qutip.qeye(2) for k in range(5)])
                              for j in range(5))])  # fmt: skip
    with pytest.raises(InputError, match="to_qutip is for"):
        to_qutip(catalogue_system("lorenz63"))


def test_without_qutip(monkeypatch):
    monkeypatch.setitem(sys.modules, "qutip", None)
    with pytest.raises(DysyrError, match=r"QuTiP is not installed.*dysyr\[quantum\]"):
        to_qutip(catalogue_system("tfim_decay"))
