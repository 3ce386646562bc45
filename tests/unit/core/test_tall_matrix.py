import numpy as np
import pytest

from dysyr.core import tall_matrix
from dysyr.core.hankel_modes import leading_modes
from dysyr.core.tall_matrix import shortened_equations


@pytest.mark.parametrize("most_rows", [3, 5, 16, 99])
def test_shortened_equations_have_the_same_solution_and_singular_values(rng, monkeypatch, most_rows):
    """Also in blocks of fewer rows than there are unknowns."""
    monkeypatch.setattr(tall_matrix, "MOST_ROWS", most_rows)
    inputs, targets = rng.normal(size=(100, 5)), rng.normal(size=(100, 2))
    r, rotated = shortened_equations(inputs, targets)
    assert r.shape == (5, 5)
    np.testing.assert_allclose(np.linalg.svd(r)[1], np.linalg.svd(inputs)[1], rtol=1e-12)
    np.testing.assert_allclose(np.linalg.solve(r, rotated), np.linalg.lstsq(inputs, targets)[0], rtol=1e-10)


def test_few_equations_stay_as_they_are(rng):
    inputs, targets = rng.normal(size=(30, 5)), rng.normal(size=(30, 2))
    assert shortened_equations(inputs, targets)[0] is inputs
    assert shortened_equations(inputs, targets)[1] is targets


def test_modes_are_those_of_all_windows(rng, monkeypatch):
    windows = rng.normal(size=(200, 6)) * [9.0, 6.0, 4.0, 3.0, 2.0, 1.0]
    modes, spread = leading_modes(windows, 3)
    monkeypatch.setattr(tall_matrix, "MOST_ROWS", 50)
    same, alike = leading_modes(windows, 3)
    np.testing.assert_allclose(alike, spread, rtol=1e-12)
    np.testing.assert_allclose(np.abs((same * modes).sum(axis=0)), 1.0, rtol=1e-12)
