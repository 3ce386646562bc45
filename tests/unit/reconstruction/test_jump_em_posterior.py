"""Draws of rates: against the posterior on a grid, standard errors of many data, and draws of the prior."""

import numpy as np
import pytest
import scipy.linalg
from jump_cases import DT, SWITCH, THREE, paths

from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError
from dysyr.reconstruction.jump_em import JumpEM
from dysyr.reconstruction.jump_em.likelihood import Parameters
from dysyr.reconstruction.jump_em.maximisation import Goal
from dysyr.reconstruction.jump_em.panel import Panel
from dysyr.reconstruction.jump_em.posterior import effective_size, sample

pytestmark = pytest.mark.filterwarnings("ignore:state 2 was never seen")


def posterior(x, *, n_draws=1000, n_burn=50, seed=0, **arguments):
    made = JumpEM(**arguments).fit(list(x), dt=DT, progress=False)
    return made, made.posterior(list(x), dt=DT, n_draws=n_draws, n_burn=n_burn, seed=seed, progress=False)


def test_two_states_have_the_posterior_of_the_grid():
    """Mean and standard deviation by sums over a grid of both rates, with scipy's exponential."""
    x = paths(SWITCH, n_paths=4, n=12)
    made, found = posterior(x, n_draws=4000, time_unit=1.0)
    counts = np.zeros((2, 2))
    np.add.at(counts, (x[:, :-1].ravel(), x[:, 1:].ravel()), 1)
    grid = np.linspace(0.005, 8, 140)
    a, b = (g.ravel() for g in np.meshgrid(grid, grid, indexing="ij"))
    q = np.stack([np.stack([-a, a], axis=-1), np.stack([b, -b], axis=-1)], axis=1)
    logs = (counts * np.log(scipy.linalg.expm(q * DT))).sum(axis=(1, 2)) + 0.85 * np.log(a * b) - 3.5 * (a + b)
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()
    for rates, (i, j) in ((a, (0, 1)), (b, (1, 0))):
        mean = (weight * rates).sum()
        sd = np.sqrt((weight * (rates - mean) ** 2).sum())
        size = found.effective_size[i, j]
        assert size > 300
        assert found.mean[i, j] == pytest.approx(mean, abs=4.5 * sd / np.sqrt(size))
        assert found.stderr[i, j] == pytest.approx(sd, rel=4.5 / np.sqrt(size))
        below = (weight * (rates < found.interval(0.9)[0, i, j])).sum()
        assert below == pytest.approx(0.05, abs=0.03)
    np.testing.assert_allclose(found.rates.sum(axis=2), 0, atol=1e-12)
    assert (found.label_noise == 0).all() and np.isnan(found.label_noise_effective_size)


@pytest.mark.parametrize("noise", [None, "learn"])
def test_many_data_have_the_standard_errors_of_the_fit(noise):
    x = paths(THREE, n_paths=200, flips=0.05 if noise else 0.0)
    made, found = posterior(x, label_noise=noise, n_draws=600)
    off = ~np.eye(3, dtype=bool)
    model, size = made.model_, found.effective_size[off]
    assert (size > 40).all()
    np.testing.assert_allclose(found.stderr[off] / model.rate_stderr[off], 1, atol=4.5 / np.sqrt(2 * size.min()))
    away = np.abs(found.mean - model.rate_matrix)[off] / model.rate_stderr[off]
    assert (away < 0.3 + 4.5 / np.sqrt(size)).all(), "mean and mode differ by less than a standard error"
    if noise:
        size = found.label_noise_effective_size
        assert found.label_noise.std() == pytest.approx(model.label_noise_stderr, rel=4.5 / np.sqrt(2 * size))
        assert abs(found.label_noise.mean() - model.label_noise) < 5 * model.label_noise_stderr / np.sqrt(size)


