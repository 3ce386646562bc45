"""Fixed points and cycles: analytic maps, the counts of Markov maps, brute force over all words."""

from fractions import Fraction

import numpy as np
import pytest
from small_maps import coupled_tents, dendritic, lozi, orbits_by_brute_force, same_points, shallow, skew_tent

from dysyr.core.errors import InputError
from dysyr.encoding.cycles import cycles
from dysyr.encoding.fixed_points import fixed_points
from dysyr.reconstruction.plrnn.elementwise_model import ElementwisePLRNN


def n_periodic(orbits, n):
    """Number of points that n steps bring back."""
    return sum(orbit.period for orbit in orbits if n % orbit.period == 0)


def points_of(orbits, period, latent_dim):
    return np.concatenate([np.zeros((0, latent_dim)), *(orbit.points for orbit in orbits.of_period(period))])


def with_saddle_and_cycle():
    return ElementwisePLRNN.from_arrays(
        A=[-1.1443109415089447, -0.06875842211692393],
        W=[[0.0, 1.3890097099956336], [-1.0205119007497634, 0.0]],
        h=[0.07363044144689698, -0.7703748650740753],
        n_rectified=1,
    )


@pytest.mark.parametrize("budget", [2**20, 1])
def test_skew_tent(budget):
    orbits = cycles(skew_tent(1.5, -2.2, dt=0.5), max_period=4, budget=budget)
    assert [len(orbits.of_period(k)) for k in (1, 2, 3, 4)] == [2, 1, 2, 3]
    low, high = orbits.of_period(1)
    np.testing.assert_allclose([low.points[0, 0], high.points[0, 0]], [-2.0, 0.3125], rtol=1e-14)
    assert (low.label, high.label) == ("0", "1")
    np.testing.assert_allclose(high.eigenvalues, [-2.2], rtol=1e-14)
    np.testing.assert_allclose(high.exponents, [(np.log(2.2) + 1j * np.pi) / 0.5], rtol=1e-14)
    assert high.stability == "unstable"
    assert high.margin == pytest.approx(0.3125)
    assert orbits.exhaustive == (budget > 1)
    assert orbits.exhaustive_to == (4 if budget > 1 else 0)


def test_one_stable_fixed_point_and_a_virtual_one():
    model = ElementwisePLRNN.from_arrays(
        A=[0.3683894917319025, 0.09325784994952224],
        W=[[0.0, 0.42445515140482515], [0.40337929998957267, 0.0]],
        h=[0.30087210680425625, 0.1416512363454716],
        n_rectified=1,
    )
    orbits = cycles(model, max_period=4)
    assert len(orbits) == 1
    np.testing.assert_allclose(orbits[0].points, [[0.82925307, 0.52512697]], atol=1e-8)
    np.testing.assert_allclose(orbits[0].eigenvalues, [0.66687502, -0.20522768], atol=1e-8)
    assert (orbits[0].label, orbits[0].stability) == ("1", "stable")
    virtual, real = fixed_points(model, virtual=True)
    assert (virtual.real, real.real) == (False, True)
    np.testing.assert_allclose(virtual.points, [[0.47635703, 0.36813531]], atol=1e-8)
    assert virtual.closure > 1e-3 > 1e-6 > real.closure


def test_saddle_and_stable_cycle():
    saddle, cycle = cycles(with_saddle_and_cycle(), max_period=4)
    np.testing.assert_allclose(saddle.points, [[0.03433758, -0.75360040]], atol=1e-8)
    np.testing.assert_allclose(saddle.eigenvalues, [-1.14431094, -0.06875842], atol=1e-8)
    assert (saddle.stability, saddle.n_unstable, cycle.stability) == ("saddle", 1, "stable")
    np.testing.assert_allclose(cycle.points, [[-0.81887254, -1.81485063], [1.01067525, 0.19008058]], atol=1e-8)
    np.testing.assert_allclose(cycle.eigenvalues, [-0.05166284 + 0.33919326j, -0.05166284 - 0.33919326j], atol=1e-8)
    np.testing.assert_allclose(cycle.exponents[0].real, np.log(0.34310511) / 2, atol=1e-7)
    assert cycle.label == "0.1"


