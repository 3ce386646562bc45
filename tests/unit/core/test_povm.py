"""Frames: tables and generators of the literature, duality, round trips, variances, sampling."""

import functools
import itertools

import numpy as np
import pytest
from scipy.linalg import expm

from dysyr.core.errors import InputError
from dysyr.core.povm import FRAMES, Frame, along_sites, density_matrix, pauli_expectations
from dysyr.core.spin_system import decay_generator, product_state, unitary_generator

X, Y, Z = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])
LOWER = np.array([[0, 0], [1, 0]], complex)
ROOT = np.sqrt(3)
TABLES = {
    "tetra": {"X": [0, 2 * np.sqrt(2), -np.sqrt(2), -np.sqrt(2)], "Y": [0, 0, np.sqrt(6), -np.sqrt(6)],
              "Z": [3, -1, -1, -1]},
    "tetra_pos": {"X": [ROOT, ROOT, -ROOT, -ROOT], "Y": [ROOT, -ROOT, ROOT, -ROOT], "Z": [ROOT, -ROOT, -ROOT, ROOT]},
    "pauli4": {"X": [-1, 5, -1, -1], "Y": [-1, -1, 5, -1], "Z": [5, -1, -1, -1]},
}  # fmt: skip
GENERATORS = {
    "tetra": [[-1.0, 0.0, 0.612372, -0.612372], [0.333333, -0.333333, -0.037457, 0.370791],
              [-0.279039, 0.370791, -0.333333, 0.574915], [0.945706, -0.037457, -0.241582, -0.333333]],
    "tetra_pos": [[-0.644338, 0.105662, 0.605662, -0.644338], [0.394338, -0.355662, -0.355662, 0.894338],
                  [-0.105662, 0.644338, -0.355662, 0.394338], [0.355662, -0.394338, 0.105662, -0.644338]],
}  # fmt: skip


def random_state(n, rng):
    a = rng.normal(size=(2**n, 2**n)) + 1j * rng.normal(size=(2**n, 2**n))
    rho = a @ a.conj().T
    return rho / np.trace(rho)


@pytest.mark.parametrize("name", FRAMES)
def test_elements_are_a_measurement_and_duals_are_dual(name):
    frame = Frame(name)
    assert np.allclose(frame.elements.sum(axis=0), np.eye(2), atol=1e-15)
    assert min(np.linalg.eigvalsh(m).min() for m in frame.elements) > -1e-15
    assert np.allclose(np.einsum("bij,aji->ba", frame.dual, frame.elements), np.eye(4), atol=1e-14)
    assert np.allclose(np.trace(frame.dual, axis1=1, axis2=2), 1.0, atol=1e-14)


@pytest.mark.parametrize("name", FRAMES)
def test_tables_of_the_paulis(name):
    for letter, values in TABLES[name].items():
        assert np.allclose(Frame(name).table(letter), values, atol=1e-12)
    assert np.allclose(Frame(name).table("identity"), 1.0, atol=1e-12)


def test_overlaps_and_their_condition():
    assert np.allclose(Frame("tetra").overlap, np.eye(4) / 6 + 1 / 12, atol=1e-15)
    four = np.array([[2, 1, 1, 2], [1, 2, 1, 2], [1, 1, 2, 2], [2, 2, 2, 12]]) / 18
    assert np.allclose(Frame("pauli4").overlap, four, atol=1e-15)
    inverse = [[14, -4, -4, -1], [-4, 14, -4, -1], [-4, -4, 14, -1], [-1, -1, -1, 2]]
    assert np.allclose(np.linalg.inv(Frame("pauli4").overlap), inverse, atol=1e-12)
    assert np.linalg.cond(Frame("tetra_pos").overlap) == pytest.approx(3.0)


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_states_to_probabilities_and_back(name, n, rng):
    frame, rho = Frame(name), random_state(n, rng)
    p = frame.probabilities(rho)
    direct = [
        np.trace(rho @ functools.reduce(np.kron, frame.elements[list(a)])).real
        for a in itertools.product(range(4), repeat=n)
    ]
    assert np.allclose(p.ravel(), direct, atol=1e-14)
    assert np.allclose(frame.density_matrix(p), rho, atol=1e-13)
    assert np.allclose(density_matrix(pauli_expectations(rho)), rho, atol=1e-14)


@pytest.mark.parametrize("name", GENERATORS)
def test_generator_of_a_driven_decaying_spin(name):
    generator = Frame(name).generator(unitary_generator(X / 2) + decay_generator(LOWER))
    assert np.allclose(generator, GENERATORS[name], atol=1e-6)
    assert np.allclose(generator.sum(axis=0), 0.0, atol=1e-14)


