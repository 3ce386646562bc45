"""Compiled jump processes against their slow twins, event for event."""

import numpy as np
import pytest
from scipy import stats

from dysyr.api import load_system
from dysyr.core.codegen_jump import MOST_IN_REGISTERS, jump_text
from dysyr.core.rate_matrix import transition_matrices
from dysyr.core.system import System
from dysyr.kernels.heap import build_heap, move_node
from dysyr.kernels.jump_chain import CHOSEN, cumulative
from dysyr.kernels.jump_draws import (
    EVENT_STREAM,
    REACTION_STREAM,
    draws_reference,
    fill_draws,
    fill_waits,
    wait_reference,
)
from dysyr.kernels.jump_reference import (
    chain_reference,
    next_reaction_reference,
    reactions_reference,
    samples_reference,
)
from dysyr.kernels.philox import key_of
from dysyr.simulation import jump_events, jumps
from dysyr.simulation.simulate import simulate

TIMES = np.array([0.0, 0.3, 0.31, 1.0, 2.5, 2.6, 4.0])


def predators(**changes):
    return System.jump(
        reactions=[
            {"change": {"prey": 1}, "rate": "alpha*prey"},
            {"change": {"prey": -1, "predator": 1}, "rate": "beta*prey*predator"},
            {"change": {"predator": -1}, "rate": "gamma*predator"},
            {"change": {"prey": -2}, "rate": "where(prey > 20, log(prey)*prey*(prey - 1)/5000, 0)"},
        ],
        parameters={"alpha": 1.0, "beta": 0.02, "gamma": 0.6}, initial_state={"prey": 30, "predator": 20}, dt=0.1,
        **changes,
    )  # fmt: skip


def many_species(n):
    """More reactions than have their rates written out: n species that are born and die at rates of their own."""
    reactions = []
    for k in range(n):
        reactions += [{"change": {f"s{k}": 1}, "rate": k + 1.0}, {"change": {f"s{k}": -1}, "rate": f"{0.5 + k}*s{k}"}]
    return System.jump(reactions=reactions, initial_state={f"s{k}": k for k in range(n)}, dt=0.1)


def channel():
    q = [[0, 1, 0.2], [3, 0, 0], [0, 2, 0]]
    return System.jump(states=["a", "b", "c"], rates=q, initial_state="a", dt=0.1)


