"""The choice among candidates: scores, ties and failures, ridge regression, what long forecasts are worth."""

import numpy as np
import pandas as pd
import pytest

from dysyr.core import candidate_search, tall_matrix
from dysyr.core.candidate_search import (
    CandidateReconstructor,
    Record,
    combinations,
    drift_of_forecasts,
    options,
    ridge_solution,
    shortened,
    spread_stretches,
)
from dysyr.core.dataset import make_dataset, sampling_interval
from dysyr.core.errors import InputError, NotConverged
from dysyr.core.linear_delays import LinearDelays
from dysyr.reconstruction import LinearAR


def sines(n=300, start=0.0):
    t = start + 0.1 * np.arange(n)
    return np.column_stack([np.cos(t), 2 * np.sin(t) + 5])


class Rotations(CandidateReconstructor):
    """Turns the two standardised variables by an angle of a list; None has no model."""

    def __init__(self, angles=(0.1,), *, validation_fraction=0.2, seed=0):
        self.angles, self.validation_fraction, self.seed = angles, validation_fraction, seed

    def _check(self):
        pass

    def _candidates(self, record):
        return [{"angle": angle} for angle in self.angles]

    def _fit_candidate(self, candidate, record):
        if candidate["angle"] is None:
            raise NotConverged("no angle")
        c, s = np.cos(candidate["angle"]), np.sin(candidate["angle"])
        return LinearDelays(weights=np.array([[c, s], [-s, c]]), offset=np.zeros(2), **record.delay_form(1))


def test_the_candidate_that_keeps_with_the_data_is_kept():
    fitted = Rotations((0.3, None, 0.1, 0.08)).fit(sines(), dt=0.1, progress=False)
    np.testing.assert_allclose(fitted.model_.weights[0], [np.cos(0.1), np.sin(0.1)])
    assert fitted.history_["chosen"] == [2]
    np.testing.assert_array_equal(np.isinf(fitted.history_["score"]), [False, True, False, False])
    np.testing.assert_allclose(fitted.history_["score"], (fitted.history_["criterion"] + fitted.history_["drift"]) / 2)
    assert "candidate_angle" not in fitted.history_
    assert Rotations((0.3, 0.1)).fit(sines(), dt=0.1, progress=False).history_["candidate_angle"].tolist() == [0.3, 0.1]


def test_given_validation_data_choose():
    other = np.column_stack([np.cos(0.3 * np.arange(200)), 2 * np.sin(0.3 * np.arange(200)) + 5])
    fitted = Rotations((0.1, 0.3)).fit(sines(), dt=0.1, validation=other, progress=False)
    assert fitted.history_["chosen"] == [1]


def test_variables_of_held_out_data_are_known_by_their_names():
    x = np.column_stack([np.cos(0.3 * np.arange(200)), 2 * np.sin(0.3 * np.arange(200)) + 5])
    train = make_dataset(sines(), dt=0.1, names=["a", "b"])
    held = make_dataset(x, dt=0.1, names=["a", "b"])
    turned = make_dataset(x[:, ::-1], dt=0.1, names=["b", "a"])
    fits = [Rotations((0.1, 0.3)).fit(train, validation=one, progress=False) for one in (held, turned)]
    np.testing.assert_array_equal(fits[0].history_["score"], fits[1].history_["score"])
    assert fits[0].score(turned) == fits[0].score(held)


def test_held_out_data_of_another_interval_are_refused():
    """They have an interval of their own: there is no dt that could be left out."""
    fitted, other = Rotations().fit(sines(), dt=0.1, progress=False), make_dataset(sines(), dt=0.2)
    with pytest.raises(InputError, match="another interval than the training set: dt = 0.2; the training set has 0.1"):
        Rotations().fit(sines(), dt=0.1, validation=other, progress=False)
    frame = pd.DataFrame({"time": 0.2 * np.arange(300), "a": sines()[:, 0], "b": sines()[:, 1]})
    for data in (other, frame):
        for ask in (fitted.score, lambda data: fitted.forecast(data, n_steps=3)):
            with pytest.raises(InputError, match="another interval than the model: dt = 0.2; the model has 0.1: use"):
                ask(data)