@pytest.mark.parametrize("name", FRAMES)
def test_generators_are_those_of_the_duals_and_move_states(name, rng):
    """A_ab = Tr(M_a L(D_b)), and exp(A t) P is the outcome distribution of rho(t), on two sites."""
    frame = Frame(name)
    h = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    h, jump = h + h.conj().T, rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    generator = frame.generator(unitary_generator(h) + decay_generator(jump))
    m = [np.kron(a, b) for a in frame.elements for b in frame.elements]
    d = [np.kron(a, b) for a in frame.dual for b in frame.dual]
    loss = jump.conj().T @ jump

    def rate(r):
        return -1j * (h @ r - r @ h) + jump @ r @ jump.conj().T - (loss @ r + r @ loss) / 2

    direct = np.array([[np.trace(m[a] @ rate(d[b])).real for b in range(16)] for a in range(16)])
    assert np.allclose(generator, direct, atol=1e-11)
    assert np.allclose(generator.sum(axis=0), 0.0, atol=1e-12)
    eye = np.eye(4)
    super_ = -1j * (np.kron(h, eye) - np.kron(eye, h.T)) + np.kron(jump, jump.conj())
    super_ -= (np.kron(loss, eye) + np.kron(eye, loss.T)) / 2
    rho = random_state(2, rng)
    later = (expm(0.1 * super_) @ rho.ravel()).reshape(4, 4)
    p = expm(0.1 * generator) @ frame.probabilities(rho).ravel()
    assert np.allclose(p, frame.probabilities(later).ravel(), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "mixed", "up"), [("tetra", [3, 3, 3], [2, 2, 4]), ("tetra_pos", [3, 3, 3], [3, 3, 2]),
                              ("pauli4", [5, 5, 5], [5, 5, 8])],
)  # fmt: skip
def test_variances_of_single_shots(name, mixed, up):
    frame = Frame(name)
    for bloch, variances in (([0, 0, 0], mixed), ([0, 0, 1], up)):
        p = along_sites(frame.to_outcomes, product_state([bloch]).reshape(4))
        assert [frame.variance(o, p) for o in "XYZ"] == pytest.approx(variances)


def test_correlators_have_variance_three_to_the_k_in_the_mixed_state():
    assert Frame().variance("XYZ", np.full((4, 4, 4), 1 / 64)) == pytest.approx(27.0)
    assert Frame("pauli4").variance("ZZ", np.multiply.outer(*[Frame("pauli4").to_outcomes[:, 0]] * 2)) == pytest.approx(
        25.0
    )


@pytest.mark.parametrize(("name", "lowest"), [("tetra", [-1, -2, -4]), ("pauli4", [-2.10, -6.5, -20.1])])
def test_a_certain_outcome_is_no_state(name, lowest):
    for n, value in enumerate(lowest, start=1):
        found = []
        for b in itertools.combinations_with_replacement(range(4), n):
            p = np.zeros((4,) * n)
            p[b] = 1.0
            found.append(np.linalg.eigvalsh(Frame(name).density_matrix(p)).min())
        assert min(found) == pytest.approx(value, rel=0.01)


def test_outcomes_follow_their_probabilities(rng):
    frame, rho = Frame(), random_state(2, rng)
    p = frame.probabilities(rho)
    outcomes = frame.sample(p, 40_000, rng)
    assert outcomes.shape == (40_000, 2) and outcomes.dtype == np.uint8
    counts = np.bincount(outcomes @ np.array([4, 1]), minlength=16).reshape(4, 4)
    assert (np.abs(counts - 40_000 * p) < 5 * np.sqrt(40_000 * p)).all()
    zz = frame.table("ZZ")[tuple(outcomes.T)]
    error = np.sqrt(frame.variance("ZZ", p) / 40_000)
    assert abs(zz.mean() - np.trace(rho @ np.kron(Z, Z)).real) < 5 * error


def test_outcomes_of_probability_zero_never_happen(rng):
    p = Frame("tetra").probabilities(np.diag([0.0, 1.0]))
    assert p[0] == pytest.approx(0.0, abs=1e-15)
    assert 0 not in Frame("tetra").sample(p, 1000, rng)


def test_refusals(rng):
    with pytest.raises(InputError, match="unknown frame.*tetra_pos"):
        Frame("sic")
    with pytest.raises(InputError, match="frame 'tetra' has probability zero.*tetra_pos"):
        Frame("tetra").log_probabilities([0, 0, -1.0])
    assert np.exp(Frame().log_probabilities([[0, 0, -1.0]])).sum() == pytest.approx(1.0)
    with pytest.raises(InputError, match="not Hermitian"):
        Frame().table("sigma_minus")
    with pytest.raises(InputError, match="differ in sites"):
        Frame().variance("ZZ", np.full(4, 0.25))
    with pytest.raises(InputError, match="negative probability"):
        Frame().sample(np.array([1.1, -0.1, 0, 0]), 3, rng)
