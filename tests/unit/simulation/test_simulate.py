"""simulate: what it returns, how it starts, what it refuses."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from dysyr.core.catalogue import catalogue_system
from dysyr.core.dataset import data_hash, sampling_interval
from dysyr.core.errors import DivergedError, InputError
from dysyr.core.system import System
from dysyr.simulation.level_sets import onto_level_sets
from dysyr.simulation.master_equation import master_equation
from dysyr.simulation.open_quantum import evolve_states
from dysyr.simulation.simulate import simulate
from dysyr.simulation.steady_state import steady_state
from dysyr.spectrum import lyapunov_spectrum

LORENZ = System.ode(
    {"x": "sigma*(y - x)", "y": "x*(rho - z) - y", "z": "x*y - beta*z"},
    parameters={"sigma": 10.0, "rho": 28.0, "beta": "8/3"},
    initial_state=[1.0, 1.0, 20.0],
    dt=0.01,
    transient=20.0,
    name="lorenz",
)
ROTATION = System.ode({"x": "-y", "y": "x"}, initial_state=[1.0, 0.0], dt=0.1, name="rotation")
DRIVEN = System.ode({"x": "cos(t)"}, initial_state=[0.0], dt=0.1, transient=np.pi / 2, name="driven")
LOGISTIC = System.map({"x": "r*x*(1 - x)"}, parameters={"r": 3.9}, initial_state=[0.4], transient=10, name="logistic")
UHLENBECK = System.sde(
    {"x": "-x"}, diffusion={"x": "0.5"}, interpretation="ito", initial_state=[2.0], dt=0.1, name="uhlenbeck"
)


def test_dataset_says_how_it_was_made():
    ds = simulate(LORENZ, n_steps=50, seed=3)
    assert ds["x"].dims == ("trajectory", "time", "state")
    assert ds["x"].shape == (1, 50, 3)
    assert ds["state"].values.tolist() == ["x", "y", "z"]
    assert sampling_interval(ds) == 0.01
    assert ds.attrs["system"] == "lorenz"
    assert json.loads(ds.attrs["parameters"]) == {"sigma": 10.0, "rho": 28.0, "beta": 8 / 3}
    assert ds.attrs["seed"] == 3
    solver = json.loads(ds.attrs["solver"])
    assert solver["method"] == "dop853"
    assert (solver["rtol"], solver["atol"], solver["transient"]) == (1e-9, 1e-9, 20.0)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda system: simulate(system, n_steps=20, seed=1)["x"].values, "rossler"),
        (lambda system: lyapunov_spectrum(system, n_steps=50).value, "henon"),
        (lambda system: master_equation(system, [0.5]).probabilities, "immigration_death"),
        (steady_state, "tfim_decay"),
        (lambda system: evolve_states(system, [0.5]), "driven_qubit"),
    ],
    ids=["simulate", "lyapunov_spectrum", "master_equation", "steady_state", "evolve_states"],
)
def test_a_name_of_the_catalogue_stands_for_its_system(function, name):
    np.testing.assert_array_equal(function(name), function(catalogue_system(name)))
    with pytest.raises(InputError, match=f"there is no system '{name}x'"):
        function(name + "x")
    with pytest.raises(InputError, match="no system: list|need equations or a model"):
        function([name])


def test_values_are_those_of_the_solution():
    ds = simulate(ROTATION, t_end=10.0)
    time = ds["time"].values
    assert time[-1] == pytest.approx(10.0)
    np.testing.assert_allclose(ds["x"][0], np.column_stack([np.cos(time), np.sin(time)]), atol=1e-7)


@pytest.mark.parametrize("method", ["tsit5", "rk4", "tsit5_fixed", "dop853_fixed", "radau", "bdf"])
def test_every_method_finds_the_same_solution(method):
    options = {"substeps": 100} if method in ("rk4", "tsit5_fixed", "dop853_fixed") else {}
    times = np.array([0.0, 0.3, 0.35, 2.0])
    x = simulate(LORENZ, times=times, initial_state=[1, 1, 20], method=method, **options)
    reference = simulate(LORENZ, times=times, initial_state=[1, 1, 20], rtol=1e-12)
    limit = {"rk4": 5e-2, "bdf": 1e-3}.get(method, 1e-4)
    assert np.abs(x["x"].values - reference["x"].values).max() < limit


def test_times_may_be_irregular_and_start_late():
    times = [0.5, 0.6, 2.0]
    for method, substeps in (("dop853", None), ("rk4", 200)):
        ds = simulate(ROTATION, times=times, method=method, substeps=substeps)
        np.testing.assert_allclose(ds["x"][0, :, 0], np.cos(times), atol=1e-7)
        with pytest.raises(InputError):
            sampling_interval(ds)


def test_transient_is_run_and_dropped():
    whole = simulate(LORENZ, n_steps=301, transient=0)
    late = simulate(LORENZ, n_steps=1, transient=3.0)
    np.testing.assert_allclose(late["x"][0, 0], whole["x"][0, 300], rtol=1e-6)


def test_time_of_a_driven_system_is_zero_at_the_first_sample():
    """x(t) = sin t + 1 when x(-π/2) = 0."""
    for method in ("dop853", "rk4"):
        ds = simulate(DRIVEN, n_steps=30, method=method)
        np.testing.assert_allclose(ds["x"][0, :, 0], np.sin(ds["time"].values) + 1, atol=1e-5)


def test_a_given_initial_state_is_the_first_sample():
    ds = simulate(LORENZ, n_steps=2, initial_state=[3.0, -2.0, 11.0])
    assert ds["x"][0, 0].values.tolist() == [3.0, -2.0, 11.0]


def test_trajectories_spread_over_the_attractor():
    ds = simulate(LORENZ, n_steps=20, n_trajectories=200, seed=1)
    start = ds["x"][:, 0].values
    long = simulate(LORENZ, n_steps=20_000)["x"][0].values
    np.testing.assert_allclose(start.std(axis=0), long.std(axis=0), rtol=0.25)
    assert len(np.unique(start[:, 0])) == 200


def test_trajectories_on_a_cycle_differ_in_phase():
    van_der_pol = System.ode({"x": "y", "y": "2*(1 - x**2)*y - x"}, initial_state=[2.0, 0.0], dt=0.1, transient=50.0)
    start = simulate(van_der_pol, n_steps=1, n_trajectories=50)["x"][:, 0].values
    assert start[:, 0].std() > 0.8


def test_trajectories_of_a_conservative_system_keep_its_energy():
    pendulum = System.ode(
        {"q": "p", "p": "-sin(q)"}, initial_state=[1.0, 0.0], dt=0.1, conserved={"energy": "p**2/2 - cos(q)"}
    )
    x = simulate(pendulum, n_steps=100, n_trajectories=4)["x"].values
    energy = x[..., 1] ** 2 / 2 - np.cos(x[..., 0])
    np.testing.assert_allclose(energy, -np.cos(1.0), atol=1e-7)
    assert len(np.unique(x[:, 0, 0].round(6))) == 4


PENDULUM = System.ode({"q": "p", "p": "-sin(q)"}, initial_state=[1.0, 0.0], dt=0.1, symplectic=True)


def test_seeds_of_a_conservative_system_share_no_stretch_and_keep_its_energy():
    system = catalogue_system("henon_heiles")
    train = simulate(system, n_steps=1000, n_trajectories=3, seed=0)["x"].values
    test = simulate(system, n_steps=400, n_trajectories=3, seed=1)["x"].values
    gaps = [np.abs(a[i : i + 200] - b[:200]).max() for a in train for b in test for i in range(800)]
    assert min(gaps) > 1e-3
    for x in (train, test):
        np.testing.assert_allclose(system.conserved_quantities(x)["energy"], 1 / 8, atol=1e-7)


KEPLER = {"x": "u", "y": "v", "u": "-x/(x**2+y**2)**1.5", "v": "-y/(x**2+y**2)**1.5"}
INTEGRALS = {"energy": "(u**2 + v**2)/2 - 1/sqrt(x**2 + y**2)", "momentum": "x*v - y*u"}


@pytest.mark.parametrize("speed", [1.0, 0.9], ids=["circle", "ellipse"])
def test_orbits_with_dependent_constants_keep_them(speed):
    """On a circle the energy is least for the momentum: no other states are near, and later ones are taken."""
    system = System.ode(KEPLER, initial_state=[1.0, 0.0, 0.0, speed], dt=0.1, symplectic=True, conserved=INTEGRALS)
    x = simulate(system, n_steps=20, n_trajectories=5, seed=1)["x"].values
    values = system.conserved_quantities(x)
    np.testing.assert_allclose(values["energy"], speed**2 / 2 - 1, atol=1e-7)
    np.testing.assert_allclose(values["momentum"], speed, atol=1e-7)
    assert np.unique(x[:, 0, 0]).size == 5


def test_systems_at_rest_or_of_many_variables_have_no_states_beside():
    rest = System.ode({"q": "p", "p": "-sin(q)"}, initial_state=[0, 0], dt=0.1, symplectic=True,
                      conserved={"energy": "p**2/2 - cos(q)"})  # fmt: skip
    assert not simulate(rest, n_steps=5, n_trajectories=40, seed=1)["x"].values.any()
    lattice = System.ode(
        {"q[i]": "p[i]", "p[i]": "q[i+1] - 2*q[i] + q[i-1]"}, index={"i": 40}, dt=0.1, symplectic=True,
        initial_state={"q": "sin(2*pi*i/40)", "p": "0"}, conserved={"energy": "p[i]**2/2 + (q[i+1] - q[i])**2/2"},
    )  # fmt: skip
    state = np.asarray(lattice.initial_state)
    assert onto_level_sets(lattice, state[None] * 1.01, lattice.conserved_quantities(state)) is None
    x = simulate(lattice, n_steps=5, n_trajectories=3, seed=1)["x"].values
    energy = lattice.conserved_quantities(x)["energy"]
    np.testing.assert_allclose(energy, energy[0, 0], rtol=1e-6)


@pytest.mark.parametrize(
    "system", [LORENZ, LOGISTIC, UHLENBECK, PENDULUM], ids=["ode", "map", "sde", "conservative"]
)
def test_single_trajectories_of_different_seeds_are_different_trajectories(system):
    first, second = (simulate(system, n_steps=500, seed=seed)["x"].values[0] for seed in (0, 1))
    assert np.abs(first - second).max() > 0.1
    if system is not UHLENBECK:
        gaps = np.abs(first[:, None] - second).max(axis=-1)
        assert gaps.min() > 1e-9 and np.array_equal(first, simulate(system, n_steps=500)["x"].values[0])


@pytest.mark.parametrize("system", [LORENZ, LOGISTIC, UHLENBECK], ids=["ode", "map", "sde"])
def test_same_seed_same_bits(system):
    first, again, other = (simulate(system, n_steps=50, n_trajectories=3, seed=seed) for seed in (7, 7, 8))
    assert data_hash(first) == data_hash(again)
    assert data_hash(first) != data_hash(other)


def test_maps_are_iterated():
    ds = simulate(LOGISTIC, n_steps=5, transient=0)
    x = [0.4]
    for _ in range(4):
        x.append(3.9 * x[-1] * (1 - x[-1]))
    np.testing.assert_allclose(ds["x"][0, :, 0], x, rtol=1e-14)
    every_other = simulate(LOGISTIC, n_steps=3, dt=2, transient=0)
    np.testing.assert_allclose(every_other["x"][0, :, 0], x[::2], rtol=1e-14)
    some = simulate(LOGISTIC, times=[1, 4], transient=0)
    np.testing.assert_allclose(some["x"][0, :, 0], [x[1], x[4]], rtol=1e-14)


def test_paths_of_an_sde_go_on_where_the_transient_ended():
    """The noise of a run is one stream: a transient of n steps and m samples are n + m steps of it."""
    whole = simulate(UHLENBECK, n_steps=41)
    late = simulate(UHLENBECK, n_steps=21, transient=2.0)
    np.testing.assert_allclose(late["x"][0], whole["x"][0, 20:], rtol=1e-12)


def test_noise_is_added_and_the_truth_kept():
    ds = simulate(LORENZ, n_steps=5000, observation_noise=0.1)
    added = (ds["x"] - ds["x_true"]).values[0]
    np.testing.assert_allclose(added.std(axis=0), 0.1 * ds["x_true"].values[0].std(axis=0), rtol=0.1)


def test_single_precision():
    ds = simulate(LORENZ, n_steps=100, dtype="float32", transient=0)
    exact = simulate(LORENZ, n_steps=100, transient=0)
    assert ds["x"].dtype == np.float32
    assert np.abs(ds["x"].values - exact["x"].values).max() < 0.05


@pytest.mark.parametrize("method", ["dop853", "tsit5", "rk4", "radau"])
def test_blow_up_says_when_where_and_what(method):
    system = System.ode({"calm": "-calm", "wild": "wild**2"}, initial_state=[1.0, 2.0], dt=0.01, name="explosion")
    with pytest.raises(DivergedError, match=r"explosion diverged: variable wild of trajectory 0 .* t = 0\.5") as caught:
        simulate(system, n_steps=1000, method=method)
    assert caught.value.time == pytest.approx(0.5, abs=0.05)
    assert caught.value.trajectory == 0


def test_blow_up_of_a_map():
    with pytest.raises(DivergedError, match="basin of attraction"):
        simulate(LOGISTIC, n_steps=1000, initial_state=[2.0])


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"method": "euler"}, "unknown method 'euler'.*dop853"),
        ({"n_steps": 0}, "n_steps: 0"),
        ({"n_steps": 5, "t_end": 1.0}, "n_steps and t_end say the same"),
        ({"times": [0, 1], "dt": 0.1}, "times says all: also dt"),
        ({"times": [0, 2, 1]}, "times.*ascending"),
        ({"dt": -1.0}, "dt: -1.0"),
        ({"t_end": np.nan}, "t_end: nan"),
        ({"transient": -1.0}, "transient: -1.0"),
        (
            {"initial_state": [1.0, 2.0]},
            r"initial_state has the wrong shape: \(2,\); \(3,\) or \(n_trajectories, 3\)",
        ),
        ({"initial_state": [1.0, np.nan, 0.0]}, "initial_state is not finite"),
        ({"initial_state": ["a", "b", "c"]}, "initial_state is not made of numbers"),
        ({"initial_state": [1.0, 2.0, 3.0j]}, "initial_state is complex"),
        ({"times": "soon"}, "times are not made of numbers: 'soon'"),
        ({"times": [[0.0, 1.0], [0.0]]}, "times are not made of numbers"),
        ({"initial_state": [1.0, 2.0, 3.0], "n_trajectories": 4}, "same trajectory 4 times"),
        ({"initial_state": np.ones((3, 3)), "n_trajectories": 4}, "3 states, n_trajectories=4"),
        ({"n_trajectories": 0}, "n_trajectories: 0"),
        ({"seed": 1.5}, "seed: 1.5"),
        ({"seed": 2**64}, r"seed: 18446744073709551616; a whole number below 2\^64"),
        ({"device": "tpu"}, "unknown device: 'tpu'"),
        ({"dtype": "int8"}, "unknown dtype: 'int8'"),
        ({"rtol": 0.0}, "rtol: 0.0"),
        ({"substeps": 3}, "substeps means nothing to method 'dop853'"),
        ({"method": "rk4", "substeps": 0}, "substeps: 0"),
        ({"method": "rk4", "rtol": 1e-3}, "rtol means nothing to method 'rk4'"),
        ({"method": "radau", "dtype": "float32"}, "computes in float64"),
    ],
)
def test_bad_arguments_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        simulate(LORENZ, **settings)


@pytest.mark.parametrize("method", ["dop853", "tsit5", "radau", "bdf"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("log(-x)", "no step of trajectory 0 is short enough at t = 0, where x = 1;"),
        ("-sqrt(x)", "no step of trajectory 0 is short enough at t = 2, where x = .*e-"),
        ("x**2", "variable x of trajectory 0 left every bound at t = 1;"),
    ],
)
def test_where_equations_end_is_told_from_where_a_state_runs_away(text, message, method):
    system = System.ode({"x": text}, initial_state=[1.0], dt=0.1)
    with pytest.raises(DivergedError, match=message):
        simulate(system, t_end=5.0, method=method)


def test_map_refuses_what_belongs_to_flows():
    with pytest.raises(InputError, match="a map has no method"):
        simulate(LOGISTIC, n_steps=3, method="rk4")
    with pytest.raises(InputError, match="dt of a map: 0.5; a whole number"):
        simulate(LOGISTIC, n_steps=3, dt=0.5)
    with pytest.raises(InputError, match="transient of a map: 2.5; a whole number"):
        simulate(LOGISTIC, n_steps=3, transient=2.5)


def test_sde_refuses_methods_of_the_other_calculus():
    system = System.sde(
        {"x": "-x"},
        diffusion={"x": "0.5*x"},
        interpretation="stratonovich",
        initial_state=[1.0],
        dt=0.1,
        name="s",
    )
    assert json.loads(simulate(system, n_steps=3).attrs["solver"])["method"] == "heun"
    with pytest.raises(InputError, match="converges to another solution.*take method='heun'"):
        simulate(system, n_steps=3, method="milstein")


def test_sde_refuses_diagonal_methods_for_other_noise():
    system = System.sde(
        {"x": "-x", "y": "-y"}, diffusion={"x": "0.5*y", "y": "0.1"}, interpretation="ito",
        initial_state=[1.0, 1.0], dt=0.1, name="s",
    )  # fmt: skip
    with pytest.raises(InputError, match="needs a noise for each variable.*take method='euler_maruyama'"):
        simulate(system, n_steps=3, method="sri")


def test_long_runs_can_be_interrupted():
    """Ctrl-C ends a simulation within a second, since no compiled call is long."""
    program = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job inherits that it is ignored
        "import dysyr.api as d\n"
        "from dysyr.simulation.simulate import simulate\n"
        "system = d.load_system('lorenz63')\n"
        "simulate(system, n_steps=2, method='tsit5')\n"
        "print('ready', flush=True)\n"
        "simulate(system, n_steps=2, transient=1e9, method='tsit5')\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.5)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert time.monotonic() - begun < 5
        assert b"KeyboardInterrupt" in errors


@pytest.mark.parametrize("system", [LOGISTIC, UHLENBECK, DRIVEN], ids=["map", "sde", "ode"])
def test_given_states_are_left_alone(system):
    states = np.array([[0.3], [0.6]])
    for method in (None, "rk4") if system is DRIVEN else (None,):
        simulate(system, n_steps=3, initial_state=states, method=method)
    assert states.tolist() == [[0.3], [0.6]]


def test_a_card_that_is_not_there_is_missed_in_words(monkeypatch):
    monkeypatch.setattr("dysyr.kernels.cuda.device.is_available", lambda: False)
    with pytest.raises(InputError, match="CUDA kernels cannot (run|be compiled).*device='cpu'"):
        simulate(LORENZ, n_steps=3, device="cuda")
