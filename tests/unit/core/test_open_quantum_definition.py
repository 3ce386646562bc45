"""System files of kind open_quantum: what they say, round trips, and what is refused."""

import numpy as np
import pytest

from dysyr.core.errors import DysyrError, InputError
from dysyr.core.open_quantum_definition import bloch_vectors
from dysyr.core.pauli import operator_matrix, pauli_coefficients, read_operator, string_matrix
from dysyr.core.system import System

RING = {"shape": [4], "boundary": "periodic"}
X_FIELD = {"operator": "X", "on": "sites", "coefficient": "g/2"}
DECAY = {"operator": "sigma_minus", "on": "sites", "rate": "gamma"}


def ising(**changed):
    tables = {
        "lattice": RING, "parameters": {"V": 2.0, "g": 1.0, "gamma": 1.0}, "initial_state": "up", "dt": 0.1,
        "hamiltonian": [{"operator": "ZZ", "on": "bonds", "coefficient": "V/4"}, X_FIELD], "jumps": [DECAY],
    }  # fmt: skip
    return System.open_quantum(**(tables | changed))


def test_what_it_says():
    system = ising()
    spins = system.spins
    assert system.kind == "open_quantum" and system.variables[:5] == ("X_0", "X_1", "X_2", "X_3", "Y_0")
    assert spins.lattice.bonds == ((0, 1), (1, 2), (2, 3), (3, 0)) and str(spins.lattice) == "ring of 4 sites"
    assert spins.strengths().tolist() == [0.5, 0.5, 1.0] and not system.has_time
    assert system.initial_state.tolist() == [[0, 0, 1]] * 4
    assert dict(system.equations) == {
        "H_1: ZZ on bonds": "V/4", "H_2: X on sites": "g/2", "L_1: sigma_minus on sites": "gamma",
    }  # fmt: skip
    assert system.latex() == [
        r"H_{1} = \frac{V}{4} \, \sum_{ij} \mathrm{ZZ}_{ij}", r"H_{2} = \frac{g}{2} \, \sum_{i} X_{i}",
        r"L_{1,i} = \sigma^-_{i} :\quad \gamma",
    ]  # fmt: skip
    assert system.conserved_quantities(np.zeros(12)) == {}
    with pytest.raises(InputError, match="no vector field"):
        system.vector_field(np.zeros(12))


def test_round_trips_and_changes(tmp_path):
    system = ising(observables=[{"name": "zz", "operator": "ZZ", "on": "bonds"}], let={"h": "g/2"}, name="ising")
    assert System.from_dict(system.to_dict()) == system
    system.to_file(tmp_path / "ising.toml")
    assert System.from_file(tmp_path / "ising.toml") == system
    assert system.with_parameters(V=4.0).spins.strengths()[0] == 1.0
    assert system.with_size(n_sites=np.int64(6)).spins.n_sites == 6 and system.sizes == {"n_sites": 4}
    torus = ising(lattice={"shape": [3, 4], "boundary": "periodic"})
    assert torus.with_size(n_rows=4).sizes == {"n_rows": 4, "n_columns": 4}
    with pytest.raises(InputError, match="no index 'n_rows'.*n_sites"):
        system.with_size(n_rows=3)


@pytest.mark.parametrize(
    ("lattice", "n_bonds", "said"),
    [
        ({"shape": [5], "boundary": "open"}, 4, "chain of 5 sites"),
        ({"shape": [5], "boundary": "periodic"}, 5, "ring of 5 sites"),
        ({"shape": [3, 4], "boundary": "open"}, 17, "square of 3 x 4 sites"),
        ({"shape": [3, 4], "boundary": "periodic"}, 24, "torus of 3 x 4 sites"),
        ({"n_sites": 4, "edges": [[0, 1], [3, 0]]}, 2, "graph of 4 sites and 2 bonds"),
    ],
)
def test_lattices(lattice, n_bonds, said):
    found = ising(lattice=lattice).spins.lattice
    assert len(set(map(frozenset, found.bonds))) == len(found.bonds) == n_bonds and str(found) == said
    if found.boundary == "periodic":
        assert set(np.bincount(np.ravel(found.bonds))) == {2 * len(found.shape)}


def test_hamiltonian_and_jumps_as_matrices():
    spins = ising(lattice={"n_sites": 3, "edges": [[2, 0]]}, parameters={"V": 2.0, "g": 3.0, "gamma": 0.25}).spins
    h = 0.5 * string_matrix("ZIZ") + 1.5 * sum(string_matrix(s) for s in ("XII", "IXI", "IIX"))
    assert np.allclose(spins.hamiltonian_matrix().toarray(), h)
    lower = np.array([[0, 0], [1, 0]])
    assert np.allclose(spins.jump_matrices()[1].toarray(), 0.5 * np.kron(np.kron(np.eye(2), lower), np.eye(2)))
    with pytest.raises(InputError, match="9 spins as a matrix.*GB"):
        ising(lattice={"shape": [9], "boundary": "open"}).spins.generator_matrix()


def test_operators():
    assert read_operator("sigma_plus sigma_minus") == {"XX": 0.25, "XY": -0.25j, "YX": 0.25j, "YY": 0.25}
    assert np.allclose(operator_matrix(read_operator("up")), np.diag([1, 0]))
    assert np.allclose(operator_matrix(read_operator({"X": [0, 1], "Z": 2})), [[2, 1j], [1j, -2]])
    matrix = np.arange(16).reshape(4, 4) + 1j * np.eye(4)
    coefficients = pauli_coefficients(matrix)
    for string in ("IX", "YZ", "XX"):
        index = tuple("IXYZ".index(letter) for letter in string)
        assert coefficients[index] == pytest.approx(np.trace(string_matrix(string) @ matrix) / 4)
    with pytest.raises(InputError, match=r"\(2\^k, 2\^k\)"):
        pauli_coefficients(np.eye(3))


