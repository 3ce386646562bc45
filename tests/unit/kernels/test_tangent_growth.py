"""Growth of tangent vectors: exactly known exponents, and the two implementations beside each other."""

import numpy as np
import pytest

from dysyr.core.errors import DivergedError, InputError
from dysyr.core.system import System
from dysyr.kernels.lyapunov import growth_of_map, orthonormalise
from dysyr.simulation.exponents import growth_rates, growth_rates_with_fixed_steps


def rates(system, **settings):
    growth, durations = growth_rates(system, **settings)
    return growth.sum(axis=1) / durations.sum(axis=1)[:, None]


def test_linear_flow_has_its_eigenvalues():
    system = System.ode({"x": "-0.1*x + y", "y": "-2.5*y", "z": "-0.9*z + x"}, initial_state=[1.0, 1.0, 1.0])
    found = rates(system, duration=300.0, n_blocks=8)
    np.testing.assert_allclose(found[0], [-0.1, -0.9, -2.5], atol=1e-7)


def test_linear_map_has_the_logarithms_of_its_eigenvalues():
    system = System.map({"x": "2*x + y", "y": "0.5*y"}, initial_state=[1e-9, 0.0])
    found = rates(system, duration=500, n_blocks=10)
    np.testing.assert_allclose(found[0], [np.log(2), np.log(0.5)], atol=1e-12)


def test_leading_exponents_are_those_of_the_whole_spectrum():
    system = System.ode({"x": "-0.1*x + y", "y": "-2.5*y", "z": "-0.9*z + x"}, initial_state=[1.0, 1.0, 1.0])
    found = rates(system, duration=300.0, n_blocks=8, n_exponents=2)
    np.testing.assert_allclose(found[0], [-0.1, -0.9], atol=1e-7)


def test_growth_sums_to_the_divergence_in_every_block():
    """sum_k log R_kk over a stretch of an orbit is the integral of the divergence there, here constant."""
    system = System.ode(
        {"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8/3*z"},
        initial_state=[1, 1, 20],
        transient=5.0,
    )
    growth, durations = growth_rates(system, duration=20.0, n_blocks=10, n_trajectories=3)
    assert growth.shape == (3, 10, 3)
    np.testing.assert_allclose(growth.sum(axis=2), -(11 + 8 / 3) * durations, rtol=1e-7)


def test_blocks_shorter_than_a_step_are_joined():
    system = System.ode({"x": "-0.01*x"}, initial_state=[1.0])
    growth, durations = growth_rates(system, duration=1.0, n_blocks=1000)
    assert 1 <= durations.shape[1] < 1000
    assert (durations > 0).all()
    assert durations.sum() == pytest.approx(1.0, rel=0.2)


