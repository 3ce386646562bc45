"""Integrators of the device against their slow twins and the processor: run by test_kernels_run.py."""

import numpy as np
import pytest
from numba import cuda

from dysyr.core.catalogue import catalogue_system
from dysyr.core.errors import DivergedError, InputError
from dysyr.core.system import System
from dysyr.kernels.cuda import ensembles
from dysyr.kernels.runge_kutta_reference import integrate_adaptive_reference, integrate_fixed_reference
from dysyr.simulation.compiled import CompiledSystem
from dysyr.simulation.cuda_ensembles import (
    CudaSystem,
    integrate_adaptive_on_device,
    integrate_fixed_on_device,
    integrate_paths_on_device,
    iterate_on_device,
)
from dysyr.simulation.flows import TABLEAUS, integrate_adaptive, integrate_fixed
from dysyr.simulation.sdes import integrate_paths

STATES = np.array([[1.0, 2.0, 20.0], [-3.0, 2.0, 25.0], [5.0, 5.0, 15.0]])
THREE_LYAPUNOV_TIMES = 3 / 0.9056
DRIVEN = {"equations": {"x": "y", "y": "sin(t) - a*x"}, "parameters": {"a": 0.7}}


def fixed_twin(system, method, x0, times, substeps):
    def f(t, x):
        return system.vector_field(x, t)

    return np.array([integrate_fixed_reference(TABLEAUS[method], f, times, x, substeps) for x in x0])


@pytest.mark.parametrize("method", ["rk4", "tsit5", "dop853"])
def test_paths_of_lorenz63_are_those_of_the_processor(method):
    system, times = catalogue_system("lorenz63"), np.linspace(0, THREE_LYAPUNOV_TIMES, 7)
    device = integrate_fixed_on_device(CudaSystem(system), method, STATES, times, 50)
    processor = integrate_fixed(CompiledSystem(system), method, STATES, times, 50)
    assert device.shape == (3, 7, 3)
    np.testing.assert_allclose(device, processor, rtol=0, atol=1e-6)
    final = integrate_fixed_on_device(CudaSystem(system), method, STATES, times, 50, keep=False)
    np.testing.assert_array_equal(final, device[:, -1])


@pytest.mark.parametrize("method", ["tsit5", "dop853"])
def test_adaptive_paths_of_lorenz63_are_those_of_the_processor(method):
    system, times = catalogue_system("lorenz63"), np.linspace(0, THREE_LYAPUNOV_TIMES, 7)
    device, counts = integrate_adaptive_on_device(CudaSystem(system), method, STATES, times, 1e-9, 1e-9)
    processor, expected = integrate_adaptive(CompiledSystem(system), method, STATES, np.zeros(3), times, 1e-9, 1e-9)
    np.testing.assert_allclose(device, processor, rtol=0, atol=1e-6)
    assert counts == expected


def test_each_thread_chooses_its_step_as_the_slow_twin():
    """Outputs that lie far apart, and several in one step; counts of attempts for each tolerance."""
    system = System.ode(**DRIVEN, initial_state=[1.0, 0.0])
    times = np.array([0.0, 0.01, 0.02, 0.03, 2.0, 2.001, 7.0])
    x0 = np.array([[1.0, 0.0]])
    for method in ("tsit5", "dop853"):
        device, counts = integrate_adaptive_on_device(CudaSystem(system), method, x0, times, 1e-7, 1e-7)
        first = float(first_step_of(system, x0, times, method))
        twin, expected = integrate_adaptive_reference(
            TABLEAUS[method], lambda t, x: system.vector_field(x, t), 0.0, 7.0, times, x0[0], first, 1e-7, 1e-7
        )
        np.testing.assert_allclose(device[0], twin, rtol=0, atol=1e-10)
        assert tuple(counts.values()) == expected


def first_step_of(system, x0, times, method):
    from dysyr.simulation.flows import first_steps

    order = TABLEAUS[method].order
    return first_steps(CudaSystem(system), x0, np.zeros(1), times[-1], 1e-7, 1e-7, order)[0]


def test_time_in_the_equations_and_float32():
    system, times, x0 = System.ode(**DRIVEN), np.array([0.0, 0.5, 1.5]), np.array([[1.0, 0.0], [0.3, -1.0]])
    twin = fixed_twin(system, "rk4", x0, times, 5)
    for dtype in ("float64", "float32"):
        device = integrate_fixed_on_device(CudaSystem(system, dtype), "rk4", x0, times, 5)
        assert device.dtype == dtype
        np.testing.assert_allclose(device, twin, rtol=0, atol=20 * np.finfo(dtype).eps)
    adaptive, _ = integrate_adaptive_on_device(CudaSystem(system, "float32"), "tsit5", x0, times, 1e-5, 1e-5)
    np.testing.assert_allclose(adaptive, fixed_twin(system, "dop853", x0, times, 20), rtol=0, atol=1e-4)


