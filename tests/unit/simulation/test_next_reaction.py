"""The next-reaction method has the law of the direct one; a rate that is slightly wrong must show."""

import json

import numpy as np
import pytest
from scipy import stats

from dysyr.core.catalogue import catalogue_system
from dysyr.core.codegen_jump import MOST_IN_REGISTERS, dependency_graph
from dysyr.core.errors import DivergedError, InputError
from dysyr.core.system import System
from dysyr.simulation import jumps
from dysyr.simulation.master_equation import master_equation
from dysyr.simulation.simulate import simulate

LEVEL = 1e-3


def p_value(values, probabilities):
    """Chi-square test of whole numbers 0, 1, ... against their probabilities; rare ones share a cell."""
    expected = len(values) * np.append(probabilities, max(0.0, 1 - np.sum(probabilities)))
    seen = np.bincount(np.minimum(values, expected.size - 1), minlength=expected.size)
    own = expected >= 10
    cells = [np.append(part[own], part[~own].sum()) for part in (seen, expected)]
    return stats.chisquare(*cells, sum_check=False).pvalue


def next_reaction(system, times, n_trajectories=1, **arguments):
    return simulate(system, times=times, n_trajectories=n_trajectories, method="next_reaction", **arguments)


@pytest.mark.parametrize(("rate", "right"), [(6.0, True), (6.3, False)])
def test_immigration_and_death_from_nothing_is_poisson_at_all_times(rate, right):
    system = catalogue_system("immigration_death").with_parameters(immigration=rate)
    instants = np.array([0.0, 0.2, 1.0, 5.0])
    x = next_reaction(system, instants, 10_000, initial_state=[0], seed=11)["x"].values[:, :, 0]
    assert (x[:, 0] == 0).all()
    laws = [stats.poisson(6.0 * (1 - np.exp(-t))).pmf(np.arange(40)) for t in instants[1:]]
    found = [p_value(x[:, k + 1], law) for k, law in enumerate(laws)]
    assert min(found) > LEVEL if right else max(found[1:]) < LEVEL


def test_mean_and_variance_of_schlogl_are_those_of_the_master_equation():
    system = catalogue_system("schlogl")
    found = master_equation(system, [0.25, 1.0], largest={"n": 800})
    n, law = np.arange(801), found.marginal("n")
    assert found.leaked.max() < 1e-9
    x = next_reaction(system, [0.25, 1.0], 3_000, seed=5)["x"].values[:, :, 0]
    for k in range(2):
        mean = law[k] @ n
        central = [law[k] @ (n - mean) ** power for power in (2, 4)]
        assert abs(x[:, k].mean() - mean) < 3.5 * np.sqrt(central[0] / 3_000)
        assert abs(x[:, k].var() - central[0]) < 3.5 * np.sqrt((central[1] - central[0] ** 2) / 3_000)


def test_both_methods_give_enzyme_and_product_the_same_distribution():
    """Michaelis-Menten, whose three reactions touch one another, against the projection of its master equation."""
    system = catalogue_system("michaelis_menten").with_parameters(bind=0.05, unbind=0.5, turn=0.4)
    start = [20, 8, 0, 0]
    law = master_equation(system, [3.0], initial_state=start).marginal("P")[0]
    x = next_reaction(system, [3.0], 10_000, initial_state=start, seed=3)["x"].values[:, 0]
    assert p_value(x[:, 3], law) > LEVEL and p_value(x[:, 3] + (x[:, 3] < 5), law) < LEVEL
    assert (x[:, 0] + x[:, 2] + x[:, 3] == 20).all() and (x[:, 1] + x[:, 2] == 8).all()


def test_a_reaction_touches_itself_and_what_reads_what_it_changes():
    system = System.jump(
        reactions=[
            {"change": {"a": 1}, "rate": "1.0"},
            {"change": {"a": -1, "b": 1}, "rate": "a"},
            {"change": {"b": -1}, "rate": "b*c"},
            {"change": {"c": 1}, "rate": "c"},
        ],
        initial_state={"a": 1, "b": 1, "c": 1}, dt=1.0,
    )  # fmt: skip
    assert dependency_graph(system) == [(0, 1), (1, 2), (2,), (3, 2)]


def ring(n, reach=1):
    """n species, each turns into the next at a rate that reads some of them."""
    names = [f"s{k}" for k in range(n)]
    return System.jump(
        reactions=[
            {
                "change": {names[k]: -1, names[(k + 1) % n]: 1},
                "rate": f"{names[k]}*(1 + {' + '.join(names[(k + q) % n] for q in range(reach))})",
            }
            for k in range(n)
        ],
        initial_state=dict.fromkeys(names, 3), dt=1.0,
    )  # fmt: skip


def test_it_is_the_default_for_many_reactions_that_touch_few_rates(monkeypatch):
    assert jumps._exact_method(ring(jumps.MANY_REACTIONS)) == "next_reaction"
    assert jumps._exact_method(ring(jumps.MANY_REACTIONS - 1)) == "ssa"
    assert jumps._exact_method(ring(jumps.MANY_REACTIONS, reach=20)) == "ssa"
    monkeypatch.setattr(jumps, "MANY_REACTIONS", 40)
    data = simulate(ring(40), times=[0.1])
    assert json.loads(data.attrs["solver"])["method"] == "next_reaction"
    assert json.loads(simulate(ring(40), times=[0.1], method="ssa").attrs["solver"])["method"] == "ssa"


def test_as_many_species_as_are_allowed_are_simulated():
    """In both methods; beyond some dozens of species the direct one keeps counts and sums in arrays."""
    system = ring(MOST_IN_REGISTERS + 1)
    for method in ("ssa", "next_reaction"):
        x = simulate(system, times=[0.0, 0.5], n_trajectories=50, method=method, seed=2)["x"].values
        assert (x.sum(axis=2) == 3 * (MOST_IN_REGISTERS + 1)).all() and x.min() >= 0 and (x[:, 1] != 3).any()


def decay(rate="n", change=-1, n=5):
    return System.jump(reactions=[{"change": {"n": change}, "rate": rate}], initial_state={"n": n}, dt=1.0)


def test_absorbed_paths_stay_where_they_are():
    x = next_reaction(decay("50*n"), np.arange(5.0), 50)["x"].values[:, :, 0]
    assert (x[:, 0] == 5).all() and (x[:, 1:] == 0).all()


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda: next_reaction(decay(change=-2), [50.0]), InputError, "makes a count negative.*n = -1"),
        (lambda: next_reaction(decay("n - 2", -2), [50.0]), InputError, "rate of R1 .*not finite: -1 at t = .*n = 1"),
        (lambda: next_reaction(decay("n - 4"), [1.0], initial_state=[3]), InputError, "not finite: -1 at t = 0 "),
        (lambda: next_reaction(decay("n*n", 1, 10), [5.0], max_events=500), DivergedError, "more than 500 events"),
        (lambda: next_reaction(catalogue_system("two_state_channel"), [1.0]), InputError, "unknown method"),
        (lambda: next_reaction(decay(), [1.0], rtol=0.1), InputError, "rtol means nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_simulated_is_refused(run, error, message):
    with pytest.raises(error, match=message):
        run()
