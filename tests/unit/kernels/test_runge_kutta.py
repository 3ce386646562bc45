"""Runge-Kutta integrators: order of convergence, the slow twins, lanes that do not touch each other."""

import re

import numba
import numpy as np
import pytest

from dysyr.core.errors import DivergedError
from dysyr.core.system import System
from dysyr.kernels.fused_source import fused_function, fused_source
from dysyr.kernels.jit import FAST, load_generated
from dysyr.kernels.ode_width import PREFERENCE
from dysyr.kernels.runge_kutta_reference import integrate_adaptive_reference, integrate_fixed_reference
from dysyr.kernels.tableau import RK4, TSIT5
from dysyr.kernels.tableau_dop853 import DOP853
from dysyr.simulation.compiled import CompiledSystem
from dysyr.simulation.flows import first_steps, integrate_adaptive, integrate_fixed
from dysyr.simulation.maps import iterate

LINEAR = CompiledSystem(
    System.ode({"x": "-0.3*x + w*y", "y": "-w*x - 0.3*y"}, parameters={"w": 2.0}, name="damped_rotation")
)
NONLINEAR = CompiledSystem(System.ode({"x": "x*(1 - x)*cos(t)"}, name="driven_logistic"))
LORENZ = CompiledSystem(
    System.ode(
        {"x": "s*(y - x)", "y": "x*(r - z) - y", "z": "x*y - b*z"},
        parameters={"s": 10.0, "r": 28.0, "b": "8/3"},
    )
)
METHODS = pytest.mark.parametrize("tableau", [RK4, TSIT5, DOP853], ids=lambda t: t.name)
ADAPTIVE = pytest.mark.parametrize("tableau", [TSIT5, DOP853], ids=lambda t: t.name)


def rotation(t):
    return np.exp(-0.3 * t) * np.array([np.cos(2 * t) + 0.5 * np.sin(2 * t), 0.5 * np.cos(2 * t) - np.sin(2 * t)])


def driven_logistic(t):
    return np.array([1 / (1 + 4 * np.exp(-np.sin(t)))])


def lorenz(t, x):
    return np.array([10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]])


PROBLEMS = pytest.mark.parametrize(
    "compiled, x0, exact",
    [(LINEAR, [1.0, 0.5], rotation), (NONLINEAR, [0.2], driven_logistic)],
    ids=["linear", "nonlinear"],
)


