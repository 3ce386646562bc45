"""What every reconstructor of METHODS must do with awkward numbers: units, offsets, copies of a variable, constants."""

import numpy as np
import pytest
from method_cases import CASES, DT

from dysyr.core.errors import InputError, NotConverged
from dysyr.reconstruction import ALRNN, METHODS, JumpEM, JumpFoundation

N_AHEAD = 5
CONTINUOUS = [method for method in METHODS if method not in (JumpEM, JumpFoundation)]
"""The others take labels, which have no unit."""


@pytest.fixture(params=CONTINUOUS, ids=lambda method: method.__name__)
def method(request):
    return request.param


@pytest.fixture(scope="module")
def plain():
    """Forecasts of each method from the data as they are, in standard deviations."""
    return {method: in_deviations(method, ahead(method, series(method)), series(method)) for method in CONTINUOUS}


def series(method):
    return CASES[method].make(400, 0)


def ahead(method, x):
    """Samples that the method, fitted to x with small settings, expects after the first hundred."""
    quick = {"n_generations": 0, "n_starts": 1} if method is ALRNN else {}
    made = method(**{**CASES[method].settings, **CASES[method].shorter, **quick}).fit(x, dt=DT, progress=False)
    return made.forecast(x[:100], n_steps=N_AHEAD)["x"].values[0]


def in_deviations(method, values, x):
    return (values - x.mean(axis=0)) / x.std(axis=0)


@pytest.mark.parametrize("unit", [2.0**40, pytest.param(2.0**-40, marks=pytest.mark.slow)], ids=["large", "small"])
def test_the_unit_of_the_data_changes_nothing(method, plain, unit):
    """Powers of two, so that the numbers differ in their exponents alone."""
    x = series(method) * unit
    np.testing.assert_allclose(in_deviations(method, ahead(method, x), x), plain[method], rtol=0, atol=1e-6)


def test_a_variable_far_from_zero(method, plain):
    """A thousand standard deviations."""
    x = series(method)
    x = x + 1e3 * x.std(axis=0)
    np.testing.assert_allclose(in_deviations(method, ahead(method, x), x), plain[method], rtol=0, atol=1e-2)


def test_single_precision_data(method, plain):
    x = series(method)
    found = in_deviations(method, ahead(method, x.astype(np.float32)), x)
    np.testing.assert_allclose(found, plain[method], rtol=0, atol=1e-2)


def test_one_variable(method):
    found = ahead(method, series(method)[:, :1])
    assert found.shape == (N_AHEAD, 1)
    assert np.isfinite(found).all()


def test_a_variable_that_is_there_twice(method):
    x = series(method)
    twice = x[:, 0] + 1e-9 * np.random.default_rng(0).normal(size=len(x))
    found = ahead(method, np.column_stack([x, twice]))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[:, 0], found[:, 2], atol=1.5 * x[:, 0].std())


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside_others"])
def test_a_constant_variable(method, alone):
    """It is refused by its name, or expected to stay where it is."""
    x = series(method)
    still = np.full((len(x), 1), 7.0)
    try:
        found = ahead(method, still if alone else np.column_stack([x, still]))
    except (InputError, NotConverged) as error:
        assert "constant" in str(error)
    else:
        np.testing.assert_allclose(found[:, -1], 7.0, atol=0.1)
