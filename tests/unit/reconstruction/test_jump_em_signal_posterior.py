"""Draws of rates and levels from a signal: Geweke's joint test, coverage of intervals, standard errors, labels."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from jump_cases import DT, SWITCH, THREE, paths

from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError
from dysyr.core.levels import NormalLevels
from dysyr.reconstruction.jump_em import JumpEM
from dysyr.reconstruction.jump_em.level_prior import LevelPrior
from dysyr.reconstruction.jump_em.likelihood import Parameters
from dysyr.reconstruction.jump_em.maximisation import Goal
from dysyr.reconstruction.jump_em.posterior import effective_size, sample, sweep
from dysyr.reconstruction.jump_em.signal import SignalPanel

PRIOR = LevelPrior(centre=0.5, strength=1.0, degrees=8.0, variance=0.3, smallest_sd=0.45)
SHAPE, TIME = 1.85, 1.2
COMPLETE, LINE = ~np.eye(2, dtype=bool), np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=bool)


def prior_draw(rng, permitted, prior=PRIOR):
    """Parameters of the prior: a third of its variances is cut off, means ascend."""
    n = len(permitted)
    q = np.where(permitted, rng.gamma(SHAPE, 1 / TIME, (n, n)), 0.0)
    while True:
        sds = np.sqrt(prior.degrees * prior.variance / rng.chisquare(prior.degrees, n))
        means = rng.normal(prior.centre, sds / np.sqrt(prior.strength))
        if (sds >= prior.smallest_sd).all() and (permitted.sum() == n * (n - 1) or (np.diff(means) > 0).all()):
            break
    order = np.argsort(means)
    levels = NormalLevels(means[order], sds[order])
    return Parameters((q - np.diag(q.sum(axis=1)))[np.ix_(order, order)], 0.0, rng.dirichlet(np.ones(n))[order], levels)


def data_of(at, rng, n_paths, n):
    """SignalPanel of paths under given parameters."""
    table = np.cumsum(scipy.linalg.expm(at.q * DT), axis=1)
    x = np.empty((n_paths, n), dtype=np.int64)
    x[:, 0] = rng.choice(len(table), n_paths, p=at.initial)
    for k in range(1, n):
        x[:, k] = np.minimum((rng.random(n_paths)[:, None] >= table[x[:, k - 1]]).sum(axis=1), len(table) - 1)
    index = np.where(np.arange(n_paths * n) % n == 0, -1, 0)
    values = (at.levels.means[x] + at.levels.sds[x] * rng.standard_normal(x.shape)).ravel()
    names = tuple("012"[: len(table)])
    return SignalPanel(values, np.arange(0, n_paths * n + 1, n), index, np.array([DT]), n * DT, names, DT, "y")


def looked_at(at, panel, permitted):
    """Numbers of parameters and data, whose means the two ways of drawing must agree on."""
    y = panel.values.reshape(len(panel.offsets) - 1, -1)
    rates, sds, means = np.log(at.q[permitted]), np.log(at.levels.sds), at.levels.means
    plain = np.concatenate([rates, at.initial[:-1], means, sds])
    pairs = [means[0] * means[1], sds[0] * means[1], rates[0] * means[0], rates[0] * sds[0], rates[0] * at.initial[0]]
    density = at.levels.log_densities(panel.values)
    joint = [
        (means[-1] - means[0]) * y.std(), sds.sum() * y.std(), sds[0] * y.min(), means[-1] * y.max(),
        rates.sum() * np.abs(np.diff(y)).mean(), rates[0] * y.mean(), at.initial[0] * y[:, 0].mean(),
        density.max(axis=1).mean(), (density[:, 0] > density[:, -1]).mean() * rates[0],
    ]  # fmt: skip
    return np.concatenate([plain, plain**2, pairs, joint])


def test_parameters_and_data_in_turn_have_the_law_of_the_prior(permitted=COMPLETE, n_sweeps=3000):
    """Geweke's test: one sweep given data, data anew given its parameters, and so on, leaves the joint law as it is."""
    rng, reference, chain = np.random.default_rng(5), [], []
    for _ in range(n_sweeps):
        at = prior_draw(rng, permitted)
        reference.append(looked_at(at, data_of(at, rng, 3, 3), permitted))
    for k in range(n_sweeps):
        panel = data_of(at, rng, 3, 3)
        at = sweep(Goal(panel, permitted, SHAPE, TIME, False), at, rng, seed=5, number=k, level_prior=PRIOR)
        assert (at.levels.sds >= PRIOR.smallest_sd).all() and (np.diff(at.levels.means) > 0).all()
        chain.append(looked_at(at, panel, permitted))
    reference, chain = np.array(reference), np.array(chain)
    sizes = np.array([effective_size(column) for column in chain.T])
    error = np.sqrt(chain.var(axis=0) / sizes + reference.var(axis=0) / n_sweeps)
    z = (chain.mean(axis=0) - reference.mean(axis=0)) / error
    assert sizes.min() > 200
    assert np.abs(z).max() < 4.5, np.round(z, 1)


