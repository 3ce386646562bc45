"""The diffusion approximation against the counts it stands for, where there are many of them."""

import json

import numpy as np
import pytest

from dysyr.core.catalogue import catalogue_system
from dysyr.core.errors import InputError
from dysyr.core.system import System
from dysyr.simulation import langevin
from dysyr.simulation.simulate import simulate

N_PATHS = 4_000


def immigration_death(rate, n):
    system = catalogue_system("immigration_death").with_parameters(immigration=rate)
    return {"system": system, "initial_state": [n], "method": "chemical_langevin"}


def apart(a, b):
    """Largest distance in standard errors of means and covariances of two ensembles (path, variable)."""
    z = []
    for k in range(a.shape[1]):
        for j in range(k + 1):
            da, db = ((x[:, k] - x[:, k].mean()) * (x[:, j] - x[:, j].mean()) for x in (a, b))
            z.append((da.mean() - db.mean()) / np.sqrt(da.var() / len(a) + db.var() / len(b)))
        z.append((a[:, k].mean() - b[:, k].mean()) / np.sqrt(a[:, k].var() / len(a) + b[:, k].var() / len(b)))
    return np.abs(z).max()


def test_linear_rates_keep_mean_and_variance_of_the_counts_exactly():
    """From n: mean m + (n - m) e, variance m (1 - e) + n e (1 - e) with e = exp(-t), as for the counts."""
    instants = np.array([0.0, 0.3, 1.0, 4.0])
    data = simulate(**immigration_death(1_000.0, 600), times=instants, n_trajectories=N_PATHS, seed=3)
    x, e = data["x"].values[:, :, 0], np.exp(-instants)
    assert x.dtype == float and (x[:, 0] == 600).all() and "label" not in data
    mean, variance = 1_000 - 400 * e, (1_000 + 600 * e) * (1 - e)
    for k in (1, 2, 3):
        assert x[:, k].mean() == pytest.approx(mean[k], abs=3.5 * np.sqrt(variance[k] / N_PATHS))
        assert x[:, k].var() == pytest.approx(variance[k], rel=3.5 * np.sqrt(2 / N_PATHS))
    solver = json.loads(data.attrs["solver"])
    assert solver["method"] == "chemical_langevin" and solver["integrator"] == "sri" and solver["substeps"] == 150


@pytest.mark.parametrize(("beta", "right"), [(0.0005, True), (0.00052, False)])
def test_many_predators_and_prey_have_the_moments_of_the_counts(beta, right):
    """Ten times the counts of the catalogue: means, variances and the covariance, beside exact paths."""
    system = catalogue_system("lotka_volterra_jump").with_parameters(beta=0.0005, delta=0.0005)
    arguments = {"times": [1.0, 2.5], "n_trajectories": N_PATHS, "initial_state": [1_200, 2_000]}
    exact = simulate(system, seed=1, **arguments)["x"].values.astype(float)
    other = system.with_parameters(beta=beta)
    diffusion = simulate(other, method="chemical_langevin", seed=2, **arguments)["x"].values
    distances = [apart(exact[:, k], diffusion[:, k]) for k in range(2)]
    assert max(distances) < 4 if right else max(distances) > 4


def test_steps_are_made_short_enough_and_are_those_that_are_asked_for():
    long = immigration_death(1_000.0, 1_000)
    data = simulate(**long, times=[0.0, 5.0], n_trajectories=3)
    assert json.loads(data.attrs["solver"])["substeps"] == 250
    assert json.loads(simulate(**long, times=[5.0], rtol=0.1).attrs["solver"])["substeps"] == 50
    assert json.loads(simulate(**long, times=[5.0], substeps=7).attrs["solver"])["substeps"] == 7
    assert json.loads(simulate(**long, times=[0.1], transient=3.0).attrs["solver"])["substeps"] == 5
    falling = System.jump(
        reactions=[{"change": {"n": 1}, "rate": "1e5"}, {"change": {"n": -2}, "rate": "n*(n - 1)/1e5"}],
        initial_state={"n": 1_000}, dt=1.0,
    )  # fmt: skip
    found = json.loads(simulate(falling, times=[0.0, 1.0, 2.0], method="chemical_langevin").attrs["solver"])
    assert found["substeps"] > 20 * 4 * 1_000 / 1e5 / 0.02


def test_the_transient_is_run_and_the_seed_matters():
    x = [
        simulate(**immigration_death(1_000.0, 100), times=[0.0], transient=8.0, n_trajectories=200, seed=seed)["x"]
        for seed in (1, 1, 2)
    ]
    assert x[0].values.mean() == pytest.approx(1_000, abs=4 * np.sqrt(5))
    np.testing.assert_array_equal(x[0].values, x[1].values)
    assert not np.array_equal(x[0].values, x[2].values)


def test_few_copies_are_warned_of_and_very_few_refused():
    with pytest.warns(UserWarning, match=r"poor approximation.*fewer than 10 copies of n in \d+ % of.*ssa"):
        simulate(**immigration_death(15.0, 15), times=np.arange(0, 50.0), n_trajectories=20, rtol=0.1)
    with pytest.raises(InputError, match="means nothing here.*fewer than 10 copies of n.*method='ssa'"):
        simulate(**immigration_death(3.0, 3), times=np.arange(0, 5.0), n_trajectories=20)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"events": True}, "one grid and no events.*events=True"),
        ({"times": [[1.0], [2.0]]}, "one grid and no events.*2 grids"),
        ({"atol": 0.1}, "atol means nothing"),
        ({"max_events": 5}, "max_events means nothing"),
        ({"rtol": 2.0}, "rtol"),
        ({"substeps": 0}, "substeps"),
        ({"substeps": 5, "rtol": 0.1}, "rtol means nothing to method 'chemical_langevin with substeps'"),
        ({"initial_state": [0.5]}, "initial_state of reactions"),
        ({"system": catalogue_system("two_state_channel"), "initial_state": None}, "a chain of states"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        simulate(**{**immigration_death(1_000.0, 1_000), "times": [1.0], **changes})


def test_what_would_take_too_many_steps_is_refused(monkeypatch):
    monkeypatch.setattr(langevin, "MOST_SUBSTEPS", 100)
    with pytest.raises(InputError, match="too stiff.*250 substeps of an interval of 5.*at most 100"):
        simulate(**immigration_death(1_000.0, 1_000), times=[0.0, 5.0])
