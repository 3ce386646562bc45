"""What the network is told of a panel: numbers whose size does not grow with the number of paths, and their codes.

The statistics of a panel are those of its Base and the counts of pairs at short and long lags. Codes are logarithms of
them, for each ordered pair of states, for each state, and for the whole; relabelling states permutes codes alike.
"""

import dataclasses

import numpy as np

from dysyr.kernels.rate_integrals import transition_matrices
from dysyr.reconstruction.jump_em.foundation.base import RATE, SHAPE

LAG_EDGES = (0.15, 0.3, 0.6)
"""Ends of the bins of lags, in units."""
FIRST_TIME = 0.1
"""Added to times before their logarithm, in units."""
SMALLEST_PROBABILITY = 1e-9
INITIAL_PRIOR = 1.0
"""Paths spread over the states before the logarithm of first states is taken."""


@dataclasses.dataclass(frozen=True, eq=False)
class Statistics:
    """What the network is told, of one panel or, with a leading dimension, of several with equally many states.

    Attributes:
        q: (..., state, state) base rates in 1/unit, 0 on the diagonal.
        jumps: (..., state, state) expected jumps.
        times: (..., state) expected times in units.
        first: (..., state) expected numbers of first states.
        noise: (...,) probability of a mistaken label.
        counts: (..., lag bin, state, state) observed pairs.
        transitions: (..., state, state) transition probabilities of the base at the mean lag.
        lag: (...,) mean lag in units.
        n_samples: (...,) number of samples.
    """

    q: np.ndarray
    jumps: np.ndarray
    times: np.ndarray
    first: np.ndarray
    noise: np.ndarray
    counts: np.ndarray
    transitions: np.ndarray
    lag: np.ndarray
    n_samples: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Codes:
    """Input of the network; leading dimensions are those of the statistics.

    Attributes:
        pairs: (..., state, state, code) float32.
        states: (..., state, code) float32.
        whole: (..., code) float32.
        log_rates: (..., state, state) logarithm of the base rates, 0 on the diagonal.
        spread: (..., state, state) (E[N] + a)^(-1/2), the scale of a relative error.
    """

    pairs: np.ndarray
    states: np.ndarray
    whole: np.ndarray
    log_rates: np.ndarray
    spread: np.ndarray


def statistics_of(panel, base):
    """The Statistics of a panel.

    Args:
        panel: Panel.
        base: Base of it.

    Returns:
        Statistics without a leading dimension.
    """
    off = ~np.eye(panel.n_states, dtype=bool)
    bins = np.searchsorted(LAG_EDGES, panel.lags / base.unit)
    counts = np.zeros((len(LAG_EDGES) + 1, panel.n_states, panel.n_states))
    np.add.at(counts, bins, panel.counts)
    weights = panel.counts.sum(axis=(1, 2))
    lag = float(panel.lags @ weights / weights.sum()) / base.unit
    return Statistics(
        q=np.where(off, base.q, 0.0) * base.unit, jumps=base.jumps, times=base.times, first=base.first,
        noise=np.float64(base.noise), counts=counts, transitions=transition_matrices(base.q * base.unit, [lag])[0],
        lag=np.float64(lag), n_samples=np.float64(len(panel.labels)),
    )  # fmt: skip


def codes_of(statistics):
    """The Codes of statistics.

    Args:
        statistics: Statistics, with or without a leading dimension.

    Returns:
        Codes.
    """
    s, n = statistics, statistics.q.shape[-1]
    off = ~np.eye(n, dtype=bool)
    log_rates = np.where(off, np.log(np.where(off, s.q, 1.0)), 0.0)
    seen = s.counts.sum(axis=-3)
    passing = np.log(np.maximum(s.transitions, SMALLEST_PROBABILITY))
    direct = np.log(np.where(off, s.q, 1.0) * s.lag[..., None, None])
    pairs = [
        log_rates, np.log(s.jumps + SHAPE), np.log((s.jumps + SHAPE) / (seen + SHAPE)), passing, passing - direct,
        *np.moveaxis(np.log1p(s.counts), -3, 0),
    ]  # fmt: skip
    pairs = np.where(off[..., None], np.stack(pairs, axis=-1), 0.0)
    leaving = s.q.sum(axis=-1)
    staying = np.diagonal(s.counts, axis1=-2, axis2=-1)
    states = np.stack(
        [
            np.log(s.times + FIRST_TIME), np.log(leaving), np.log1p(s.first), np.log1p(s.jumps.sum(axis=-1)),
            np.log1p(s.jumps.sum(axis=-2)), (s.times + RATE) / (s.times + RATE).sum(axis=-1, keepdims=True),
            np.diagonal(s.transitions, axis1=-2, axis2=-1), *np.moveaxis(np.log1p(staying), -2, 0),
        ],
        axis=-1,
    )  # fmt: skip
    n_paths = s.first.sum(axis=-1)
    whole = np.stack(
        [
            np.log(n_paths), np.log(s.n_samples), s.noise, np.log(s.noise + 1e-4), np.log(s.lag),
            np.log(s.times.sum(axis=-1)), np.log(np.full(n_paths.shape, float(n))), np.log(leaving).mean(axis=-1),
        ],
        axis=-1,
    )  # fmt: skip
    spread = np.where(off, (s.jumps + SHAPE) ** -0.5, 1.0)
    narrow = (part.astype(np.float32) for part in (pairs, states, whole))
    return Codes(*narrow, log_rates=log_rates, spread=spread)


def log_starts(first):
    """What the network corrects: logarithms of the shares of first states, with one path spread over all states.

    Args:
        first: (..., state) expected numbers of first states.

    Returns:
        (..., state).
    """
    n = first.shape[-1]
    return np.log((first + INITIAL_PRIOR / n) / (first.sum(axis=-1, keepdims=True) + INITIAL_PRIOR))


def stack(statistics):
    """Several Statistics of equally many states as one with a leading dimension."""
    names = [field.name for field in dataclasses.fields(Statistics)]
    return Statistics(**{name: np.stack([getattr(each, name) for each in statistics]) for name in names})
