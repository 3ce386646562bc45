"""Distances of states: analytic values, and the bounds between them."""

import numpy as np
import pytest

from dysyr.core.errors import InputError
from dysyr.core.povm import Frame
from dysyr.core.state_distance import classical_fidelity, smallest_eigenvalue, total_variation, trace_distance

UP, DOWN, PLUS = np.diag([1.0, 0]), np.diag([0, 1.0]), np.full((2, 2), 0.5)


def test_analytic_values():
    assert trace_distance(UP, DOWN) == pytest.approx(1)
    assert trace_distance(UP, PLUS) == pytest.approx(1 / np.sqrt(2))  # sqrt(1 - |<a|b>|^2)
    assert total_variation([0.5, 0.5], [0.25, 0.75]) == pytest.approx(0.25)
    assert classical_fidelity([0.5, 0.5], [1.0, 0.0]) == pytest.approx(np.sqrt(0.5))
    assert smallest_eigenvalue(UP - 0.2 * np.eye(2)) == pytest.approx(-0.2)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_smallest_eigenvalue_of_a_certain_outcome(n):
    """A distribution on one string of a tetrahedral frame is no state: -2^(n-1)."""
    p = np.zeros((4,) * n)
    p.ravel()[0] = 1
    assert smallest_eigenvalue(Frame("tetra").density_matrix(p)) == pytest.approx(-(2.0 ** (n - 1)))


def test_bounds_between_distances(rng):
    frame = Frame()
    for _ in range(20):
        a = [m @ m.conj().T for m in rng.normal(size=(2, 4, 4)) + 1j * rng.normal(size=(2, 4, 4))]
        rho, sigma = (m / np.trace(m) for m in a)
        p, q = frame.probabilities(rho), frame.probabilities(sigma)
        assert total_variation(p, q) <= trace_distance(rho, sigma) <= 9 * total_variation(p, q)
        values, vectors = np.linalg.eigh(rho)
        root = vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.conj().T
        fidelity = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ sigma @ root), 0)).sum()
        assert classical_fidelity(p, q) >= fidelity - 1e-12


def test_states_of_different_size():
    with pytest.raises(InputError, match=r"states of different size: shapes \(2,\) and \(3,\)"):
        total_variation([1, 0], [1, 0, 0])
