"""Constants of reactions from whole paths: by hand, against the maximum of the likelihood, and over many paths."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats

from dysyr.core.catalogue import catalogue_system
from dysyr.core.errors import InputError
from dysyr.core.jump_paths import JumpPath, jump_paths
from dysyr.core.reaction_rates import reaction_rates
from dysyr.core.system import System
from dysyr.simulation.simulate import simulate

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "predator_prey_counts.py"


def pairs(**changes):
    """Made at a constant rate, lost in pairs; lost one by one at a rate of the same constant times 2."""
    return System.jump(
        reactions=[
            {"change": {"n": 1}, "rate": "k"},
            {"change": {"n": -2}, "rate": "c*n*(n - 1)/2"},
            {"change": {"n": -1}, "rate": "2*c*n"},
        ],
        **{"parameters": {"k": 3.0, "c": 0.1}, "initial_state": {"n": 4}, "dt": 1.0, **changes},
    )  # fmt: skip


PATH = JumpPath(times=[0.0, 0.5, 0.75, 2.0], states=[[4], [5], [3], [2]], end=3.0)


def test_events_over_the_integral_of_the_rates_by_hand():
    """h of c is n(n - 1)/2 + 2n: 14 at 4, 20 at 5, 9 at 3, 5 at 2."""
    found = reaction_rates([PATH], pairs())
    exposure = 14 * 0.5 + 20 * 0.25 + 9 * 1.25 + 5 * 1.0
    assert found.names == ("k", "c") and found.n_events.tolist() == [1, 2]
    np.testing.assert_allclose(found.exposure, [3.0, exposure])
    np.testing.assert_allclose(found.value, [1 / 3, 2 / exposure])
    np.testing.assert_allclose(found.stderr, [1 / 3, np.sqrt(2) / exposure])
    assert found.system.parameters["c"] == pytest.approx(2 / exposure) and found.system.dt == 1.0
    alone = reaction_rates([PATH, PATH], pairs(), constants=["c"])
    assert alone.names == ("c",) and alone.system.parameters["k"] == 3.0
    np.testing.assert_allclose(alone.stderr, found.stderr[1] / np.sqrt(2))


def test_it_is_the_maximum_of_the_likelihood_and_its_curvature():
    system = catalogue_system("lotka_volterra_jump")
    data = simulate(system, t_end=3.0, n_trajectories=2, events=True, seed=4)
    found = reaction_rates(data, system)
    x = [path.states for path in jump_paths(data)]
    fired = [path.jumps[1:] for path in jump_paths(data)]
    stays = [np.diff(path.times, append=path.end) for path in jump_paths(data)]

    def loss(logs):
        c = np.exp(logs)
        total = 0.0
        for n, r, time in zip(x, fired, stays, strict=True):
            rates = c * np.stack([n[:, 0], n[:, 0] * n[:, 1], n[:, 0] * n[:, 1], n[:, 1]], axis=1)
            total += time @ rates.sum(axis=1) - np.log(rates[np.arange(len(r)), r]).sum()
        return total

    best = optimize.minimize(loss, np.log([0.5, 0.01, 0.01, 0.5]), method="BFGS", options={"gtol": 1e-6})
    np.testing.assert_allclose(np.exp(best.x), found.value, rtol=1e-6)
    for k in range(4):
        step = 1e-3 * np.eye(4)[k]
        curvature = (loss(best.x + step) - 2 * loss(best.x) + loss(best.x - step)) / 1e-6
        assert curvature**-0.5 == pytest.approx(found.stderr[k] / found.value[k], rel=1e-3)
    assert found.names == ("alpha", "beta", "delta", "gamma")


def test_errors_and_intervals_are_calibrated():
    """Over 150 paths: z is standard normal, 90 % intervals cover 90 %."""
    system = catalogue_system("lotka_volterra_jump")
    paths = jump_paths(simulate(system, t_end=2.0, n_trajectories=150, events=True, seed=6))
    truth = np.array(list(system.parameters.values()))
    fits = [reaction_rates([path], system) for path in paths]
    z = np.array([(fit.value - truth) / fit.stderr for fit in fits])
    assert np.abs(z.mean(axis=0)).max() < 4 / np.sqrt(150)
    np.testing.assert_allclose(z.std(axis=0), 1.0, atol=4 / np.sqrt(300))
    inside = [(fit.interval(0.9)[:, 0] <= truth) & (truth <= fit.interval(0.9)[:, 1]) for fit in fits]
    covered = np.mean(inside)
    assert abs(covered - 0.9) < 4 * np.sqrt(0.09 / 600)


def test_intervals_are_those_of_poisson_numbers_also_without_events():
    quiet = JumpPath(times=[0.0], states=[[4]], end=2.0)
    found = reaction_rates([quiet], pairs())
    assert found.value.tolist() == [0.0, 0.0] and np.isinf(found.stderr).all()
    np.testing.assert_allclose(found.interval(0.95), [[0, -np.log(0.025) / 2], [0, -np.log(0.025) / 28]])
    low, high = reaction_rates([PATH], pairs()).interval(0.8)[1] * reaction_rates([PATH], pairs()).exposure[1]
    assert stats.poisson.sf(1, low) == pytest.approx(0.1) and stats.poisson.cdf(2, high) == pytest.approx(0.1)
    for level in (0.0, 1.0, "high", True):
        with pytest.raises(InputError, match="level of confidence"):
            found.interval(level)


def test_numbers_of_reactions_are_read_off_the_changes():
    system = catalogue_system("lotka_volterra_jump")
    given = jump_paths(simulate(system, t_end=1.0, events=True, seed=2))
    bare = [JumpPath(path.times, path.states, path.end) for path in given]
    np.testing.assert_array_equal(reaction_rates(bare, system).n_events, reaction_rates(given, system).n_events)


def test_a_rate_with_two_constants_asks_which():
    system = catalogue_system("schlogl")
    data = simulate(system, t_end=0.4, events=True, seed=1)
    with pytest.raises(InputError, match="autocatalysis has two constants: a and k1.*in constants"):
        reaction_rates(data, system)
    found = reaction_rates(data, system, constants=["k1", "k2", "k4"])
    z = (found.value - np.array([3e-7, 1e-4, 3.5])) / found.stderr
    assert np.abs(z).max() < 4 and found.system.parameters["a"] == 1e5


def parameterised(rate, **parameters):
    return System.jump(
        reactions=[{"change": {"n": -1}, "rate": rate}], parameters=parameters, initial_state={"n": 4}, dt=1.0
    )


DOWN = JumpPath([0.0, 1.0], [[4], [3]], 2.0)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: reaction_rates([PATH], catalogue_system("two_state_channel")), "over counts.*JumpEM"),
        (lambda: reaction_rates([PATH], catalogue_system("lorenz63")), "system of reactions"),
        (lambda: reaction_rates(simulate(pairs(), t_end=1.0), pairs()), "no whole paths"),
        (lambda: reaction_rates([], pairs()), "paths.*a list of 0"),
        (lambda: reaction_rates([PATH], pairs(), constants=["kk"]), "unknown parameter in constants.*'kk'"),
        (lambda: reaction_rates([DOWN], parameterised("n/(1 + c*n)", c=1.0)), "no rate is proportional.*c"),
        (lambda: reaction_rates([DOWN], parameterised("n/(1 + c)", c=1.0), constants=["c"]), "c is no factor"),
        (lambda: reaction_rates([DOWN], parameterised("n", c=1.0), constants=["c"]), "c is in no rate"),
        (lambda: reaction_rates([DOWN], parameterised("c*(n - 4)", c=1.0)), "fires R1 where its rate is zero.*4"),
        (lambda: reaction_rates([JumpPath([0.0], [[0]], 2.0)], parameterised("c*n", c=1.0)), "nothing is known of c"),
        (lambda: reaction_rates([JumpPath([0.0], [[-1]], 2.0)], parameterised("c*n", c=1.0)), "counts of a path.*-1"),
        (lambda: reaction_rates([JumpPath([0.0, 1.0], [[4], [2]], 2.0)], parameterised("c*n", c=1.0)),
         r"path 0 changes as no reaction does: \[-2\] at t = 1"),
        (lambda: reaction_rates([JumpPath([0.0, 1.0], [[4], [3]], 2.0, [-1, 1])], pairs()), "changes as no reaction"),
        (lambda: reaction_rates([JumpPath([0.0, 1.0], [[4], [3]], 2.0, [-1, 7])], pairs()), "changes as no reaction"),
        (lambda: reaction_rates([JumpPath([0.0, 1.0], [[4], [3]], 2.0, [-1, -1])], pairs()), "changes as no reaction"),
        (lambda: reaction_rates([JumpPath([0.0], [[4, 5]], 2.0)], pairs()), "species of a path.*2 columns"),
        (lambda: reaction_rates(simulate(pairs(), t_end=1.0, events=True), catalogue_system("sir")),
         "species of the paths"),
    ],
)  # fmt: skip
def test_what_cannot_be_estimated_is_refused(run, message):
    with pytest.raises(InputError, match=message):
        run()


def test_reactions_of_one_change_have_to_be_numbered():
    two = System.jump(
        reactions=[
            {"change": {"n": -1}, "rate": "a*n", "name": "eaten"},
            {"change": {"n": -1}, "rate": "b", "name": "lost"},
        ],
        parameters={"a": 1.0, "b": 1.0}, initial_state={"n": 4}, dt=1.0,
    )  # fmt: skip
    with pytest.raises(InputError, match="cannot be told apart.*eaten, lost.*give jumps"):
        reaction_rates([DOWN], two)
    assert reaction_rates([JumpPath([0.0, 1.0], [[4], [3]], 2.0, [-1, 1])], two).n_events.tolist() == [0, 1]


def test_the_example_finds_the_constants_of_the_catalogue(capsys):
    fit = runpy.run_path(str(EXAMPLE))["fit"]
    truth = list(catalogue_system("lotka_volterra_jump").parameters.values())
    assert (np.abs(fit.value - truth) < 3 * fit.stderr).all() and fit.stderr.max() < 0.05
    assert "fitted system" in capsys.readouterr().out
