"""Jump processes against laws known exactly, with thousands of paths; a rate that is slightly wrong must show."""

import json

import numpy as np
import pytest
from scipy import stats

from dysyr.core.dataset import as_dataset, times, trajectories
from dysyr.core.errors import DivergedError, InputError
from dysyr.core.rate_matrix import transition_matrices
from dysyr.core.system import System
from dysyr.simulation import jumps
from dysyr.simulation.observation import GaussianEmission, IrregularSampling, LabelFlips
from dysyr.simulation.simulate import simulate

LEVEL = 1e-3


def p_value(values, probabilities):
    """Chi-square test of whole numbers 0, 1, ... against their probabilities; rare ones share a cell."""
    probabilities = np.append(probabilities, max(0.0, 1 - np.sum(probabilities)))
    seen = np.bincount(np.minimum(values, probabilities.size - 1), minlength=probabilities.size)
    expected = probabilities * len(values)
    own = expected >= 10
    seen, expected = np.append(seen[own], seen[~own].sum()), np.append(expected[own], expected[~own].sum())
    assert seen[expected == 0].sum() == 0
    return stats.chisquare(seen[expected > 0], expected[expected > 0]).pvalue


def immigration_death(rate=6.0, death=1.0, n=0):
    return System.jump(
        reactions=[{"change": {"n": 1}, "rate": "a"}, {"change": {"n": -1}, "rate": "d*n"}],
        parameters={"a": rate, "d": death}, initial_state={"n": n}, dt=0.5,
    )  # fmt: skip


def birth_death(birth=1.0, death=1.5, n=3):
    return System.jump(
        reactions=[{"change": {"n": 1}, "rate": "b*n"}, {"change": {"n": -1}, "rate": "d*n"}],
        parameters={"b": birth, "d": death}, initial_state={"n": n}, dt=0.5,
    )  # fmt: skip


def channel(a=1.0, b=2.5, **changes):
    return System.jump(
        states=["closed", "open"], rates={"closed -> open": "a", "open -> closed": "b"},
        parameters={"a": a, "b": b}, dt=0.1, **{"initial_state": "closed", **changes},
    )  # fmt: skip


@pytest.mark.parametrize(("rate", "right"), [(6.0, True), (6.3, False)])
def test_immigration_and_death_from_nothing_is_poisson_at_all_times(rate, right):
    data = simulate(immigration_death(rate), times=[0.0, 0.2, 1.0, 5.0], n_trajectories=10_000, seed=11)
    x = data["x"].values[:, :, 0]
    assert x.dtype == np.int64 and (x[:, 0] == 0).all()
    expected = [stats.poisson(6.0 * (1 - np.exp(-t))).pmf(np.arange(40)) for t in (0.2, 1.0, 5.0)]
    found = [p_value(x[:, k + 1], p) for k, p in enumerate(expected)]
    assert min(found) > LEVEL if right else max(found[1:]) < LEVEL


def test_paths_that_start_stationary_stay_so():
    n = np.random.default_rng(0).poisson(6.0, size=(10_000, 1))
    x = simulate(immigration_death(), times=[0.7], initial_state=n, seed=12)["x"].values[:, 0, 0]
    assert p_value(x, stats.poisson(6.0).pmf(np.arange(40))) > LEVEL
    assert np.corrcoef(x, n[:, 0])[0, 1] == pytest.approx(np.exp(-0.7), abs=0.04)


@pytest.mark.parametrize("method", ["ssa", "grid"])
@pytest.mark.parametrize(("a", "right"), [(1.0, True), (1.1, False)])
def test_two_states_follow_the_master_equation(method, a, right):
    instants = np.array([0.1, 0.4, 2.0])
    label = simulate(channel(a), times=instants, n_trajectories=20_000, method=method, seed=13)["label"].values
    opened = 1 / 3.5 * (1 - np.exp(-3.5 * instants))
    found = [p_value(label[:, k], [1 - p, p]) for k, p in enumerate(opened)]
    assert min(found) > LEVEL if right else max(found[1:]) < LEVEL
    both = 2 * label[:, 0] + label[:, 1]
    step = transition_matrices(channel().rate_matrix, [0.3])[0]
    joint = np.array([1 - opened[0], opened[0]])[:, None] * step
    assert p_value(both, joint.ravel()) > LEVEL if right else True


