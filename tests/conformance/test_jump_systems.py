"""What each jump process of the catalogue must satisfy: its simulator against its slow twin and its own laws."""

import numpy as np
import pytest
from scipy import stats

from dysyr.core.catalogue import catalogue_system, system_names
from dysyr.core.rate_matrix import closed_classes
from dysyr.kernels.jump_reference import chain_reference, next_reaction_reference, reactions_reference
from dysyr.simulation.simulate import simulate

JUMPS = [name for name in system_names() if catalogue_system(name).kind == "jump"]
CHAINS = [name for name in JUMPS if catalogue_system(name).jumps.states]
REACTIONS = [name for name in JUMPS if name not in CHAINS]
N_PATHS = 20_000
LEVEL = 1e-3


def fit(label, law):
    return stats.chisquare(np.bincount(label, minlength=law.size), law * label.size).pvalue


@pytest.mark.parametrize("method, twin", [("ssa", reactions_reference), ("next_reaction", next_reaction_reference)])
@pytest.mark.parametrize("name", REACTIONS)
def test_reactions_follow_their_slow_twin(name, method, twin):
    system = catalogue_system(name)
    instants = np.array([0.0, 0.3, 1.1]) * system.dt
    x = simulate(system, times=instants, n_trajectories=2, transient=0.0, method=method, seed=3)["x"].values
    for path in range(2):
        expected = twin(
            system.jumps.propensities, system.jumps.stoichiometry, system.initial_state, 0.0, instants, 3, path
        )
        np.testing.assert_array_equal(x[path], expected)


@pytest.mark.parametrize("name", REACTIONS)
def test_no_reaction_can_make_a_count_negative(name):
    """Where a species is short of what a reaction takes, its rate is zero."""
    system = catalogue_system(name)
    for k, change in enumerate(system.jumps.stoichiometry):
        for d in np.flatnonzero(change < 0):
            for n in range(-change[d]):
                x = system.initial_state + 10
                x[d] = n
                assert system.jumps.propensities(x)[k] == 0.0


@pytest.mark.parametrize("name", CHAINS)
def test_chains_follow_their_slow_twin(name):
    system = catalogue_system(name)
    instants = np.array([0.0, 3.0, 11.0]) * system.dt
    label = simulate(system, times=instants, initial_state=[0, 1], method="ssa", seed=3)["label"].values
    for path in range(2):
        expected = chain_reference(system.rate_matrix, path, 0.0, instants, 3, path)
        np.testing.assert_array_equal(label[path], expected)


@pytest.mark.parametrize("method", ["ssa", "grid"])
@pytest.mark.parametrize("name", CHAINS)
def test_chains_end_in_their_stationary_distribution(name, method):
    system = catalogue_system(name)
    assert len(closed_classes(system.rate_matrix)) == 1
    law = system.stationary_distribution()
    decay = -np.sort(np.linalg.eigvals(system.rate_matrix).real)[-2]
    label = simulate(system, times=[12 / decay], initial_state=0, n_trajectories=N_PATHS, method=method, seed=5)
    label = label["label"].values[:, 0]
    assert fit(label, law) > LEVEL
    parameter = next(iter(system.parameters))
    other = system.with_parameters(**{parameter: 1.15 * system.parameters[parameter]})
    assert fit(label, other.stationary_distribution()) < LEVEL


@pytest.mark.parametrize("V", [0.0, 1.0, 2.0])
def test_the_ratchet_has_the_rates_of_its_definition(V):
    """On: q_ij = exp(-V (j - i)/2); off: b; switching: r."""
    q = catalogue_system("flashing_ratchet").with_parameters(V=V, b=0.7, r=0.3).rate_matrix
    for i in range(3):
        for j in range(3):
            if i != j:
                assert q[i, j] == pytest.approx(np.exp(-V * (j - i) / 2))
                assert q[3 + i, 3 + j] == 0.7
            assert q[i, 3 + j] == q[3 + i, j] == (0.3 if i == j else 0.0)


def test_the_ratchet_turns_and_equal_rates_do_not():
    """Net current around the ring of the on states; none in detailed balance."""
    for V, turns in ((1.0, True), (0.0, False)):
        system = catalogue_system("flashing_ratchet").with_parameters(V=V)
        flow = system.stationary_distribution()[:, None] * system.rate_matrix
        current = (flow - flow.T)[0, 1]
        assert (abs(current) > 1e-3) == turns


def test_an_epidemic_keeps_its_people_and_ends():
    data = simulate(catalogue_system("sir"), t_end=400.0, n_trajectories=50, seed=2)["x"].values
    assert (data.sum(axis=-1) == 1000).all() and (np.diff(data[..., 2], axis=1) >= 0).all()
    assert (data[:, -1, 1] == 0).all() and 600 < np.median(data[:, -1, 2]) < 950


def test_schlogl_counts_settle_at_two_levels():
    x = simulate(catalogue_system("schlogl"), times=[10.0], n_trajectories=500, seed=2)["x"].values.ravel()
    low, high = (x < 150).mean(), (x > 450).mean()
    assert low > 0.2 and high > 0.2 and low + high > 0.9
