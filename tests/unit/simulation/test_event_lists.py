"""Whole paths: the clock between events, where they lead, and that samples are taken from them."""

import json

import numpy as np
import pytest
from scipy import stats

import dysyr
from dysyr.core.errors import InputError
from dysyr.core.jump_paths import START, VARIABLES, JumpPath, jump_paths
from dysyr.core.system import System
from dysyr.simulation.observation import GaussianEmission, IrregularSampling
from dysyr.simulation.simulate import simulate

LEVEL = 1e-3
FIRST = 12
"""Events of each path that are tested: a number that all paths reach, so that long waits are not cut off."""


def immigration_death(**changes):
    return System.jump(
        reactions=[{"change": {"n": 1}, "rate": 6.0}, {"change": {"n": -1}, "rate": "n"}],
        **{"initial_state": {"n": 3}, "dt": 0.5, **changes},
    )  # fmt: skip


def channel():
    q = [[0, 1, 0.2], [3, 0, 0], [0, 2, 0]]
    return System.jump(states=["a", "b", "c"], rates=q, initial_state="a", dt=0.5)


@pytest.mark.parametrize("method", ["ssa", "next_reaction"])
def test_waits_are_exponential_and_the_next_reaction_is_chosen_by_its_rate(method):
    data = simulate(immigration_death(), t_end=8.0, n_trajectories=1_500, method=method, events=True, seed=1)
    paths = jump_paths(data)
    assert min(len(path.times) for path in paths) > FIRST
    waits = np.array([np.diff(path.times[: FIRST + 1]) for path in paths])
    n = np.array([path.states[:FIRST, 0] for path in paths])
    born = np.array([path.jumps[1 : FIRST + 1] == 0 for path in paths])
    scaled = (waits * (6.0 + n)).ravel()
    assert stats.kstest(scaled, "expon").pvalue > LEVEL
    assert stats.kstest(1.05 * scaled, "expon").pvalue < LEVEL
    assert abs(np.corrcoef(waits.ravel() * (6.0 + n).ravel(), born.ravel())[0, 1]) < 4 / np.sqrt(born.size)
    seen, expected = (np.bincount(n.ravel(), weights=w.ravel()) for w in (born, 6 / (6.0 + n)))
    spread = np.bincount(n.ravel(), weights=(6 * n / (6.0 + n) ** 2).ravel())
    tested = spread > 20
    z = (seen - expected)[tested] / np.sqrt(spread[tested])
    assert stats.chi2.sf((z**2).sum(), tested.sum()) > LEVEL and tested.sum() > 8


def test_a_chain_stays_exponential_times_and_jumps_by_its_rates():
    data = simulate(channel(), t_end=40.0, n_trajectories=800, events=True, seed=2)
    assert json.loads(data.attrs["solver"])["method"] == "ssa"
    q, names = channel().rate_matrix, json.loads(data.attrs["jumps"])
    paths = jump_paths(data)
    assert min(len(path.times) for path in paths) > FIRST
    waits = np.array([np.diff(path.times[: FIRST + 1]) for path in paths]).ravel()
    came = np.array([path.states[:FIRST, 0] for path in paths]).ravel()
    went = np.array([path.states[1 : FIRST + 1, 0] for path in paths]).ravel()
    assert stats.kstest(waits * -q.diagonal()[came], "expon").pvalue > LEVEL
    from_a = went[came == 0]
    assert stats.binomtest(int((from_a == 2).sum()), from_a.size, 0.2 / 1.2).pvalue > LEVEL
    jumped = np.concatenate([path.jumps[1 : FIRST + 1] for path in paths])
    expected = [f"{'abc'[i]} -> {'abc'[j]}" for i, j in zip(came, went, strict=True)]
    assert [names[k] for k in jumped] == expected