def test_a_run_in_several_launches_has_the_same_bits(monkeypatch):
    system, times = catalogue_system("lorenz63"), np.linspace(0, 0.3, 4)
    device = CudaSystem(system)
    whole = integrate_fixed_on_device(device, "rk4", STATES, times, 7)
    adaptive, _ = integrate_adaptive_on_device(device, "tsit5", STATES, times, 1e-6, 1e-6)
    monkeypatch.setattr(ensembles, "_next_size", lambda size, elapsed: 2)
    monkeypatch.setattr(ensembles, "FIRST_LAUNCH", 3)
    np.testing.assert_array_equal(integrate_fixed_on_device(device, "rk4", STATES, times, 7), whole)
    again, _ = integrate_adaptive_on_device(device, "tsit5", STATES, times, 1e-6, 1e-6)
    np.testing.assert_array_equal(again, adaptive)


@pytest.mark.parametrize("name", ["lorenz96", "fisher_kpp", "burgers"])
def test_lattices_in_arrays_of_a_thread(name, rng):
    system = catalogue_system(name)
    system = system.with_size(**{index: 17 for index in system.lattice.indices})
    x0 = system.initial_state + 0.01 * rng.normal(size=(2, system.dim))
    times = np.array([0.0, 0.01, 0.02])
    device = integrate_fixed_on_device(CudaSystem(system), "tsit5", x0, times, 1)
    np.testing.assert_allclose(device, fixed_twin(system, "tsit5", x0, times, 1), rtol=1e-12, atol=1e-13)
    adaptive, _ = integrate_adaptive_on_device(CudaSystem(system), "tsit5", x0, times, 1e-9, 1e-9)
    np.testing.assert_allclose(adaptive, fixed_twin(system, "dop853", x0, times, 20), rtol=0, atol=1e-8)


@pytest.mark.parametrize("stride", [1, 3])
def test_maps(stride):
    system, x0 = catalogue_system("henon"), np.array([[0.1, 0.1], [0.2, 0.0]])
    device = iterate_on_device(CudaSystem(system), x0, 0, 4, stride)
    twin = [x0]
    for _ in range(4 * stride):
        twin.append(system.vector_field(twin[-1]))
    np.testing.assert_allclose(device, np.array(twin[::stride]).transpose(1, 0, 2), rtol=1e-12)


@pytest.mark.parametrize(
    "name, method",
    [
        ("stochastic_lorenz63", "euler_maruyama"), ("stochastic_lorenz63", "heun"), ("stochastic_lorenz63", "sri"),
        ("stochastic_lotka_volterra", "milstein"), ("stochastic_lotka_volterra", "sri"),
        ("stochastic_lotka_volterra", "euler_maruyama"),
    ],
)  # fmt: skip
def test_stochastic_paths_are_those_of_the_processor(name, method):
    system, times, seed = catalogue_system(name), np.linspace(0, 0.4, 5), 2**40 + 7
    x0 = np.repeat(system.initial_state[None], 5, axis=0)
    processor = integrate_paths(CompiledSystem(system), method, x0, times, 3, seed, first_step=4)
    device = integrate_paths_on_device(CudaSystem(system), method, x0, times, 3, seed, first_step=4)
    np.testing.assert_allclose(device, processor, rtol=1e-10, atol=1e-12)
    later = integrate_paths_on_device(CudaSystem(system), method, x0[2:], times, 3, seed, first_step=4, first_path=2)
    np.testing.assert_array_equal(later, device[2:])


def test_paths_with_noise_in_float32_are_those_of_the_processor():
    """In float32 a quarter of the logarithms are those of 1 - (1 - u): the last digits of paths show it."""
    system = System.sde({"x": "-x", "y": "-y"}, diffusion={"x": "1", "y": "1"}, interpretation="ito")
    x0, times = np.zeros((50, 2)), np.linspace(0, 1, 5)
    processor = integrate_paths(CompiledSystem(system, "float32"), "euler_maruyama", x0, times, 20, 7)
    device = integrate_paths_on_device(CudaSystem(system, "float32"), "euler_maruyama", x0, times, 20, 7)
    assert device.dtype == processor.dtype == np.float32
    np.testing.assert_allclose(device, processor, rtol=0, atol=2e-6)


def test_noise_matrix_and_noise_of_a_lattice():
    matrix = System.sde(
        {"x": "-x", "y": "x - y"}, diffusion={"x": ["0.1", "0.2", "0"], "y": ["0", "0.3*y", "0.1*x"]},
        interpretation="stratonovich", initial_state=[1.0, 0.5],
    )  # fmt: skip
    chain = System.sde(
        {"x[i]": "x[i+1] - x[i]"}, index={"i": 13}, diffusion={"x[i]": "0.1*x[i]"}, interpretation="ito",
        initial_state={"x": "1 + 0.1*i"},
    )  # fmt: skip
    times = np.array([0.0, 0.1, 0.3])
    for system, method in ((matrix, "heun"), (chain, "milstein"), (chain, "sri")):
        x0 = np.repeat(system.initial_state[None], 2, axis=0)
        processor = integrate_paths(CompiledSystem(system), method, x0, times, 2, seed=5)
        device = integrate_paths_on_device(CudaSystem(system), method, x0, times, 2, 5)
        np.testing.assert_allclose(device, processor, rtol=1e-10, atol=1e-12)


