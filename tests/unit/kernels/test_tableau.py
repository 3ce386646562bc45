"""Coefficients of the Runge-Kutta methods: order conditions, and scipy's copy of DOP853."""

import numpy as np
import pytest
from scipy.integrate import DOP853 as SCIPY_DOP853

from dysyr.kernels.tableau import RK4, TSIT5
from dysyr.kernels.tableau_dop853 import DOP853

ALL = pytest.mark.parametrize("tableau", [RK4, TSIT5, DOP853], ids=lambda t: t.name)
DENSE = pytest.mark.parametrize("tableau", [TSIT5, DOP853], ids=lambda t: t.name)


@ALL
def test_rows_sum_to_nodes(tableau):
    np.testing.assert_allclose([sum(row) for row in tableau.stages], tableau.nodes, atol=1e-14)


@ALL
def test_quadrature_conditions(tableau):
    c = np.array(tableau.nodes[: len(tableau.weights)])
    for q in range(tableau.order):
        assert tableau.weights @ c**q == pytest.approx(1 / (q + 1), abs=1e-14)


@DENSE
def test_error_weights_vanish_on_low_powers(tableau):
    for weights in tableau.error:
        assert sum(weights) == pytest.approx(0, abs=1e-14)
        assert np.dot(weights, tableau.nodes[: len(weights)]) == pytest.approx(0, abs=1e-14)


@DENSE
@pytest.mark.parametrize("theta", [0.1, 0.5, 0.9, 1.0])
def test_dense_output_integrates_powers(tableau, theta):
    order = {"tsit5": 4, "dop853": 7}[tableau.name]
    weights = tableau.dense @ theta ** np.arange(1, tableau.dense.shape[1] + 1)
    for q in range(order):
        assert weights @ np.array(tableau.nodes) ** q == pytest.approx(theta ** (q + 1) / (q + 1), abs=1e-12)


def test_dop853_has_the_coefficients_of_scipy():
    ours = np.zeros((12, 12))
    for s, row in enumerate(DOP853.stages[:12]):
        ours[s, : len(row)] = row
    np.testing.assert_array_equal(ours, SCIPY_DOP853.A[:12, :12])
    np.testing.assert_array_equal(DOP853.weights, SCIPY_DOP853.B)
    np.testing.assert_array_equal(DOP853.error, [SCIPY_DOP853.E5, SCIPY_DOP853.E3])
    np.testing.assert_array_equal(DOP853.nodes[13:], SCIPY_DOP853.C_EXTRA)
