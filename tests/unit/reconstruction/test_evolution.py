"""Long-run statistics, and the evolution of a network towards them."""

import numpy as np
import pytest
from shplrnn_cases import recipe, windows

from dysyr.kernels.forced_windows import n_parameters, views
from dysyr.reconstruction.plrnn import confirmation, evolution, long_run
from dysyr.reconstruction.plrnn.confirmation import confirm
from dysyr.reconstruction.plrnn.elementwise_model import ElementwisePLRNN
from dysyr.reconstruction.plrnn.elementwise_network import ElementwiseNetwork
from dysyr.reconstruction.plrnn.evolution import Evolution
from dysyr.reconstruction.plrnn.long_run import (
    LEAST_GROWTH,
    MISSED_WEIGHT,
    N_ORBITS,
    RATE_BAND,
    RATE_WEIGHT,
    REST_WEIGHT,
    WORST,
    LongRun,
)
from dysyr.reconstruction.plrnn.refinement import Refinement
from dysyr.reconstruction.plrnn.search import Candidate
from dysyr.reconstruction.plrnn.shallow_network import ShallowNetwork
from dysyr.reconstruction.plrnn.training import Attempt


def quasi_periodic(n, phase=0.0):
    """A torus, neither its distribution nor its spectrum that of noise."""
    t = 0.1 * np.arange(n) + phase
    return np.column_stack([np.sin(t) + 0.5 * np.sin(1.618 * t), np.cos(t) ** 3])


def orbits_like(long_run, series):
    return np.stack([series[at : at + long_run.n_steps] for at in range(0, N_ORBITS * 200, 200)])


def test_distance_tells_shuffles_surrogates_and_lost_runs_from_the_data():
    series, rng = quasi_periodic(12_000), np.random.default_rng(0)
    long_run = LongRun.from_series([series])
    same = long_run.distance(orbits_like(long_run, quasi_periodic(12_000, phase=50.0)))
    shuffled = long_run.distance(rng.permuted(orbits_like(long_run, series), axis=1))
    spectrum = np.fft.rfft(series, axis=0)
    turned = np.fft.irfft(spectrum * np.exp(2j * np.pi * rng.random((len(spectrum), 1))), n=len(series), axis=0)
    surrogate = long_run.distance(orbits_like(long_run, turned))
    assert same < 0.1
    assert shuffled > 0.4 and surrogate > 0.25
    lost = orbits_like(long_run, series)
    lost[3, 100:] = np.nan
    assert 1.0 < long_run.distance(lost) < long_run.distance(np.full_like(lost, np.inf)) == 4.0
    far = orbits_like(long_run, series)
    far[3, 100:] = 1e200
    assert long_run.distance(far) == long_run.distance(lost)


def test_states_that_no_run_visits_cost_twice_their_share():
    """Runs over half of an interval that the data fill evenly; the Hellinger distance is sqrt(1 - 1 / sqrt 2)."""
    t = np.linspace(0, 1, 12_000)[:, None]
    long_run = LongRun.from_series([np.random.default_rng(0).permutation(t)])
    runs = orbits_like(long_run, np.random.default_rng(1).permutation(0.5 * t))
    spectral = np.mean(np.sqrt(0.5 * np.square(
        np.sqrt(long_run._spectrum) - np.sqrt(long_run._spectrum_of(runs.reshape(-1, long_run._length, 1)))
    ).sum(axis=0)))  # fmt: skip
    found = long_run.distance(runs) - spectral
    assert found == pytest.approx(np.sqrt(1 - np.sqrt(0.5)) + MISSED_WEIGHT * 0.5, abs=0.05)


def test_states_that_few_samples_visited_by_chance_cost_less(monkeypatch):
    """The distance of runs over half of an interval, with missed states at full and at a tenth of their weight."""
    t = np.random.default_rng(0).permutation(np.linspace(0, 1, 500))[:, None]
    runs = 0.5 * np.random.default_rng(1).random((N_ORBITS, LongRun.from_series([t]).n_steps, 1))
    monkeypatch.setattr(long_run, "ENOUGH_SAMPLES", 500)
    whole = LongRun.from_series([t]).distance(runs)
    monkeypatch.setattr(long_run, "ENOUGH_SAMPLES", 5_000)
    assert whole - LongRun.from_series([t]).distance(runs) == pytest.approx(0.9 * MISSED_WEIGHT * 0.5, abs=0.02)


