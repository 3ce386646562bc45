"""Words up to rotation: Lyndon words, least rotations, primitive roots."""

import numpy as np

CHUNK = 1 << 20


def lyndon_words(n_letters, length):
    """All words of a length that are smaller than each of their rotations, one for each primitive necklace.

    A word is read as a number in base ``n_letters``; rotating it by j moves its j leading digits to the end.

    Args:
        n_letters: size of the alphabet, letters 0 to n_letters - 1.
        length: of the words.

    Yields:
        (n, length) int64 in ascending order, at most ``CHUNK`` words at a time; empty pieces are left out.
    """
    powers = n_letters ** np.arange(length - 1, -1, -1, dtype=np.int64)
    total = n_letters**length
    for start in range(0, total, CHUNK):
        number = np.arange(start, min(start + CHUNK, total), dtype=np.int64)
        for j in range(1, length):
            low = n_letters ** (length - j)
            number = number[number < number % low * n_letters**j + number // low]
        if number.size:
            yield number[:, None] // powers % n_letters


def least_rotation(word):
    """The rotation of a sequence that comes first in lexicographic order, and by how much it is rotated.

    Args:
        word: a sequence of comparable letters.

    Returns:
        (tuple, shift) with tuple = word[shift:] + word[:shift].
    """
    word = tuple(word)
    return min((word[j:] + word[:j], j) for j in range(len(word)))


def primitive_length(word):
    """Length of the shortest word whose repetition is ``word``."""
    word = tuple(word)
    n = len(word)
    return next(d for d in range(1, n + 1) if n % d == 0 and word[:d] * (n // d) == word)
