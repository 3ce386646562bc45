import numpy as np
import pytest

from dysyr.evaluation import floor_cache
from dysyr.evaluation.floor_cache import FOLDER, reference_truths


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DYSYR_CACHE_DIR", str(tmp_path))
    return tmp_path / "kernels" / FOLDER


class Counter:
    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return np.full((2, 3, 1), self.calls, dtype=np.float64)


def test_a_truth_is_made_once_and_read_back_exactly():
    make = Counter()
    first, second = reference_truths({"n": 3}, make), reference_truths({"n": 3}, make)
    assert make.calls == 1
    assert np.array_equal(first, second)
    assert reference_truths({"n": 4}, make)[0, 0, 0] == 2


@pytest.mark.parametrize("damage", [b"", b"not a file of numpy", None])
def test_a_damaged_entry_is_made_again(cache, damage):
    make = Counter()
    reference_truths({"n": 3}, make)
    (entry,) = cache.glob("*.npz")
    entry.write_bytes(entry.read_bytes()[:-40] if damage is None else damage)
    assert reference_truths({"n": 3}, make)[0, 0, 0] == 2
    assert reference_truths({"n": 3}, make)[0, 0, 0] == 2


def test_an_entry_of_another_key_is_not_taken(cache):
    make = Counter()
    reference_truths({"n": 3}, make)
    (entry,) = cache.glob("*.npz")
    np.savez(entry, key=np.array("another"), x=np.zeros((1, 1, 1)))
    assert reference_truths({"n": 3}, make)[0, 0, 0] == 2


def test_entries_of_an_earlier_rule_of_start_states_are_not_taken(monkeypatch):
    make = Counter()
    reference_truths({"n": 3}, make)
    monkeypatch.setattr(floor_cache, "START_STATES", floor_cache.START_STATES + 1)
    assert reference_truths({"n": 3}, make)[0, 0, 0] == 2


def test_pickled_entries_are_never_loaded(cache):
    make = Counter()
    reference_truths({"n": 3}, make)
    (entry,) = cache.glob("*.npz")
    np.savez(entry, key=np.array([{}], dtype=object), x=np.array([{}], dtype=object))
    assert reference_truths({"n": 3}, make)[0, 0, 0] == 2


def test_the_oldest_entries_go_when_the_cache_is_full(cache, monkeypatch):
    monkeypatch.setattr("dysyr.evaluation.floor_cache.LARGEST_CACHE", 2_000)
    for n in range(5):
        reference_truths({"n": n}, lambda: np.zeros((1, 100, 1)))
    assert 1 <= len(list(cache.glob("*.npz"))) <= 2