def test_a_single_sample_is_a_context_with_or_without_its_time(tmp_path):
    fitted = Rotations().fit(sines(), dt=0.1, progress=False)
    (tmp_path / "timed.csv").write_text("time,a,b\n3.0,1.0,5.0\n")
    (tmp_path / "bare.csv").write_text("a,b\n1.0,5.0\n")
    timed = make_dataset(np.array([[1.0, 5.0]]), time=[3.0])
    with pytest.raises(InputError, match="single samples have no sampling interval; dt, or several samples"):
        sampling_interval(timed)
    plain = fitted.forecast(np.array([[1.0, 5.0]]), n_steps=2)["x"].values
    for context in (timed, str(tmp_path / "timed.csv"), str(tmp_path / "bare.csv")):
        np.testing.assert_array_equal(fitted.forecast(context, n_steps=2)["x"].values, plain)


def test_no_candidate():
    with pytest.raises(NotConverged, match="no candidate of Rotations gave a model: look at the data"):
        Rotations((None, None)).fit(sines(), dt=0.1, progress=False)
    with pytest.raises(InputError, match="too short for every candidate of Rotations: complete stretches of up to 240"):
        Rotations(()).fit(sines(), dt=0.1, progress=False)


def test_a_candidate_is_not_repeated_that_a_checkpoint_holds(tmp_path, monkeypatch):
    scored, plain = [], candidate_search.score_candidate

    def score(method, candidate, record, held):
        scored.append(candidate["angle"])
        if len(scored) == 3:
            raise KeyboardInterrupt
        return plain(method, candidate, record, held)

    monkeypatch.setattr(candidate_search, "score_candidate", score)
    monkeypatch.setattr(candidate_search, "SECONDS_BETWEEN_WRITES", 0.0)
    arguments = {"dt": 0.1, "progress": False, "checkpoint": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        Rotations((0.3, 0.1, 0.2)).fit(sines(), **arguments)
    Rotations((0.3, 0.1, 0.2)).fit(sines(), **arguments)
    assert scored == [0.3, 0.1, 0.2, 0.2]


def test_drift_is_that_of_the_definition():
    model = Rotations((0.11,)).fit(sines(), dt=0.1, progress=False).model_
    held = sines(160, start=2.0)
    data = make_dataset(held, dt=0.1, names=model.names)
    context, horizon = 40, 80
    ends = np.unique(np.linspace(context, 160 - horizon, 32).astype(int))
    errors = []
    for end in ends:
        ahead = model.forecast(held[end - context : end], n_steps=horizon)["x"].values[0]
        squares = ((ahead - held[end : end + horizon]) / held.std(axis=0)) ** 2
        errors.append(np.minimum(np.sqrt(squares.mean(axis=1)), 1.0))
    assert drift_of_forecasts(model, data) == pytest.approx(np.mean(errors), rel=1e-12)


def test_drift_of_a_forecast_that_leaves_the_range_of_numbers_is_one():
    model = Rotations((0.1,)).fit(sines(), dt=0.1, progress=False).model_
    model.weights = 1e200 * np.eye(2)
    assert drift_of_forecasts(model, make_dataset(sines(160), dt=0.1, names=model.names)) == pytest.approx(1.0)


def test_drift_leaves_missing_values_out_and_needs_a_horizon():
    model = Rotations((0.1,)).fit(sines(), dt=0.1, progress=False).model_
    held = sines(160)
    held[100:130] = np.nan
    held[140, 0] = np.nan
    gaps = make_dataset(held, dt=0.1, names=model.names, mask=np.isfinite(held))
    assert drift_of_forecasts(model, gaps) < 0.1
    assert drift_of_forecasts(model, make_dataset(sines(1), dt=0.1, names=model.names)) == 1.0


def test_long_validation_data_are_shortened():
    data = make_dataset([sines(3000), sines(40)], dt=0.1)
    short = shortened(data)
    assert [len(x) for x in candidate_search.trajectories(short)] == [2500, 40]
    assert shortened(short) is short


def test_pairs_never_cross_a_gap():
    x = np.arange(60.0)[:, None] + np.array([0.0, 100.0])
    x[30] = np.nan
    record = Record.of(make_dataset(x, dt=1.0, mask=np.isfinite(x)))
    past, after = record.pairs(4)
    assert past.shape == (26 + 25, 8)
    assert record.longest == 30
    before, following = record.scaler.inverse(past.reshape(-1, 4, 2)), record.scaler.inverse(after)
    np.testing.assert_allclose(following, before[:, -1] + 1.0)
    np.testing.assert_allclose(np.diff(before, axis=1), 1.0)


@pytest.mark.parametrize("most_rows", [tall_matrix.MOST_ROWS, 7, 49])
def test_ridge_regression_solves_the_normal_equations(monkeypatch, most_rows):
    monkeypatch.setattr(tall_matrix, "MOST_ROWS", most_rows)
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(50, 6)), rng.normal(size=(50, 2))
    gram = inputs.T @ inputs
    for ridge in (0.0, 1e-3, 10.0):
        expected = np.linalg.solve(gram + 50 * ridge * np.eye(6), inputs.T @ targets)
        np.testing.assert_allclose(ridge_solution(inputs, targets, ridge), expected, rtol=1e-9)
    twice = np.column_stack([inputs, inputs[:, 0]])
    np.testing.assert_allclose(ridge_solution(twice, targets, 0.0), np.linalg.pinv(twice) @ targets, atol=1e-9)