@pytest.mark.parametrize("system", [immigration_death(), channel()])
def test_samples_are_states_of_the_paths_which_begin_at_the_first_sample(system):
    instants = np.array([0.4, 0.5, 2.0, 7.5])
    arguments = {"times": instants, "n_trajectories": 150, "transient": 3.0, "seed": 3, "method": "ssa"}
    data = simulate(system, events=True, **arguments)
    for path, x in zip(jump_paths(data), data["x"].values, strict=True):
        np.testing.assert_array_equal(path.at(instants), x)
        assert path.times[0] == 0.4 and path.end == 7.5 and path.jumps[0] == START
        assert (path.times[1:] > 0.4).all() and (path.times <= 7.5).all() and (path.jumps[1:] >= 0).all()
        assert (np.abs(np.diff(path.states, axis=0)).sum(axis=1) > 0).all()
    np.testing.assert_array_equal(simulate(system, **arguments)["x"].values, data["x"].values)
    own = simulate(system, times=[instants, instants[:2] + 0.1], seed=3, events=True, method="ssa")
    assert [path.end for path in jump_paths(own)] == [7.5, 0.6]


def test_paths_without_events_are_their_start():
    frozen = System.jump(reactions=[{"change": {"n": -1}, "rate": "n"}], initial_state={"n": 0}, dt=1.0)
    for path in jump_paths(simulate(frozen, t_end=2.0, n_trajectories=3, events=True)):
        assert path.times.tolist() == [0.0] and path.states.tolist() == [[0]] and path.end == 2.0


def test_whole_paths_survive_a_file_and_an_observation(tmp_path):
    data = simulate(channel(), t_end=5.0, n_trajectories=4, events=True, seed=5)
    dysyr.save_dataset(data, tmp_path / "paths.nc")
    again = dysyr.read_dataset(tmp_path / "paths.nc")
    for name in VARIABLES:
        np.testing.assert_array_equal(again[name].values, data[name].values)
        assert again[name].dtype == data[name].dtype
    assert again.identical(data) and dysyr.as_dataset(again) is again
    seen = [GaussianEmission((0.0, 1.0, 2.0), (0.1, 0.1, 0.1)), IrregularSampling(0.5)]
    current = simulate(channel(), t_end=5.0, n_trajectories=4, events=True, seed=5, observe=seen)
    for path, expected in zip(jump_paths(current), jump_paths(data), strict=True):
        np.testing.assert_array_equal(path.times, expected.times)
        np.testing.assert_array_equal(path.states, expected.states)
        assert path.end == expected.end


def test_what_is_no_path_is_refused():
    data = simulate(immigration_death(), t_end=2.0, n_trajectories=3, events=True)
    with pytest.raises(InputError, match="no whole paths.*event_time.*events=True"):
        jump_paths(simulate(immigration_death(), t_end=2.0))
    with pytest.raises(InputError, match="not those of the trajectories.*events"):
        jump_paths(data.isel(trajectory=[0, 2]))
    with pytest.raises(InputError, match="'grid' knows no events"):
        simulate(channel(), t_end=2.0, method="grid", events=True)
    with pytest.raises(InputError, match="'tau' knows no events"):
        simulate(immigration_death(), t_end=2.0, method="tau", events=True)
    with pytest.raises(InputError, match="events are those of jump processes"):
        simulate(System.ode({"x": "-x"}, initial_state=[1.0], dt=1.0), events=True)
    path = jump_paths(data)[0]
    with pytest.raises(InputError, match="times outside a jump path.*0 to 2"):
        path.at([1.0, 2.5])
    assert path.at([]).shape == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 1.0], [[1]], 2.0), "a jump path"),
        (([], np.empty((0, 1)), 2.0), "a jump path"),
        (([0.0, 1.0], [[1], [2]], 0.5), "times of a jump path"),
        (([0.0, np.nan], [[1], [2]], 5.0), "times of a jump path"),
        (([1.0, 0.0], [[1], [2]], 5.0), "times of a jump path"),
        (([0.0, 1.0], [[1], [2.5]], 5.0), "whole numbers"),
        (([0.0, 1.0], [[1], [2]], 5.0, [0]), "jumps of a path"),
    ],
)
def test_paths_of_other_shapes_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        JumpPath(*arguments)
