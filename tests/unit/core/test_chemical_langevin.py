"""Drift and covariance of the diffusion approximation are those of the reactions, whatever noises they share."""

import numpy as np
import pytest

from dysyr.core.catalogue import catalogue_system, system_names
from dysyr.core.chemical_langevin import chemical_langevin
from dysyr.core.errors import InputError
from dysyr.core.system import System

SYSTEMS = [catalogue_system(name) for name in system_names()]
REACTIONS = [system for system in SYSTEMS if system.kind == "jump" and not system.jumps.states]


@pytest.mark.parametrize("system", REACTIONS, ids=lambda system: system.name)
def test_drift_and_covariance_are_sums_over_reactions(system):
    equation = chemical_langevin(system)
    x = np.random.default_rng(0).uniform(5, 300, (7, system.dim))
    changes, rates = system.jumps.stoichiometry, system.jumps.propensities(x)
    np.testing.assert_allclose(equation.vector_field(x), rates @ changes, rtol=1e-12, atol=1e-9)
    g = equation.diffusion(x)
    expected = np.einsum("ri,kr,rj->kij", changes, rates, changes)
    np.testing.assert_allclose(g @ np.swapaxes(g, -1, -2), expected, rtol=1e-12, atol=1e-9)
    assert equation.kind == "sde" and equation.interpretation == "ito" and equation.fields == system.fields
    assert equation.parameters == system.parameters and equation.dt == system.dt
    np.testing.assert_array_equal(equation.initial_state, system.initial_state)


def test_reactions_with_parallel_changes_share_a_noise():
    system = System.jump(
        reactions=[
            {"change": {"a": 2, "b": -4}, "rate": "b*(b - 1)"},
            {"change": {"a": -1, "b": 2}, "rate": "a"},
            {"change": {"a": 1}, "rate": "7"},
        ],
        initial_state={"a": 50, "b": 60}, dt=0.1,
    )  # fmt: skip
    assert chemical_langevin(system).n_noise == 2
    x = np.array([50.0, 60.0])
    g = chemical_langevin(system).diffusion(x)
    np.testing.assert_allclose(g @ g.T, [[4 * 3540 + 50 + 7, -8 * 3540 - 100], [-8 * 3540 - 100, 16 * 3540 + 200]])
    assert chemical_langevin(catalogue_system("schlogl")).noise_kind == "diagonal"


def test_nothing_is_taken_from_what_has_run_out():
    """Both species below zero: their product is positive, but the rate is not."""
    equation = chemical_langevin(catalogue_system("lotka_volterra_jump"))
    for x in ([-3.0, -2.0], [-3.0, 50.0], [0.0, -1.0]):
        drift, noise = equation.vector_field(np.array(x)), equation.diffusion(np.array(x))
        assert np.isfinite(noise).all() and drift[0] == 0 and noise[0].max() == 0
    pair = System.jump(reactions=[{"change": {"n": -2}, "rate": "n*(n - 1)"}], initial_state={"n": 9}, dt=1.0)
    assert chemical_langevin(pair).vector_field(np.array([0.5]))[0] == 0


def test_intermediates_are_kept_and_names_do_not_clash():
    system = System.jump(
        reactions=[{"change": {"n": 1}, "rate": "half + rate_R1*n_kept"}, {"change": {"n": -1}, "rate": "half"}],
        parameters={"n_kept": 3.0, "rate_R1": 0.5, "e5": 1.0}, let={"half": "n/2 + 1e5*e5"}, initial_state={"n": 8},
        dt=1.0,
    )  # fmt: skip
    equation = chemical_langevin(system)
    assert equation.vector_field(np.array([8.0]))[0] == pytest.approx(1.5)
    assert equation.diffusion(np.array([8.0]))[0, 0] ** 2 == pytest.approx(2 * 100_004 + 1.5)
    assert equation.vector_field(np.array([-8.0]))[0] == pytest.approx(1.5)


def test_what_has_no_counts_is_refused():
    with pytest.raises(InputError, match="reactions over counts.*a chain of states.*simulate the chain"):
        chemical_langevin(catalogue_system("two_state_channel"))
    with pytest.raises(InputError, match="reactions over counts.*lorenz63"):
        chemical_langevin(catalogue_system("lorenz63"))
