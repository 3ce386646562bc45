"""Draws from the posterior of the rates, and of the label noise or the levels of a signal, by Gibbs sampling.

    hidden states and jumps | rates, noise or levels:   exact, see ``kernels.rate_paths``
    q_ij | N, T  ~  Gamma(N_ij + a, T_i + b)
    noise | states  ~  Beta(1 + mistakes, 1 + right ones), below the largest that labels allow
    levels | states  ~  normal-inverse-gamma, see ``level_prior``
    initial | states  ~  Dirichlet(1 + first states)

Names of the states of a signal say nothing as long as every rate has the same prior: the posterior is the same for all
n! of them. After each sweep they are numbered by ascending mean, which makes draws of the one part of it in which means
ascend. Where edges name states by number, the prior is zero outside of that part, and levels drawn outside are refused.
"""

import dataclasses

import numpy as np
from tqdm import tqdm

from dysyr.core.correlation_time import autocorrelation
from dysyr.core.errors import InputError
from dysyr.kernels.rate_integrals import fast_transition_matrices
from dysyr.kernels.rate_pairs import count_pairs
from dysyr.kernels.rate_paths import sample_jumps, sample_states
from dysyr.reconstruction.jump_em.likelihood import Parameters
from dysyr.reconstruction.jump_em.maximisation import LARGEST_NOISE
from dysyr.reconstruction.jump_em.starts import in_order


@dataclasses.dataclass(frozen=True, eq=False)
class RatePosterior:
    """What is known of the rates: draws, one after the other of one chain.

    Attributes:
        rates: (draw, state, state) rate matrices in 1/time, rows sum to zero.
        label_noise: (draw,) probabilities that a label is not that of the true state; 0 for a signal.
        states: names of the states.
        seed: of the draws.
        levels: (draw, 2, state) means and standard deviations of a signal in each state, in its units, means ascending;
            None where the data are labels.
    """

    rates: np.ndarray
    label_noise: np.ndarray
    states: tuple
    seed: int
    levels: np.ndarray | None = None

    @property
    def mean(self):
        """(state, state) posterior mean of the rates."""
        return self.rates.mean(axis=0)

    @property
    def stderr(self):
        """(state, state) posterior standard deviation of the rates; 0 on the diagonal."""
        spread = self.rates.std(axis=0, ddof=1)
        np.fill_diagonal(spread, 0.0)
        return spread

    def interval(self, level=0.95):
        """(2, state, state) lower and upper ends of the central interval of each rate.

        Args:
            level: probability inside, above 0 and below 1.

        Raises:
            InputError: a level that is none.
        """
        return _interval(self.rates, level)

    @property
    def effective_size(self):
        """(state, state) how many independent draws say as much of the mean of each rate; NaN where it never varies."""
        return np.apply_along_axis(effective_size, 0, self.rates)

    @property
    def label_noise_effective_size(self):
        """The same of the label noise; NaN where it is given."""
        return effective_size(self.label_noise)

    @property
    def levels_mean(self):
        """(2, state) posterior mean of the means and standard deviations of the levels; None for labels."""
        return None if self.levels is None else self.levels.mean(axis=0)

    @property
    def levels_stderr(self):
        """(2, state) posterior standard deviation of the same; None for labels."""
        return None if self.levels is None else self.levels.std(axis=0, ddof=1)

    def levels_interval(self, level=0.95):
        """(2, 2, state) lower and upper ends of the central interval of each mean and standard deviation of a level.

        Args:
            level: probability inside, above 0 and below 1.

        Raises:
            InputError: a level of the interval that is none, or draws from labels.
        """
        if self.levels is None:
            raise InputError("labels have no levels", do="use interval for the rates")
        return _interval(self.levels, level)

    @property
    def levels_effective_size(self):
        """(2, state) how many independent draws say as much of each mean and standard deviation; None for labels."""
        return None if self.levels is None else np.apply_along_axis(effective_size, 0, self.levels)


def _interval(draws, level):
    if not 0 < level < 1:
        raise InputError("level of an interval", got=repr(level), expected="above 0 and below 1")
    return np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2], axis=0)