def test_compiled_map_agrees_with_its_slow_twin():
    henon = System.map(
        {"x": "1 - a*x**2 + y", "y": "b*x"},
        parameters={"a": 1.4, "b": 0.3},
        initial_state=[0.1, 0.1],
        transient=100,
    )
    compiled = rates(henon, duration=20_000, n_blocks=10, n_trajectories=4)

    def advance(z):
        return np.column_stack([1 - 1.4 * z[:, 0] ** 2 + z[:, 1], 0.3 * z[:, 0]])

    def jacobian(z):
        return np.array([[[-2.8 * x, 1.0], [0.3, 0.0]] for x in z[:, 0]])

    growth, _ = growth_of_map(advance, jacobian, np.array([[0.1, 0.1], [0.2, 0.1]]), 5000)
    slow = growth[:, 100:].mean(axis=1)
    np.testing.assert_allclose(slow.mean(axis=0), compiled.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(slow.sum(axis=1), np.log(0.3), rtol=1e-10)


def test_rare_decompositions_give_the_same_growth():
    def advance(z):
        return z @ matrix.T

    matrix = np.array([[1.1, 0.4, 0.0], [0.0, 0.9, 0.2], [0.1, 0.0, 0.7]])
    often, _ = growth_of_map(advance, lambda z: matrix[None], np.ones((1, 3)), 600, every=1)
    rarely, _ = growth_of_map(advance, lambda z: matrix[None], np.ones((1, 3)), 600, every=6)
    expected = np.sort(np.log(np.abs(np.linalg.eigvals(matrix))))[::-1]
    np.testing.assert_allclose(often[0, 300:].mean(axis=0)[0], expected[0], atol=1e-3)
    np.testing.assert_allclose(rarely.sum(axis=1), often.sum(axis=1), atol=1e-8)


def test_a_direction_that_is_lost_has_minus_infinity():
    growth, _ = growth_of_map(lambda z: 0 * z, lambda z: np.diag([2.0, 0.0])[None], np.ones((1, 2)), 3)
    assert growth[0, 0, 1] == -np.inf or growth[0, 0, 1] < -30


def test_an_orbit_that_diverges_gives_nan_not_a_number_that_looks_right():
    growth, _ = growth_of_map(lambda z: z**2, lambda z: np.full((1, 1, 1), np.inf), np.full((1, 1), 3.0), 5)
    assert np.isnan(growth).all()


LORENZ = System.ode(
    {"x": "s*(y - x)", "y": "x*(r - z) - y", "z": "x*y - b*z"},
    parameters={"s": 10.0, "r": 28.0, "b": "8/3"},
    initial_state=[1.0, 1.0, 20.0],
)


def numpy_growth(x, vectors, dt, n_steps, every):
    """RK4 of the state and the tangent vectors of one orbit, QR by NumPy; (interval, vector) logarithms."""

    def rates(x, v):
        jacobian = np.array([[-10.0, 10.0, 0.0], [28 - x[2], -1.0, -x[0]], [x[1], x[0], -8 / 3]])
        return np.array([10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]), jacobian @ v

    logs = []
    for step in range(n_steps):
        k = [rates(x, vectors)]
        for width in (dt / 2, dt / 2, dt):
            k.append(rates(x + width * k[-1][0], vectors + width * k[-1][1]))
        x, vectors = (a + dt / 6 * (k[0][i] + 2 * k[1][i] + 2 * k[2][i] + k[3][i]) for i, a in enumerate((x, vectors)))
        if step % every == every - 1:
            vectors, r = np.linalg.qr(vectors)
            logs.append(np.log(np.abs(np.diagonal(r))))
    return np.array(logs)


@pytest.mark.parametrize("n_exponents", [3, 1])
def test_fixed_steps_agree_with_a_numpy_loop(n_exponents, rng):
    x0 = rng.normal(size=(11, 3)) + [1, 1, 20]
    growth, length = growth_rates_with_fixed_steps(
        LORENZ, dt=0.01, n_steps=60, every=3, n_blocks=5, initial_state=x0, n_exponents=n_exponents, seed=4
    )
    draws = np.random.default_rng([4, 2]).standard_normal((11, 3, n_exponents))
    first = np.linalg.qr(draws)[0]
    slow = [numpy_growth(x, v, 0.01, 60, 3).reshape(5, 4, -1).sum(axis=1) for x, v in zip(x0, first, strict=True)]
    assert length == pytest.approx(0.12)
    np.testing.assert_allclose(growth, slow, rtol=1e-9, atol=1e-11)


def test_rare_decompositions_with_fixed_steps_give_the_same_growth():
    settings = {"dt": 0.01, "n_steps": 800, "n_blocks": 4, "initial_state": [1.0, 1.0, 20.0]}
    often, _ = growth_rates_with_fixed_steps(LORENZ, every=1, **settings)
    rarely, _ = growth_rates_with_fixed_steps(LORENZ, every=10, **settings)
    np.testing.assert_allclose(often, rarely, atol=1e-7)


def test_growth_with_fixed_steps_refuses_what_it_cannot_do():
    chain = System.ode({"x[i]": "x[i+1] - x[i]"}, index={"i": 20})
    with pytest.raises(InputError, match=r"small flow: kind 'ode', 20 variables.*take growth_rates"):
        growth_rates_with_fixed_steps(chain, dt=0.1, n_steps=10, every=1, n_blocks=2, initial_state=np.ones(20))
    with pytest.raises(InputError, match=r"n_steps: 10; a multiple of every\*n_blocks = 6"):
        growth_rates_with_fixed_steps(LORENZ, dt=0.1, n_steps=10, every=3, n_blocks=2, initial_state=np.ones(3))
    with pytest.raises(DivergedError, match=r"take smaller steps than 1"):
        growth_rates_with_fixed_steps(LORENZ, dt=1.0, n_steps=40, every=1, n_blocks=2, initial_state=np.ones(3))


def test_vectors_of_all_lanes_become_orthonormal(rng):
    x = rng.normal(size=(4 * 5, 7))
    given = x.copy().reshape(5, 4, 7)[1:].transpose(2, 1, 0)
    growth = np.empty((4, 7))
    orthonormalise(x, 4, np.empty(7), growth)
    q, r = np.linalg.qr(given)
    signs = np.sign(np.diagonal(r, axis1=1, axis2=2))
    vectors = x.reshape(5, 4, 7)[1:].transpose(2, 1, 0)
    np.testing.assert_allclose(vectors, q * signs[:, None, :], atol=1e-13)
    np.testing.assert_allclose(growth.T, np.log(np.abs(np.diagonal(r, axis1=1, axis2=2))), atol=1e-12)


def test_a_vector_that_vanishes_does_not_spoil_the_others():
    x = np.zeros((6, 3))
    x[2] = 2.0
    growth = np.empty((2, 3))
    orthonormalise(x, 2, np.empty(3), growth)
    np.testing.assert_allclose(growth[0], np.log(2.0))
    assert (growth[1] == -np.inf).all()
    np.testing.assert_array_equal(x[2:], [[1, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]])