def test_spectra_of_long_data_are_those_of_segments_spread_over_them(monkeypatch):
    """Every third segment of six; the reference is one made of these alone."""
    series = quasi_periodic(12_000) + 0.1 * np.random.default_rng(0).normal(size=(12_000, 2))
    whole = LongRun.from_series([series])
    assert whole.n_steps == 4000
    monkeypatch.setattr(long_run, "MOST_SPECTRAL_SAMPLES", 5999)
    some = whole._spectrum_of(np.stack([series[:2000], series[6000:8000]]))
    np.testing.assert_array_equal(LongRun.from_series([series])._spectrum, some)
    assert not np.array_equal(whole._spectrum, some)


def test_data_without_a_stretch_have_no_long_run():
    series = quasi_periodic(300)
    assert LongRun.from_series([series]) is not None
    series[::50] = np.nan
    assert LongRun.from_series([series]) is None


def tent(slope, n=5_000):
    """z' = 1 - slope |z|, as a model and as its orbit; its exponent is ln slope."""
    model = ElementwisePLRNN.from_arrays(
        A=[slope], W=[[-2 * slope]], h=[1.0], n_rectified=1, initial_states=np.linspace(-0.1, 0.1, 32)[:, None]
    )  # fmt: skip
    return model, model.trajectory(np.array([[0.1]]), n)[0]


def test_the_rate_of_the_data_is_their_exponent():
    long_run = LongRun.from_series([tent(1.8)[1]])
    assert long_run.rate == pytest.approx(np.log(1.8), rel=0.05)


@pytest.mark.parametrize("make", [
    lambda rng: quasi_periodic(5_000), lambda rng: rng.standard_normal((5_000, 2)), lambda rng: tent(1.8, 1_999)[1],
    lambda rng: np.cumsum(rng.standard_normal((5_000, 2)), axis=0),
])  # fmt: skip
def test_data_that_do_not_tell_a_rate_have_none(make):
    assert LongRun.from_series([make(np.random.default_rng(0))]).rate is None


def test_an_exponent_off_the_rate_costs_what_lies_beyond_the_band():
    long_run, rng = LongRun.from_series([tent(1.8)[1]]), np.random.default_rng

    def cost(slope, rate):
        model = tent(slope)[0]
        long_run.rate = rate
        with_rate = long_run.distance_of(model, rng(0))
        long_run.rate = None
        return with_rate - long_run.distance_of(model, rng(0))

    one = np.log(1.5)
    assert cost(1.5, one * 1.1) == cost(1.5, one * 0.9) == 0.0
    assert cost(1.5, one / 0.6) == pytest.approx(RATE_WEIGHT * (0.4 - RATE_BAND), abs=1e-9)
    assert cost(1.5, one / 1.4) == pytest.approx(RATE_WEIGHT * (0.4 - RATE_BAND), abs=1e-9)
    assert cost(1.5, one / 100) == pytest.approx(RATE_WEIGHT)
    assert cost(3.0, one) == pytest.approx(RATE_WEIGHT)
    assert long_run.distance_of(None, rng(0)) == WORST


def test_a_stable_fixed_point_within_the_data_costs():
    """The tent map of slope s has fixed points 1 / (1 + s), where it repels by ln s, and -1 / (s - 1), out of range."""
    long_run = LongRun.from_series([tent(1.8)[1]])
    states = np.linspace(-0.9, 0.9, 50)[:, None]
    assert long_run.rest(tent(1.5)[0], states) == 0.0
    assert long_run.rest(tent(0.9)[0], states) == 1.0
    slow = 1.0 + 0.01 * long_run.rate
    growth = np.log(slow) / (LEAST_GROWTH * long_run.rate)
    assert long_run.rest(tent(slow)[0], states) == pytest.approx(1.0 - growth)
    assert long_run.rest(tent(0.9)[0], states[:20]) == 0.0
    assert long_run.rest(tent(0.9)[0], np.full((5, 1), np.nan)) == 0.0
    long_run.rate = None
    assert long_run.rest(tent(0.9)[0], states) == 0.0


