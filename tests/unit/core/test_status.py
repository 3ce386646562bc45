import numpy as np
import pytest

from dysyr.core.status import orbit_status

ONE = np.ones(1)


def autoregressive(n, rng):
    x = np.zeros((n, 1))
    shocks = rng.normal(size=n)
    for t in range(2, n):
        x[t] = 1.7 * x[t - 1] - 0.9 * x[t - 2] + shocks[t]
    return x / x.std()


def test_a_scalar_oscillation_is_a_cycle_and_scalar_noise_is_not(rng):
    t = 0.1 * np.arange(3000)
    wave = (np.sin(t) + 0.3 * np.sin(2 * t + 1.0))[:, None]
    assert orbit_status(wave, ONE)["cycle"] == pytest.approx(2 * np.pi / 0.1, rel=1e-3)
    assert orbit_status(autoregressive(3000, rng), ONE)["cycle"] is None


def test_a_scalar_torus_is_not_a_cycle():
    t = 0.1 * np.arange(3000)
    assert orbit_status((np.sin(t) + np.sin(np.sqrt(2) * t))[:, None], ONE)["cycle"] is None


def test_a_closed_orbit_has_its_period_at_any_sampling():
    t = 0.0712 * np.arange(4000)
    circle = np.column_stack([np.cos(t), np.sin(t)])
    assert orbit_status(circle, np.ones(2))["cycle"] == pytest.approx(2 * np.pi / 0.0712, rel=1e-4)


def test_a_cycle_of_a_map_has_a_whole_period():
    orbit = np.resize(np.array([0.1, 0.7, 0.4]), 300)[:, None]
    assert orbit_status(orbit, ONE)["cycle"] == 3.0


def test_rest_divergence_and_chaos():
    settling = np.exp(-0.1 * np.arange(500.0))[:, None]
    assert orbit_status(settling, ONE)["fixed_point"]
    growing = np.exp(0.1 * np.arange(500.0))[:, None]
    growing[400:] = np.inf
    status = orbit_status(growing, ONE)
    assert not status["finite"]
    assert status["diverged_at"] == pytest.approx(np.log(1e6) / 0.1, abs=1)
    x = np.empty((2000, 1))
    x[0] = 0.3
    for t in range(1999):
        x[t + 1] = 3.9 * x[t] * (1 - x[t])
    assert orbit_status(x, ONE) == {"finite": True, "diverged_at": None, "fixed_point": False, "cycle": None}


def test_a_straight_line_is_neither_at_rest_nor_a_cycle():
    status = orbit_status(np.arange(60.0)[:, None], np.ones(1))
    assert status == {"finite": True, "diverged_at": None, "fixed_point": False, "cycle": None}
