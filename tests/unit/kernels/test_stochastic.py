"""Stochastic integrators: strong and weak order, agreement with the slow twins."""

import numpy as np
import pytest

from dysyr.core.errors import DivergedError, InputError
from dysyr.core.system import System
from dysyr.kernels.normals import fill_normals, normals_reference
from dysyr.kernels.stochastic_reference import (
    euler_maruyama_reference,
    heun_reference,
    milstein_reference,
    sri_reference,
)
from dysyr.simulation.compiled import CompiledSystem
from dysyr.simulation.sdes import METHODS, integrate_paths

TWINS = {
    "euler_maruyama": euler_maruyama_reference,
    "milstein": milstein_reference,
    "sri": sri_reference,
    "heun": heun_reference,
}
GROWTH, NOISE = 0.5, 0.8


def compiled(interpretation, equations, diffusion, dtype="float64"):
    return CompiledSystem(System.sde(equations, diffusion=diffusion, interpretation=interpretation), dtype)


GEOMETRIC = {
    kind: compiled(kind, {"x": f"{GROWTH}*x"}, {"x": f"{NOISE}*x"}) for kind in ("ito", "stratonovich")
}
PAIR_EQUATIONS = {"x": "y - x**3", "y": "-x + sin(t)"}
PAIR_NOISE = {"x": "0.3*x + 0.1*cos(3*t)", "y": "0.2*sqrt(1 + y**2)"}
PAIR = compiled("ito", PAIR_EQUATIONS, PAIR_NOISE)
PAIR_FLOAT32 = compiled("ito", PAIR_EQUATIONS, PAIR_NOISE, "float32")
PAIR_AS_MATRIX = compiled("ito", PAIR_EQUATIONS, {"x": [PAIR_NOISE["x"], "0"], "y": ["0", PAIR_NOISE["y"]]})
MIXED = compiled("ito", PAIR_EQUATIONS, {"x": ["0.3*y", "0.1", "t"], "y": ["0.2", "x", "0.1*x*y"]})


def increments(seed, n_steps, n_paths, per_step):
    """First normal of each step and path: (n_steps, n_paths)."""
    out = np.empty((n_steps, per_step, n_paths))
    for k in range(n_steps):
        fill_normals(seed, 0, k, 0, 0, out[k])
    return out[:, 0]


