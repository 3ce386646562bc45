"""Draws from the posterior of the rates, and of the label noise, by Gibbs sampling.

    hidden states and jumps | rates, noise:   exact, see ``kernels.rate_paths``
    q_ij | N, T  ~  Gamma(N_ij + a, T_i + b)
    noise | states  ~  Beta(1 + mistakes, 1 + right ones), below the largest that labels allow
    initial | states  ~  Dirichlet(1 + first states)
"""

import dataclasses

import numpy as np
from tqdm import tqdm

from dysyr.core.correlation_time import autocorrelation
from dysyr.core.errors import InputError
from dysyr.kernels.rate_integrals import fast_transition_matrices
from dysyr.kernels.rate_pairs import count_pairs
from dysyr.kernels.rate_paths import sample_jumps, sample_states
from dysyr.reconstruction.jump_em.maximisation import LARGEST_NOISE


@dataclasses.dataclass(frozen=True, eq=False)
class RatePosterior:
    """What is known of the rates: draws, one after the other of one chain.

    Attributes:
        rates: (draw, state, state) rate matrices in 1/time, rows sum to zero.
        label_noise: (draw,) probabilities that a label is not that of the true state.
        states: names of the states.
        seed: of the draws.
    """

    rates: np.ndarray
    label_noise: np.ndarray
    states: tuple
    seed: int

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
        if not 0 < level < 1:
            raise InputError("level of an interval", got=repr(level), expected="above 0 and below 1")
        return np.quantile(self.rates, [0.5 - level / 2, 0.5 + level / 2], axis=0)

    @property
    def effective_size(self):
        """(state, state) how many independent draws say as much of the mean of each rate; NaN where it never varies."""
        n = len(self.states)
        return np.array([[effective_size(self.rates[:, i, j]) for j in range(n)] for i in range(n)])

    @property
    def label_noise_effective_size(self):
        """The same of the label noise; NaN where it is given."""
        return effective_size(self.label_noise)


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


def sample(goal, at, *, n_draws, n_burn, seed, progress):
    """Run the chain.

    Args:
        goal: Goal of a Panel, with a prior.
        at: Parameters to begin from; rates at zero begin at those of the prior's mean.
        n_draws: number of draws to keep.
        n_burn: draws to drop first.
        seed: whole number.
        progress: whether to show a bar.

    Returns:
        RatePosterior.

    Reference: bladt2005
    """
    panel, n = goal.panel, goal.panel.n_states
    rng = np.random.default_rng([int(seed), 0x676962])
    q = np.where(goal.permitted, np.where(at.q > 0, at.q, goal.shape / goal.time), 0.0)
    q, noise, initial = q - np.diag(q.sum(axis=1)), at.noise, np.maximum(at.initial, 1.0 / len(panel.labels))
    rates, noises = np.empty((n_draws, n, n)), np.empty(n_draws)
    for k in tqdm(range(n_burn + n_draws), desc="posterior", unit="draw", disable=None if progress else True):
        counts = panel.counts
        if noise > 0 or goal.learns_noise:
            states = _hidden_states(panel, q, noise, initial, seed, k)
            counts = count_pairs(states, panel.index, len(panel.lags), n)
            initial = rng.dirichlet(1.0 + np.bincount(states[panel.offsets[:-1]], minlength=n))
            if goal.learns_noise:
                noise = _drawn_noise(int((states != panel.labels).sum()), len(states), n, rng)
        found = sample_jumps(q, panel.lags, counts, seed=seed, sweep=k)
        if found is None:
            raise _impossible()
        jumps, times = found
        drawn = rng.gamma(jumps + goal.shape, 1 / (times + goal.time)[:, None])
        q = np.where(goal.permitted, drawn, 0.0)
        q -= np.diag(q.sum(axis=1))
        if k >= n_burn:
            rates[k - n_burn], noises[k - n_burn] = q, noise
    return RatePosterior(rates, noises, panel.states, int(seed))


def _hidden_states(panel, q, noise, initial, seed, sweep):
    n = panel.n_states
    table = np.full((n, n), noise / (n - 1))
    np.fill_diagonal(table, 1 - noise)
    p = fast_transition_matrices(q, panel.lags)
    states = sample_states(panel.offsets, panel.index, p, table[panel.labels], initial, seed=seed, sweep=sweep)
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