@pytest.mark.parametrize("permitted", [COMPLETE, LINE], ids=["two states", "three in line"])
def test_draws_have_the_posterior_of_weighted_prior_draws(permitted, n_prior=8000, n_draws=3000):
    """Draws of the prior, weighted with the likelihood by a forward pass over all of them at once."""
    rng, n = np.random.default_rng(11), len(permitted)
    y = np.array([[0.1, 1.5, -0.4, 0.9, 0.2, 2.4], [-0.6, -0.3, 0.8, 2.1, 1.7, 1.4]])
    panel = SignalPanel(y.ravel(), np.array([0, 6, 12]), np.array([-1, 0, 0, 0, 0, 0] * 2), np.array([2.0]), 10.0,
                        tuple("012"[:n]), 2.0, "y")  # fmt: skip
    drawn = [prior_draw(rng, permitted) for _ in range(n_prior)]
    numbers = np.array([looked_at(each, panel, permitted) for each in drawn])
    values, vectors = np.linalg.eig(np.array([each.q for each in drawn]))
    p = ((vectors * np.exp(2.0 * values)[:, None]) @ np.linalg.inv(vectors)).real
    means, sds = (np.array([getattr(each.levels, name) for each in drawn]) for name in ("means", "sds"))
    logs = np.zeros(n_prior)
    for path in y:
        forward = np.array([each.initial for each in drawn])
        for k, value in enumerate(path):
            forward = np.einsum("ai,aij->aj", forward, p) if k else forward
            forward = forward * scipy.stats.norm.pdf(value, means, sds)
        logs += np.log(forward.sum(axis=1))
    weight = np.exp(logs - logs.max())[:, None]
    weight /= weight.sum()
    expected = (weight * numbers).sum(axis=0)
    error = (weight**2 * (numbers - expected) ** 2).sum(axis=0)
    goal, at, chain = Goal(panel, permitted, SHAPE, TIME, False), drawn[0], []
    for k in range(n_draws + 50):
        at = sweep(goal, at, rng, seed=6, number=k, level_prior=PRIOR)
        chain.append(looked_at(at, panel, permitted))
    chain = np.array(chain)[50:]
    error += chain.var(axis=0) / np.array([effective_size(column) for column in chain.T])
    away = (chain.mean(axis=0) - expected) / np.sqrt(error)
    assert 1 / (weight**2).sum() > 300
    assert np.abs(away).max() < 4.5, np.round(away, 1)


