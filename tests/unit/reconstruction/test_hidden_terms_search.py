"""Solutions, fits through the solver, standard errors, regression and the search for terms, against closed forms."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import dysyr
from dysyr.core.dataset import make_dataset
from dysyr.core.system import System
from dysyr.reconstruction.hidden_terms.polish import polish
from dysyr.reconstruction.hidden_terms.problem import HalfKnown, Term
from dysyr.reconstruction.hidden_terms.refinement import Fits, Refinement
from dysyr.reconstruction.hidden_terms.regression import Samples, first_sets, supports
from dysyr.reconstruction.hidden_terms.segments import segments_of
from dysyr.reconstruction.hidden_terms.selection import Ranked, Search, inclusion, pareto_front
from dysyr.reconstruction.hidden_terms.solver import Solver

PREDATION = System.ode({"x": "1.3*x + a*x*y", "y": "b*x*y - 1.8*y"}, parameters={"a": -0.9, "b": 0.8})
START = np.array([0.44249296, 4.6280594])


def records(times, values, system, **cuts):
    return segments_of(make_dataset(values, time=times, names=system.variables), system, **cuts)


def predation(times, noise=0.0, seed=0):
    """Values (time, 2) of the predation system by SciPy."""
    out = solve_ivp(lambda t, x: PREDATION.vector_field(x), (0, times[-1]), START, t_eval=times, rtol=1e-11, atol=1e-12)
    return out.y.T + noise * np.random.default_rng(seed).normal(size=out.y.T.shape)


@pytest.mark.parametrize("way", ["solutions", "exact"])
def test_solutions_are_the_tabulated_ones(way):
    """Values of the literature's Lotka-Volterra system to nine digits."""
    times = np.array([0.0, 0.5, 1.0, 2.0, 3.0])
    solver = Solver(PREDATION, ("a", "b"), records(times, predation(times), PREDATION))
    if way == "exact":
        found = solver.exact(START[None], np.array([-0.9, 0.8]))[0]
    else:
        found = solver.solutions(START[None, None], np.array([[-0.9, 0.8]]))[0, 0]
    expected = [
        [0.44249296, 4.6280594], [0.198548527, 2.102292243], [0.199643234, 0.922442401], [0.484253462, 0.194702915],
        [1.606351206, 0.067606043],
    ]  # fmt: skip
    np.testing.assert_allclose(found, expected, atol=2e-9)


