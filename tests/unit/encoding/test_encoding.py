import json

import numpy as np
import pytest
from symbol_sequences import SHIFTS, encoding, walk

from dysyr.core.errors import InputError


@pytest.fixture
def code(rng):
    return encoding(walk(SHIFTS["golden"][0], 5_000, rng), [1, 0, 0, 1], dt=0.25)


def test_summary_is_json_and_agrees_with_the_properties(code):
    text = json.dumps(code.summary(), allow_nan=False)
    summary = json.loads(text)
    assert summary["n_samples"] == 5_004
    assert [stretch["n"] for stretch in summary["stretches"]] == [5_000, 4]
    assert [s["visits"] for s in summary["symbols"]] == code.visits.tolist()
    assert sum(s["visits"] for s in summary["symbols"]) == 5_004
    steps, times = summary["entropy"]["per_step"], summary["entropy"]["per_time"]
    assert times == {name: pytest.approx(4 * h) for name, h in steps.items()}
    assert [row["n_words"] for row in summary["entropy"]["by_length"][:4]] == [2, 3, 5, 8]
    assert [f["word"] for f in summary["forbidden_words"]] == [[1, 1]]
    assert summary["minimal_graph"]["n_states"] == 2
    assert sum(edge["count"] for edge in summary["transitions"]) == code.transition_counts.sum() == 4_999 + 3


def test_words_of_one_length(code):
    assert code.words(2).words.tolist() == [[0, 0], [0, 1], [1, 0]]
    with pytest.raises(InputError, match="not counted: length 11; 1 to 10: encode with a larger max_word"):
        code.words(11)


def test_times_of_a_stretch(code):
    np.testing.assert_allclose(code.times(1), [0.0, 0.25, 0.5, 0.75])


def test_stretches_that_are_too_short_for_long_words_still_have_what_they_have():
    short = encoding([0, 1], [1, 0], max_word=10)
    assert len(short.word_tables) == 2
    assert short.sampled_length == 1
    assert short.topological_entropy == 0.0
    json.dumps(short.summary(), allow_nan=False)


def test_words_that_were_only_missed_are_not_listed_as_forbidden(rng):
    code = encoding(rng.integers(0, 5, 3_000))
    assert code.sampled_length < 5
    assert len(code.forbidden_words) < 20
    assert len(code.words(5).counts) < 5**5


def test_long_lists_of_forbidden_words_are_cut_in_the_summary():
    code = encoding(np.tile(np.arange(30), 40))
    summary = code.summary()
    assert summary["n_forbidden_words"] == len(code.forbidden_words) == 30 * 29
    assert len(summary["forbidden_words"]) == 200
