"""What each catalogue system must satisfy when simulated, and what its stored invariants must satisfy."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dysyr.api import load_system
from dysyr.core.blocking import blocked_stderr
from dysyr.core.catalogue import system_names
from dysyr.evaluation.kaplan_yorke import kaplan_yorke_dimension
from dysyr.simulation.compiled import CompiledSystem
from dysyr.simulation.simulate import simulate
from dysyr.spectrum import lyapunov_spectrum

QUICK = ("lorenz63", "lorenz96", "double_pendulum", "duffing", "bursting_neuron")


def systems(condition):
    return [name for name in system_names() if condition(load_system(name))]


def quick_and_slow(names):
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in names]


def spectrum_of(system):
    return next((i for i in system.invariants if i["name"] == "lyapunov_spectrum"), None)


FLOWS = systems(lambda s: s.kind in ("ode", "pde"))
CHARTED = systems(lambda s: spectrum_of(s) is not None)
WHOLE = systems(lambda s: spectrum_of(s) is not None and len(spectrum_of(s)["value"]) == s.dim)


@pytest.mark.parametrize("name", quick_and_slow(FLOWS))
def test_adaptive_methods_err_no_more_than_scipy(name):
    """At tolerance 1e-12: at most max(1e-8, 100 |scipy 1e-12 - scipy 1e-13|), up to 5 Lyapunov times."""
    system = load_system(name)
    spectrum = spectrum_of(system)
    leading = 0 if spectrum is None else spectrum["value"][0]
    horizon = min(10.0, 5 / leading) if leading > 0 else 10.0
    times = np.linspace(0, horizon, 41)
    compiled = CompiledSystem(system)

    def f(t, x):
        return compiled.evaluate(np.array([t]), x[:, None])[:, 0]

    scipy_12, scipy_13 = (
        solve_ivp(f, (0, horizon), system.initial_state, "DOP853", times, rtol=tolerance, atol=tolerance).y.T
        for tolerance in (1e-12, 1e-13)
    )
    allowed = max(1e-8, 100 * np.abs(scipy_12 - scipy_13).max())
    for method in ("dop853", "tsit5"):
        x = simulate(system, times=times, transient=0, method=method, rtol=1e-12, atol=1e-12)["x"][0].values
        assert np.abs(x - scipy_13).max() <= allowed, method


@pytest.mark.parametrize("name", systems(lambda s: s.conserved_quantities(s.initial_state)))
def test_constants_of_motion_are_kept(name):
    system = load_system(name)
    x = simulate(system, t_end=100.0, n_trajectories=3)["x"].values
    start = system.conserved_quantities(system.initial_state)
    for quantity, values in system.conserved_quantities(x).items():
        assert np.abs(values - start[quantity]).max() < 1e-5 * (1 + abs(start[quantity])), quantity


@pytest.mark.parametrize("name", systems(lambda s: s.kind != "pde"))
def test_default_run_is_finite_and_reproducible(name):
    system = load_system(name)
    first, again = (simulate(system, n_steps=20, n_trajectories=2, seed=1)["x"].values for _ in range(2))
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)


def test_every_flow_and_map_that_can_be_has_a_spectrum():
    left_out = {"burgers", "fisher_kpp"}
    assert set(systems(lambda s: s.kind not in ("sde", "jump", "open_quantum"))) - set(CHARTED) == left_out


@pytest.mark.parametrize("name", WHOLE)
def test_exponents_sum_to_the_mean_divergence(name):
    """Flows: sum of exponents = mean of div f; maps: mean of log |det J|."""
    system = load_system(name)
    spectrum = spectrum_of(system)
    n_steps = 10_000 if system.dim <= 12 else 1000
    x = simulate(system, n_steps=n_steps, n_trajectories=8, seed=5)["x"].values
    if system.kind == "map":
        rates = np.log(np.abs(np.linalg.det(system.jacobian(x))))
    else:
        rates = system.divergence(x, 0.0)
    expected, error = rates.mean(), float(blocked_stderr(rates))
    total, own = sum(spectrum["value"]), np.linalg.norm(spectrum["stderr"])
    assert abs(total - expected) <= 4 * np.hypot(error, own) + 1e-4 * abs(expected) + 1e-6


@pytest.mark.parametrize("name", CHARTED)
def test_zero_exponents_are_those_of_the_symmetries(name):
    """A flow that does not rest has one along itself, a symplectic one two for each constant of motion."""
    system = load_system(name)
    spectrum = spectrum_of(system)
    value, stderr = np.array(spectrum["value"]), np.array(spectrum["stderr"])
    n_zero = spectrum["n_zero"]
    nearest = np.sort(np.abs(value))[:n_zero]
    assert (nearest <= np.sort(5 * stderr + 2e-3)[-1]).all()
    if system.kind == "map" or system.has_time:
        assert n_zero == 0
    elif system.symplectic or name == "lotka_volterra":
        assert n_zero == 2
    elif system.kind == "pde":
        assert n_zero >= 2
    else:
        assert n_zero == 1


@pytest.mark.parametrize("name", WHOLE)
def test_kaplan_yorke_dimension_is_at_most_the_dimension(name):
    system = load_system(name)
    stored = next(i for i in system.invariants if i["name"] == "kaplan_yorke_dimension")
    assert 0 <= stored["value"] <= system.dim
    value = np.array(spectrum_of(system)["value"])
    value[np.argsort(np.abs(value))[: spectrum_of(system)["n_zero"]]] = 0.0
    if not system.symplectic:
        assert stored["value"] == pytest.approx(kaplan_yorke_dimension(value), abs=1e-2)


@pytest.mark.parametrize("name", systems(lambda s: s.symplectic))
def test_exponents_of_symplectic_systems_come_in_pairs(name):
    spectrum = spectrum_of(load_system(name))
    value, stderr = np.array(spectrum["value"]), np.array(spectrum["stderr"])
    assert (np.abs(value + value[::-1]) <= 1e-6 + 4 * np.hypot(stderr, stderr[::-1])).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", CHARTED)
def test_stored_spectrum_is_found_again(name):
    """Another seed, fewer steps: within 4 combined standard errors."""
    system = load_system(name)
    spectrum = spectrum_of(system)
    n_steps, n_trajectories = (20_000, 16) if system.dim <= 12 else (400, 4)
    again = lyapunov_spectrum(
        system, n_steps=n_steps, n_trajectories=n_trajectories, n_exponents=len(spectrum["value"]), seed=99
    )
    error = np.hypot(again.stderr, spectrum["stderr"])
    assert (np.abs(np.subtract(again.value, spectrum["value"])) <= 4 * error + 10 / (n_steps * system.dt)).all()