@pytest.mark.parametrize(("slope", "right"), [(0.5, True), (0.55, False)])
def test_a_birth_death_process_ends_in_its_stationary_law(slope, right):
    """π_k is proportional to the product of birth rates over death rates; here 4/(1 + k/4) and k/2."""
    system = System.jump(
        reactions=[{"change": {"n": 1}, "rate": "4/(1 + n/4)"}, {"change": {"n": -1}, "rate": "slope*n"}],
        parameters={"slope": slope}, initial_state={"n": 4}, dt=1.0,
    )  # fmt: skip
    k = np.arange(60)
    ratio = (4 / (1 + k[:-1] / 4)) / (0.5 * k[1:])
    law = np.cumprod(np.append(1.0, ratio))
    x = simulate(system, times=[40.0], n_trajectories=10_000, seed=14)["x"].values[:, 0, 0]
    assert (p_value(x, law / law.sum()) > LEVEL) == right


@pytest.mark.parametrize(("death", "right"), [(1.5, True), (1.6, False)])
def test_birth_and_death_die_out_with_the_right_probability(death, right):
    """From n: P(extinct at t) = [d (e - 1) / (b e - d)]^n with e = exp((b - d) t)."""
    data = simulate(birth_death(death=death), times=[0.5, 2.0, 6.0], n_trajectories=20_000, seed=15)
    e = np.exp(-0.5 * np.array([0.5, 2.0, 6.0]))
    expected = (1.5 * (e - 1) / (e - 1.5)) ** 3
    extinct = (data["x"].values[:, :, 0] == 0).mean(axis=0)
    z = np.abs(extinct - expected) / np.sqrt(expected * (1 - expected) / 20_000)
    assert z.max() < 3.5 if right else z[1:].min() > 3.5


def test_absorbed_paths_stay_where_they_are():
    x = simulate(birth_death(birth=0.0, death=50.0), t_end=10.0, n_trajectories=100, seed=1)["x"].values
    assert (x[:, 0, 0] == 3).all() and (x[:, 1:, 0] == 0).all()
    sink = System.jump(states=["on", "off"], rates={"on -> off": 30.0}, initial_state="on", dt=1.0)
    for method in ("ssa", "grid"):
        label = simulate(sink, t_end=5.0, n_trajectories=50, method=method)["label"].values
        assert (label[:, 0] == 0).all() and (label[:, 1:] == 1).all()


def test_the_default_start_of_a_chain_is_stationary_and_others_can_be_given():
    system = channel(initial_state=None)
    label = simulate(system, n_steps=1, n_trajectories=20_000, seed=16)["label"].values[:, 0]
    assert p_value(label, system.stationary_distribution()) > LEVEL
    drawn = simulate(system, n_steps=1, n_trajectories=5_000, initial_state={"open": 0.9, "closed": 0.1}, seed=2)
    assert p_value(drawn["label"].values[:, 0], [0.1, 0.9]) > LEVEL
    given = simulate(system, n_steps=1, initial_state=["open", "closed", 1])["label"].values[:, 0]
    assert given.tolist() == [1, 0, 1]
    assert (simulate(system, n_steps=1, initial_state=1, n_trajectories=3)["label"].values == 1).all()


def test_the_dataset_keeps_the_contract():
    data = simulate(channel(), t_end=2.0, n_trajectories=4, seed=3)
    assert data["x"].dims == ("trajectory", "time", "state") and data["label"].dims == ("trajectory", "time")
    assert data["x"].dtype == data["label"].dtype == np.int64
    np.testing.assert_array_equal(data["x"].values[..., 0], data["label"].values)
    assert json.loads(data.attrs["states"]) == ["closed", "open"] and data.attrs["dt"] == 0.1
    assert as_dataset(data) is data
    counts = simulate(immigration_death(), t_end=2.0, n_trajectories=4, seed=3)
    assert "label" not in counts and json.loads(counts.attrs["solver"])["n_events"] > 0
    assert [str(name) for name in counts["state"].values] == ["n"]


