from itertools import combinations, permutations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import adjusted_rand_score, mutual_info_score
from symbol_sequences import SHIFTS, chain, encoding, walk

from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError
from dysyr.encoding.compare import compare_codes
from dysyr.encoding.encode import encode
from dysyr.encoding.matching import match_by_structure


def random_chain(k, rng, density=0.5):
    p = rng.random((k, k)) * (rng.random((k, k)) < density) + np.roll(np.eye(k), 1, axis=1)
    return p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("k", [2, 5, 7, 12, 30])
def test_a_relabelled_copy_is_identical(k, rng):
    s = chain(random_chain(k, rng), 4_000, rng)
    code = encoding(s)
    order = rng.permutation(code.n_symbols)
    copy = type(code)(
        tuple(order[part] for part in code.symbols), (0.0,), (0,), 1.0, tuple(np.array(code.names)[np.argsort(order)])
    )  # fmt: skip
    result = compare_codes(code, copy)
    np.testing.assert_array_equal(result.relabelling, order)
    assert result.graph_agreement == 1
    assert result.transition_distance == result.matrix_distance == result.visit_distance == 0
    assert result.word_distance == 0
    assert all(one == pytest.approx(other) for one, other in result.entropies.values())
    assert result.matched_by == "structure" and result.adjusted_rand is None


def test_two_runs_of_one_chain_are_alike_and_a_shuffle_is_not(rng):
    p = random_chain(4, rng)
    a, b = chain(p, 20_000, rng), chain(p, 20_000, rng)
    same, control = compare_codes(encoding(a), encoding(b)), compare_codes(encoding(a), encoding(rng.permutation(a)))
    assert same.graph_agreement == 1
    assert same.word_distance < 5 * same.word_floor
    assert control.visit_distance < 0.3
    assert control.graph_agreement < 1
    assert control.word_distance > 20 * same.word_distance
    assert control.matrix_distance > 10 * same.matrix_distance


def test_word_distance_is_that_of_scipy_and_its_floor_is_what_chance_makes(rng):
    pairs = [(encoding(rng.integers(0, 3, 3_000)), encoding(rng.integers(0, 3, 3_000))) for _ in range(30)]
    results = [compare_codes(a, b, length=2) for a, b in pairs]
    a, b = pairs[0]
    order = results[0].relabelling
    p = np.zeros((3, 3))
    p[tuple(order[a.words(2).words].T)] = a.words(2).counts
    q = np.zeros((3, 3))
    q[tuple(b.words(2).words.T)] = b.words(2).counts
    assert results[0].word_distance == pytest.approx(jensenshannon(p.ravel(), q.ravel(), base=2) ** 2)
    assert np.mean([r.word_distance for r in results]) == pytest.approx(results[0].word_floor, rel=0.5)


def test_same_samples_agree_with_scikit_learn(rng):
    a = chain(random_chain(4, rng), 3_000, rng)
    b = np.where(rng.random(3_000) < 0.8, (a + 1) % 4, rng.integers(0, 4, 3_000))
    codes = [encoding(s, source={"data_hash": "same"}) for s in (a, b)]
    result = compare_codes(*codes)
    assert result.matched_by == "occurrence"
    assert result.adjusted_rand == pytest.approx(adjusted_rand_score(a, b))
    assert result.mutual_information == pytest.approx(mutual_info_score(a, b))
    names = {codes[0].names[s]: codes[1].names[t] for s, t in enumerate(result.relabelling)}
    assert names == {str(s): str((s + 1) % 4) for s in range(4)}


def test_a_shuffle_of_the_same_samples_agrees_by_chance_only(rng):
    s = chain(random_chain(4, rng), 20_000, rng)
    result = compare_codes(encoding(s), encoding(rng.permutation(s)), same_samples=True)
    assert abs(result.adjusted_rand) < 0.01
    assert result.normalised_information < 0.01


def test_codes_of_different_size(rng):
    golden, three = encoding(walk(SHIFTS["golden"][0], 5_000, rng)), encoding(rng.integers(0, 3, 5_000))
    there, back = compare_codes(golden, three), compare_codes(three, golden)
    assert there.graph_agreement == back.graph_agreement == 3 / 9
    assert there.word_distance == pytest.approx(back.word_distance)
    assert sorted(back.relabelling) == [0, 1, 2]


def test_entropies_are_compared_per_time_unit(rng):
    s = rng.integers(0, 2, 50_000)
    result = compare_codes(encoding(s, dt=0.1), encoding(s, dt=0.2))
    assert result.entropies["topological"] == pytest.approx((np.log(2) / 0.1, np.log(2) / 0.2))
    assert result.summary()["entropies"]["metric"][0] == pytest.approx(2 * result.entropies["metric"][1])


def test_small_alphabets_are_matched_as_well_as_possible(rng):
    for _ in range(20):
        a, b = rng.dirichlet(np.full(16, 0.3), size=2).reshape(2, 4, 4)
        distances = {p: np.abs(a - b[np.ix_(p, p)]).sum() for p in permutations(range(4))}
        found = match_by_structure(a, b)
        assert distances[tuple(found)] == min(distances.values())


def test_no_exchange_of_two_symbols_improves_a_match(rng):
    a, b = rng.dirichlet(np.full(81, 0.3), size=2).reshape(2, 9, 9)
    found = match_by_structure(a, b)
    reached = np.abs(a - b[np.ix_(found, found)]).sum()
    for i, j in combinations(range(9), 2):
        other = found.copy()
        other[[i, j]] = other[[j, i]]
        assert np.abs(a - b[np.ix_(other, other)]).sum() >= reached - 1e-12


def test_structure_is_matched_beyond_exhaustive_search_in_spite_of_noise(rng):
    p = random_chain(15, rng)
    flow = p / 15
    order = rng.permutation(15)
    noisy = flow[np.ix_(order, order)] * (1 + 0.05 * rng.normal(size=(15, 15)))
    np.testing.assert_array_equal(order[match_by_structure(flow, noisy / noisy.sum())], np.arange(15))


def test_samples_that_are_not_the_same(rng):
    a, b = encoding(rng.integers(0, 2, 100)), encoding(rng.integers(0, 2, 90))
    with pytest.raises(InputError, match=r"not about the same samples: stretches of \[100\] and \[90\]"):
        compare_codes(a, b, same_samples=True)
    with pytest.raises(InputError, match="two codes are compared: Encoding and str"):
        compare_codes(a, "b")


@pytest.mark.parametrize("k", [8, 15, 26, 45])
def test_a_relabelled_cycle_is_identical(k, rng):
    """No feature tells its symbols apart."""
    s = np.tile(np.arange(k), 40)
    result = compare_codes(encoding(s), encoding(rng.permutation(k)[s]))
    assert result.graph_agreement == 1 and result.word_distance < 1e-3


def test_two_labellings_of_one_series_are_about_the_same_samples(rng):
    x = rng.normal(size=(2_000, 1))
    a, b = (encode(make_dataset(x, dt=1.0, label=(x[:, 0] > at).astype(int))) for at in (0.0, 0.2))
    assert compare_codes(a, b).matched_by == "occurrence"
    other = encode(make_dataset(x + 1, dt=1.0, label=(x[:, 0] > 0).astype(int)))
    assert compare_codes(a, other).matched_by == "structure"


def test_a_length_of_words_is_a_whole_number(rng):
    a = encoding(rng.integers(0, 2, 100))
    with pytest.raises(InputError, match="length is not a positive whole number: 1.5"):
        compare_codes(a, a, length=1.5)