def test_lanes_and_segments_have_their_own_numbers():
    """x = x0 exp(-k t), two segments of unequal length and irregular times, three rates."""
    system = System.ode({"x": "-k*x"}, parameters={"k": 1.0})
    clocks = [np.array([0.0, 0.5, 0.7, 2.0]), np.array([3.0, 3.1])]
    data = make_dataset([np.arange(4.0)[:, None], np.arange(2.0)[:, None]], time=clocks, names=["x"])
    segments = segments_of(data, system)
    assert segments.n_values == 6
    rates, starts = np.array([0.1, 1.0, 4.0]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    found = Solver(system, ("k",), segments).solutions(starts[:, :, None], rates[:, None])
    for lane, segment in itertools.product(range(3), range(2)):
        t = clocks[segment] - clocks[segment][0]
        expected = starts[lane, segment] * np.exp(-rates[lane] * t)
        np.testing.assert_allclose(found[lane, segment, : len(t), 0], expected, rtol=1e-9)
    np.testing.assert_array_equal(found[:, 1, 2:, 0], np.repeat(found[:, 1, 1:2, 0], 2, axis=1))


def test_a_solution_that_blows_up_harms_no_other_lane():
    system = System.ode({"x": "k*x**2"}, parameters={"k": 1.0})
    segments = records(np.linspace(0, 1, 5), np.arange(5.0)[:, None], system)
    solver = Solver(system, ("k",), segments)
    found = solver.solutions(np.ones((2, 1, 1)), np.array([[20.0], [-1.0]]))
    assert not np.isfinite(found[0, 0, -1, 0])
    np.testing.assert_allclose(found[1, 0, :, 0], 1 / (1 + np.linspace(0, 1, 5)), rtol=1e-9)
    refinement = Refinement(solver, fit_states=False, sizes=[1.0])
    fits = refinement.run(np.ones((2, 1), bool), np.array([[20.0], [-1.0]]), np.ones((2, 1, 1)))
    assert fits.squares[0, 0] == np.inf and np.isfinite(fits.squares[1, 0])


def test_errors_whose_squares_leave_the_range_of_numbers_are_no_warning():
    system = System.ode({"x": "k*x"}, parameters={"k": 1.0})
    times = np.linspace(0, 1, 5)
    solver = Solver(system, ("k",), records(times, np.exp(-times)[:, None], system))
    refinement = Refinement(solver, fit_states=False, sizes=[1.0])
    fits = refinement.run(np.ones((2, 1), bool), np.array([[400.0], [0.5]]), np.ones((2, 1, 1)))
    assert fits.squares[0, 0] > 1e100
    assert fits.values[1, 0] == pytest.approx(-1.0, rel=1e-6)


def test_the_fit_finds_parameters_and_initial_states():
    times = np.linspace(0, 3, 13)
    solver = Solver(PREDATION, ("a", "b"), records(times, predation(times), PREDATION))
    refinement = Refinement(solver, fit_states=True, sizes=[1.0, 1.0])
    masks = np.array([[True, True], [True, False]])
    fits = refinement.run(masks, np.array([[-0.5, 0.5], [-0.5, 0.7]]), np.tile(1.1 * START, (2, 1, 1)))
    np.testing.assert_allclose(fits.values[0], [-0.9, 0.8], atol=1e-6)
    np.testing.assert_allclose(fits.states[0, 0], START, atol=1e-6)
    assert fits.values[1, 1] == 0.7 and fits.squares[1].max() > 1e-6


def test_the_fit_maximises_the_likelihood_with_a_variance_for_each_variable():
    times = np.linspace(0, 3, 31)
    solver = Solver(PREDATION, ("a", "b"), records(times, predation(times, 0.05), PREDATION))
    refinement = Refinement(solver, fit_states=True, sizes=[1.0, 1.0])
    fits = refinement.run(np.ones((1, 2), bool), np.array([[-0.9, 0.8]]), START[None, None])
    best = polish(refinement, fits.masks[0], fits.values[0], fits.states[0])

    def misfit(values, states):
        residuals = refinement.residuals(solver.exact(states, values)[None])
        return float((31 * np.log(refinement.squares(residuals)[0])).sum())

    lowest = misfit(best.values, best.states)
    assert best.chi_square[1] == pytest.approx(1.0, abs=1e-6)
    for k in range(2):
        for step in (-1e-3, 1e-3):
            assert misfit(best.values + step * np.eye(2)[k], best.states) > lowest
            assert misfit(best.values, best.states + step * np.eye(2)[k]) > lowest


@pytest.mark.parametrize("known", [True, False])
def test_standard_errors_are_the_cramer_rao_bound(known):
    """x = exp(-k t): var(k) = sigma^2 / sum (t exp(-k t))^2 for a given start."""
    system = System.ode({"x": "-k*x"}, parameters={"k": 1.0})
    times, sigma, k = np.linspace(0, 3, 400), 0.02, 0.7
    values = np.exp(-k * times) + sigma * np.random.default_rng(1).normal(size=400)
    solver = Solver(system, ("k",), records(times, values[:, None], system))
    refinement = Refinement(solver, fit_states=False, sizes=[1.0], noise=np.array([sigma]) if known else None)
    best = polish(refinement, np.array([True]), np.array([0.5]), np.ones((1, 1)))
    bound = sigma / np.sqrt(((times * np.exp(-best.values[0] * times)) ** 2).sum())
    assert best.stderr[0] == pytest.approx(bound, rel=1e-4 if known else 0.1)
    assert abs(best.values[0] - k) < 4 * bound


def test_regression_finds_the_product():
    """y = -0.9 x1 x2 over a library of degree three, 500 samples with 1 % noise."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.2, 5, (500, 2))
    powers = [(i, d - i) for d in range(4) for i in range(d, -1, -1)]
    features = np.stack([x[:, 0] ** i * x[:, 1] ** j for i, j in powers], axis=1)
    clean = -0.9 * x[:, 0] * x[:, 1]
    samples = Samples(features, clean * (1 + 0.01 * rng.normal(size=500)))
    found = supports(samples)
    product = powers.index((1, 1))
    assert (product,) in found
    assert min(found, key=lambda s: 500 * np.log(samples.error(list(s))) + 10 * len(s)) == (product,)
    assert samples.coefficients([product])[product] == pytest.approx(-0.9, abs=2e-3)
    assert Samples(features, clean).error([product]) < 1e-12
    masks, values = first_sets([{"x": samples, "y": samples}], ["x", "y"], 40)
    assert masks.shape[1] == 20 and len({m.tobytes() for m in masks}) == len(masks)
    wanted = np.zeros(20, bool)
    wanted[[product, 10 + product]] = True
    row = np.flatnonzero((masks == wanted).all(axis=1))[0]
    np.testing.assert_allclose(values[row, wanted], -0.9, atol=2e-3)


def test_terms_of_no_size_are_never_chosen():
    samples = Samples(np.column_stack([np.zeros(50), np.linspace(1, 2, 50)]), np.linspace(2, 4, 50))
    assert supports(samples) == [(1,)]


TERMS = tuple(Term(f, t, c) for f in "xy" for t, c in (("1", 1), ("x", 1), ("x*y", 2)))


def search(n_values=20, noise=None):
    class Lengths:
        counts, n_states, floor = np.array([n_values // 2, n_values // 2]), 2, np.array([1e-9, 1e-9])

    Lengths.noise = noise
    return Search(Lengths(), TERMS, 2, np.zeros(6, bool))


def fits(masks, squares):
    masks = np.array(masks, dtype=bool)
    return Fits(masks, masks.astype(float), np.zeros((len(masks), 1, 2)), np.array(squares, dtype=float))


def test_the_criterion_is_its_formula():
    """Three terms of which two have one name: log binomial(3, 2) + 2 * 2 log 2."""
    masks = [[0, 0, 1, 1, 0, 1], [0, 0, 1, 0, 0, 1]]
    both = fits(masks, [[0.1, 0.2], [0.3, 0.4]])
    length = [math.log(3) + 4 * math.log(2), math.log(3) + 2 * math.log(2)]
    np.testing.assert_allclose(search().description(both.masks), length)
    expected = [
        10 * math.log(0.1) + 10 * math.log(0.2) + 5 * math.log(20) * 20 / 13 + 2 * length[0],
        10 * math.log(0.3) + 10 * math.log(0.4) + 4 * math.log(20) * 20 / 14 + 2 * length[1],
    ]
    np.testing.assert_allclose(search().criterion(both), expected)
    known = search(noise=np.array([0.5, 0.5])).criterion(both)
    assert known[0] == pytest.approx(10 * 0.3 / 0.25 + 5 * math.log(20) + 2 * length[0])
    assert search(6).criterion(both).tolist() == [np.inf, np.inf]
    assert search().criterion(fits(masks[:1], [[np.inf, 0.2]])).tolist() == [np.inf]


def test_neighbours_are_one_term_away():
    made = search()
    mask = np.array([0, 0, 1, 0, 0, 0], dtype=bool)
    found = {tuple(m.astype(int)) for m, _ in made._neighbours(mask, mask.astype(float))}
    more = {(1, 0, 1, 0, 0, 0), (0, 1, 1, 0, 0, 0), (0, 0, 1, 1, 0, 0), (0, 0, 1, 0, 1, 0), (0, 0, 1, 0, 0, 1)}
    assert found == more | {(0, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0), (0, 1, 0, 0, 0, 0)}


def test_inclusion_and_front():
    ranked = Ranked(fits([[1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]], np.ones((3, 2))),
                    np.array([0.0, 2 * math.log(3), np.inf]))  # fmt: skip
    np.testing.assert_allclose(inclusion(ranked), [1.0, 0.25, 0, 0, 0, 0])
    assert pareto_front(ranked, TERMS, np.array([3.0, 2.0, 2.5])) == [0, 1]


def test_the_search_goes_from_a_wrong_set_to_the_right_one():
    times = np.linspace(0, 3, 16)
    half = System.ode({"x": "1.3*x", "y": "-1.8*y"}, hidden={"x": ["x", "y"], "y": ["x", "y"]})
    problem, segments = HalfKnown(half), records(times, predation(times, 0.005), half)
    terms = problem.library(2)
    full, names = problem.completed(terms, np.zeros(len(terms)))
    made = Search(
        Refinement(Solver(full, names, segments), fit_states=True, sizes=np.ones(12)), terms, 2, np.zeros(12, bool)
    )
    first = np.zeros((1, 12), bool)
    first[0, [1, 8]] = True
    ranked, better = made.begin(first, -0.3 * first, segments.values[None, :, 0]), True
    while better:
        ranked, better = made.improve(ranked)
    chosen = [(terms[k].field, terms[k].text) for k in np.flatnonzero(ranked.fits.masks[0])]
    assert chosen == [("x", "x*y"), ("y", "x*y")]
    assert (np.diff(ranked.criterion[np.isfinite(ranked.criterion)]) >= 0).all()


def test_data_of_other_variables_or_without_values_are_refused():
    system = System.ode({"x": "-x", "y": "x"}, hidden={"x": ["x"]})
    with pytest.raises(dysyr.InputError, match="do not have the variables of the system: z; x, y"):
        records(np.arange(4.0), np.ones((4, 2)).cumsum(axis=0), System.ode({"x": "0", "z": "0"}, hidden={"x": ["x"]}))
        segments_of(make_dataset(np.ones((4, 2)).cumsum(axis=0), dt=1.0, names=["x", "z"]), system)
    with pytest.raises(dysyr.InputError, match="do not have the variables of the system: x; x, y"):
        segments_of(make_dataset(np.arange(4.0), dt=1.0, names=["x"]), system)
    values = np.column_stack([np.arange(4.0), np.full(4, np.nan)])
    with pytest.raises(dysyr.InputError, match="variable y has no values"):
        segments_of(make_dataset(values, dt=1.0, names=["x", "y"], mask=True), system)
    with pytest.raises(dysyr.InputError, match="variable y is constant"):
        records(np.arange(4.0), np.column_stack([np.arange(4.0), np.ones(4)]), system)


def test_data_on_another_grid_are_refused():
    system = System.pde(
        {"u": "dxx(u)"}, domain={"x": {"length": 1.0, "n": 9, "boundary": "periodic"}}, hidden={"u": ["u"]}
    )
    values = np.random.default_rng(0).normal(size=(4, 11))
    names = [f"u_{k}" for k in range(11)]
    with pytest.raises(dysyr.InputError, match="u_9, u_10; u_0, u_1, u_2, ... u_8 on the grid 9.*with_size"):
        segments_of(make_dataset(values, dt=1.0, names=names), system)
    some = segments_of(make_dataset(values[:, [3, 7]], dt=1.0, names=["u_3", "u_7"]), system)
    assert some.n_values == 8 and np.isfinite(some.values[0, 0]).nonzero()[0].tolist() == [3, 7]


def test_long_records_are_cut_and_thinned():
    system = System.ode({"x": "-x"}, hidden={"x": ["x"]})
    data = make_dataset(np.arange(101.0), dt=1.0, names=["x"])
    whole = segments_of(data, system, length=20)
    assert whole.times.shape == (5, 20)
    np.testing.assert_array_equal(whole.times[:, 0], [0, 20, 40, 60, 80])
    thin = segments_of(data, system, length=20, n_segments=3)
    np.testing.assert_array_equal(thin.times[:, 0], [0, 40, 80])