def test_a_stable_fixed_point_out_of_range_costs_nothing():
    long_run = LongRun.from_series([tent(1.8)[1]])
    far = ElementwisePLRNN.from_arrays(A=[0.5], W=[[0.0]], h=[5.0], n_rectified=1)
    assert long_run.rest(far, np.array([[1.0]])) == 0.0
    singular = ElementwisePLRNN.from_arrays(A=[1.0], W=[[0.0]], h=[0.0], n_rectified=1)
    assert long_run.rest(singular, np.array([[1.0]])) == 0.0


def test_many_regions_are_not_searched():
    long_run = LongRun.from_series([tent(1.8)[1]])
    m = 7
    resting = ElementwisePLRNN.from_arrays(
        A=np.full(m, 0.5), W=np.zeros((m, m)), h=np.full(m, 0.1), n_rectified=m, n_observed=1
    )  # fmt: skip
    states = np.random.default_rng(0).normal(size=(5_000, m))
    assert long_run.rest(resting, np.abs(states[:1])) == 1.0
    assert long_run.rest(resting, np.concatenate([np.abs(states[:1]), states])) == 0.0


def test_the_cost_of_rest_is_part_of_the_distance(monkeypatch):
    long_run, model = LongRun.from_series([tent(1.8)[1]]), tent(1.8)[0]
    without = long_run.distance_of(model, np.random.default_rng(0))
    monkeypatch.setattr(LongRun, "rest", lambda self, model, states: 0.5)
    assert long_run.distance_of(model, np.random.default_rng(0)) == without + 0.5 * REST_WEIGHT


@pytest.mark.parametrize("better", [1.5, 1.8])
@pytest.mark.parametrize("worse", [0.9, 1.2])
def test_of_two_candidates_of_equal_criterion_the_one_nearer_to_the_data_is_confirmed(monkeypatch, worse, better):
    """Tent maps, the data being of slope 1.8; that of slope 0.9 comes to rest within the data, which costs one."""
    long_run = LongRun.from_series([tent(1.8)[1]])
    monkeypatch.setattr(confirmation, "validation_criterion", lambda model, held, **settings: 0.1)
    candidates = [Candidate(0.1, 0, 0, 1.0, slope) for slope in (worse, better)]

    def chosen(**settings):
        return confirm(candidates, lambda theta, gain: tent(theta)[0], None, is_flow=False, **settings)

    assert chosen() == (0.1, candidates[0])
    assert chosen(long_run=long_run) == (0.1, candidates[1])
    candidates.pop()
    assert chosen(long_run=long_run)[0] == (1.1 if worse == 0.9 else 0.1)


def begun(distance, n_generations=30, **changes):
    made = recipe(n_updates=200, n_generations=n_generations, **{"estimator": None, "alpha": (0.2,), **changes})
    attempt = Attempt(made, windows(), np.random.default_rng(4))
    attempt.advance(200)
    rngs = [np.random.default_rng(5), np.random.default_rng(6)]
    return Evolution(made, windows(), rngs, attempt.theta, attempt.forcing_strength(), distance)


def test_evolution_lowers_what_it_is_told_and_keeps_forecasts():
    start = {}

    def distance(theta, rng):
        return float(np.abs(theta[0] - start["wanted"]) * 20)

    start["wanted"] = 0.0
    held = begun(distance)
    start["wanted"] = held.theta[0] + 0.05
    before = distance(held.theta, None)
    errors = held.advance(30)
    assert held.over and len(errors) == 30
    assert distance(held.theta, None) < 0.2 * before
    assert errors[-1] < 2 * errors[0]