def test_full_tent_has_two_to_the_n_periodic_points():
    orbits = cycles(skew_tent(2.0, -2.0), max_period=11)
    assert [n_periodic(orbits, n) for n in range(1, 12)] == [2**n for n in range(1, 12)]
    assert max(orbit.closure for orbit in orbits) < 1e-6
    assert not orbits.singular


def test_golden_tent_counts_its_orbit_on_the_border_once():
    """Slope (1 + sqrt 5)/2: 0 -> 1 -> 1 - s -> 0 runs over the fold; else the counts of [[0, 1], [1, 1]]."""
    s = (1.0 + np.sqrt(5.0)) / 2.0
    orbits = cycles(skew_tent(s, -s), max_period=9)
    inside = [orbit for orbit in orbits if orbit.points.min() > 1.0 - s - 1e-9]
    adjacency = np.array([[0, 1], [1, 1]])
    lucas = [np.trace(np.linalg.matrix_power(adjacency, n)) for n in range(1, 10)]
    assert [n_periodic(inside, n) for n in range(1, 10)] == lucas
    (border,) = orbits.of_period(3)
    assert border.on_border
    np.testing.assert_allclose(np.sort(border.points[:, 0]), [1.0 - s, 0.0, 1.0], atol=1e-14)


def test_fixed_point_on_the_border_has_no_cycles_of_its_other_words():
    orbits = cycles(skew_tent(0.5, -0.7, height=0.0), max_period=6)
    assert len(orbits) == 1
    assert orbits[0].on_border
    assert orbits[0].points[0, 0] == 0.0


def test_singular_word_is_reported():
    orbits = cycles(skew_tent(1.0, -2.0), max_period=3)
    assert orbits.singular == ("0",)
    assert [len(orbits.of_period(k)) for k in (1, 2, 3)] == [1, 1, 1]


def test_flip_is_not_hyperbolic():
    """x -> 1 - x has a continuum of orbits {x, 1 - x} around its fixed point; one, {0, 1}, ends at the border."""
    fixed, cycle = cycles(skew_tent(0.5, -1.0), max_period=4)
    assert fixed.stability == "non-hyperbolic"
    assert not fixed.hyperbolic
    assert cycle.on_border
    np.testing.assert_allclose(np.sort(cycle.points[:, 0]), [0.0, 1.0], atol=1e-15)


@pytest.mark.parametrize(
    ("latent_dim", "n_rectified", "max_period", "seed"),
    [(1, 1, 8, 0), (2, 1, 8, 1), (3, 1, 8, 2), (3, 2, 5, 3), (2, 2, 6, 4), (3, 3, 4, 5)],
)
def test_agrees_with_brute_force(latent_dim, n_rectified, max_period, seed):
    model = coupled_tents(np.random.default_rng(seed), latent_dim, n_rectified)
    orbits = cycles(model, max_period=max_period)
    assert orbits.exhaustive_to == max_period
    for period in range(1, max_period + 1):
        assert same_points(points_of(orbits, period, latent_dim), orbits_by_brute_force(model, period)), period
    assert len(orbits.of_period(max_period)) > 0


def test_two_bits_to_period_eight_agree_with_brute_force():
    model = coupled_tents(np.random.default_rng(6), 2, 2)
    expected = orbits_by_brute_force(model, 8)
    assert len(expected) > 100
    assert same_points(points_of(cycles(model, max_period=8), 8, 2), expected)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_three_bits_to_period_eight_agree_with_brute_force(seed):
    model = coupled_tents(np.random.default_rng(seed), 3, 3)
    orbits = cycles(model, max_period=8, budget=2**24)
    assert orbits.exhaustive
    assert same_points(points_of(orbits, 8, 3), orbits_by_brute_force(model, 8))


