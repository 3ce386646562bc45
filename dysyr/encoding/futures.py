"""What follows a past: counts of the words that come after it, and whether two pasts agree in them."""

import numpy as np
from scipy.stats import chi2

FEWEST_EXPECTED = 5.0


class Futures:
    """Counts of futures of one length after every past up to another length.

    A past is a node (length, row in the table of that length); the empty past is (0, 0). Words are in lexicographic
    order, so that the continuations of a word are consecutive rows of each longer table.

    Args:
        tables: WordTables of length 1, 2, ..., at least past + future.
        past: longest past.
        future: length of the futures.
    """

    def __init__(self, tables, past, future):
        self.tables, self.past, self.future = tables, past, future
        self.n_symbols = tables[0].n_words
        self._tails = [self._without_first_rows(length) for length in range(past + 1)]

    def _without_first_rows(self, length):
        """For each word of ``length`` + future symbols the row of its last ``future`` symbols in their table."""
        rows = np.arange(self.tables[length + self.future - 1].n_words)
        for n in range(length + self.future, self.future, -1):
            rows = self.tables[n - 1].suffix[rows]
        return rows

    def word(self, node):
        """The past itself, a tuple of symbols."""
        length, row = node
        return tuple(self.tables[length - 1].words[row].tolist()) if length else ()

    def count(self, node):
        """How often the past occurs."""
        length, row = node
        return int(self.tables[length - 1].counts[row]) if length else int(self.tables[0].counts.sum())

    def without_first(self, node):
        """Row of the past without its first symbol."""
        length, row = node
        return int(self.tables[length - 1].suffix[row])

    def children(self, node):
        """list of (symbol, node): the pasts longer by one symbol."""
        length, row = node
        table = self.tables[length]
        rows = range(*np.searchsorted(table.prefix, [row, row + 1]).tolist())
        return [(int(table.words[r, -1]), (length + 1, r)) for r in rows]

    def profile(self, node):
        """(n_futures,) how often each future follows the past."""
        length, row = node
        first, last = row, row + 1
        for n in range(length, length + self.future):
            first, last = np.searchsorted(self.tables[n].prefix, [first, last])
        counts = np.zeros(self.tables[self.future - 1].n_words, dtype=np.int64)
        counts[self._tails[length][first:last]] = self.tables[length + self.future - 1].counts[first:last]
        return counts


def same_support(a, b, significance):
    """Whether two pasts may have the same possible futures.

    A future seen c times after one past (n occurrences) and never after the other (m occurrences) is held to be
    possible after both unless (n / (n + m))^c, the chance that all c fall to the first, is below ``significance``
    divided by the number of futures.

    Args:
        a, b: (n_futures,) counts.
        significance: chance at which to give up.
    """
    n, m = a.sum(), b.sum()
    if n == 0 or m == 0:
        return bool(n == m)
    limit = np.log(significance / max(np.count_nonzero(a + b), 1))
    only_a = a[b == 0].max(initial=0) * np.log(n / (n + m))
    only_b = b[a == 0].max(initial=0) * np.log(m / (n + m))
    return bool(min(only_a, only_b) >= limit)


def same_distribution(a, b, significance, tolerance):
    """Whether two pasts may have the same distribution of futures: close, or not to be told apart.

    The test is Pearson's chi-square of a 2 x n_futures table; futures expected fewer than 5 times after either past are
    pooled.

    Args:
        a, b: (n_futures,) counts.
        significance: level of the test.
        tolerance: total variation distance that does not matter.
    """
    n, m = a.sum(), b.sum()
    if n == 0 or m == 0:
        return bool(n == m)
    if 0.5 * np.abs(a / n - b / m).sum() < tolerance:
        return True
    table = np.stack([a, b]).astype(np.float64)
    rare = table.sum(axis=0) * min(n, m) / (n + m) < FEWEST_EXPECTED
    table = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return True
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = ((table - expected) ** 2 / expected).sum()
    return bool(chi2.sf(statistic, table.shape[1] - 1) >= significance)
