import numpy as np
import pytest
from scipy.linalg import expm

from dysyr.core.errors import InputError
from dysyr.core.rate_matrix import (
    checked_rate_matrix,
    closed_classes,
    column_convention,
    stationary_distribution,
    transition_matrices,
)


def random_rates(rng, n=6, spread=2.0):
    rates = rng.exponential(size=(n, n)) * np.exp(spread * rng.normal(size=(n, n)))
    return checked_rate_matrix(rates * (1 - np.eye(n)))


def test_transition_matrices_are_matrix_exponentials(rng):
    q, lags = random_rates(rng), np.array([0.0, 1e-6, 0.01, 0.3, 1.0, 40.0])
    p = transition_matrices(q, lags)
    np.testing.assert_allclose(p, [expm(q * lag) for lag in lags], rtol=1e-10, atol=1e-14)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=-1), 1.0, rtol=1e-14)


def test_transition_matrices_need_no_eigenvectors_and_keep_small_probabilities():
    q = checked_rate_matrix([[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    lags = np.array([1e-9, 2.0])
    expected = np.exp(-lags) * lags
    np.testing.assert_allclose(transition_matrices(q, lags)[:, 0, 1], expected, rtol=1e-13)
    np.testing.assert_allclose(transition_matrices(q, lags)[0, 0, 2], 0.5e-18, rtol=1e-8)


def test_a_matrix_without_jumps_stays():
    np.testing.assert_array_equal(transition_matrices(np.zeros((2, 2)), [0.0, 3.0]), [np.eye(2)] * 2)


def test_stationary_distribution_stays(rng):
    q = random_rates(rng, spread=4.0)
    pi = stationary_distribution(q)
    assert pi.sum() == pytest.approx(1.0)
    assert np.abs(pi @ q).max() < 1e-13 * np.abs(q).max()


def test_stationary_distribution_keeps_small_probabilities():
    """Birth-death: π_k is proportional to the product of the ratios of rates, here down to 1e-60."""
    n, ratio = 21, 1e-3
    q = checked_rate_matrix(np.diag(np.full(n - 1, ratio), 1) + np.diag(np.ones(n - 1), -1))
    expected = ratio ** np.arange(n) * (1 - ratio)
    np.testing.assert_allclose(stationary_distribution(q), expected, rtol=1e-13)


def test_transient_states_have_no_stationary_share():
    q = checked_rate_matrix([[0, 1, 1], [0, 0, 2], [0, 1, 0]])
    np.testing.assert_allclose(stationary_distribution(q), [0, 1 / 3, 2 / 3])


def test_closed_classes_are_named_when_there_are_several():
    q = checked_rate_matrix([[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 2, 0]])
    assert closed_classes(q) == [[1], [2, 3]]
    with pytest.raises(InputError, match=r"2 closed classes: \{b\}; \{c, d\}"):
        stationary_distribution(q, "abcd")


def test_the_other_convention_is_the_transpose(rng):
    q = random_rates(rng)
    np.testing.assert_allclose(column_convention(q).sum(axis=0), 0.0, atol=1e-12 * np.abs(q).max())
    np.testing.assert_array_equal(column_convention(column_convention(q)), q)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros((2, 3)), "shape"),
        ([[0, np.inf], [1, 0]], "not finite"),
        ([[0, -1], [1, 0]], "negative rate from state 0 to state 1"),
        ([[-1, 2], [1, -1]], "row 0 does not sum to zero.*transpose"),
    ],
)
def test_what_is_no_rate_matrix_is_refused(matrix, message):
    with pytest.raises(InputError, match=message):
        checked_rate_matrix(matrix)


@pytest.mark.parametrize("lags", [[-1.0], [np.nan], [[1.0]]])
def test_lags_are_times(lags):
    with pytest.raises(InputError, match="lags"):
        transition_matrices(np.zeros((2, 2)), lags)