@pytest.mark.parametrize("system", [predators(), many_species(MOST_IN_REGISTERS // 2 + 1)])
def test_reactions_follow_their_slow_twin_event_for_event(system):
    data = simulate(system, times=TIMES, n_trajectories=5, seed=2**40 + 7, transient=0.5)
    for path in range(5):
        expected = reactions_reference(
            system.jumps.propensities, system.jumps.stoichiometry, system.initial_state, -0.5, TIMES, 2**40 + 7, path
        )
        np.testing.assert_array_equal(data["x"].values[path], expected)


@pytest.mark.parametrize("system", [predators(), many_species(4)])
def test_the_next_reaction_method_follows_its_slow_twin_event_for_event(system):
    data = simulate(system, times=TIMES, n_trajectories=5, seed=2**40 + 7, transient=0.5, method="next_reaction")
    for path in range(5):
        expected = next_reaction_reference(
            system.jumps.propensities, system.jumps.stoichiometry, system.initial_state, -0.5, TIMES, 2**40 + 7, path
        )
        np.testing.assert_array_equal(data["x"].values[path], expected)


def test_rates_that_vanish_and_come_back_leave_fresh_waiting_times():
    """A copy that is made, lost, made again: each of the two rates is zero half of the time."""
    system = System.jump(
        reactions=[{"change": {"n": 1}, "rate": "2*(1 - n)"}, {"change": {"n": -1}, "rate": "3*n"}],
        initial_state={"n": 0}, dt=1.0,
    )  # fmt: skip
    x = simulate(system, times=TIMES, n_trajectories=5, seed=9, method="next_reaction")["x"].values
    for path in range(5):
        expected = next_reaction_reference(
            system.jumps.propensities, system.jumps.stoichiometry, [0], 0.0, TIMES, 9, path
        )
        np.testing.assert_array_equal(x[path], expected)


def test_waiting_times_of_reactions_are_those_of_the_slow_twin():
    waits, seed, lane = np.empty(6), 2**35 + 11, 9
    fill_waits(*key_of(seed), 2**32 - 1, np.uint64(REACTION_STREAM), np.uint64(lane), waits)
    expected = [wait_reference(seed, 2**33 - 2 + k, REACTION_STREAM, lane) for k in range(6)]
    np.testing.assert_allclose(waits, expected, rtol=1e-14)


def test_a_heap_knows_the_least_key_whatever_changes():
    rng, n = np.random.default_rng(0), 13
    keys, heap, place = rng.random(n), np.empty(n, np.int64), np.empty(n, np.int64)
    build_heap(heap, place, keys)
    for _ in range(300):
        assert heap[0] == np.argmin(keys) and (heap[place] == np.arange(n)).all()
        assert all(keys[heap[(k - 1) // 2]] <= keys[heap[k]] for k in range(1, n))
        node = rng.integers(n)
        keys[node] = rng.choice([rng.random(), np.inf])
        move_node(heap, place, keys, node)


def test_a_chain_follows_its_slow_twins():
    system = channel()
    for method, seed in (("ssa", 3), ("grid", 4)):
        data = simulate(system, times=TIMES, n_trajectories=5, seed=seed, method=method, transient=1.0)
        p = transition_matrices(system.rate_matrix, np.diff(TIMES, prepend=-1.0))
        for path in range(5):
            if method == "ssa":
                expected = chain_reference(system.rate_matrix, 0, -1.0, TIMES, seed, path)
            else:
                expected = samples_reference(p, 0, seed, path)
            np.testing.assert_array_equal(data["label"].values[path], expected)


def test_draws_are_those_of_the_slow_twin_also_beyond_32_bits():
    waits, choices = np.empty(6), np.empty(6)
    draw, seed, lane = 2**32 - 3, 2**35 + 11, 9
    fill_draws(*key_of(seed), draw, np.uint64(EVENT_STREAM), np.uint64(lane), waits, choices)
    expected = [draws_reference(seed, draw + k, EVENT_STREAM, lane) for k in range(6)]
    np.testing.assert_allclose(np.column_stack([waits, choices]), expected, rtol=1e-14)


def test_waits_are_exponential_and_choices_uniform():
    waits, choices = np.empty(200_000), np.empty(200_000)
    fill_draws(*key_of(5), 0, np.uint64(EVENT_STREAM), np.uint64(0), waits, choices)
    assert stats.kstest(waits, "expon").pvalue > 1e-3
    assert stats.kstest(choices, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(waits, choices)[0, 1]) < 4 / np.sqrt(waits.size)


def test_cumulative_probabilities_never_lead_to_an_impossible_state():
    sums = cumulative([[0.0, 0.3, 0.0, 0.7, 0.0], [0.1, 0.2, 0.3, 0.0, 0.0]])
    np.testing.assert_allclose(sums[0], [0, 0.3, 0.3, CHOSEN, CHOSEN])
    np.testing.assert_allclose(sums[1], [1 / 6, 0.5, CHOSEN, CHOSEN, CHOSEN])


@pytest.mark.parametrize("method", ["ssa", "grid"])
def test_the_number_of_threads_and_of_paths_does_not_matter(method, monkeypatch):
    system = channel()
    arguments = {"times": TIMES, "seed": 1, "method": method, "initial_state": {"a": 0.5, "c": 0.5}}
    many = simulate(system, n_trajectories=200, **arguments)["label"].values
    few = simulate(system, n_trajectories=70, **arguments)["label"].values
    np.testing.assert_array_equal(few, many[:70])
    monkeypatch.setattr(jump_events, "PATHS_OF_A_BLOCK", 7)
    monkeypatch.setattr(jumps, "PATHS_OF_A_BLOCK", 7)
    monkeypatch.setattr("numba.config.NUMBA_NUM_THREADS", 3)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    monkeypatch.setattr(jump_events, "FIRST_BUDGET", 5)
    np.testing.assert_array_equal(simulate(system, n_trajectories=200, **arguments)["label"].values, many)


@pytest.mark.parametrize("method", ["ssa", "next_reaction"])
def test_calls_that_are_cut_short_go_on_where_they_stopped(method, monkeypatch):
    arguments = {"times": TIMES, "n_trajectories": 20, "seed": 3, "method": method, "events": True}
    whole = simulate(predators(), **arguments)
    calls = []

    def tiny(size, elapsed):
        calls.append(size)
        return 3

    monkeypatch.setattr(jump_events, "FIRST_BUDGET", 1)
    monkeypatch.setattr(jump_events, "next_size", tiny)
    cut = simulate(predators(), **arguments)
    for name in ("x", "event_time", "event_state", "event_jump", "n_events"):
        np.testing.assert_array_equal(cut[name].values, whole[name].values)
    assert len(calls) > 100


def test_counts_over_a_parameter_are_multiplied_by_its_inverse():
    """One division for a call in place of one for each event; any other division stays."""
    text = jump_text(load_system("toggle_switch"))
    assert "i_threshold = 1.0/p_threshold" in text.parameters
    assert [line for line in text.rates if "i_threshold" in line] == ["c3 = s_v*i_threshold", "c6 = s_u*i_threshold"]
    assert not any("/p_threshold" in line for line in text.rates)
    assert sum("p_production/(" in line for line in text.rates) == 2