# the simulator computes with NumPy's scalars, which warn of what a device passes over
@pytest.mark.filterwarnings("ignore:.*(overflow|invalid value) encountered:RuntimeWarning")
def test_a_lane_that_diverges_stops_alone_and_is_reported():
    system = System.ode({"x": "x*x"}, name="burst")
    x0, times = np.array([[0.1], [2.5], [-1.0]]), np.linspace(0, 1, 6)
    with pytest.raises(DivergedError, match=r"variable x of trajectory 1 left every bound at t = 0.6.*1 of 3"):
        integrate_fixed_on_device(CudaSystem(system), "rk4", x0, times, 4)
    kept = np.array([0, 2])
    good = integrate_fixed_on_device(CudaSystem(system), "rk4", x0[kept], times, 4)
    out, broken = raw_run(CudaSystem(system), x0, times, 4)
    assert list(broken) == [-1, 3, -1]
    np.testing.assert_array_equal(out[:, 0, kept].T, good[:, 1:, 0])
    assert np.isnan(out[2:, 0, 1]).all() and np.isfinite(out[:2, 0, 1]).all()
    with pytest.raises(DivergedError, match="1 of 3"):
        integrate_adaptive_on_device(CudaSystem(system), "tsit5", x0, times, 1e-6, 1e-6)


def device_of(name):
    return CudaSystem(catalogue_system(name))


def raw_run(device, x0, times, substeps):
    """Outputs (time, dim, lane) and broken lanes of the RK4 kernel."""
    states, out = np.array(x0.T, order="C"), np.zeros((times.size - 1, x0.shape[1], x0.shape[0]))
    broken, p = np.full(x0.shape[0], -1), np.zeros((1, x0.shape[0]))
    begins, widths, states, p, out, broken = map(
        cuda.to_device, (times[:-1].copy(), np.diff(times) / substeps, states, p, out, broken)
    )
    ensembles.advance_fixed(device.kernel("rk4"), begins, widths, substeps, states, p, True, out, broken)
    return out.copy_to_host(), broken.copy_to_host()


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda d: integrate_fixed_on_device(d, "euler", STATES, [0, 1], 1), "unknown method on a device: 'euler'"),
        (lambda d: integrate_adaptive_on_device(d, "rk4", STATES, [0, 1], 1e-6, 1e-6), "one of tsit5, dop853"),
        (lambda d: integrate_fixed_on_device(d, "rk4", STATES[:, :2], [0, 1], 1), r"shape \(3, 2\); \(trajectory, 3\)"),
        (lambda d: integrate_fixed_on_device(d, "rk4", STATES, [1, 0], 1), "two or more finite, ascending times"),
        (lambda d: integrate_fixed_on_device(d, "rk4", STATES, [0, np.inf], 1), "two or more finite, ascending times"),
        (lambda d: integrate_fixed_on_device(d, "rk4", STATES, [0, 1], 0), "an integer of at least 1"),
        (lambda d: integrate_fixed_on_device(d, "rk4", STATES, [0, 1], np.nan), "interval: nan; an integer"),
        (lambda d: integrate_adaptive_on_device(d, "tsit5", STATES, [0, 1], 1e-6, 0), "rtol=1e-06, atol=0; rtol >= 0"),
        (lambda d: integrate_adaptive_on_device(d, "tsit5", STATES, [0, 1], np.nan, 1e-6), "tolerances: rtol=nan"),
        (lambda d: iterate_on_device(d, STATES, 0, 2), "lorenz63 needs another integrator .*: kind ode; kind map"),
        (lambda d: integrate_paths_on_device(d, "sri", STATES, [0, 1], 1, 0), "kind ode; kind sde"),
        (
            lambda d: integrate_fixed_on_device(device_of("stochastic_lorenz63"), "rk4", STATES, [0, 1], 1),
            "kind sde; kind ode or pde",
        ),
        (
            lambda d: integrate_adaptive_on_device(device_of("henon"), "tsit5", STATES[:, :2], [0, 1], 1e-6, 1e-6),
            "kind map; kind ode or pde",
        ),
        (lambda d: CudaSystem(d.system, "float16"), "float64 or float32"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call(CudaSystem(catalogue_system("lorenz63")))


def test_a_system_too_large_for_a_thread_is_refused():
    system = catalogue_system("lorenz96").with_size(i=5000)
    with pytest.raises(InputError, match="too large for one thread a trajectory: 5000 variables, 240,000 bytes"):
        CudaSystem(system).kernel("rk4")
