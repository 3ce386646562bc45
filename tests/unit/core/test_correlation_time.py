import numpy as np
import pytest

from dysyr.core.correlation_time import autocorrelation, correlation_time


def test_autocorrelation_equals_its_definition(rng):
    x = rng.normal(size=(50, 2)).cumsum(axis=0)
    c = x - x.mean(axis=0)
    expected = [(c[k:] * c[: len(c) - k]).sum(axis=0) / (c**2).sum(axis=0) for k in range(10)]
    assert autocorrelation(x, 10) == pytest.approx(np.array(expected), abs=1e-12)


def test_correlation_time_of_an_autoregression_is_one_over_minus_log_of_its_coefficient(rng):
    x = np.zeros(200_000)
    shocks = rng.normal(size=len(x))
    for t in range(1, len(x)):
        x[t] = 0.95 * x[t - 1] + shocks[t]
    assert correlation_time(x[:, None]) == pytest.approx(-1 / np.log(0.95), abs=2)


def test_bounds():
    assert correlation_time(np.random.default_rng(0).normal(size=(1000, 1))) == 1
    assert correlation_time(np.arange(100.0)[:, None]) == 10
    assert correlation_time(np.ones((100, 1))) == 10