@pytest.mark.parametrize("smallest_sd", [0.01, 0.7, 3.0], ids=["no cut", "a cut", "far in the tail"])
def test_levels_given_states_have_the_density_of_likelihood_times_prior(smallest_sd):
    """By sums over a grid of mean and standard deviation; a state without samples has the prior."""
    prior = LevelPrior(centre=0.5, strength=0.7, degrees=5.0, variance=0.6, smallest_sd=smallest_sd)
    values, states = np.array([1.3, 0.2, 2.6, 9.0]), np.array([0, 0, 0, 2])
    rng, n_draws = np.random.default_rng(3), 4000
    drawn = [prior.drawn(values, states, 3, rng) for _ in range(n_draws)]
    for s, y in ((0, values[:3]), (1, values[:0])):
        sd = np.exp(np.linspace(np.log(smallest_sd), np.log(60), 1500))
        m = np.linspace(-40, 40, 2001)[:, None]
        logs = scipy.stats.norm.logpdf(m, prior.centre, sd / np.sqrt(prior.strength)) + np.log(sd)
        logs += scipy.stats.invgamma.logpdf(sd**2, 2.5, scale=1.5) + np.log(2 * sd)
        for value in y:
            logs = logs + scipy.stats.norm.logpdf(value, m, sd)
        weight = np.exp(logs - logs.max())
        weight[:, [0, -1]] /= 2
        means, sds = (np.array([getattr(each, name)[s] for each in drawn]) for name in ("means", "sds"))
        for found, grid, law in ((means, m[:, 0], weight.sum(axis=1)), (sds, sd, weight.sum(axis=0))):
            exact = np.interp(found, grid, (np.cumsum(law) - law / 2) / law.sum())
            assert scipy.stats.kstest(exact, "uniform").pvalue > 1e-4, (s, smallest_sd)
        joint = np.tanh(m) * np.log(sd)
        expected, square = (weight * joint).sum() / weight.sum(), (weight * joint**2).sum() / weight.sum()
        away = (np.tanh(means) * np.log(sds)).mean() - expected
        assert abs(away) < 4.5 * np.sqrt((square - expected**2) / n_draws)


@pytest.mark.slow
@pytest.mark.parametrize("permitted", [COMPLETE, LINE], ids=["two states", "three in line"])
def test_intervals_hold_what_they_promise_over_draws_of_the_prior(permitted, n_replicates=200):
    """Shares of truths inside 68 % and 95 % intervals, and their ranks: binomial, uniform (1 in 1e4 fails, each)."""
    rng, ranks, inside = np.random.default_rng(1), [], []
    n = len(permitted)
    for k in range(n_replicates):
        true, start = prior_draw(rng, permitted), prior_draw(rng, permitted)
        goal = Goal(data_of(true, rng, 5, 20), permitted, SHAPE, TIME, False)
        limits = {"n_draws": 500, "n_burn": 60, "seed": k, "progress": False}
        found = sample(goal, start, **limits, level_prior=PRIOR)
        truth = np.concatenate([true.q[permitted], true.levels.means, true.levels.sds])
        draws = np.concatenate([found.rates[:, permitted], found.levels.reshape(len(found.levels), -1)], axis=1)
        ranks.append((draws < truth).mean(axis=0))
        ends = [
            np.concatenate([found.interval(level)[:, permitted], found.levels_interval(level).reshape(2, -1)], axis=1)
            for level in (0.68, 0.95)
        ]
        inside.append([(low < truth) & (truth < high) for low, high in ends])
    inside, ranks = np.array(inside), np.array(ranks)
    for k, level in enumerate((0.68, 0.95)):
        for held in inside[:, k].sum(axis=0):
            assert scipy.stats.binomtest(int(held), n_replicates, level).pvalue > 1e-4, (level, held)
    for column in ranks.T:
        counts = np.histogram(column, bins=10, range=(0, 1))[0]
        assert scipy.stats.chisquare(counts).pvalue > 1e-4, counts
    assert ranks.shape[1] == permitted.sum() + 2 * n


def made_of(x, means, sds, **arguments):
    """A fit to the signal of states x, and the signal."""
    y = list(means[x] + sds[x] * np.random.default_rng(8).standard_normal(x.shape))
    made = JumpEM(emission="gaussian", n_states=len(means), n_starts=1, **arguments)
    return made.fit(y, dt=DT, progress=False), y


