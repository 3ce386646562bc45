"""Monomials and their derivatives against plain products, sympy-free."""

import math

import numpy as np
import pytest

from dysyr.core.monomials import Monomials


@pytest.mark.parametrize("degree, n_variables", [(1, 1), (2, 3), (3, 2), (3, 4)])
def test_all_monomials_once(degree, n_variables):
    terms = Monomials.up_to(degree, n_variables)
    assert len(terms) == math.comb(n_variables + degree, degree)
    powers = {tuple(row) for row in terms.powers()}
    assert len(powers) == len(terms)
    assert max(map(sum, powers)) == degree
    assert not terms.powers()[0].any()


def test_values_are_products_of_powers():
    x = np.random.default_rng(0).normal(size=(5, 3))
    terms = Monomials.up_to(3, 3)
    expected = np.prod(x[:, None, :] ** terms.powers()[None], axis=2)
    np.testing.assert_allclose(terms.values(x), expected, rtol=1e-13)
    np.testing.assert_allclose(terms.values(x[0]), expected[0], rtol=1e-13)


def test_slopes_are_the_derivative():
    rng = np.random.default_rng(1)
    terms, h = Monomials.up_to(3, 3), 1e-6
    x, weights = rng.normal(size=(4, 3)), rng.normal(size=(len(terms), 2))
    slopes = terms.slopes(x, weights)
    for d in range(3):
        shift = h * np.eye(3)[d]
        numeric = (terms.values(x + shift) - terms.values(x - shift)) @ weights / (2 * h)
        np.testing.assert_allclose(slopes[:, :, d], numeric, atol=1e-8)


def test_texts():
    assert Monomials.up_to(2, 2).texts(["x", "y"]) == ["1", "x", "y", "x^2", "x y", "y^2"]