def test_initial_states():
    assert bloch_vectors("left", 2).tolist() == [[0, -1, 0]] * 2
    assert bloch_vectors(["up", [0.5, 0, 0], "mixed"], 3).tolist() == [[0, 0, 1], [0.5, 0, 0], [0, 0, 0]]
    assert bloch_vectors([0, 0.6, 0.8], 3).tolist() == [[0, 0.6, 0.8]] * 3
    for entry, message in (
        ("north", "unknown state in initial_state.*up, down"), (["up"], "list of 2 of them"),
        ([[1, 1, 0], "up"], "length 1.41"), ([3, "up"], "state of a spin"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            bloch_vectors(entry, 2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hamiltonian": [{"operator": "sigma_minus", "on": "sites", "coefficient": 1}]}, "not Hermitian.*adjoint"),
        ({"jumps": [DECAY | {"rate": "-gamma"}]}, "rate of sigma_minus on sites.*-1.*>= 0"),
        ({"hamiltonian": [X_FIELD | {"coefficient": "1/(g - 1)"}]}, "coefficient of X on sites|not finite|infinite"),
        ({"lattice": {"shape": [2], "boundary": "periodic"}}, "periodic side of 2 sites.*bond counts twice"),
        ({"lattice": {"shape": [3, 2], "boundary": "periodic"}}, "periodic side of 2"),
        ({"lattice": {"shape": [31], "boundary": "open"}}, "too many spins.*31"),
        ({"lattice": {"shape": [4]}}, "boundary.*open or periodic"),
        ({"lattice": {"shape": [0], "boundary": "open"}}, "shape"),
        ({"lattice": {"shape": [4], "boundary": "open", "n_sites": 4}}, "n_sites and shape"),
        ({"lattice": {"size": 4}}, "unknown key in .lattice."),
        ({"lattice": {"n_sites": 4}}, "needs one of shape and edges"),
        ({"lattice": {"n_sites": 0, "edges": []}}, "n_sites"),
        ({"lattice": {"n_sites": 3, "edges": 3}}, "edges.*list of pairs"),
        ({"lattice": {"n_sites": 3, "edges": [[0, 3]]}}, "edge.*two different sites out of 0 to 2"),
        ({"lattice": {"n_sites": 3, "edges": [[0, 1], [1, 0]]}}, "there twice"),
        ({"lattice": {"n_sites": 3, "edges": [[0, 1]], "boundary": "open"}}, "edges and a boundary"),
        ({"lattice": {"n_sites": 3, "edges": []}}, "acts nowhere"),
        ({"jumps": [DECAY | {"on": [0, 1]}]}, "acts on 1 site"),
        ({"jumps": [DECAY | {"on": [4]}]}, "site 4.*not there"),
        ({"jumps": [DECAY | {"operator": "ZZ", "on": [1, -3]}]}, "named twice"),
        ({"jumps": [DECAY | {"on": "edges"}]}, "on of jump operator 1"),
        ({"jumps": [DECAY | {"operator": "sigma_minos"}]}, "unknown name.*did you mean 'sigma_minus'"),
        ({"jumps": [DECAY | {"operator": {"X": "1"}}]}, "coefficient of X"),
        ({"jumps": [DECAY | {"operator": {"X": 1, "ZZ": 1}}]}, "different lengths"),
        ({"jumps": [DECAY | {"operator": {"Q": 1}}]}, "Pauli string"),
        ({"jumps": [DECAY | {"operator": {"X": 0}}]}, "is zero"),
        ({"jumps": [DECAY | {"operator": "XXXXX", "on": [0, 1, 2, 3, 0]}]}, "too many sites"),
        ({"jumps": [DECAY | {"operator": 3}]}, "cannot be read"),
        ({"jumps": [DECAY | {"coefficient": 1}]}, "unknown key.*coefficient"),
        ({"jumps": [{"operator": "X", "on": "sites"}]}, "lacks rate"),
        ({"jumps": [DECAY | {"rate": "kappa"}]}, "kappa"),
        ({"jumps": [], "hamiltonian": []}, "nothing happens"),
        ({"hamiltonian": [3]}, "not a list of tables"),
        ({"observables": []}, "observables is empty"),
        ({"observables": [{"name": "a", "operator": "sigma_plus", "on": "sites"}]}, "observable a is not Hermitian"),
        ({"observables": [{"name": "a", "operator": "X", "on": "sites"}] * 2}, "used twice"),
        ({"equations": {"x": "1"}}, "unknown key"),
    ],
)  # fmt: skip
def test_what_is_refused(changed, message):
    with pytest.raises(DysyrError, match=message):
        ising(**changed)


def test_rates_that_become_negative_are_refused_with_their_time():
    system = ising(jumps=[DECAY | {"rate": "cos(t)"}])
    assert system.has_time and system.spins.strengths(0.5)[2] == pytest.approx(np.cos(0.5))
    with pytest.raises(InputError, match="rate of sigma_minus on sites.*at t = 2"):
        system.spins.strengths(2.0)


def test_no_initial_state():
    with pytest.raises(InputError, match="no default initial state"):
        ising(initial_state=None).initial_state  # noqa: B018


def test_operators_are_not_multiplied_beyond_what_is_allowed():
    """Thirty words would be 2^30 strings."""
    with pytest.raises(InputError, match="operator acts on too many sites: 5; at most 4"):
        read_operator("sigma_plus " * 30)
