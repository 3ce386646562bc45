"""The matrix-free generator against its slow twin and against sparse matrices."""

import numpy as np
import pytest

from dysyr.core.system import System
from dysyr.kernels.pauli_terms import apply_terms, apply_terms_reference, pauli_terms


def spins_of(lattice):
    """Terms of one, two and three sites, Hermitian and not, at single places, on sites and on bonds."""
    return System.open_quantum(
        lattice=lattice,
        hamiltonian=[
            {"operator": {"XX": 0.9, "YZ": -0.4}, "on": "bonds", "coefficient": 0.7},
            {"operator": "X", "on": "sites", "coefficient": -0.3},
            {"operator": "ZXY", "on": [0, 2, 1], "coefficient": 0.2},
        ],
        jumps=[
            {"operator": "sigma_minus", "on": "sites", "rate": 0.8},
            {"operator": {"XI": 0.5, "IY": [0.1, 0.3]}, "on": "bonds", "rate": 0.4},
            {"operator": "ZZ", "on": [[0, -1]], "rate": 0.3},
        ],
    ).spins


LATTICES = [
    {"shape": [3], "boundary": "open"}, {"shape": [5], "boundary": "periodic"}, {"shape": [2, 3], "boundary": "open"},
    {"n_sites": 6, "edges": [[0, 5], [2, 4], [1, 3], [0, 3], [4, 5]]}, {"shape": [7], "boundary": "open"},
]  # fmt: skip


@pytest.mark.parametrize("lattice", LATTICES)
def test_it_is_the_sum_of_its_local_generators(lattice, rng):
    spins = spins_of(lattice)
    n, strengths = spins.n_sites, spins.strengths()
    terms = pauli_terms(spins.local_generators(), n, len(strengths))
    x, total = rng.normal(size=4**n), rng.normal(size=4**n)
    out, before = np.empty(4**n), total.copy()
    peak = apply_terms(terms.tables(strengths), x, out, 0, terms.n_tiles, 0.5, total)
    expected = 0.5 * (spins.generator_matrix() @ x)
    np.testing.assert_allclose(out, expected, atol=1e-12)
    np.testing.assert_allclose(0.5 * apply_terms_reference(terms, strengths, x), expected, atol=1e-12)
    np.testing.assert_allclose(total, before + out, atol=1e-14)
    assert peak == np.abs(out).max()


def test_a_shift_and_other_strengths(rng):
    spins = spins_of(LATTICES[2])
    strengths = rng.random(6)
    terms = pauli_terms(spins.local_generators(), 6, 6)
    x, out = rng.normal(size=4**6), np.full(4**6, np.nan)
    assert apply_terms(terms.tables(strengths, 1.5), x, out, 0, terms.n_tiles, 1.0, np.empty(0)) == 0.0
    expected = apply_terms_reference(terms, strengths, x) + 1.5 * x
    np.testing.assert_allclose(out, expected, atol=1e-12)


def test_tiles_are_independent(rng):
    spins = spins_of(LATTICES[4])
    terms = pauli_terms(spins.local_generators(), 7, 6)
    tables, x = terms.tables(spins.strengths()), rng.normal(size=4**7)
    whole, parts = np.empty(4**7), np.empty(4**7)
    apply_terms(tables, x, whole, 0, terms.n_tiles, 1.0, np.empty(0))
    for first in range(0, terms.n_tiles, 5):
        apply_terms(tables, x, parts, first, min(first + 5, terms.n_tiles), 1.0, np.empty(0))
    np.testing.assert_array_equal(whole, parts)


@pytest.mark.parametrize("lattice", LATTICES[:4])
def test_bounds_of_the_rows(lattice):
    spins = spins_of(lattice)
    matrix = spins.generator_matrix().toarray()
    most, lowest, mean = pauli_terms(spins.local_generators(), spins.n_sites, 6).bounds(spins.strengths())
    diagonal = matrix.diagonal()
    assert most >= np.abs(matrix - np.diag(diagonal)).sum(axis=1).max() - 1e-12
    assert lowest <= diagonal.min() + 1e-12 and mean == pytest.approx(diagonal.mean())
