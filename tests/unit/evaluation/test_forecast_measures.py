import math

import numpy as np
import pytest

from dysyr.evaluation.forecasts import Forecasts, context_starts, make_forecasts
from dysyr.evaluation.prediction_error import PredictionErrorMeasure
from dysyr.evaluation.settings import EvaluationSettings
from dysyr.evaluation.smape import SmapeMeasure, symmetric_percentage_error
from dysyr.evaluation.valid_prediction_time import ValidPredictionTimeMeasure, normalised_error, steps_within

DT, RATE, N = 0.01, 0.9, 600


def exponential_forecasts(first_error, n_contexts=12, best=None):
    """Forecasts of a constant 5 whose error is ``first_error * exp(RATE t)`` standard deviations."""
    t = DT * np.arange(1, N + 1)
    actual = np.full((n_contexts, N, 2), 5.0)
    scale = np.array([1.0, 2.0])
    predicted = actual + scale * (first_error * np.exp(RATE * t))[:, None]
    return Forecasts(
        predicted=predicted, actual=actual, best=best, persistence=actual + 10.0, linear=actual + 8.0,
        climatology=np.full(2, 9.0),
        scale=scale, contexts=actual[:, :5], starts=np.arange(n_contexts), dt=DT, lyapunov_time=1 / RATE,
        names=("a", "b"),
    )  # fmt: skip


@pytest.fixture
def context_of(make_context):
    truth = np.random.default_rng(0).normal(size=(100, 2))
    return lambda forecasts: make_context(truth, [truth] * 2, dt=DT, forecasts=forecasts)


def test_valid_time_of_an_exponentially_growing_error(context_of):
    first = 1e-2
    measure = ValidPredictionTimeMeasure().compute(context_of(exponential_forecasts(first)))
    assert measure.unit == "Lyapunov times"
    assert measure.value["nrmse"] == pytest.approx(math.log(0.4 / first), abs=DT * RATE)
    assert measure.settings["reached_horizon"] == 0.0


def test_valid_time_by_percentage_error(context_of):
    first = 1e-2
    t = DT * np.arange(1, N + 1)
    error = first * np.exp(RATE * t)
    smape = 100 * (error / (10 + error) + 2 * error / (10 + 2 * error))
    expected = np.argmax(smape > 30) * DT * RATE
    measure = ValidPredictionTimeMeasure().compute(context_of(exponential_forecasts(first)))
    assert measure.value["smape"] == pytest.approx(expected)


def test_a_perfect_forecast_counts_with_the_horizon(context_of):
    forecasts = exponential_forecasts(0.0, best=np.full((12, N, 2), 5.0))
    measure = ValidPredictionTimeMeasure().compute(context_of(forecasts))
    assert measure.value["nrmse"] == measure.floor["nrmse"] == pytest.approx(N * DT * RATE)
    assert measure.settings["reached_horizon"] == 1.0
    assert measure.ceiling == {"nrmse": 0.0, "smape": 0.0}


def test_steps_count_those_before_the_first_failure():
    error = np.array([[0.1, 0.2, 0.9, 0.1], [0.9, 0, 0, 0], [0, 0, 0, 0]])
    assert steps_within(error, 0.5).tolist() == [2, 0, 4]
    predicted = np.array([[0.0], [3.0], [np.nan]])
    assert normalised_error(np.zeros((3, 1)), predicted, np.array([2.0])).tolist() == [0.0, 1.5, np.inf]


def test_prediction_error_is_that_of_step_n_alone(context_of):
    first = 1e-2
    measure = PredictionErrorMeasure().compute(context_of(exponential_forecasts(first)))
    for n in (1, 20, 100):
        assert measure.value[f"{n}"] == pytest.approx((first * math.exp(RATE * DT * n)) ** 2)
    assert measure.controls["persistence"]["20"] == pytest.approx((100 + 25) / 2)
    assert measure.controls["climatology"]["20"] == pytest.approx((16 + 4) / 2)
    assert measure.ceiling["20"] == pytest.approx(10.0)


