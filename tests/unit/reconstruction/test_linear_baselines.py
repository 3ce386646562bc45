"""Persistence and linear autoregression against analytic coefficients and least squares."""

import numpy as np
import pytest

from dysyr.core.candidate_search import Record
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError
from dysyr.reconstruction.linear_ar import LinearAR
from dysyr.reconstruction.persistence import Persistence, periods_of


def autoregressive(coefficients, n=20_000, seed=0):
    rng, order = np.random.default_rng(seed), len(coefficients)
    x = np.zeros(n + 100)
    for t in range(order, len(x)):
        x[t] = np.dot(coefficients, x[t - order : t][::-1]) + rng.normal()
    return x[100:, None] + 3.0


@pytest.mark.parametrize("coefficients", [(0.8,), (1.2, -0.5)])
def test_coefficients_of_known_processes(coefficients):
    x = autoregressive(coefficients)
    model = LinearAR(order=len(coefficients), ridge=0.0).fit(x, dt=1.0, progress=False).model_
    found = model.weights[::-1, 0]
    np.testing.assert_allclose(found, coefficients, atol=4 / np.sqrt(len(x)))
    np.testing.assert_allclose(model.readout(np.zeros((1, len(found)))), x.mean(), atol=0.2)


def test_least_squares_in_data_units():
    """The intercept and the matrices are those of least squares on lagged columns, whatever the units."""
    rng = np.random.default_rng(3)
    x = np.cumsum(rng.normal(size=(300, 2)), axis=0) * [1.0, 50.0] + [0.0, 7.0]
    train, order = x[:240], 3
    model = LinearAR(order=order, ridge=0.0).fit(x, dt=1.0, progress=False).model_
    columns = [np.ones(240 - order)] + [train[order - lag : 240 - lag, v] for lag in (1, 2, 3) for v in (0, 1)]
    solved = np.linalg.lstsq(np.column_stack(columns), train[order:], rcond=None)[0]
    ahead = model.forecast(x[:200], n_steps=2)["x"].values[0]
    known = list(x[197:200])
    for step in range(2):
        expected = solved[0] + np.concatenate(known[::-1][:3]) @ solved[1:]
        np.testing.assert_allclose(ahead[step], expected, rtol=1e-7)
        known.append(expected)


def test_ridge_shrinks_towards_the_mean():
    x = autoregressive((0.9,), n=2000)
    weak, strong = (LinearAR(order=1, ridge=r).fit(x, dt=1.0, progress=False).model_.weights[0, 0] for r in (0.0, 1.0))
    assert strong == pytest.approx(weak / 2, rel=0.05)


def test_a_longer_memory_is_chosen_where_it_helps():
    t = np.arange(400)
    x = np.column_stack([np.sin(0.3 * t) + np.sin(0.77 * t)])
    fitted = LinearAR().fit(x, dt=1.0, progress=False)
    chosen = fitted.history_["chosen"][0]
    assert fitted.history_["candidate_order"][chosen] >= 4
    ahead = fitted.forecast(x[:300], n_steps=100)["x"].values[0]
    np.testing.assert_allclose(ahead, x[300:], atol=0.05)


def test_persistence_repeats_the_last_sample():
    x = autoregressive((0.5,), n=200)
    fitted = Persistence().fit(x, dt=1.0, progress=False)
    ahead = fitted.forecast(x[:50], n_steps=4)["x"].values[0]
    np.testing.assert_allclose(ahead, np.repeat(x[49:50], 4, axis=0))
    assert fitted.model_.n_parameters == 1


def test_persistence_finds_the_period():
    t = np.arange(300)
    x = np.column_stack([np.sin(2 * np.pi * t / 12) + 0.3 * np.sin(4 * np.pi * t / 12)])
    fitted = Persistence(period="auto").fit(x, dt=1.0, progress=False)
    assert fitted.model_.window % 12 == 0
    np.testing.assert_allclose(fitted.forecast(x[:240], n_steps=60)["x"].values[0], x[240:], atol=1e-9)


def test_periods_are_maxima_of_the_autocorrelation():
    t = np.arange(500)
    record = Record.of(make_dataset(np.sin(2 * np.pi * t / 20)[:, None], dt=1.0))
    assert periods_of(record) == [20, 40, 60, 80, 100]
    trend = Record.of(make_dataset(np.arange(100.0)[:, None], dt=1.0))
    assert periods_of(trend) == []


@pytest.mark.parametrize(
    "method, message",
    [
        (LinearAR(order=0), "LinearAR cannot use this order: 0; 'auto' or a whole number of at least 1"),
        (LinearAR(order="long"), "LinearAR cannot use this order"),
        (LinearAR(ridge=-1.0), "LinearAR cannot use this ridge: -1.0; 'auto' or a number of at least 0"),
        (LinearAR(validation_fraction=1.0), "cannot use this validation_fraction"),
        (LinearAR(seed=-1), "cannot use this seed"),
        (LinearAR(order=500), "too short for every candidate of LinearAR"),
        (Persistence(period=0), "Persistence cannot use this period: 0"),
        (Persistence(period=400), "too short for every candidate of Persistence"),
        (Persistence(validation_fraction=0.0), "cannot use this validation_fraction"),
        (Persistence(seed=1.5), "cannot use this seed"),
    ],
)
def test_arguments_out_of_range(method, message):
    with pytest.raises(InputError, match=message):
        method.fit(autoregressive((0.5,), n=300), dt=1.0, progress=False)