@pytest.mark.parametrize("seed", range(6))
def test_random_maps_agree_with_brute_force(seed):
    rng = np.random.default_rng([7, seed])
    model = ElementwisePLRNN.from_arrays(
        A=rng.uniform(-1.0, 1.0, 3), W=rng.normal(size=(3, 3)), h=rng.normal(size=3), n_rectified=2
    )
    orbits = cycles(model, max_period=4)
    for period in range(1, 5):
        assert same_points(points_of(orbits, period, 3), orbits_by_brute_force(model, period))


@pytest.mark.parametrize("clipped", [False, True])
def test_dendrites_agree_with_brute_force(clipped):
    rng = np.random.default_rng(8)
    for _ in range(4):
        model = dendritic(rng, 2, 2, clipped)
        orbits = cycles(model, max_period=2)
        for period in (1, 2):
            assert same_points(points_of(orbits, period, 2), orbits_by_brute_force(model, period))


def test_shallow_networks_agree_with_brute_force():
    rng = np.random.default_rng(9)
    n_found = 0
    for hidden_dim, max_period in [(8, 1)] * 6 + [(4, 2)] * 6 + [(4, 3)] * 2:
        model = shallow(rng, 2, hidden_dim, gain=2.0)
        orbits = cycles(model, max_period=max_period)
        for period in range(1, max_period + 1):
            assert same_points(points_of(orbits, period, 2), orbits_by_brute_force(model, period))
        n_found += len(orbits)
    assert n_found > 8


def test_thousand_regions_of_twenty_units():
    model = coupled_tents(np.random.default_rng(10), 20, 10, coupling=0.01)
    orbits = fixed_points(model)
    assert orbits.exhaustive
    assert orbits.n_words == 1024
    assert len(orbits) > 100
    assert same_points(points_of(orbits, 1, 20), orbits_by_brute_force(model, 1))
    for orbit in orbits:
        np.testing.assert_allclose(model.step(orbit.points), orbit.points, atol=1e-10)
        np.testing.assert_array_equal(model.region(orbit.points), orbit.word)


def test_iteration_finds_what_all_words_give():
    model = coupled_tents(np.random.default_rng(4), 3, 2)
    every = cycles(model, max_period=6)
    found = cycles(model, max_period=6, budget=1, n_starts=3000, seed=3)
    assert not found.exhaustive
    assert {search.how for search in found.searches} == {"iteration"}
    assert {orbit.label for orbit in found} == {orbit.label for orbit in every}
    again = cycles(model, max_period=6, budget=1, n_starts=3000, seed=3)
    assert [orbit.label for orbit in again] == [orbit.label for orbit in found]
    assert again.searches == found.searches


def test_periods_below_the_smallest_are_left_out():
    """The iteration finds the fixed points of the skew tent too, as words of four equal regions."""
    found = cycles(skew_tent(1.5, -2.2), min_period=4, max_period=4, budget=1)
    assert found.searches[0].how == "iteration"
    assert [orbit.period for orbit in found] == [4, 4, 4]


def test_graph_gives_long_cycles_of_the_attractor():
    """The Lozi map visits few regions: with 2^12 words too many, those of the graph still find every saddle seen."""
    model = lozi(1.7, 0.5)
    every = cycles(model, max_period=12)
    found = cycles(model, max_period=12, budget=2**11)
    last = found.searches[-1]
    assert (last.exhaustive, last.how) == (False, "iteration")
    assert found.searches[10].exhaustive
    assert {orbit.label for orbit in found.of_period(12)} <= {orbit.label for orbit in every.of_period(12)}
    assert len(found.of_period(12)) > 0.9 * len(every.of_period(12))


def test_many_hidden_units_reach_the_attractor():
    for clipped in (False, True):
        model = shallow(np.random.default_rng(11), 3, 50, clipped=clipped, gain=0.2)
        orbits = fixed_points(model)
        assert not orbits.exhaustive
        limit = model.trajectory(np.zeros((1, 3)), 2000)[0, -1]
        stable = [orbit for orbit in orbits if orbit.stability == "stable"]
        assert min(np.abs(orbit.points[0] - limit).max() for orbit in stable) < 1e-10


