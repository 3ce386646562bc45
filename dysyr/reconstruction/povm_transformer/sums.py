"""Sums over outcome strings: over all of them, or over samples, with the strings that the generator couples to them."""

import dataclasses

import numpy as np

from dysyr.core.errors import InputError
from dysyr.reconstruction.povm_transformer.outcome_strings import keys_of

EXACT_SITES = 6
"""Up to here ``mode="auto"`` sums over all strings."""

MOST_BYTES = 6e9
"""Largest memory of an exact sum; a system that needs more is refused."""

STREAM = 0x73756D73
MOST_EXACT_SITES = 12
"""Beyond this even the numbers of all strings are too many to look at."""


@dataclasses.dataclass(frozen=True, eq=False)
class Sum:
    """Strings, and what the mean of a function over them is.

    .. math:: E_P[f] \\approx \\sum_i v_i f(a_i)

    Attributes:
        strings: int64 array (m, site); the first n are those of the sum.
        generator: sparse array (n, m): rows of the generator.
        counts: (n,) how many strings each stands for (exact), or its share of the samples.
        drawn: (n,) log P at which samples were drawn; None in an exact sum.
        n_samples: number of samples; None in an exact sum.
    """

    strings: np.ndarray
    generator: object
    counts: np.ndarray
    drawn: np.ndarray | None
    n_samples: int | None

    @property
    def n(self):
        """Number of different strings in the sum."""
        return len(self.counts)

    def weights(self, log_p):
        """v of a distribution with log P (m,) or (n,): array (n,)."""
        log_p = log_p[: self.n]
        return self.counts * np.exp(log_p if self.drawn is None else log_p - self.drawn)

    def effective_size(self, log_p):
        """Effective number of samples where the distribution is no more the one they were drawn from; NaN if exact.

        .. math:: (\\sum_i \\rho_i)^2 / \\sum_i \\rho_i^2, \\quad \\rho_i = P(a_i) / P_{drawn}(a_i)
        """
        if self.drawn is None:
            return np.nan
        ratio = np.exp(log_p[: self.n] - self.drawn)
        return float(self.n_samples * (self.counts @ ratio) ** 2 / (self.counts @ ratio**2))


def exact_sum(state, generator):
    """The Sum over all strings, one of each orbit of the state's symmetry."""
    strings, counts = state.all_strings()
    return Sum(*generator.rows(strings, state.representatives), counts.astype(float), None, None)


def sampled_sum(state, generator, n_samples, rng):
    """The Sum over independent samples of the state, equal ones put together."""
    strings, counts = state.distinct(state.sample(n_samples, rng)[0])
    strings, rows = generator.rows(strings, state.representatives)
    drawn = state.log_probabilities(strings[: len(counts)])
    return Sum(strings, rows, counts / n_samples, drawn, n_samples)


class Sums:
    """Sums for the steps of a solution.

    Args:
        generator_at: function of a time -> LocalGenerator.
        constant: whether it is the same at all times.
        n_samples: samples of a sum; None for exact ones.
        seed: of the samples.

    Attributes:
        n_drawn: how many sums were drawn; the next one follows from it and the seed.
    """

    def __init__(self, generator_at, constant, n_samples, seed):
        self.generator_at, self.constant, self.n_samples, self.seed = generator_at, constant, n_samples, seed
        self.n_drawn = 0
        self._kept = None

    def at(self, t, state):
        """The Sum over strings of a state, with the generator at time t."""
        if self._kept is not None:
            return self._kept
        generator = self.generator_at(t)
        if self.n_samples is None:
            total = exact_sum(state, generator)
            self._kept = total if self.constant else None
            return total
        self.n_drawn += 1
        return sampled_sum(state, generator, self.n_samples, np.random.default_rng([self.seed, STREAM, self.n_drawn]))

    def same_strings(self, t, total, state):
        """The Sum over the strings of an earlier one, with the generator at time t."""
        if self.constant:
            return total
        strings, rows = self.generator_at(t).rows(total.strings[: total.n], state.representatives)
        return dataclasses.replace(total, strings=strings, generator=rows)


def check_exact(state):
    """Refuse an exact sum that would not fit into memory.

    Raises:
        InputError: with the memory that it would need.
    """
    n, group = state.n_sites, len(state.orders)
    rows = 4.0**n / group
    needed = 3 * 8 * rows * state.n_parameters + 2 * 8 * min(rows, state.n_parameters) ** 2
    if n > MOST_EXACT_SITES or needed > MOST_BYTES:
        raise InputError(
            f"{n} sites are too many for an exact sum", got=f"about {needed / 1e9:.3g} GB needed",
            expected=f"at most {MOST_BYTES / 1e9:g} GB and {MOST_EXACT_SITES} sites",
            do="take mode='sampled', a smaller network, or more symmetry",
        )  # fmt: skip


def probability_tensor(state):
    """All probabilities of a state: array (4,) * N."""
    strings, _ = state.all_strings()
    return expanded(state, strings, state.log_probabilities(strings))


def expanded(state, strings, log_p):
    """All probabilities from those of one string of each orbit: array (4,) * N.

    Args:
        state: StringState.
        strings: what ``all_strings`` gives, in its order.
        log_p: (string,).
    """
    n = state.n_sites
    keys = np.arange(4**n, dtype=np.int64)
    if len(strings) < len(keys):
        at = np.zeros(4**n, dtype=np.int64)
        at[keys_of(strings)] = np.arange(len(strings))
        log_p = log_p[at[state.representatives(keys)]]
    return np.exp(log_p).reshape((4,) * n)