def test_a_long_record_has_the_standard_errors_of_the_fit():
    x = paths(THREE, n_paths=100, n=120, seed=2)
    made, y = made_of(x, np.array([0.0, 1.0, 2.5]), np.array([0.4, 0.3, 0.5]))
    found = made.posterior(y, dt=DT, n_draws=400, seed=1, progress=False)
    model, off = made.model_, ~np.eye(3, dtype=bool)
    levels = np.stack([model.levels.means, model.levels.sds])
    for draws, at, error, sizes in (
        (found.rates[:, off], model.rate_matrix[off], model.rate_stderr[off], found.effective_size[off]),
        (found.levels, levels, model.levels_stderr, found.levels_effective_size),
    ):
        assert sizes.min() > 30
        assert (np.abs(draws.std(axis=0) / error - 1) < 4.5 / np.sqrt(2 * sizes)).all()
        away = np.abs(draws.mean(axis=0) - at) / error
        assert (away < 0.3 + 4.5 / np.sqrt(sizes)).all(), "mean and mode differ by less than a standard error"
    np.testing.assert_array_equal(found.levels_mean, found.levels.mean(axis=0))
    np.testing.assert_array_equal(found.levels_stderr, found.levels.std(axis=0, ddof=1))
    assert (found.label_noise == 0).all()


def test_levels_far_apart_leave_the_posterior_of_labels():
    """Rates have the same posterior, and levels that of separate normal samples."""
    x = paths(SWITCH, n_paths=8, n=50, seed=4)
    made, y = made_of(x, np.array([-1.0, 4.0]), np.array([0.2, 0.1]), time_unit=1.0, tolerance=1e-10)
    labelled = JumpEM(time_unit=1.0, tolerance=1e-10).fit(list(x), dt=DT, progress=False)
    limits = {"n_draws": 2000, "seed": 3, "progress": False}
    found, plain = made.posterior(y, dt=DT, **limits), labelled.posterior(list(x), dt=DT, **limits)
    sizes = np.minimum(found.effective_size, plain.effective_size)
    for i, j in ((0, 1), (1, 0)):
        error = plain.stderr[i, j]
        assert found.mean[i, j] == pytest.approx(plain.mean[i, j], abs=4.5 * error * np.sqrt(2 / sizes[i, j]))
        assert found.stderr[i, j] == pytest.approx(error, rel=4.5 / np.sqrt(sizes[i, j]))
    flat = np.concatenate(y)
    for s in (0, 1):
        own = flat[np.concatenate(x) == s]
        assert found.levels_mean[0, s] == pytest.approx(own.mean(), abs=0.2 * own.std() / np.sqrt(len(own)))
        assert found.levels_stderr[0, s] == pytest.approx(own.std() / np.sqrt(len(own)), rel=0.1)
        assert found.levels_mean[1, s] == pytest.approx(own.std(), rel=0.03)
        assert found.levels_stderr[1, s] == pytest.approx(own.std() / np.sqrt(2 * len(own)), rel=0.1)


def test_the_weak_prior_scales_with_the_signal_and_bounds_deviations_as_the_fit_does():
    x = paths(SWITCH, n_paths=4, n=30)
    made, y = made_of(x, np.array([0.0, 1.0]), np.array([0.2, 0.3]))
    other, z = JumpEM(emission="gaussian", n_states=2, n_starts=1), [1e3 * each + 7e4 for each in y]
    other.fit(z, dt=DT, progress=False)
    limits = {"n_draws": 50, "seed": 2, "progress": False}
    one, same = made.posterior(y, dt=DT, **limits), other.posterior(z, dt=DT, **limits)
    np.testing.assert_allclose(1e3 * one.levels + np.array([[7e4], [0.0]]), same.levels, rtol=1e-3)
    panel = SignalPanel.from_data(make_dataset([each[:, None] for each in y], dt=DT), n_states=2)
    prior, rng = LevelPrior.weak(panel), np.random.default_rng(0)
    assert prior.smallest_sd == panel.smallest_sd
    nothing = [prior.drawn(panel.values[:0], np.zeros(0, dtype=int), 1, rng) for _ in range(4000)]
    away = (np.concatenate([each.means for each in nothing]) - panel.values.mean()) / panel.scale
    assert np.quantile(np.abs(away), 0.5) == pytest.approx(scipy.stats.t.ppf(0.75, 3), rel=0.08)
    assert min(each.sds[0] for each in nothing) >= panel.smallest_sd
    constant = prior.drawn(np.full(500, 0.3), np.zeros(500, dtype=int), 1, rng)
    assert panel.smallest_sd <= constant.sds[0] < 3 * panel.smallest_sd