def test_edges_that_are_not_permitted_stay_zero_and_a_seed_repeats():
    x = paths(SWITCH, n_paths=10)
    _, one = posterior(x, n_draws=20, seed=3, n_states=3, edges=[(0, 1), (1, 0), (1, 2), (2, 1)], label_noise=0.02)
    _, same = posterior(x, n_draws=20, seed=3, n_states=3, edges=[(0, 1), (1, 0), (1, 2), (2, 1)], label_noise=0.02)
    np.testing.assert_array_equal(one.rates, same.rates)
    assert (one.rates[:, 0, 2] == 0).all() and (one.rates[:, 2, 1] > 0).all() and (one.label_noise == 0.02).all()
    assert np.isnan(one.effective_size[0, 2])


@pytest.mark.slow
def test_true_rates_lie_anywhere_among_draws_of_their_posterior():
    """Rates from the prior, paths from the rates: ranks among draws are uniform (chi-square, 1 in 1e4 fails)."""
    from scipy.stats import chi2

    rng, ranks = np.random.default_rng(0), []
    for k in range(200):
        rates = rng.gamma(1.85, 1 / 3.5, (2, 2))
        q = np.array([[-rates[0, 0], rates[0, 0]], [rates[1, 1], -rates[1, 1]]])
        x = paths(q, n_paths=6, n=30, seed=k, flips=0.03)
        _, found = posterior(x, n_draws=390, time_unit=1.0, label_noise=0.03, n_states=2, seed=k)
        ranks += [(found.rates[::10, i, j] < q[i, j]).sum() // 4 for i, j in ((0, 1), (1, 0))]
    counts = np.bincount(ranks, minlength=10)
    assert ((counts - 40) ** 2 / 40).sum() < chi2.ppf(1 - 1e-4, 9)


def test_what_the_edges_forbid_is_not_drawn():
    panel = Panel.from_data(make_dataset(np.array([0, 1, 0]), dt=DT))
    permitted = np.array([[False, True], [False, False]])
    at = Parameters(np.array([[-1.0, 1.0], [0.0, 0.0]]), 0.0, np.array([1.0, 0.0]))
    with pytest.raises(InputError, match="impossible under the permitted edges"):
        sample(Goal(panel, permitted, 1.85, 3.5, False), at, n_draws=4, n_burn=0, seed=0, progress=False)


def test_effective_size_of_an_autoregression_is_known():
    """(1 - r) / (1 + r) of the draws, and all of them where they are independent."""
    noise, draws = np.random.default_rng(1).standard_normal(20_000), np.empty(20_000)
    draws[0] = noise[0]
    for k in range(1, len(draws)):
        draws[k] = 0.8 * draws[k - 1] + noise[k]
    assert effective_size(draws) == pytest.approx(20_000 / 9, rel=0.15)
    assert effective_size(noise) == pytest.approx(20_000, rel=0.1)
    assert effective_size(np.tile([1.0, -1.0], 50)) == 100
    assert np.isnan(effective_size(np.ones(5)))


@pytest.mark.parametrize(
    ("settings", "arguments", "message"),
    [
        ({"estimator": "em"}, {}, "a posterior needs a prior: estimator='em'"),
        ({"prior_rate": 0.0}, {}, "a posterior needs a prior: estimator='map', prior_rate=0"),
        ({"reversible": True}, {}, "no posterior is drawn of rates in detailed balance"),
        ({}, {"n_draws": 3}, "cannot use this n_draws: 3; a whole number of at least 4"),
        ({}, {"n_burn": -1}, "cannot use this n_burn: -1"),
        ({}, {"seed": 0.5}, "cannot use this seed: 0.5"),
    ],
)
def test_posteriors_that_are_not_drawn(settings, arguments, message):
    x = list(paths(SWITCH))
    made = JumpEM(**settings).fit(x, dt=DT, progress=False)
    with pytest.raises(InputError, match=message):
        made.posterior(x, dt=DT, progress=False, **arguments)


def test_a_method_without_fit_and_a_wrong_level_are_refused():
    with pytest.raises(InputError, match="not fitted"):
        JumpEM().posterior([np.array([0, 1, 0])], dt=DT)
    _, found = posterior(paths(SWITCH), n_draws=4)
    with pytest.raises(InputError, match="level of an interval: 1.5"):
        found.interval(1.5)
