"""Entropies of a symbolic code: how many words there are, and how uncertain the next symbol is."""

from typing import NamedTuple

import numpy as np
from scipy.special import digamma

from dysyr.core.errors import NotConverged
from dysyr.encoding.spectral_radius import spectral_radius

SEEN_ONCE = 0.1
MOSTLY_ONCE = 0.5
FEW_WORDS = 300


class TopologicalEntropies(NamedTuple):
    """Topological entropy by block length, nats per step.

    Attributes:
        length: (k,) block length n.
        n_words: (k,) N(n), distinct words of length n.
        n_once: (k,) how many of them occur once only.
        growth: (k,) ln N(n) / n.
        graph: (k,) ln spectral radius of the graph that joins words of length n by those of length n + 1. NaN at the
            last length, whose continuations were not counted; where more than 300 words of length n + 1 occur and
            most of them once only, so that the graph is the path of the orbit itself; and where the eigenvalue was not
            found.
    """

    length: np.ndarray
    n_words: np.ndarray
    n_once: np.ndarray
    growth: np.ndarray
    graph: np.ndarray


class BlockEntropies(NamedTuple):
    """Shannon entropies of blocks by block length, nats.

    Attributes:
        length: (k,) block length n.
        plain: (k,) of the observed frequencies; too low on few data.
        miller_madow: (k,) corrected to first order.
        grassberger: (k,) corrected further; the one to use.
    """

    length: np.ndarray
    plain: np.ndarray
    miller_madow: np.ndarray
    grassberger: np.ndarray


def topological_entropies(tables):
    """Upper bounds of the topological entropy from the words that occur.

        h_n = ln rho(B_n),    B_n: words of length n, an edge where two overlap in an occurring word of length n + 1

    If all admissible words were seen, h_n and ln N(n) / n are upper bounds of the code's topological entropy, h_n sinks
    with n, and h_n is exact once n is the memory of a code of finite type. Where admissible words were missed, both are
    too low, and no bounds; words that occur only once are the sign of it.

    Args:
        tables: WordTables of length 1, 2, ...

    Returns:
        TopologicalEntropies.

    Reference: lind1995
    """
    lengths = np.arange(1, len(tables) + 1)
    n_words = np.array([table.n_words for table in tables])
    graph = np.full(len(tables), np.nan)
    for i, table in enumerate(tables[1:]):
        if table.n_once > MOSTLY_ONCE * table.n_words and table.n_words > FEW_WORDS:
            continue
        try:
            radius = spectral_radius(table.prefix, table.suffix, tables[i].n_words)
        except NotConverged:
            continue
        graph[i] = np.log(radius) if radius > 0 else -np.inf
    once = np.array([table.n_once for table in tables])
    return TopologicalEntropies(lengths, n_words, once, np.log(n_words) / lengths, graph)


def sampled_length(tables):
    """Longest word length up to which at most a tenth of the distinct words occur once only; at least 1.

    Beyond it, words are missing in numbers, and entropies say more about the length of the series than about the code.
    """
    rare = [table.n_once > SEEN_ONCE * table.n_words for table in tables]
    return max(rare.index(True) if any(rare) else len(rare), 1)


def block_entropies(tables):
    """Shannon entropies H_n of the words of each length.

        plain          H = - sum_i (c_i / c) ln (c_i / c)
        Miller-Madow   H + (N - 1) / (2 c)
        Grassberger    ln c - (1 / c) sum_i c_i G(c_i),
                       G(c) = psi(c) + (-1)^c / 2 (psi((c + 1) / 2) - psi(c / 2))

    c_i are the counts of the N words, c their sum. The corrections assume independent draws; words that overlap are
    not, so that they correct too little where the code remembers long.

    Args:
        tables: WordTables of length 1, 2, ...

    Returns:
        BlockEntropies.

    Reference: miller1955, grassberger2003
    """
    rows = [(plain_entropy(t.counts), miller_madow(t.counts), grassberger(t.counts)) for t in tables]
    return BlockEntropies(np.arange(1, len(tables) + 1), *np.array(rows).T)


def plain_entropy(counts):
    """Entropy of the frequencies, nats; counts (n,) positive."""
    p = counts / counts.sum()
    return float(max(0.0, -(p * np.log(p)).sum()))


def miller_madow(counts):
    """Entropy with the first-order correction of its bias, nats; counts (n,) positive."""
    return plain_entropy(counts) + (len(counts) - 1) / (2 * counts.sum())


def grassberger(counts):
    """Entropy with Grassberger's correction of its bias, nats; counts (n,) positive. One word alone has none."""
    if len(counts) == 1:
        return 0.0
    c = np.asarray(counts, dtype=np.float64)
    sign = np.where(np.asarray(counts) % 2 == 0, 1.0, -1.0)
    g = digamma(c) + sign / 2 * (digamma((c + 1) / 2) - digamma(c / 2))
    return float(np.log(c.sum()) - (c * g).sum() / c.sum())


def markov_rate(matrix, stationary):
    """Entropy rate of a Markov chain, nats per step: - sum_i pi_i sum_j P_ij ln P_ij.

    Args:
        matrix: (k, k) rows that sum to 1.
        stationary: (k,) pi.
    """
    logs = np.log(np.where(matrix > 0, matrix, 1.0))
    return float(max(0.0, -(stationary[:, None] * matrix * logs).sum()))