@pytest.mark.parametrize("method", ["ssa", "grid"])
def test_each_path_may_have_times_of_its_own(method):
    rng = np.random.default_rng(4)
    grids = [np.sort(rng.uniform(0, 3, size=rng.integers(2, 9))) for _ in range(3_000)]
    data = simulate(channel(), times=grids, method=method, seed=17)
    assert [len(t) for t in times(data)] == [len(grid) for grid in grids] and "dt" not in data.attrs
    last = np.array([x[-1, 0] for x in trajectories(data)])
    opened = np.array([1 / 3.5 * (1 - np.exp(-3.5 * grid[-1])) for grid in grids])
    z = (last.sum() - opened.sum()) / np.sqrt((opened * (1 - opened)).sum())
    assert abs(z) < 3.3
    alone = simulate(channel(), times=grids[:2], method=method, seed=17)
    np.testing.assert_array_equal(trajectories(alone)[1], trajectories(data)[1])
    counts = simulate(immigration_death(), times=grids[:3], seed=1)
    assert [len(x) for x in trajectories(counts)] == [len(grid) for grid in grids[:3]]


def test_the_default_method_of_a_chain_is_the_cheaper_one(monkeypatch):
    def method(**arguments):
        return json.loads(simulate(channel(), **arguments).attrs["solver"])["method"]

    assert method(n_steps=50, dt=0.1) == "ssa"
    assert method(n_steps=50, dt=10.0) == "grid"
    assert method(n_steps=50, dt=10.0, max_events=10_000) == "ssa"
    assert method(times=np.arange(200) ** 2.0) == "ssa"
    assert method(n_steps=2, dt=0.1, transient=100.0) == "grid"


def test_a_table_that_would_be_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(jumps, "TABLE_BYTES", 100)
    with pytest.raises(InputError, match="too many different sampling intervals.*4 intervals.*method='ssa'"):
        simulate(channel(), times=[0.1, 0.3, 0.6, 1.0], method="grid")


def test_equal_intervals_share_their_table():
    """The differences of 0, dt, 2 dt, ... differ by rounding; the start has a lag of its own."""
    grid = (np.arange(1000) * 0.1)[None]
    distinct, lag_of = jumps._lags(grid, np.array([1000]), 0.0)
    np.testing.assert_allclose(distinct, [0.0, 0.1], rtol=1e-12)
    assert lag_of.tolist() == [[0] + [1] * 999]


def test_labels_are_flipped_to_other_states():
    system = System.jump(states=["a", "b", "c"], rates=[[0, 1, 0], [1, 0, 0.01], [0, 1, 0]], dt=0.1)
    data = simulate(system, n_steps=2_000, n_trajectories=10, seed=18, label_noise=0.2)
    clean = simulate(system, n_steps=2_000, n_trajectories=10, seed=18)
    truth, label = data["x_true"].values[..., 0], data["label"].values
    np.testing.assert_array_equal(truth, clean["label"].values)
    np.testing.assert_array_equal(data["x"].values[..., 0], label)
    wrong = label != truth
    assert stats.binomtest(int(wrong.sum()), wrong.size, 0.2).pvalue > LEVEL
    shift = (label - truth)[wrong] % 3
    assert stats.binomtest(int((shift == 1).sum()), shift.size, 0.5).pvalue > LEVEL
    assert json.loads(data.attrs["observation"]) == [{"model": "LabelFlips", "probability": 0.2}]


def test_flips_leave_values_that_are_no_labels():
    data = simulate(channel(), n_steps=50, n_trajectories=2, observe=GaussianEmission((0.0, 1.0), (0.1, 0.2)))
    assert "label" not in data
    with pytest.raises(InputError, match="without labels"):
        LabelFlips(0.1)(data)


def test_currents_are_normal_around_the_mean_of_each_state():
    seen = GaussianEmission((0.0, -5.0), (0.5, 1.5))
    data = simulate(channel(), n_steps=2_000, n_trajectories=5, seed=19, observe=[seen, IrregularSampling(0.5)])
    y = np.concatenate(trajectories(data))[:, 0]
    state = data["x_true"].values.ravel()
    assert [str(name) for name in data["state"].values] == ["current"] and "dt" not in data.attrs
    for i, (mean, sd) in enumerate(((0.0, 0.5), (-5.0, 1.5))):
        assert stats.kstest(y[state == i], stats.norm(mean, sd).cdf).pvalue > LEVEL
        assert stats.kstest(y[state == i], stats.norm(mean + 0.2 * sd, sd).cdf).pvalue < LEVEL
    for means, sds in (((0.0,), (1.0,)), ((0.0, 1.0), (1.0,)), ((0.0, 1.0), (1.0, -1.0)), ((0.0, np.nan), (1.0, 1.0))):
        with pytest.raises(InputError, match="emissions"):
            simulate(channel(), n_steps=50, n_trajectories=9, observe=GaussianEmission(means, sds))