def test_states_are_renumbered_with_their_rates_and_levels_out_of_order_are_refused():
    """From a start with descending means, a slow low state; where edges name states, the old levels stay."""
    x = paths(np.array([[-0.2, 0.2], [2.0, -2.0]]), n_paths=20, n=100, seed=1)
    y = (5.0 * x + 0.1 * np.random.default_rng(0).standard_normal(x.shape)).ravel()
    index = np.where(np.arange(y.size) % 100 == 0, -1, 0)
    panel = SignalPanel(y, np.arange(0, 2001, 100), index, np.array([DT]), 25.0, ("0", "1"), DT, "y")
    levels = NormalLevels(np.array([5.0, 0.0]), np.array([0.1, 0.1]))
    start = Parameters(np.array([[-1.0, 1.0], [1.0, -1.0]]), 0.0, np.full(2, 0.5), levels)
    goal, rng = Goal(panel, COMPLETE, SHAPE, TIME, False), np.random.default_rng(0)
    at = start
    for k in range(3):
        at = sweep(goal, at, rng, seed=0, number=k, level_prior=LevelPrior.weak(panel))
        np.testing.assert_allclose(at.levels.means, [0, 5], atol=0.05)
    assert at.q[0, 1] == pytest.approx(0.2, rel=0.3) and at.q[1, 0] == pytest.approx(2.0, rel=0.3)
    once = sweep(goal, start, rng, seed=0, number=0, level_prior=LevelPrior.weak(panel))
    assert once.q[0, 1] < 0.5 * once.q[1, 0]

    class Crossed:
        def drawn(self, values, states, n_states, rng):
            return NormalLevels(np.array([1.0, 0.0, 2.0]), np.ones(3))

    before = Parameters(np.array([[-1.0, 1.0, 0.0], [1.0, -2.0, 1.0], [0.0, 1.0, -1.0]]), 0.0, np.full(3, 1 / 3),
                        NormalLevels(np.array([0.0, 1.0, 5.0]), np.ones(3)))  # fmt: skip
    panel = SignalPanel(y, panel.offsets, index, panel.lags, 25.0, ("0", "1", "2"), DT, "y")
    after = sweep(Goal(panel, LINE, SHAPE, TIME, False), before, rng, seed=0, number=0, level_prior=Crossed())
    assert after.levels is before.levels and (after.q[LINE] != before.q[LINE]).all()


def test_edges_keep_the_order_a_seed_repeats_and_labels_have_no_levels():
    x = paths(np.array([[-1.0, 1.0, 0.0], [0.5, -1.0, 0.5], [0.0, 1.0, -1.0]]), n_paths=10)
    edges = [(0, 1), (1, 0), (1, 2), (2, 1)]
    made, y = made_of(x, np.array([0.0, 1.0, 2.0]), np.array([0.5, 0.5, 0.5]), edges=edges)
    one, same = (made.posterior(y, dt=DT, n_draws=20, seed=3, progress=False) for _ in range(2))
    np.testing.assert_array_equal(one.rates, same.rates)
    np.testing.assert_array_equal(one.levels, same.levels)
    assert (one.rates[:, 0, 2] == 0).all() and (one.rates[:, 2, 1] > 0).all()
    assert (np.diff(one.levels[:, 0], axis=1) > 0).all()
    with pytest.raises(InputError, match="level of an interval: 0"):
        one.levels_interval(0)
    plain = JumpEM().fit(list(x), dt=DT, progress=False).posterior(list(x), dt=DT, n_draws=4, progress=False)
    assert plain.levels is plain.levels_mean is plain.levels_stderr is plain.levels_effective_size is None
    with pytest.raises(InputError, match="labels have no levels"):
        plain.levels_interval()
