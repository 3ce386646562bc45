"""What follows from a rate matrix, on chains whose answers are known, and models that run by one."""

import json

import numpy as np
import pytest
from jump_cases import ratchet

from dysyr.core.criterion import validation_criterion
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import FormatError, InputError
from dysyr.core.labels import count_states, labels_of
from dysyr.core.rate_properties import entropy_production, mean_first_passage_times, time_scales
from dysyr.reconstruction.jump_em.model import JumpModel

SWITCH = np.array([[-2.0, 2.0], [0.5, -0.5]])
RING = np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0], [1.0, 0.0, -1.0]])
TWO_CLASSES = np.array([[-1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


def model(q, **changes):
    n = len(q)
    settings = {"states": [f"s{i}" for i in range(n)], "dt": 0.5, **changes}
    start = np.zeros(n)
    start[0] = 1.0
    return JumpModel(q, start, np.zeros((n, n)), **settings)


def test_ratchet_has_its_known_time_scales_and_entropy():
    flat, tilted = ratchet(0.0), ratchet(1.0)
    np.testing.assert_allclose(sorted(time_scales(flat)[0]), [0.2, 0.2, 1 / 3, 1 / 3, 0.5], rtol=1e-12)
    np.testing.assert_allclose(time_scales(tilted)[0], [0.5, 0.34964, 0.28056, 0.20503, 0.15885], atol=6e-6)
    assert entropy_production(flat) == pytest.approx(0.0, abs=1e-14)
    assert entropy_production(tilted) == pytest.approx(0.179194, abs=6e-7)
    np.testing.assert_allclose(
        model(tilted).stationary_distribution(), [0.30119, 0.13654, 0.06227, 0.20030, 0.15914, 0.14057], atol=6e-6
    )


def test_entropy_of_a_reverse_rate_that_is_hardly_there():
    """Without warnings of an overflow; three states in a ring, which are equally likely."""
    tiny = 1e-310
    q = np.array([[0, 1, tiny], [tiny, 0, 1], [1, tiny, 0]])
    q -= np.diag(q.sum(axis=1))
    assert entropy_production(q) == pytest.approx(-np.log(tiny), rel=1e-9)


def test_ratchet_has_its_known_first_passage_times():
    times = mean_first_passage_times(ratchet(1.0))
    np.testing.assert_allclose(times[0], [0, 2.05353, 2.96527, 1.33075, 2.38315, 2.72665], atol=6e-6)
    np.testing.assert_allclose(times[:, 5], [2.72665, 2.70495, 2.39827, 1.86061, 1.85519, 0], atol=6e-6)
    flat = mean_first_passage_times(ratchet(0.0))
    np.testing.assert_allclose(flat[0], [0, 1.6, 1.6, 1.8, 2.2, 2.2], rtol=1e-12)


def test_a_ring_decays_in_oscillations_and_a_switch_does_not():
    scales, oscillates = time_scales(RING)
    np.testing.assert_allclose(scales, [2 / 3, 2 / 3], rtol=1e-12)
    assert oscillates.all()
    scales, oscillates = time_scales(SWITCH)
    np.testing.assert_allclose(scales, [0.4], rtol=1e-12)
    assert not oscillates.any()


def test_time_scales_do_not_depend_on_the_unit_of_time():
    np.testing.assert_allclose(time_scales(1e-9 * ratchet(1.0))[0], 1e9 * time_scales(ratchet(1.0))[0], rtol=1e-9)
    assert len(time_scales(TWO_CLASSES)[0]) == 1


def test_states_that_may_be_missed_are_infinitely_far():
    times = mean_first_passage_times(TWO_CLASSES)
    assert times[0, 1] == pytest.approx(1.0)
    assert np.isinf(times[1, 0]) and np.isinf(times[0, 2])
    fork = np.array([[-2.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert np.isinf(mean_first_passage_times(fork)[0, 1])


def test_entropy_production_of_one_way_edges_and_of_wrong_distributions():
    assert entropy_production(RING) == np.inf
    assert entropy_production(RING, np.array([1.0, 0.0, 0.0])) == np.inf
    biased = 2 * RING + RING.T
    assert entropy_production(biased) == pytest.approx(np.log(2), rel=1e-12)
    with pytest.raises(InputError, match="not a distribution over the states"):
        entropy_production(RING, np.array([0.5, 0.5, 0.5]))


def test_a_stationary_distribution_that_is_not_unique_names_the_classes():
    with pytest.raises(InputError, match="2 closed classes: {s1}; {s2}"):
        model(TWO_CLASSES).stationary_distribution()


def test_distribution_follows_the_master_equation():
    at = np.array([0.0, 0.3, 5.0])
    expected = 0.8 - 0.8 * np.exp(-2.5 * at)
    np.testing.assert_allclose(model(SWITCH).distribution(at)[:, 1], expected, atol=1e-12)
    np.testing.assert_allclose(model(SWITCH).distribution([0.0], initial=[0.3, 0.7]), [[0.3, 0.7]])


def test_paths_have_the_law_of_the_chain():
    """Pairs of states against their probabilities, chi-square over the six free cells, 1 in 1e6 fails."""
    from scipy.stats import chi2

    chain = model(ratchet(1.0))
    states = chain.generate(200, n_trajectories=300, seed=3)["x"].values[..., 0]
    assert (states[:, 0] == 0).all()
    counts = np.zeros((6, 6))
    np.add.at(counts, (states[:, :-1].ravel(), states[:, 1:].ravel()), 1)
    expected = counts.sum(axis=1, keepdims=True) * chain.transition_matrix()
    assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-6, 30)
    wrong = counts.sum(axis=1, keepdims=True) * model(ratchet(1.2)).transition_matrix()
    assert ((counts - wrong) ** 2 / wrong).sum() > chi2.ppf(1 - 1e-6, 30)


def test_generated_data_say_where_they_come_from():
    free = model(TWO_CLASSES[:2, :2]).generate(30, n_trajectories=2, seed=1)
    assert free["x"].values.dtype.kind == "i"
    np.testing.assert_array_equal(free["x"].values[..., 0], free["label"].values)
    statuses = json.loads(free.attrs["status"])
    assert [status["fixed_point"] for status in statuses] == [True, True]
    assert json.loads(free.attrs["states"]) == ["s0", "s1"]
    moved = model(TWO_CLASSES[:2, :2]).generate(3, n_trajectories=50, transient=1000)
    assert (moved["x"].values == 1).all()


def test_runs_after_a_context_start_from_it():
    chain = model(RING * 1e-6)
    free = chain.generate(5, n_trajectories=4, context=[np.array([0, 2]), np.array([0, 1])])
    np.testing.assert_array_equal(free["x"].values[:, 0, 0], [2, 1, 2, 1])


def test_forecasts_are_the_most_probable_states_or_a_path():
    chain = model(SWITCH)
    ahead = chain.forecast(np.array([1, 0]), n_steps=3)
    np.testing.assert_array_equal(ahead["x"].values[0, :, 0], [1, 1, 1])
    drawn = np.concatenate([chain.forecast(np.array([1, 0]), n_steps=1, sample_seed=k)["label"][0] for k in range(400)])
    assert drawn.mean() == pytest.approx(chain.transition_matrix()[0, 1], abs=0.1)


def test_label_noise_is_filtered_out_of_a_context():
    quiet, noisy = (model(SWITCH * 0.01, label_noise=noise) for noise in (0.0, 0.2))
    context = np.array([0, 0, 0, 0, 1])
    assert quiet.filtered(context)[0, 1] == 1.0
    assert noisy.filtered(context)[0, 1] < 0.2


def test_filter_is_bayes_rule_over_hidden_paths():
    """Two labels half an interval apart, one missing, by the sum over hidden states."""
    chain = model(SWITCH, label_noise=0.1)
    data = make_dataset(np.array([0.0, np.nan, 1.0]), time=[0.0, 0.2, 0.7], mask=True)
    p, start = chain.transition_matrix(0.7), np.array([0.9, 0.1]) * chain.initial_distribution
    joint = (start @ p) * np.array([0.1, 0.9])
    np.testing.assert_allclose(chain.filtered(data)[0], joint / joint.sum(), rtol=1e-12)
    after = make_dataset(np.array([0.0, np.nan]), time=[0.0, 0.4], mask=True)
    np.testing.assert_allclose(chain.filtered(after)[0], chain.transition_matrix(0.4)[0], rtol=1e-12)


def test_pair_log_likelihood_is_the_mean_of_the_logarithms():
    chain = model(SWITCH)
    data = make_dataset(np.array([0, 1, 1]), dt=0.5)
    p = chain.transition_matrix()
    assert chain.pair_log_likelihood(data) == pytest.approx(np.log([p[0, 1], p[1, 1]]).mean(), rel=1e-12)
    assert model(TWO_CLASSES).pair_log_likelihood(make_dataset(np.array([1, 0]), dt=0.5)) == -np.inf
    assert chain.pair_log_likelihood(make_dataset(np.array([1]), dt=0.5)) == 0.0


@pytest.mark.parametrize("unit", [1e-14, 3e-12, 1e12])
def test_likelihood_and_filter_do_not_depend_on_the_unit_of_time(unit):
    labels, clock = [[0, 0, 1, 1, 0], [1, 0, 1, 1, 1]], np.array([0.0, 0.3, 0.7, 1.9, 2.0])
    here, there = (
        (model(SWITCH / u, dt=0.5 * u), make_dataset(np.array(labels)[..., None], time=clock * u)) for u in (1.0, unit)
    )
    expected = here[0].pair_log_likelihood(here[1])
    assert there[0].pair_log_likelihood(there[1]) == pytest.approx(expected, rel=1e-8)
    np.testing.assert_allclose(there[0].filtered(there[1]), here[0].filtered(here[1]), rtol=1e-8)


def test_criterion_of_rates_is_the_uncertainty_that_is_left():
    chain = model(SWITCH * 0.1)
    data = chain.generate(4000, seed=2)
    own = validation_criterion(chain, data)
    faster, useless = model(SWITCH), model(SWITCH * 1e4)
    assert 0 < own < validation_criterion(faster, data) < validation_criterion(useless, data) + 1e-9
    assert validation_criterion(useless, data) == pytest.approx(1.0, abs=0.02)
    still = make_dataset(np.ones(30, dtype=int), dt=0.5)
    assert validation_criterion(model(TWO_CLASSES), still) == 0.0
    assert validation_criterion(chain, still) == 1.0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((30, 2)), "the data have no labels: 2 variables.*columns=\\["),
        (np.array([0.0, 0.5]), "a label is not the number of a state: 0.5; 0, 1, 2"),
        (np.array([0, -3]), "a label is not the number of a state: -3"),
        (np.array([0, 2]), "a label is not a state of the model: 2; 0 to 1"),
    ],
)
def test_contexts_that_do_not_fit(data, message):
    with pytest.raises(InputError, match=message):
        model(SWITCH).filtered(data)


def test_labels_are_read_from_their_variable_and_may_be_missing():
    signal = np.array([[1.5, 2.0], [np.nan, np.nan], [0.1, 0.2]])
    data = make_dataset(signal, dt=1.0, mask=True, label=np.array([2, 5, 0]))
    np.testing.assert_array_equal(labels_of(data)[0], [2, -1, 0])


def test_inputs_are_refused_and_negative_times_too():
    with pytest.raises(InputError, match="fitted without inputs"):
        model(SWITCH).generate(3, inputs=np.zeros((3, 1)))
    with pytest.raises(InputError, match="fitted without inputs"):
        model(SWITCH).forecast(np.array([0]), n_steps=3, inputs=np.zeros((3, 1)))
    with pytest.raises(InputError, match="lags"):
        model(SWITCH).transition_matrix(-1.0)
    with pytest.raises(InputError, match="times are not made of numbers"):
        model(SWITCH).transition_matrix("soon")


def test_a_model_is_what_its_arrays_say_and_nothing_else():
    chain = model(ratchet(1.0), label_noise=0.03, label_noise_stderr=0.01, name="channel")
    again = JumpModel.from_state(json.loads(json.dumps(chain.config())), chain.arrays())
    assert again.config() == chain.config()
    assert again.names == ("channel",) and again.label_noise_stderr == 0.01
    np.testing.assert_array_equal(again.rate_matrix, chain.rate_matrix)
    with pytest.raises(FormatError, match="do not fit: 6 rows, 2 states"):
        JumpModel.from_state({**chain.config(), "states": ["a", "b"]}, chain.arrays())


def test_states_are_counted_where_there_are_labels():
    assert count_states(make_dataset(np.array([0, 2, 1]), dt=1.0)) == 3
    assert count_states(make_dataset(np.array([0.0, np.nan, 1.0]), dt=1.0, mask=True)) == 2
    assert count_states(make_dataset(np.zeros((3, 2)), dt=1.0, label=np.array([0, 4, 1]))) == 5
    for other in (np.array([0.0, 0.5]), np.array([0, -1]), np.zeros((3, 2))):
        assert count_states(make_dataset(other, dt=1.0)) == 0


def test_each_of_several_contexts_is_continued():
    still = model(np.zeros((3, 3)))
    contexts = make_dataset(np.arange(3.0)[:, None, None] * np.ones((3, 4, 1)), dt=0.5, names=["x"])
    assert still.generate(2, n_trajectories=4, context=contexts)["x"].values[:, -1, 0].tolist() == [0, 1, 2, 0]