def test_combinations_and_options():
    assert combinations(a=(1, 2), b=("x",)) == [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]
    assert options("auto", [1, 2]) == (1, 2)
    assert options(3, [1, 2]) == (3,)


def test_long_data_are_taken_in_stretches_that_are_spread_over_them():
    first, second, short = np.arange(150_000)[:, None], 200_000 + np.arange(40_000)[:, None], np.arange(10_000)[:, None]
    assert spread_stretches([second, short]) == [second, short]
    kept = spread_stretches([first, second, short])
    assert [len(x) for x in kept] == [7500] * 10 + [5000] * 4 + [5000]
    assert sum(len(x) for x in kept) <= 100_000
    assert (kept[0][0], kept[9][-1], kept[10][0], kept[13][-1]) == (0, 149_999, 200_000, 239_999)
    assert all((np.diff(x[:, 0]) == 1).all() for x in kept)
    assert spread_stretches([first[:150_000]] * 200_000, most=1_000) == []


@pytest.mark.parametrize(
    ("n", "length", "kept"), [(5000, 60, 60), (300, 1200, 1000), (1000, 20_000, 1000), (20, 8000, 5000)]
)
def test_of_many_pieces_some_are_left_out_rather_than_all_cut_short(n, length, kept):
    pieces = [k + np.zeros((length, 1)) for k in range(n)]
    found = spread_stretches(pieces)
    assert {len(x) for x in found} == {kept}
    assert 95_000 <= sum(len(x) for x in found) <= 100_000
    numbers = np.unique([x[0, 0] for x in found])
    assert np.diff(numbers).max() - np.diff(numbers).min() <= 1


def test_many_short_trajectories_keep_their_memory():
    """An autoregression of order 25 from 5000 trajectories of 60 samples."""
    x = np.random.default_rng(0).normal(size=(5000, 60, 1)).cumsum(axis=1)
    model = LinearAR(order=25, ridge=1e-6).fit(list(x), dt=1.0, progress=False).model_
    np.testing.assert_allclose(model.weights[-1], 1.0, atol=0.02)


def test_a_record_of_long_data_is_bounded(monkeypatch):
    monkeypatch.setattr(candidate_search, "SAMPLES_OF_A_STRETCH", 100)
    monkeypatch.setattr(spread_stretches, "__defaults__", (500,))
    record = Record.of(make_dataset(sines(2000), dt=0.1))
    assert [len(x) for x in record.pieces] == [50] * 10
    assert record.scaler.mean == pytest.approx(sines(2000).mean(axis=0))