@METHODS
@PROBLEMS
def test_order_of_convergence(tableau, compiled, x0, exact):
    coarsest = {"rk4": 32, "tsit5": 40, "dop853": 5}[tableau.name]
    steps = np.round(coarsest * 2 ** np.array([0, 0.5, 1, 1.5, 2])).astype(int)
    errors = []
    for n in steps:
        times = np.linspace(0, 4, n + 1)
        x = integrate_fixed(compiled, tableau.name, np.array([x0]), times, 1)[0]
        errors.append(np.abs(x - [exact(t) for t in times]).max())
    slope = np.polyfit(np.log(4 / steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(tableau.order, abs=0.35)


@METHODS
def test_fixed_steps_equal_the_slow_twin(tableau, rng):
    x0 = rng.normal(size=(5, 3)) + [1, 1, 20]
    times = np.array([0, 0.05, 0.07, 0.2])
    fast = integrate_fixed(LORENZ, tableau.name, x0, times, 3)
    slow = [integrate_fixed_reference(tableau, lorenz, times, x, 3) for x in x0]
    np.testing.assert_allclose(fast, slow, rtol=1e-12)


@pytest.mark.parametrize("name", ["rk4", "tsit5"])
def test_fused_and_general_kernels_agree(name, rng, monkeypatch):
    x0 = np.abs(rng.normal(size=(9, 1)))
    times = np.linspace(-1, 2, 13)
    fused = integrate_fixed(NONLINEAR, name, x0, times, 3)
    monkeypatch.setattr("dysyr.simulation.flows.can_fuse", lambda tableau, dim: False)
    np.testing.assert_allclose(fused, integrate_fixed(NONLINEAR, name, x0, times, 3), rtol=1e-12)


@ADAPTIVE
def test_adaptive_steps_equal_the_slow_twin(tableau, rng):
    x0 = rng.normal(size=(5, 3)) + [1, 1, 20]
    times = np.array([0.01, 0.3, 0.31, 1.0, 1.7])
    fast, counts = integrate_adaptive(LORENZ, tableau.name, x0, np.zeros(5), times, 1e-6, 1e-6)
    first = first_steps(LORENZ, x0, np.zeros(5), 1.7, 1e-6, 1e-6, tableau.order)
    slow = [
        integrate_adaptive_reference(tableau, lorenz, 0, 1.7, times, x, h, 1e-6, 1e-6)
        for x, h in zip(x0, first, strict=True)
    ]
    np.testing.assert_allclose(fast, [values for values, _ in slow], rtol=1e-9)
    assert counts == {"accepted": sum(n for _, (n, _) in slow), "refused": sum(n for _, (_, n) in slow)}


@ADAPTIVE
@PROBLEMS
def test_error_follows_the_tolerance(tableau, compiled, x0, exact):
    times = np.linspace(0, 6, 301)
    errors = []
    for tolerance in (1e-5, 1e-7, 1e-9, 1e-11):
        x, _ = integrate_adaptive(compiled, tableau.name, np.array([x0]), np.zeros(1), times, tolerance, tolerance)
        errors.append(np.abs(x[0].T - np.array([exact(t) for t in times]).T).max())
        assert errors[-1] < 30 * tolerance
    assert errors[-1] < 2e-4 * errors[0]


@ADAPTIVE
def test_dense_output_is_as_good_as_the_steps(tableau):
    # at these tolerances steps are much longer than the sampling interval
    times = np.linspace(0, 6, 2001)
    x, counts = integrate_adaptive(LINEAR, tableau.name, np.array([[1.0, 0.5]]), np.zeros(1), times, 1e-8, 1e-8)
    assert counts["accepted"] < 300
    errors = np.abs(x[0] - np.array([rotation(t) for t in times])).max(axis=1)
    assert errors.max() < 1e-6
    assert errors.max() < 30 * np.median(errors)


def test_lanes_do_not_depend_on_one_another(rng):
    x0 = rng.normal(size=(70, 3)) + [1, 1, 20]
    times = np.linspace(0, 2, 21)
    together, _ = integrate_adaptive(LORENZ, "dop853", x0, np.zeros(70), times, 1e-8, 1e-8)
    alone = [integrate_adaptive(LORENZ, "dop853", x0[[k]], np.zeros(1), times, 1e-8, 1e-8)[0][0] for k in (0, 33, 69)]
    np.testing.assert_array_equal(together[[0, 33, 69]], alone)
    together = integrate_fixed(LORENZ, "rk4", x0, times, 5)
    alone = [integrate_fixed(LORENZ, "rk4", x0[[k]], times, 5)[0] for k in (0, 33, 69)]
    np.testing.assert_array_equal(together[[0, 33, 69]], alone)


def test_results_do_not_depend_on_the_number_of_threads(rng, monkeypatch):
    x0 = rng.normal(size=(300, 3)) + [1, 1, 20]
    times = np.linspace(0, 1, 11)
    results = []
    for n_threads in (1, 3):
        monkeypatch.setattr("numba.config.NUMBA_NUM_THREADS", n_threads)
        monkeypatch.setattr("os.cpu_count", lambda n=n_threads: n)
        results.append(integrate_fixed(LORENZ, "tsit5", x0, times, 2))
    np.testing.assert_array_equal(*results)


def test_trajectories_may_start_at_different_times():
    start = np.array([-1.5, 0.0, -0.2])
    x0 = np.array([driven_logistic(t) for t in start])
    x, _ = integrate_adaptive(NONLINEAR, "dop853", x0, start, np.array([0.0, 2.0]), 1e-10, 1e-10)
    np.testing.assert_allclose(x[:, 0], np.tile(driven_logistic(0.0), (3, 1)), atol=1e-9)
    np.testing.assert_allclose(x[:, 1], np.tile(driven_logistic(2.0), (3, 1)), atol=1e-9)


@pytest.mark.parametrize("fixed", [True, False])
def test_only_the_lane_that_blows_up_is_named(fixed):
    explosion = CompiledSystem(System.ode({"a": "0*a", "x": "x**2"}, name="explosion"))
    x0 = np.array([[0.0, 0.1], [0.0, 0.5], [0.0, 1.0], [0.0, 0.2]])
    times = np.linspace(0, 4, 401)
    with pytest.raises(DivergedError, match=r"variable x of trajectory 2 left every bound at t = 1\b") as caught:
        if fixed:
            integrate_fixed(explosion, "rk4", x0, times, 10)
        else:
            integrate_adaptive(explosion, "tsit5", x0, np.zeros(4), times, 1e-8, 1e-8)
    assert caught.value.trajectory == 2
    assert caught.value.time == pytest.approx(1.0, abs=0.02)
    assert "2 of 4 trajectories" in str(caught.value)


def test_single_precision_computes_in_single_precision():
    single = CompiledSystem(LORENZ.system, "float32")
    x0, times = np.array([[1.0, 1.0, 20.0]]), np.linspace(0, 1, 11)
    x = integrate_fixed(single, "rk4", x0, times, 10)
    reference = integrate_fixed(LORENZ, "rk4", x0, times, 10)
    assert x.dtype == np.float32
    assert 1e-8 < np.abs(x - reference).max() < 1e-3


def test_saved_states_and_the_last_one_are_the_same_bits(rng):
    x0 = rng.normal(size=(13, 3)) + [1, 1, 20]
    times = np.linspace(0, 0.5, 6)
    for method in ("rk4", "dop853"):
        saved = integrate_fixed(LORENZ, method, x0, times, 4)
        np.testing.assert_array_equal(saved[:, -1], integrate_fixed(LORENZ, method, x0, times, 4, keep=False))
        np.testing.assert_array_equal(saved[:, 0], x0)


@METHODS
def test_lattices_in_blocks_equal_the_slow_twin(tableau, rng):
    n = 17
    ring = CompiledSystem(System.ode({"x[i]": "(x[i+1] - x[i-2])*x[i-1] - x[i] + 8"}, index={"i": n}, name="ring"))
    x0, times = rng.normal(size=(37, n)) + 3, np.array([0, 0.03, 0.1])

    def ring_of_one(t, x):
        return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + 8

    fast = integrate_fixed(ring, tableau.name, x0, times, 2)
    slow = [integrate_fixed_reference(tableau, ring_of_one, times, x, 2) for x in x0[[0, 20, 36]]]
    np.testing.assert_allclose(fast[[0, 20, 36]], slow, rtol=1e-12, atol=1e-12)


def test_single_precision_kernels_hold_no_vectors_of_doubles():
    single = CompiledSystem(LORENZ.system, "float32")
    text = fused_source(single.source, RK4, "float32")
    integrate = load_generated(text, "single_precision").integrate
    fresh = numba.njit(error_model="numpy", fastmath=FAST)(integrate.py_func)
    fresh.compile(fused_function("float32"))
    code = fresh.inspect_llvm(fresh.signatures[0])
    assert re.search(r"<\d+ x float>", code)
    assert not re.search(r"<\d+ x double>", code)
    assert PREFERENCE in code
    # scalar doubles are the times of outputs and steps, none of them inside the loop over lanes
    assert len(re.findall(r"= fmul .*double", code)) <= 4


def test_maps_fused_and_general_agree(rng, monkeypatch):
    henon = CompiledSystem(System.map({"x": "1 - 1.4*x**2 + y", "y": "0.3*x + 0.01*t"}, name="driven_henon"))
    x0 = 0.05 * rng.normal(size=(11, 2))
    fused = iterate(henon, x0, -3, 5, 2)
    assert fused.shape == (11, 6, 2)
    x, y = x0.T
    for t in range(-3, 7):
        x, y = 1 - 1.4 * x**2 + y, 0.3 * x + 0.01 * t
    np.testing.assert_allclose(fused[:, -1], np.stack([x, y], axis=1), rtol=1e-10)
    monkeypatch.setattr("dysyr.simulation.maps.can_fuse_map", lambda dim: False)
    np.testing.assert_allclose(iterate(henon, x0, -3, 5, 2), fused, rtol=1e-12)


def test_a_map_that_leaves_is_named_with_its_time():
    square = CompiledSystem(System.map({"x": "x**2"}, name="square"))
    with pytest.raises(DivergedError, match="trajectory 1") as caught:
        iterate(square, np.array([[0.5], [2.0], [1.0]]), 0, 20)
    assert caught.value.time == 10


@pytest.mark.parametrize("method", ["rk4", "dop853"])
@pytest.mark.parametrize(
    "system",
    [
        System.ode({"x[i]": "sin(x[i+1] - x[i]) + sin(x[i-1] - x[i]) + 0.1*exp(-x[i]**2)"}, index={"i": 17}),
        System.ode({"x": "y + 0.1*exp(-x*x)", "y": "-sin(x) - 0.1*y/(1 + x*x) + cos(t)"}),
    ],
    ids=["lattice", "small"],
)
def test_bits_do_not_depend_on_the_blocks_of_lanes(method, system, rng):
    compiled = CompiledSystem(system)
    x0, times = rng.normal(size=(300, system.dim)), np.linspace(0, 1, 3)
    together = integrate_fixed(compiled, method, x0, times, 7)
    for k in (0, 63, 64, 150, 299):
        np.testing.assert_array_equal(together[k], integrate_fixed(compiled, method, x0[[k]], times, 7)[0])
    np.testing.assert_array_equal(together[5:18], integrate_fixed(compiled, method, x0[5:18], times, 7))
