"""Lyapunov spectra beside published and exact values."""

import numpy as np
import pytest

from dysyr.api import load_system
from dysyr.core.errors import InputError
from dysyr.core.system import System
from dysyr.spectrum import lyapunov_spectrum


def assert_close(measure, expected, stderr=0.002, relative=0.005):
    value, error = np.array(measure.value), np.array(measure.stderr)
    assert (error <= stderr).all(), error
    assert (np.abs(value - expected) <= 3 * error + relative * np.abs(expected)).all(), (value, error)


def test_lorenz():
    assert_close(
        lyapunov_spectrum(load_system("lorenz63"), n_steps=60_000, n_trajectories=64), [0.9056, 0, -14.572]
    )


def test_rossler():
    system = load_system("rossler", a=0.2, b=0.2, c=5.7)
    assert_close(lyapunov_spectrum(system, n_steps=40_000, n_trajectories=64), [0.0714, 0, -5.394])


def test_henon():
    measure = lyapunov_spectrum(load_system("henon"), n_steps=20_000, n_trajectories=32)
    assert_close(measure, [0.4192, np.log(0.3) - 0.4192])


def test_logistic_map_at_four():
    measure = lyapunov_spectrum(load_system("logistic", r=4.0), n_steps=50_000, n_trajectories=16)
    assert_close(measure, [np.log(2)], relative=1e-4)


def test_cat_map():
    exact = np.log((3 + np.sqrt(5)) / 2)
    measure = lyapunov_spectrum(load_system("cat"), n_steps=2000, n_trajectories=4)
    assert_close(measure, [exact, -exact], relative=1e-6)


def test_standard_map_in_strong_chaos():
    """For large K the exponent tends to log(K/2)."""
    name = next(iter(load_system("standard").parameters))
    measure = lyapunov_spectrum(load_system("standard", **{name: 20.0}), n_steps=20_000, n_trajectories=32)
    assert_close(measure, [np.log(10), -np.log(10)], relative=0.01)


def test_limit_cycle_torus_and_fixed_point_give_their_signs():
    cycle = lyapunov_spectrum(load_system("van_der_pol"), n_steps=20_000)
    assert abs(cycle.value[0]) < 0.005
    assert cycle.value[1] < -0.5
    torus = System.ode(
        {"x": "-y + x*(1 - x**2 - y**2)", "y": "x + y*(1 - x**2 - y**2)",
         "u": "-w*v + u*(1 - u**2 - v**2)", "v": "w*u + v*(1 - u**2 - v**2)"},
        parameters={"w": "sqrt(2)"}, initial_state=[1.0, 0.1, 0.2, 1.0], dt=0.1, transient=20.0,
    )  # fmt: skip
    np.testing.assert_allclose(lyapunov_spectrum(torus, n_steps=10_000).value, [0, 0, -2, -2], atol=0.005)
    resting = load_system("lorenz63", rho=0.5)
    eigenvalues = np.linalg.eigvals(resting.jacobian(np.zeros(3))).real
    found = lyapunov_spectrum(resting, n_steps=10_000, n_trajectories=2).value
    np.testing.assert_allclose(found, np.sort(eigenvalues)[::-1], atol=0.01)


def test_measure_says_what_it_is():
    measure = lyapunov_spectrum(load_system("henon"), n_steps=1000, n_trajectories=3, seed=4)
    assert (measure.name, measure.kind, measure.unit, measure.better) == (
        "lyapunov_spectrum",
        "invariant",
        "1/time",
        "match",
    )
    assert measure.n == 3000
    assert len(measure.runs) == 3
    assert measure.settings["seed"] == 4


def test_stochastic_systems_and_strangers_are_refused():
    with pytest.raises(InputError, match="ornstein_uhlenbeck is stochastic"):
        lyapunov_spectrum(load_system("ornstein_uhlenbeck"), n_steps=10)
    with pytest.raises(InputError, match="need equations or a model with a Jacobian: ndarray"):
        lyapunov_spectrum(np.zeros(3), n_steps=10)
    with pytest.raises(InputError, match="n_steps: 0"):
        lyapunov_spectrum(load_system("henon"), n_steps=0)
