"""L-BFGS as a resumable state."""

import numpy as np
from scipy.optimize import rosen, rosen_der

from dysyr.reconstruction.hankel_stnn.lbfgs import LBFGS


def rosenbrock(x):
    return rosen(x), rosen_der(x)


def test_it_finds_the_minimum_and_never_climbs():
    optimiser = LBFGS(rosenbrock, np.zeros(6))
    values = [optimiser.value] + [optimiser.step() for _ in range(200)]
    assert (np.diff(values) <= 0).all()
    np.testing.assert_allclose(optimiser.x, np.ones(6), atol=1e-6)


def test_a_quadratic_is_done_in_few_steps():
    scale = np.array([1.0, 10.0, 100.0])
    optimiser = LBFGS(lambda x: (0.5 * (scale * x * x).sum(), scale * x), np.ones(3))
    for _ in range(30):
        optimiser.step()
    assert optimiser.value < 1e-12


def test_it_goes_on_with_the_same_bits():
    whole = LBFGS(rosenbrock, np.zeros(4))
    for _ in range(15):
        whole.step()
    state = {name: value.copy() for name, value in whole.state().items()}
    other = LBFGS(rosenbrock, np.full(4, 0.3))
    other.restore(state)
    for _ in range(15):
        assert whole.step() == other.step()
    np.testing.assert_array_equal(whole.x, other.x)


def test_it_rests_at_a_minimum_and_where_nothing_is_finite():
    at = LBFGS(rosenbrock, np.ones(3))
    at.step()
    assert at.step() == 0.0 and at.at_rest
    lost = LBFGS(lambda x: (np.nan, np.full(2, np.nan)), np.zeros(2))
    assert lost.at_rest and np.isnan(lost.step())


def test_a_step_into_nothing_is_shortened():
    def logarithm(x):
        with np.errstate(invalid="ignore"):
            return float((x - np.log(x)).sum()), 1 - 1 / x

    optimiser = LBFGS(logarithm, np.full(2, 0.01))
    for _ in range(60):
        optimiser.step()
    np.testing.assert_allclose(optimiser.x, 1.0, atol=1e-6)


def test_a_slope_that_lies_ends_in_rest():
    wrong = LBFGS(lambda x: (float(x @ x), -2 * x), np.ones(2))
    for _ in range(3):
        wrong.step()
    assert wrong.at_rest
    np.testing.assert_array_equal(wrong.x, np.ones(2))
