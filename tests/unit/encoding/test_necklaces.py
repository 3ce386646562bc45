"""Lyndon words against Duval's algorithm and the necklace formula."""

import numpy as np
import pytest

from dysyr.encoding import necklaces


def duval(n_letters, longest):
    """Lyndon words up to a length in lexicographic order, one after the other (Duval 1988)."""
    word = [-1]
    while word:
        word[-1] += 1
        yield tuple(word)
        n = len(word)
        while len(word) < longest:
            word.append(word[-n])
        while word and word[-1] == n_letters - 1:
            word.pop()


@pytest.mark.parametrize(("n_letters", "length"), [(2, 1), (2, 9), (3, 6), (4, 4), (1, 1), (1, 3), (7, 2)])
def test_lyndon_words_are_those_of_duval(n_letters, length):
    ours = [tuple(word) for piece in necklaces.lyndon_words(n_letters, length) for word in piece.tolist()]
    assert ours == sorted(word for word in duval(n_letters, length) if len(word) == length)


def test_pieces_join_without_gap(monkeypatch):
    whole = np.concatenate(list(necklaces.lyndon_words(3, 5)))
    monkeypatch.setattr(necklaces, "CHUNK", 7)
    np.testing.assert_array_equal(np.concatenate(list(necklaces.lyndon_words(3, 5))), whole)
    assert len(whole) == (3**5 - 3) // 5


def test_least_rotation_and_shift():
    word = (2, 0, 1, 0, 0)
    least, shift = necklaces.least_rotation(word)
    assert least == (0, 0, 2, 0, 1)
    assert word[shift:] + word[:shift] == least


@pytest.mark.parametrize(("word", "length"), [("a", 1), ("aaaa", 1), ("abab", 2), ("aba", 3), ("abaaba", 3)])
def test_primitive_length(word, length):
    assert necklaces.primitive_length(word) == length
