"""Block words of symbol sequences: which occur, how often, and which do not although all their parts do."""

from typing import NamedTuple

import numpy as np


class WordTable(NamedTuple):
    """The words of one length that occur, in lexicographic order.

    Attributes:
        words: (n_words, length) int32.
        counts: (n_words,) how often each occurs, overlapping occurrences included.
        prefix: (n_words,) row of the word without its last symbol in the table one shorter.
        suffix: (n_words,) row of the word without its first symbol in the table one shorter.
    """

    words: np.ndarray
    counts: np.ndarray
    prefix: np.ndarray
    suffix: np.ndarray

    @property
    def n_words(self):
        """Number of distinct words."""
        return len(self.counts)

    @property
    def n_once(self):
        """Number of words that occur exactly once: many of them mean that others were missed."""
        return int((self.counts == 1).sum())


class ForbiddenWord(NamedTuple):
    """A word that does not occur although its parts do.

    Attributes:
        word: tuple of symbols.
        expected: N(w without last) N(w without first) / N(w without both), the count to expect if the symbol
            after the middle did not depend on the one before it. Few expected occurrences: perhaps only missed.
    """

    word: tuple
    expected: float


def count_words(stretches, n_symbols, max_length):
    """Words of lengths 1 to ``max_length`` within the stretches; none crosses from one stretch to the next.

    The word that starts at t is known by the row of its first n - 1 symbols and by its last symbol, so that codes
    stay small whatever the length and the alphabet.

    Args:
        stretches: list of (time,) arrays of symbols 0 ... n_symbols - 1.
        n_symbols: size of the alphabet.
        max_length: longest word.

    Returns:
        tuple of WordTable, of length 1, 2, ...; it ends early where no stretch is long enough.
    """
    symbols = np.concatenate(stretches).astype(np.int64)
    remaining = np.concatenate([np.arange(len(stretch), 0, -1) for stretch in stretches])
    at = np.arange(len(symbols))
    row_at = np.zeros(len(symbols), dtype=np.int64)
    words = np.zeros((1, 0), dtype=np.int32)
    tables = []
    for length in range(1, max_length + 1):
        at = at[remaining[at] >= length]
        if len(at) == 0:
            break
        code = row_at[at] * n_symbols + symbols[at + length - 1]
        present, rows, counts = _ranked(code, len(words) * n_symbols)
        prefix, last = np.divmod(present, n_symbols)
        somewhere = np.empty(len(present), dtype=np.int64)
        somewhere[rows] = at
        suffix = row_at[somewhere + 1] if length > 1 else np.zeros(len(present), dtype=np.int64)
        row_at[at] = rows
        words = np.column_stack([words[prefix], last.astype(np.int32)])
        tables.append(WordTable(words, counts, prefix, suffix))
    return tuple(tables)


def minimal_forbidden_words(tables, max_length=None):
    """The shortest words that do not occur: every shorter word inside one of them does.

    Args:
        tables: WordTables of length 1, 2, ...
        max_length: longest word to report; by default the longest of the tables.

    Returns:
        list of ForbiddenWord, short ones first. Every word that does not occur contains one of them.
    """
    found = []
    total = int(tables[0].counts.sum())
    n_symbols = tables[0].n_words
    for length in range(2, min(len(tables), max_length or len(tables)) + 1):
        parts = tables[length - 2]
        first, second = _overlapping(parts)
        last = parts.words[second, -1].astype(np.int64)
        missing = ~np.isin(first * n_symbols + last, _codes(tables[length - 1], n_symbols))
        first, second = first[missing], second[missing]
        middle = np.full(len(first), total) if length == 2 else tables[length - 3].counts[parts.suffix[first]]
        expected = parts.counts[first] * (parts.counts[second] / middle)
        words = np.column_stack([parts.words[first], parts.words[second, -1]])
        found += [ForbiddenWord(tuple(w), float(e)) for w, e in zip(words.tolist(), expected, strict=True)]
    return found


def _ranked(code, size):
    """(distinct codes in order, rank of each code, count of each); by counting where that is less than sorting."""
    if size > 4 * len(code) + 1024:
        return np.unique(code, return_inverse=True, return_counts=True)
    counts = np.bincount(code, minlength=size)
    present = np.flatnonzero(counts)
    rank = np.zeros(size, dtype=np.int64)
    rank[present] = np.arange(len(present))
    return present, rank[code], counts[present]


def _codes(table, n_symbols):
    return table.prefix * n_symbols + table.words[:, -1]


def _overlapping(table):
    """Rows (p, q) of all pairs of words that overlap in all but the first symbol of p and the last of q."""
    start = np.searchsorted(table.prefix, table.suffix, side="left")
    stop = np.searchsorted(table.prefix, table.suffix, side="right")
    n = stop - start
    first = np.repeat(np.arange(table.n_words), n)
    offset = np.arange(len(first)) - np.repeat(np.cumsum(n) - n, n)
    return first, np.repeat(start, n) + offset
