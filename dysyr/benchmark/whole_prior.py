"""The training law of the foundation network in numbers, as far as the network does not see what was drawn.

A panel shows how many paths and samples there are and how far apart these lie, in tenths of the duration. It does not
show whether the graph is complete, by which law rates were drawn, whether labels are wrong and how often, nor how many
times a long record is longer than the duration of the prior, which multiplies the rates in tenths of its own.
"""

import dataclasses
import math

import numpy as np

from dysyr.reconstruction.jump_em.foundation.examples import LONG, WIDE
from dysyr.reconstruction.jump_em.foundation.prior import CLEAN, MOST_PATHS, N_TIMES, NOISES, STRIDES
from dysyr.reconstruction.jump_em.foundation.training import BEYOND

BETA, LOGNORMAL = 0, 1
"""Laws of a rate: s Beta(1, k), k of 1, 3, 5; or 0.3 s exp(c z)."""
SCALES, SPREADS = (0.3, 4.0), (0.0, 1.3)
N_SCALES, N_SPREADS = 24, 16
"""Points at which the continuous priors of s and c are summed."""


@dataclasses.dataclass(frozen=True, eq=False)
class WholePrior:
    """What is believed before the labels are seen.

    Attributes:
        complete: probability that the graph is complete; else each edge is there with chance 1/2, given that the graph
            is strongly connected and has at least 2 (n - 1) edges.
        clean: probability that no label is wrong; else the noise is log-uniform on ``NOISES``.
        laws: (law, 4) laws of the rates: kind, scale s, spread c, and log-probability.
        noises: smallest and largest noise.
        beyond: weight of processes with a rate above 1.
    """

    complete: float
    clean: float
    laws: np.ndarray
    noises: tuple = NOISES
    beyond: float = 1.0

    @classmethod
    def of_training(cls, n_paths, n_times):
        """The training law, given that so many paths of so many regular samples are seen.

        Args:
            n_paths: number of paths.
            n_times: samples in each.

        Returns:
            WholePrior.
        """
        scales, spreads = _midpoints(*np.log(SCALES), N_SCALES), _midpoints(*SPREADS, N_SPREADS)
        laws = []
        for factor, share in factors(n_paths, n_times).items():
            laws.append((BETA, factor, 0.0, np.log(share * (1 - WIDE))))
            for s in factor * np.exp(scales):
                laws.append((BETA, s, 0.0, np.log(share * WIDE / 2 / N_SCALES)))
                laws += [(LOGNORMAL, s, c, np.log(share * WIDE / 2 / N_SCALES / N_SPREADS)) for c in spreads]
        return cls(0.5, CLEAN, np.array(laws), beyond=BEYOND)

    @classmethod
    def told(cls, *, sparse):
        """The published law of the rates, clean labels, and a graph that is known to be sparse or complete."""
        return cls(0.0 if sparse else 1.0, 1.0, np.array([(BETA, 1.0, 0.0, 0.0)]))


def factors(n_paths, n_times):
    """How many times longer than the duration of the prior regular records may be.

    Args:
        n_paths: number of paths.
        n_times: samples in each.

    Returns:
        dict factor -> its probability, given both.

    Raises:
        ValueError: the training law has no such records.
    """
    weight = {}
    for drawn in range(1, MOST_PATHS + 1):
        for factor in range(1, drawn + 1):
            grids = sum(-(-N_TIMES * factor // stride) == n_times for stride in STRIDES)
            if grids and -(-drawn // factor) == n_paths:
                share = math.log(min(factor + 1, drawn) / factor) / math.log(drawn) if drawn > 1 else 1.0
                share = LONG * share + (1 - LONG) * (factor == 1)
                weight[factor] = weight.get(factor, 0.0) + grids * math.log((drawn + 1) / drawn) * share
    total = sum(weight.values())
    if total == 0:
        raise ValueError(f"the training law has no {n_paths} regular paths of {n_times} samples")
    return {factor: each / total for factor, each in weight.items() if each > 0}


def strongly_connected(n):
    """Numbers of strongly connected graphs on n states by their number of edges.

    By the recurrence of Liskovets, with 1 + x in place of 2, so that powers of x count edges.

    Args:
        n: number of states.

    Returns:
        list of n (n - 1) + 1 whole numbers.
    """
    size = n * (n - 1) + 1

    def product(a, b):
        out = [0] * size
        for i, x in enumerate(a):
            for j, y in enumerate(b[: size - i]):
                out[i + j] += x * y
        return out

    def power(k):
        return [math.comb(k, i) for i in range(min(k, size - 1) + 1)] + [0] * max(0, size - 1 - k)

    eta, strong = [None], [None]
    for m in range(1, n + 1):
        now = power(m * (m - 1))
        for t in range(1, m):
            part = product(power((m - 1) * (m - t)), eta[t])
            now = [x - math.comb(m, t) * y for x, y in zip(now, part, strict=True)]
        eta.append(now)
        for t in range(1, m):
            part = product(strong[t], eta[m - t])
            now = [x + math.comb(m - 1, t - 1) * y for x, y in zip(now, part, strict=True)]
        strong.append(now)
    return strong[n]


def log_graphs(n, complete):
    """(edges,) log-probability of each single allowed graph with that many edges, -inf below 2 (n - 1)."""
    most = n * (n - 1)
    fewest = min(2 * (n - 1), most)
    allowed = sum(strongly_connected(n)[fewest:])
    value = np.full(most + 1, (1 - complete) / allowed)
    value[:fewest] = 0.0
    value[most] += complete
    with np.errstate(divide="ignore"):
        return np.log(value)


def _midpoints(low, high, n):
    return low + (high - low) * (np.arange(n) + 0.5) / n