def test_long_unstable_cycle_against_rational_arithmetic():
    bits = np.random.default_rng(12).integers(0, 2, 60)
    model = skew_tent(2.0, -2.0)
    (orbit,) = fixed_points(model, words=[bits[:, None]])
    slope, offset = Fraction(1), Fraction(0)
    for bit in orbit.word[:, 0]:
        slope, offset = slope * (-2 if bit else 2), offset * (-2 if bit else 2) + 1
    assert orbit.points[0, 0] == pytest.approx(float(offset / (1 - slope)), abs=1e-13)
    assert orbit.closure < 1e-13
    assert orbit.eigenvalues[0] == float(slope)


def test_words_are_canonical_and_points_in_their_order():
    orbits = fixed_points(skew_tent(1.5, -2.2), words=[[[1], [1], [0]], [[0], [1], [1]], [[0], [0]]])
    assert [orbit.label for orbit in orbits] == ["0", "0.1.1"]
    np.testing.assert_array_equal(orbits[1].points > 0, orbits[1].word)
    assert not orbits.exhaustive


def test_eigenvalues_are_those_of_the_jacobians_along_the_orbit():
    model = coupled_tents(np.random.default_rng(13), 3, 2)
    for orbit in cycles(model, max_period=5):
        product = np.linalg.multi_dot([np.eye(3), *model.jacobian(orbit.points)[::-1], np.eye(3)])
        np.testing.assert_allclose(np.poly(orbit.eigenvalues), np.poly(product), rtol=1e-9, atol=1e-9)
        assert orbit.margin == np.abs(model.switches(orbit.points)).min()


def test_rotation_per_time_unit():
    angle, radius, dt = 0.3, 1.05, 0.25
    model = ElementwisePLRNN.from_arrays(
        A=[radius * np.cos(angle)] * 2,
        W=[[0.0, -radius * np.sin(angle)], [radius * np.sin(angle), 0.0]],
        h=[1.0, 0.0], n_rectified=0, dt=dt,
    )  # fmt: skip
    (orbit,) = cycles(model, max_period=3)
    np.testing.assert_allclose(orbit.exponents[0], (np.log(radius) + 1j * angle) / dt, rtol=1e-12)
    assert orbit.label == "-"
    assert orbit.margin == np.inf
    assert orbit.to_dict()["margin"] is None


