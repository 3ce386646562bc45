"""The scores of the literature: closed forms, and the measured numbers of their definitions."""

import numpy as np
import pytest

from dysyr.benchmark.published_scores import (
    cumulative_valid_steps,
    distance_exponent,
    exponent_error,
    unit_mixture_divergence,
)


def test_cumulative_error_forgives_what_comes_late():
    actual = np.array([1.0, 2, 4, 8, 16])[None, :, None]
    predicted = np.array([1.0, 2, 6, 4, 16])[None, :, None]
    assert cumulative_valid_steps(actual, predicted)[0] == 5
    predicted[0, 2:, 0] = 40
    assert cumulative_valid_steps(actual, predicted)[0] == 2
    predicted[0, 3:, 0] = np.nan
    assert cumulative_valid_steps(actual, predicted)[0] == 2


def test_exponents_of_known_sets():
    line = np.linspace(0, 1, 500)[:, None]
    angle = 2 * np.pi * np.arange(300) / 300
    cube = np.random.default_rng(0).uniform(size=(1500, 3))
    assert distance_exponent(line) == pytest.approx(1.632, abs=5e-4)
    assert distance_exponent(np.column_stack([np.cos(angle), np.sin(angle)])) == pytest.approx(1.665, abs=5e-4)
    assert distance_exponent(cube) == pytest.approx(2.54, abs=0.03)
    assert np.isnan(distance_exponent(np.zeros((5, 2))))
    assert np.isnan(distance_exponent(np.full((5, 2), np.nan)))


def test_a_prediction_without_exponent_counts():
    x = np.random.default_rng(0).normal(size=(2, 50, 2))
    assert exponent_error(x, x) == 0.0
    broken = x.copy()
    broken[1] = np.nan
    assert exponent_error(x, broken) == pytest.approx(distance_exponent(x[1]) / np.sqrt(2))


def test_divergence_of_gaussians():
    rng = np.random.default_rng(1)
    one = np.zeros((1, 1))
    found = np.mean([unit_mixture_divergence(one, one + 1.0, seed=s) for s in range(200)])
    assert found == pytest.approx(0.5, abs=4 / np.sqrt(200_000))
    two = np.zeros((1, 2))
    found = np.mean([unit_mixture_divergence(two, two + 2.0, seed=s) for s in range(200)])
    assert found == pytest.approx(4.0, abs=4 * np.sqrt(8 / 200_000))
    x = rng.normal(size=(30, 3))
    assert unit_mixture_divergence(x, x, seed=0) == 0.0
    assert unit_mixture_divergence(x, np.full((4, 3), np.inf), seed=0) == np.inf