@pytest.mark.parametrize(("enough", "first"), [(1, 0.6), (4, 0.15), (1_000, 0.02)])
def test_populations_narrow_to_the_last_temperature(monkeypatch, enough, first):
    """The mean square of changes falls with the temperature, exponentially, from less where samples are too few."""
    seen = []
    monkeypatch.setattr(long_run, "ENOUGH_SAMPLES", enough * len(windows().data))

    def distance(theta, rng):
        seen.append(theta.copy())
        return 0.0

    held = begun(distance, n_generations=5)
    centre, widths = held.theta.copy(), []
    for _ in range(5):
        held.advance(1)
        changes = np.stack(seen[-evolution.POPULATION :]) - centre
        widths.append(np.square(changes[:, : held._size] @ np.linalg.pinv(held._scale).T).mean())
        centre = held.theta.copy()
    np.testing.assert_allclose(widths[0], first, rtol=0.2)
    np.testing.assert_allclose(np.array(widths) / widths[0], (0.02 / first) ** (np.arange(5) / 4), rtol=0.2)


def test_evolution_goes_on_with_the_same_bits(monkeypatch):
    monkeypatch.setattr(evolution, "GENERATIONS_PER_METRIC", 4)

    def distance(theta, rng):
        return float(np.square(theta).sum() + rng.random())

    whole, first, second = (begun(distance) for _ in range(3))
    whole.advance(12)
    first.advance(7)
    second.restore(*first.state())
    second.advance(5)
    np.testing.assert_array_equal(second.theta, whole.theta)
    assert second.count == whole.count == 12


def test_evolution_stands_still_where_forecasts_are_lost():
    held = begun(lambda theta, rng: 0.0)
    held.restore({"theta": np.full_like(held.theta, 1e60), "measured_at": np.full_like(held.theta, 1e60)},
                 held.state()[1])  # fmt: skip
    before = held.theta.copy()
    held.advance(3)
    np.testing.assert_array_equal(held.theta, before)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_lost_candidates_are_no_parents(value):
    """Half of the candidates are lost; the mean moves to the other half."""
    held = begun(lambda theta, rng: 0.0)
    start = held.theta[0]
    held.distance = lambda theta, rng: value if theta[0] > start else 0.0
    held.advance(5)
    assert held.theta[0] < start


@pytest.mark.parametrize("n_bases", [0, 3])
def test_a_hollow_matrix_stays_hollow(n_bases):
    """No forecast depends on the diagonal, so that no generation moves it."""
    network = ElementwiseNetwork(4, n_rectified=None if n_bases else 4, n_bases=n_bases, hollow=True)
    held = begun(lambda theta, rng: float(theta.sum()), network=network)
    before = held.theta.copy()
    held.advance(5)
    weights = views(held.theta, held.recipe.shapes()).W
    np.testing.assert_array_equal(np.diag(weights), 0.0)
    assert (weights != views(before, held.recipe.shapes()).W).sum() == 12


def test_forecasts_go_over_three_intervals_of_sparse_forcing():
    """Errors of an unforced stretch grow with its length, in a model that is slightly wrong."""
    one, three = (
        Evolution(recipe(interval=interval, n_steps=12, estimator=None), windows(13),
                  [np.random.default_rng(5), np.random.default_rng(6)], spiral_out(), 1.0, None)
        for interval in (1, 2)
    )  # fmt: skip
    refined = Refinement(recipe(interval=6, n_steps=12, estimator=None), windows(13), np.random.default_rng(5),
                         spiral_out(), 1.0, most_windows=evolution.MOST_WINDOWS)  # fmt: skip
    assert three._first == refined.error(refined.theta, 1.0)
    assert three._first > 2 * one._first


def spiral_out():
    """Parameters of a rotation that grows by 2 % per step; the data turn at constant radius."""
    shapes = ShallowNetwork(2, 6, False).shapes(2, 0, False)
    theta = np.zeros(n_parameters(shapes))
    p = views(theta, shapes)
    p.A[:] = 1.02 * np.cos(0.1)
    for k, sign in ((0, 1.0), (1, -1.0)):
        p.W2[2 * k, k], p.W2[2 * k + 1, k] = 1.0, -1.0
        p.W1[1 - k, 2 * k], p.W1[1 - k, 2 * k + 1] = sign * 1.02 * np.sin(0.1), -sign * 1.02 * np.sin(0.1)
    return theta
