"""What follows from rates, with errors: two states, the flashing ratchet, and what data alone say."""

import numpy as np
import pytest
from jump_cases import DT, SWITCH, THREE, irregular_paths, paths, ratchet

from dysyr.core.dataset import make_dataset
from dysyr.core.rate_properties import entropy_production
from dysyr.evaluation.empirical_rates import empirical_rates
from dysyr.evaluation.entropy_production_measure import EntropyProductionMeasure
from dysyr.evaluation.first_passage import FirstPassageMeasure
from dysyr.evaluation.label_panel import LabelPanel
from dysyr.evaluation.rate_context import Chain, RateContext
from dysyr.evaluation.rate_draws import half_width, rate_draws
from dysyr.evaluation.relaxation import TimeScalesMeasure
from dysyr.evaluation.settings import EvaluationSettings
from dysyr.evaluation.stationary import StationaryMeasure
from dysyr.reconstruction.jump_em.model import JumpModel

FEW, MANY = EvaluationSettings(n_rate_draws=20), EvaluationSettings(n_rate_draws=2000)


def context(q, *, stderr=None, data=None, truth=None, noise=0.0, settings=FEW, **more):
    n = len(q)
    stderr = np.zeros((n, n)) if stderr is None else np.asarray(stderr)
    states = [f"s{i}" for i in range(n)]
    model = JumpModel(q, np.full(n, 1 / n), stderr, states=states, dt=DT, label_noise=noise)
    x = paths(q, n_paths=30, n=20) if data is None else data
    panel = LabelPanel.from_data(make_dataset(x[..., None], dt=DT), n_states=n)
    chain = None if truth is None else Chain(truth, np.full(n, 1 / n))
    return RateContext(panel=panel, names=tuple(states), model=model, truth=chain, settings=settings, **more)


def test_two_states_have_the_errors_of_the_delta_method():
    a, b, sa, sb = 1.0, 0.4, 0.05, 0.03
    here = context(SWITCH, stderr=[[0, sa], [sb, 0]], truth=SWITCH, settings=MANY)
    scales = TimeScalesMeasure().compute(here)
    assert scales.value == [pytest.approx(1 / (a + b), rel=1e-12)]
    assert scales.stderr[0] == pytest.approx(np.hypot(sa, sb) / (a + b) ** 2, rel=0.05)
    pi = StationaryMeasure().compute(here)
    assert pi.value == {"s0": pytest.approx(b / (a + b)), "s1": pytest.approx(a / (a + b))}
    assert pi.stderr["s0"] == pytest.approx(np.hypot(b * sa, a * sb) / (a + b) ** 2, rel=0.05)
    passage = FirstPassageMeasure().compute(here)
    assert passage.value == {"s0 -> s1": pytest.approx(1 / a), "s1 -> s0": pytest.approx(1 / b)}
    assert passage.stderr["s0 -> s1"] == pytest.approx(sa / a**2, rel=0.05)
    assert EntropyProductionMeasure().compute(here).value == pytest.approx(0.0, abs=1e-14)


def test_the_ratchet_has_its_known_numbers():
    here = context(ratchet(1.0), truth=ratchet(1.0))
    np.testing.assert_allclose(
        TimeScalesMeasure().compute(here).value, [0.5, 0.34964, 0.28056, 0.20503, 0.15885], atol=6e-6
    )
    pi = [0.30119, 0.13654, 0.06227, 0.20030, 0.15914, 0.14057]
    np.testing.assert_allclose(list(StationaryMeasure().compute(here).value.values()), pi, atol=6e-6)
    passage = FirstPassageMeasure().compute(here)
    assert passage.value["s0 -> s1"] == pytest.approx(2.05353, abs=6e-6)
    assert passage.value["s3 -> s2"] == pytest.approx(3.17497, abs=6e-6)
    entropy = EntropyProductionMeasure().compute(here)
    assert entropy.value == entropy.truth == pytest.approx(0.179194, abs=6e-7)
    assert entropy.truth_stderr is None


def test_oscillations_are_told():
    ring = np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0], [1.0, 0.0, -1.0]])
    found = TimeScalesMeasure().compute(context(ring, truth=THREE, data=paths(THREE, n_paths=30, n=20)))
    assert found.settings["oscillating"] == [True, True]
    assert found.settings["truth_oscillating"] == [False, False]
    np.testing.assert_allclose(found.value, [2 / 3, 2 / 3], rtol=1e-12)
    entropy = EntropyProductionMeasure().compute(context(ring))
    assert entropy.value == np.inf
    assert entropy.status == "infinite"