def effective_size(draws):
    """Number of independent draws whose mean is as sure as that of correlated ones.

        n / (2 sum_k G_k - 1),    G_k = rho(2 k) + rho(2 k + 1)

    summed as long as G_k is positive, and made to fall (initial monotone sequence).

    Args:
        draws: (draw,).

    Returns:
        float, at most the number of draws; NaN where they are all the same.

    Reference: geyer1992
    """
    draws = np.asarray(draws, dtype=np.float64)
    if np.ptp(draws) == 0:
        return np.nan
    rho = autocorrelation(draws[:, None], len(draws) // 2 * 2)[:, 0]
    pairs = rho[0::2] + rho[1::2]
    ends = np.flatnonzero(pairs <= 0)
    pairs = np.minimum.accumulate(pairs[: ends[0]] if len(ends) else pairs)
    return float(len(draws) / max(2 * pairs.sum() - 1, 1.0)) if len(pairs) else float(len(draws))


def sample(goal, at, *, n_draws, n_burn, seed, progress, level_prior=None):
    """Run the chain.

    Args:
        goal: Goal of a Panel or a SignalPanel, with a prior.
        at: Parameters to begin from; rates at zero begin at those of the prior's mean.
        n_draws: number of draws to keep.
        n_burn: draws to drop first.
        seed: whole number.
        progress: whether to show a bar.
        level_prior: LevelPrior of a signal; None for labels.

    Returns:
        RatePosterior.

    Reference: bladt2005
    """
    panel, n = goal.panel, goal.panel.n_states
    rng = np.random.default_rng([int(seed), 0x676962])
    q = np.where(goal.permitted, np.where(at.q > 0, at.q, goal.shape / goal.time), 0.0)
    initial = np.maximum(at.initial, 1.0 / len(panel.index))
    at = dataclasses.replace(at, q=q - np.diag(q.sum(axis=1)), initial=initial / initial.sum())
    rates, noises = np.empty((n_draws, n, n)), np.empty(n_draws)
    levels = None if at.levels is None else np.empty((n_draws, 2, n))
    for k in tqdm(range(n_burn + n_draws), desc="posterior", unit="draw", disable=None if progress else True):
        at = sweep(goal, at, rng, seed=seed, number=k, level_prior=level_prior)
        if k >= n_burn:
            rates[k - n_burn], noises[k - n_burn] = at.q, at.noise
            if levels is not None:
                levels[k - n_burn] = at.levels.means, at.levels.sds
    return RatePosterior(rates, noises, panel.states, int(seed), levels)


def sweep(goal, at, rng, *, seed, number, level_prior=None):
    """One sweep of the chain: hidden states, what depends on them, jumps between them, rates.

    Args:
        goal: Goal of a Panel or a SignalPanel, with a prior.
        at: Parameters, rates positive where they are permitted.
        rng: NumPy generator.
        seed: whole number, of the hidden states and jumps.
        number: of the sweep; with another one they are drawn anew.
        level_prior: LevelPrior of a signal; None for labels.

    Returns:
        Parameters.

    Raises:
        InputError: the data are impossible under the permitted edges.

    Reference: bladt2005
    """
    panel, n = goal.panel, goal.panel.n_states
    noise, initial, levels, counts = at.noise, at.initial, at.levels, None
    if levels is not None or noise > 0 or goal.learns_noise:
        states = _hidden_states(panel, at, seed, number)
        counts = count_pairs(states, panel.index, len(panel.lags), n)
        initial = rng.dirichlet(1.0 + np.bincount(states[panel.offsets[:-1]], minlength=n))
        if goal.learns_noise:
            noise = _drawn_noise(int((states != panel.labels).sum()), len(states), n, rng)
        if levels is not None:
            levels = level_prior.drawn(panel.values, states, n, rng)
    found = sample_jumps(at.q, panel.lags, panel.counts if counts is None else counts, seed=seed, sweep=number)
    if found is None:
        raise _impossible()
    jumps, times = found
    q = np.where(goal.permitted, rng.gamma(jumps + goal.shape, 1 / (times + goal.time)[:, None]), 0.0)
    q -= np.diag(q.sum(axis=1))
    if levels is None:
        return Parameters(q, noise, initial)
    if goal.permitted.sum() == n * (n - 1):
        return in_order(Parameters(q, noise, initial, levels))
    return Parameters(q, noise, initial, levels if (np.diff(levels.means) > 0).all() else at.levels)


def _hidden_states(panel, at, seed, sweep):
    n = panel.n_states
    if at.levels is None:
        table = np.full((n, n), at.noise / (n - 1))
        np.fill_diagonal(table, 1 - at.noise)
        emissions = table[panel.labels]
    else:
        logs = at.levels.log_densities(panel.values)
        emissions = np.exp(logs - logs.max(axis=1, keepdims=True))
    p = fast_transition_matrices(at.q, panel.lags)
    states = sample_states(panel.offsets, panel.index, p, emissions, at.initial, seed=seed, sweep=sweep)
    if states is None:
        raise _impossible()
    return states


def _drawn_noise(n_mistakes, n_labels, n_states, rng):
    largest = LARGEST_NOISE * (1 - 1 / n_states)
    while True:
        noise = rng.beta(1 + n_mistakes, 1 + n_labels - n_mistakes)
        if noise < largest:
            return float(noise)


def _impossible():
    return InputError(
        "the data are impossible under the permitted edges", do="permit a way between the states, or learn label_noise"
    )