def test_a_diverged_forecast_is_counted_and_not_dropped(context_of):
    forecasts = exponential_forecasts(1e-3)
    forecasts.predicted[3, 10:] = np.nan
    context = context_of(forecasts)
    error = PredictionErrorMeasure().compute(context)
    assert error.value["1"] < 1e-5 and error.value["20"] == math.inf
    assert error.status == "1 of 12 forecasts diverged"
    assert SmapeMeasure().compute(context).runs[3]["1"] > 150
    assert ValidPredictionTimeMeasure().compute(context).runs[3]["nrmse"] == pytest.approx(10 * DT * RATE)


def test_percentage_error_is_bounded_and_zero_for_equal_values():
    assert symmetric_percentage_error(np.array([[0.0]]), np.array([[0.0]])) == 0.0
    assert symmetric_percentage_error(np.array([[1.0]]), np.array([[-1.0]])) == 200.0
    assert symmetric_percentage_error(np.array([[1.0]]), np.array([[np.nan]])) == 200.0
    assert symmetric_percentage_error(np.array([[1.0, 1.0]]), np.array([[3.0, 1.0]])) == pytest.approx(50.0)


def test_smape_averages_over_lyapunov_times_that_fit_the_horizon(context_of):
    measure = SmapeMeasure().compute(context_of(exponential_forecasts(1e-2)))
    assert set(measure.value) == {"1", "4"}
    assert measure.settings["steps"] == {"1": 111, "4": 444}


def test_contexts_are_complete_and_evenly_spaced():
    starts = context_starts(1000, context_length=50, horizon=200, n_contexts=10)
    assert (starts[0], starts[-1], len(starts)) == (50, 800, 10)
    assert context_starts(249, context_length=50, horizon=200, n_contexts=10).size == 0
    assert context_starts(250, context_length=50, horizon=200, n_contexts=10).tolist() == [50]


def test_forecasts_line_up_with_the_truth():
    truth = np.arange(300.0)[:, None] * [1.0, 2.0]

    def predict(contexts, starts, n_steps):
        rate = contexts[:, -1] - contexts[:, -2]
        assert np.array_equal(contexts[:, -1, 0], starts - 1)
        return contexts[:, -1:] + rate[:, None] * np.arange(1, n_steps + 1)[:, None]

    made = make_forecasts(
        predict, truth, dt=0.5, names=("a", "b"), context_length=10, horizon=40, n_contexts=7,
        true_flow=lambda states, n_steps: np.repeat(states[:, None], n_steps, axis=1), clean=truth + 1.0,
    )  # fmt: skip
    assert np.array_equal(made.predicted + 1.0, made.actual)
    assert np.array_equal(made.best, made.persistence)
    assert (made.n_contexts, made.horizon) == (7, 40)


def test_without_forecasts_there_is_no_measure(context_of, make_context):
    assert ValidPredictionTimeMeasure().compute(context_of(None)) is None
    short = EvaluationSettings(prediction_steps=(10_000,))
    truth = np.random.default_rng(0).normal(size=(100, 2))
    context = make_context(truth, [truth], forecasts=exponential_forecasts(1e-2), settings=short)
    assert PredictionErrorMeasure().compute(context) is None


def test_the_linear_forecast_of_a_linear_process_is_exact():
    """A noise-free rotation obeys a linear recurrence, so the autoregression continues it."""
    from dysyr.evaluation.controls import linear_forecast

    t = 0.1 * np.arange(400)
    truth = np.column_stack([np.cos(t), np.sin(t)]) * np.exp(-0.001 * t)[:, None]
    ahead = linear_forecast(truth - truth.mean(axis=0), (truth - truth.mean(axis=0))[None, 90:100], 50)
    np.testing.assert_allclose(ahead[0], (truth - truth.mean(axis=0))[100:150], atol=0.02)