@pytest.mark.parametrize(
    "pair, method", [(PAIR, method) for method in METHODS] + [(MIXED, "euler_maruyama"), (MIXED, "heun")]
)
def test_one_step_equals_its_slow_twin(pair, method):
    x0 = np.array([[0.3, -0.2], [1.0, 0.7], [-0.4, 2.0]])
    h, t = 0.05, 0.7
    fast = integrate_paths(pair, method, x0, np.array([t, t + h]), 1, seed=5)[:, 1]
    system = pair.system

    def f(time, x):
        return system.vector_field(x, time)

    def g(time, x):
        return system.diffusion(x, time)

    n_normals = 4 if method == "sri" else system.n_noise
    slow = [TWINS[method](f, g, t, x, h, normals_reference(5, 0, 0, i, n_normals)) for i, x in enumerate(x0)]
    np.testing.assert_allclose(fast, slow, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_strong_order(method):
    """dx = a x dt + b x dW has the solution exp((a - b²/2) t + b W) (Ito), exp(a t + b W) (Stratonovich)."""
    interpretation = METHODS[method].interpretation
    drift = GROWTH - (NOISE**2 / 2 if interpretation == "ito" else 0)
    n_paths, steps, errors = 1000, [8, 16, 32, 64], []
    for n in steps:
        x = integrate_paths(
            GEOMETRIC[interpretation], method, np.ones((n_paths, 1)), np.linspace(0, 1, n + 1), 1, 3
        )
        wiener = np.sqrt(1 / n) * increments(3, n, n_paths, 2 if method == "sri" else 1).sum(axis=0)
        errors.append(np.abs(x[:, -1, 0] - np.exp(drift + NOISE * wiener)).mean())
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    # Heun has order 1 for the scalar noise of this problem
    assert slope == pytest.approx({"heun": 1.0}.get(method, METHODS[method].strong_order), abs=0.2)


@pytest.mark.parametrize("method, order", [("euler_maruyama", 1), ("milstein", 1), ("sri", 1.5), ("heun", 1)])
def test_weak_order(method, order):
    """The mean of dx = a x dt + b x dW is exp(a t) (Ito), exp((a + b²/2) t) (Stratonovich)."""
    interpretation = METHODS[method].interpretation
    mean = np.exp(1.0 + (0.04 / 2 if interpretation == "stratonovich" else 0.0))
    system = compiled(interpretation, {"x": "x"}, {"x": "0.2*x"})
    n_paths, steps, errors = 50_000, [2, 4, 8], []
    for n in steps:
        x = integrate_paths(system, method, np.ones((n_paths, 1)), np.linspace(0, 1, n + 1), 1, 11)[:, -1, 0]
        errors.append(abs(x.mean() - mean))
        assert x.std() / np.sqrt(n_paths) < 0.003
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope > order - 0.4


def test_stationary_distribution_of_the_ornstein_uhlenbeck_process():
    system = compiled("ito", {"x": "-2*x"}, {"x": "0.5"})
    x = integrate_paths(system, "sri", np.zeros((4000, 1)), np.array([0.0, 5.0]), 100, 1)[:, -1, 0]
    assert x.mean() == pytest.approx(0, abs=5 * 0.25 / np.sqrt(4000))
    assert x.var() == pytest.approx(0.0625, rel=5 * np.sqrt(2 / 4000))


@pytest.mark.parametrize(
    "interpretation, method, expected",
    [("ito", "euler_maruyama", 1.0), ("stratonovich", "heun", np.exp(0.5))],
)
def test_interpretations_differ_by_the_noise_induced_drift(interpretation, method, expected):
    """dx = x dW: the mean stays 1 (Ito) or grows as exp(t/2) (Stratonovich)."""
    system = compiled(interpretation, {"x": "0*x"}, {"x": "x"})
    x = integrate_paths(system, method, np.ones((20_000, 1)), np.array([0.0, 1.0]), 100, 1)[:, -1, 0]
    assert x.mean() == pytest.approx(expected, abs=5 * x.std() / np.sqrt(20_000))


def test_noise_shared_by_all_variables():
    """One Wiener process drives both: x - y then follows its deterministic equation."""
    system = compiled("ito", {"x": "-x", "y": "-y"}, {"x": ["0.7"], "y": ["0.7"]})
    assert system.system.n_noise == 1
    x = integrate_paths(system, "euler_maruyama", np.array([[1.0, 0.0]] * 3), np.linspace(0, 1, 11), 10, 1)
    np.testing.assert_allclose(
        x[..., 0] - x[..., 1], np.tile(0.99 ** (10 * np.arange(11)), (3, 1)), rtol=1e-12
    )
    assert x[:, -1, 0].std() > 0.01


@pytest.mark.parametrize("method", ["euler_maruyama", "heun"])
def test_a_diagonal_matrix_is_noise_of_its_own_in_each_variable(method):
    assert PAIR.system.trees.diagonal and not PAIR_AS_MATRIX.system.trees.diagonal
    x0, times = np.linspace(-1, 1, 26).reshape(13, 2), np.linspace(0, 1, 6)
    as_rows = integrate_paths(PAIR, method, x0, times, 4, 5)
    np.testing.assert_allclose(as_rows, integrate_paths(PAIR_AS_MATRIX, method, x0, times, 4, 5), rtol=1e-11)


@pytest.mark.parametrize("method", METHODS)
def test_float32_follows_float64(method):
    x0, times = np.linspace(-1, 1, 26).reshape(13, 2), np.linspace(0, 1, 6)
    single = integrate_paths(PAIR_FLOAT32, method, x0, times, 4, 5)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, integrate_paths(PAIR, method, x0, times, 4, 5), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("system", [PAIR, PAIR_FLOAT32, MIXED], ids=["float64", "float32", "general"])
def test_last_state_and_every_state_agree(system):
    x0, times = np.linspace(-1, 1, 26).reshape(13, 2), np.linspace(0, 1, 6)
    every = integrate_paths(system, "euler_maruyama", x0, times, 4, 5)
    last = integrate_paths(system, "euler_maruyama", x0, times, 4, 5, keep=False)
    np.testing.assert_array_equal(every[:, -1], last)


@pytest.mark.parametrize("system", [PAIR, PAIR_FLOAT32, MIXED], ids=["float64", "float32", "general"])
def test_same_bits_for_any_blocking_and_number_of_threads(system, monkeypatch):
    x0, times = np.random.default_rng(0).normal(size=(75, 2)), np.linspace(0, 0.5, 4)
    whole = integrate_paths(system, "euler_maruyama", x0, times, 3, 9)
    for widest, n_threads in ((16, 1), (16, 2), (1, 2), (48, 2)):
        monkeypatch.setattr("dysyr.simulation.sdes._block_width", lambda n, size, widest=widest: widest)
        monkeypatch.setattr("numba.config.NUMBA_NUM_THREADS", n_threads)
        np.testing.assert_array_equal(integrate_paths(system, "euler_maruyama", x0, times, 3, 9), whole)


def test_a_path_that_leaves_is_named():
    system = compiled("ito", {"x": "x**3", "y": "-y"}, {"x": "0.01", "y": "0.1"})
    x0 = np.array([[0.0, 1.0], [1e3, 1.0], [0.1, 1.0]])
    with pytest.raises(DivergedError, match=r"variable x of trajectory 1 left every bound at t = 0.1 \(1 of 3"):
        integrate_paths(system, "euler_maruyama", x0, np.linspace(0, 10, 101), 10, 1)


def test_paths_depend_on_seed_and_number_only():
    system, times = GEOMETRIC["ito"], np.linspace(0, 1, 6)
    many = integrate_paths(system, "sri", np.ones((150, 1)), times, 4, 9)
    np.testing.assert_array_equal(many[:7], integrate_paths(system, "sri", np.ones((7, 1)), times, 4, 9))
    assert np.abs(many - integrate_paths(system, "sri", np.ones((150, 1)), times, 4, 10))[:, 1:].min() > 0


def test_times_and_states_of_other_types_give_the_same_paths():
    x0, times = np.array([[1, 2], [0, 1]]), np.arange(7) / 2
    expected = integrate_paths(PAIR, "sri", x0.astype(float), times[::2].copy(), 8, 9)
    np.testing.assert_array_equal(integrate_paths(PAIR, "sri", x0, times[::2], 8, 9), expected)
    np.testing.assert_array_equal(integrate_paths(PAIR, "sri", x0.tolist(), range(4), 8, 9), expected)


@pytest.mark.parametrize("shape", [(2,), (0, 2), (3, 1)])
def test_states_of_another_shape_are_refused(shape):
    with pytest.raises(InputError, match=r"initial states: shape \(.*\); \(trajectory, 2\)"):
        integrate_paths(PAIR, "sri", np.zeros(shape), np.arange(3.0), 1, 9)