def test_without_a_known_chain_the_data_speak_for_themselves():
    here = context(1.3 * THREE, data=paths(THREE, n_paths=400, n=60, seed=4))
    for measure, truth in ((TimeScalesMeasure(), 0.73), (EntropyProductionMeasure(), entropy_production(THREE))):
        found = measure.compute(here)
        value, error = (np.ravel(x)[0] for x in (found.truth, found.truth_stderr))
        expected = 1 / np.sort(-np.linalg.eigvals(THREE).real)[1] if measure.name == "time_scales" else truth
        assert abs(value - expected) < 4 * error
        assert error < 0.5 * expected + 0.01
        assert "matrix logarithm" in found.settings["truth"]


def test_the_data_estimate_has_the_spread_of_independent_data():
    found = [
        empirical_rates(LabelPanel.from_data(make_dataset(paths(THREE, 60, 40, seed=s)[..., None], dt=DT), n_states=3))
        for s in range(40)
    ]
    off = ~np.eye(3, dtype=bool)
    rates = np.stack([each.rates for each in found])
    errors = np.stack([half_width(each.draws) for each in found])
    np.testing.assert_allclose(rates.mean(axis=0)[off], THREE[off], atol=0.05)
    np.testing.assert_allclose(errors.mean(axis=0)[off], rates.std(axis=0)[off], rtol=0.4)
    long = LabelPanel.from_data(make_dataset(paths(THREE, 1, 2400)[..., None], dt=DT), n_states=3)
    one = half_width(empirical_rates(long).draws)
    np.testing.assert_allclose(one[off], errors.mean(axis=0)[off], rtol=0.8)


def test_labels_that_allow_no_estimate_leave_the_truth_open():
    assert TimeScalesMeasure().compute(context(THREE, noise=0.05)).truth is None
    unseen = np.minimum(paths(THREE, n_paths=30, n=20), 1)
    found = TimeScalesMeasure().compute(context(THREE, data=unseen))
    assert found.truth is None
    assert found.settings["truth"] == "none: the labels are noisy, irregular or too few"
    clocks, states = irregular_paths(THREE, n_paths=5, n=20)
    data = make_dataset([row[:, None] for row in states], time=clocks)
    assert empirical_rates(LabelPanel.from_data(data, n_states=3)) is None
    flickers = np.tile([0, 1], (30, 20))
    assert empirical_rates(LabelPanel.from_data(make_dataset(flickers[..., None], dt=DT), n_states=2)) is None


def test_rates_without_errors_give_values_without_errors():
    stderr = np.where(np.eye(3) > 0, 0.0, 0.1)
    stderr[0, 1] = np.inf
    found = TimeScalesMeasure().compute(context(THREE, stderr=stderr))
    assert found.stderr is None
    assert found.status == "no standard error: a rate has none"
    assert found.value[0] > 0


def test_two_closed_classes_are_named_instead_of_a_distribution():
    q = np.array([[-2.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    here = context(q, data=paths(THREE, n_paths=30, n=20))
    found = StationaryMeasure().compute(here)
    assert np.isnan(found.value)
    assert "2 closed classes: {s1}; {s2}" in found.status
    scales = TimeScalesMeasure().compute(here)
    assert scales.value[0] == pytest.approx(0.5)
    assert np.isnan(scales.value[1])
    assert "infinite" in FirstPassageMeasure().compute(here).status


def test_draws_have_the_mean_and_the_errors_they_are_made_from():
    stderr = np.array([[0.0, 0.3, 0.2], [0.1, 0.0, 0.1], [0.0, 0.9, 0.0]])
    drawn = rate_draws(THREE, stderr, 20_000, seed=1)
    np.testing.assert_allclose(drawn.mean(axis=0), THREE, atol=0.03)
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(drawn.std(axis=0)[off], stderr[off], rtol=0.03, atol=1e-9)
    assert (drawn[:, off] >= 0).all()
    np.testing.assert_allclose(drawn.sum(axis=-1), 0.0, atol=1e-12)
    assert (drawn[:, 2, 0] == THREE[2, 0]).all()
    np.testing.assert_array_equal(drawn, rate_draws(THREE, stderr, 20_000, seed=1))
    assert rate_draws(THREE, np.full((3, 3), np.inf), 10, seed=0) is None


def test_half_width_is_the_standard_deviation_of_normal_draws():
    draws = np.random.default_rng(0).normal(size=(20_000, 2)) * [1.0, 3.0]
    np.testing.assert_allclose(half_width(draws), [1.0, 3.0], rtol=0.03)
    assert np.isinf(half_width(np.where(draws > 0, np.nan, draws))[0])


def test_an_infinite_truth_is_told_from_an_unknown_one():
    ring = np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0], [1.0, 0.0, -1.0]])
    found = EntropyProductionMeasure().compute(context(THREE, truth=ring))
    assert found.truth == np.inf
    assert found.settings["truth"] == "the true rates, infinite"
