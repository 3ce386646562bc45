"""Standard errors of correlated numbers."""

import numpy as np
import pytest

from dysyr.core.blocking import blocked_stderr


def autoregression(rng, n_sequences, n, phi):
    x = np.empty((n_sequences, n))
    x[:, 0] = rng.standard_normal(n_sequences) / np.sqrt(1 - phi**2)
    for k in range(1, n):
        x[:, k] = phi * x[:, k - 1] + rng.standard_normal(n_sequences)
    return x


@pytest.mark.parametrize("shape", [(1, 4096), (4, 1024), (64, 64)])
def test_independent_numbers_have_the_textbook_error(rng, shape):
    assert blocked_stderr(rng.standard_normal(shape)) == pytest.approx(1 / np.sqrt(4096), rel=0.5)


@pytest.mark.parametrize("phi", [0.95, -0.9])
def test_correlated_numbers_have_the_error_of_the_process(rng, phi):
    """The mean of an AR(1) process has the variance 1 / (n (1 - phi)²)."""
    expected = 1 / (1 - phi) / np.sqrt(4 * 20_000)
    assert blocked_stderr(autoregression(rng, 4, 20_000, phi)) == pytest.approx(expected, rel=0.5)


def test_each_quantity_has_its_own_error(rng):
    values = rng.standard_normal((8, 512, 2)) * [1.0, 10.0]
    error = blocked_stderr(values)
    assert error.shape == (2,)
    assert error[1] / error[0] == pytest.approx(10, rel=0.7)


def test_one_number_has_no_error():
    assert np.isinf(blocked_stderr(np.ones((1, 1))))