def test_model_that_diverges_everywhere_has_an_answer():
    model = skew_tent(3.0, 2.0, initial_states=[[0.5]])
    orbits = cycles(model, max_period=2, budget=1)
    assert {orbit.points[0, 0] for orbit in orbits} == {-0.5}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_period": 0}, "max_period is not a positive whole number: 0"),
        ({"max_period": 2.5}, "max_period is not a positive whole number: 2.5"),
        ({"max_period": 2, "min_period": 3}, "no period to search: min_period=3, max_period=2"),
        ({"max_period": 2, "box": 0.0}, "box is not a positive width"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        cycles(skew_tent(1.5, -2.2), **arguments)


def test_bad_models_and_words():
    with pytest.raises(InputError, match="the model has no regions: list"):
        cycles([1.0], max_period=1)
    with pytest.raises(InputError, match="a word does not fit the model: shape .2,.; bits"):
        fixed_points(skew_tent(1.5, -2.2), words=[[0, 1]])
    with pytest.raises(InputError, match="given words leave nothing to search: budget"):
        fixed_points(skew_tent(1.5, -2.2), words=[[0]], budget=3)
    with pytest.raises(InputError, match="virtual fixed points of too many regions"):
        fixed_points(skew_tent(1.5, -2.2), virtual=True, budget=1)


def test_small_eigenvalues_of_long_products_are_not_rounding():
    """The Lozi map contracts areas by b: along a cycle of n steps the product of its two exponents' factors is b^n."""
    word = np.random.default_rng(14).integers(0, 2, (100, 1))
    (orbit,) = fixed_points(lozi(1.7, 0.5), words=[word], virtual=True)
    largest, second, third = np.abs(orbit.eigenvalues)
    assert largest > 1e15
    assert np.log(largest) + np.log(second) == pytest.approx(100 * np.log(0.5), abs=1e-8)
    assert third < 1e-30 * largest
    assert (orbit.n_unstable, orbit.stability) == (1, "saddle")


def test_all_cycles_of_a_map_that_expands_and_contracts_are_saddles():
    model = ElementwisePLRNN.from_arrays(
        A=[0.5, 3.0], W=[[0.0, -3.0], [0.05, -7.0]], h=[0.5, 1.0], n_rectified=1, initial_states=[[0.1, 0.1]]
    )
    found = cycles(model, min_period=30, max_period=30, n_starts=60, budget=2**15)
    assert len(found) > 10 and {orbit.stability for orbit in found} == {"saddle"}


def test_an_eigenvalue_near_one_beside_large_ones_is_not_singular():
    """x' = 3 x for x < 0, -4 x for x > 0, plus 1, drives a line that contracts by 1e-7: all words have an orbit."""
    model = ElementwisePLRNN.from_arrays(
        A=[1.0 - 1e-7, 3.0], W=[[0.0, -3.0], [0.0, -7.0]], h=[0.5, 1.0], n_rectified=1
    )
    alone = ElementwisePLRNN.from_arrays(A=[3.0], W=[[-7.0]], h=[1.0], n_rectified=1)
    found, expected = (cycles(each, max_period=11) for each in (model, alone))
    assert [len(found.of_period(k)) for k in range(1, 12)] == [len(expected.of_period(k)) for k in range(1, 12)]
    assert found.exhaustive and found.singular == ()
    assert {orbit.stability for orbit in found} == {"saddle"}


@pytest.mark.parametrize("budget", [2**20, 1])
def test_orbits_do_not_depend_on_the_unit(budget):
    for height in (1e-100, 1e-9, 1e100):
        found = cycles(skew_tent(1.5, -2.2, height), max_period=6, budget=budget)
        assert [len(found.of_period(k)) for k in range(1, 7)] == [2, 1, 2, 3, 4, 5]
        assert not any(orbit.on_border for orbit in found)
    (point,) = fixed_points(ElementwisePLRNN.from_arrays(A=[0.5], W=[[-1.0]], h=[1e-11], n_rectified=1))
    assert point.label == "1" and point.points[0, 0] == pytest.approx(1e-11 / 1.5)


def test_eigenvalues_beyond_every_number_are_infinite():
    bits = np.random.default_rng(15).integers(0, 2, (1200, 1))
    (orbit,) = fixed_points(skew_tent(1.5, -2.2), words=[bits], virtual=True)
    assert orbit.to_dict()["eigenvalues"] == [None] and orbit.stability == "unstable"
    pair = ElementwisePLRNN.from_arrays(A=[3.0, -3.0], W=[[0.0, 1.0], [1.0, 0.0]], h=[1.0, 1.0], n_rectified=1)
    (orbit,) = fixed_points(pair, words=[bits], virtual=True)
    assert np.isinf(orbit.eigenvalues[0]) and orbit.n_unstable == 2


def test_parameters_that_are_not_finite_are_refused():
    with pytest.raises(InputError, match="parameters are not finite"):
        skew_tent(np.nan, -2.2)


def test_arguments_of_the_search_are_checked():
    for wrong, match in (({"seed": -1}, "seed is not"), ({"box": "a"}, "box is not"), ({"box": np.inf}, "box is not")):
        with pytest.raises(InputError, match=match):
            cycles(skew_tent(1.5, -2.2), max_period=2, **wrong)
    with pytest.raises(InputError, match="a word is ragged"):
        fixed_points(skew_tent(1.5, -2.2), words=[[[0], [1, 1]]])