def test_a_path_that_runs_away_is_stopped():
    system = System.jump(
        reactions=[{"change": {"n": 1}, "rate": "n*n"}], parameters={}, initial_state={"n": 10}, dt=1.0
    )
    with pytest.raises(DivergedError, match="runs away.*more than 5000 events at t = .*n = 5010.*max_events") as error:
        simulate(system, t_end=5.0, n_trajectories=3, max_events=5_000)
    assert 0 < error.value.time < 1 and error.value.trajectory in (0, 1, 2)
    jumping = System.jump(reactions=[{"change": {"n": 2**31}, "rate": "1e200"}], initial_state={"n": 2**53 - 7}, dt=1.0)
    with pytest.raises(DivergedError, match=r"counts beyond 2\^53"):
        simulate(jumping, t_end=5.0)


def pairs(rate, n=5, change=-2):
    return System.jump(reactions=[{"change": {"n": change}, "rate": rate}], initial_state={"n": n}, dt=1.0)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: simulate(pairs("n"), t_end=50.0), "makes a count negative.*n = -1.*n\\*\\(n - 1\\)"),
        (lambda: simulate(pairs("n - 2"), t_end=50.0), "rate of R1 .* negative or not finite: -1 at t = .*n = 1"),
        (lambda: simulate(pairs("1/(n - 1)"), t_end=50.0), "rate of R1 .* negative or not finite: inf at"),
        (lambda: simulate(pairs("1.0"), method="grid"), "unknown method 'grid'.*counts are ssa, next_reaction, tau"),
        (lambda: simulate(channel(), method="rk4"), "unknown method 'rk4'.*chains of states are ssa, grid"),
        (lambda: simulate(channel(), method="grid", max_events=9), "max_events means nothing"),
        (lambda: simulate(channel(), max_events=0), "max_events.*whole number >= 1"),
        (lambda: simulate(channel(), rtol=1e-3), "rtol means nothing"),
        (lambda: simulate(channel(), dtype="float32"), "whole numbers"),
        (lambda: simulate(System.ode({"x": "-x"}, initial_state=[1.0], dt=1.0), max_events=9), "bounds jump processes"),
        (lambda: simulate(immigration_death(), label_noise=0.1), "label_noise.*chain of states"),
        (lambda: simulate(channel(), label_noise=1.5), "probability of a flip"),
        (lambda: simulate(channel(), label_noise="much"), "probability of a flip: much"),
        (lambda: simulate(immigration_death(), initial_state=[0.5]), "initial_state of reactions.*0.5"),
        (lambda: simulate(immigration_death(), initial_state=[-1.0]), "initial_state of reactions.*-1"),
        (lambda: simulate(channel(), initial_state="ajar"), "unknown state.*'ajar'"),
        (lambda: simulate(channel(), initial_state=2), "number from 0 to 1"),
        (lambda: simulate(channel(), initial_state={"open": 0.5}), "no distribution"),
        (lambda: simulate(channel(), initial_state={"open": "half"}), "probability of open in initial_state: 'half'"),
        (lambda: simulate(channel(), initial_state=1.0), "state in initial_state: 1.0; a name, or a number"),
        (lambda: simulate(channel(), initial_state=[0, 1], n_trajectories=3), "disagree.*2 states"),
        (lambda: simulate(channel(), times=[[0.0, 1.0], [0.0, 2.0]], n_trajectories=3), "disagree.*2 grids"),
        (lambda: simulate(channel(), times=[[0.0], [1.0]], initial_state=[0]), "disagree.*1 states, n_trajectories=2"),
        (lambda: simulate(channel(), times=[[0.0, 1.0], [2.0, 1.0]]), "ascending"),
        (lambda: simulate(channel(), times=[["early"]]), "times are not made of numbers"),
        (lambda: simulate(channel(), times=[]), "times"),
    ],
)  # fmt: skip
def test_what_cannot_be_simulated_is_refused(run, message):
    with pytest.raises(InputError, match=message):
        run()
