from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dysyr.encoding.words import count_words, minimal_forbidden_words


def by_hand(stretches, length):
    return Counter(tuple(s[t : t + length].tolist()) for s in stretches for t in range(len(s) - length + 1))


SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=30), min_size=1, max_size=4)


@given(SEQUENCES)
def test_counts_are_those_of_a_dictionary(sequences):
    stretches = [np.array([0, 1, 2]), *map(np.array, sequences)]
    tables = count_words(stretches, 3, 6)
    for length in range(1, 7):
        expected = by_hand(stretches, length)
        if length > len(tables):
            assert not expected
            continue
        table = tables[length - 1]
        assert dict(zip(map(tuple, table.words.tolist()), table.counts.tolist(), strict=True)) == expected
        assert [tuple(w) for w in table.words.tolist()] == sorted(expected)


def test_prefix_and_suffix_point_to_the_parts(rng):
    tables = count_words([rng.integers(0, 3, 500), rng.integers(0, 3, 70)], 3, 5)
    for shorter, longer in zip(tables[:-1], tables[1:], strict=True):
        np.testing.assert_array_equal(shorter.words[longer.prefix], longer.words[:, :-1])
        np.testing.assert_array_equal(shorter.words[longer.suffix], longer.words[:, 1:])


def test_large_alphabets_and_long_words_do_not_overflow(rng):
    s = rng.integers(0, 900, 3_000)
    s[:900] = np.arange(900)
    tables = count_words([s], 900, 20)
    assert len(tables) == 20
    assert tables[-1].counts.sum() == len(s) - 19
    assert tables[1].n_words == len(by_hand([s], 2))


def test_words_never_cross_stretches():
    tables = count_words([np.array([0, 0]), np.array([1, 1])], 2, 4)
    assert len(tables) == 2
    assert tables[1].words.tolist() == [[0, 0], [1, 1]]


def test_minimal_forbidden_words_by_brute_force(rng):
    s = rng.integers(0, 3, 60)
    s[:3] = [0, 1, 2]
    tables = count_words([s], 3, 4)
    occurring = [set(by_hand([s], n)) for n in range(1, 5)]

    def occurs(word):
        return len(word) == 0 or word in occurring[len(word) - 1]

    expected = [
        w for n in (2, 3, 4) for w in product(range(3), repeat=n) if not occurs(w) and occurs(w[1:]) and occurs(w[:-1])
    ]
    assert sorted(f.word for f in minimal_forbidden_words(tables)) == sorted(expected)
    assert {len(f.word) for f in minimal_forbidden_words(tables, 3)} <= {2, 3}


def test_expected_count_of_a_forbidden_word():
    s = np.tile([0, 0, 1], 100)
    found = {f.word: f.expected for f in minimal_forbidden_words(count_words([s], 2, 3))}
    assert found[1, 1] == pytest.approx(100 * 100 / 300)
    assert found[0, 0, 0] == pytest.approx(100 * 100 / 200)
