"""Scores of ensembles against the closed forms of normal laws."""

import math

import numpy as np
import pytest
from scipy.stats import norm

import dysyr
from dysyr.evaluation.ensemble_scores import crps, interval_coverage


def test_score_of_a_normal_law(rng):
    """sigma (w (2 Phi(w) - 1) + 2 phi(w) - 1 / sqrt pi), w = (y - mu) / sigma."""
    y = np.array([-1.0, 0.5, 4.0])
    draws = 1.0 + 2.0 * rng.normal(size=(40_000, 3))
    w = (y - 1.0) / 2.0
    exact = 2.0 * (w * (2 * norm.cdf(w) - 1) + 2 * norm.pdf(w) - 1 / math.sqrt(math.pi))
    np.testing.assert_allclose(crps(draws, y), exact, atol=0.02)


def test_few_draws_are_scored_as_fairly_as_many(rng):
    """The mean over ensembles of three draws is the score of the law, not one with a spread that looks too small."""
    draws = rng.normal(size=(3, 200_000))
    exact = 2 * norm.pdf(0) - 1 / math.sqrt(math.pi)
    np.testing.assert_allclose(crps(draws, np.zeros(200_000)).mean(), exact, atol=0.005)


def test_pairs_are_counted_as_in_the_definition(rng):
    draws, y = rng.normal(size=(5, 4)), rng.normal(size=4)
    apart = np.abs(draws[:, None] - draws[None]).sum(axis=(0, 1)) / 20
    np.testing.assert_allclose(crps(draws, y), np.abs(draws - y).mean(axis=0) - 0.5 * apart, rtol=1e-12)


def test_one_number_has_its_absolute_error():
    np.testing.assert_array_equal(crps(np.array([[1.0, 2.0]]), np.array([3.0, 2.5])), [2.0, 0.5])


def test_what_is_not_finite_is_infinitely_bad():
    draws = np.array([[1.0, np.nan], [2.0, 0.0]])
    np.testing.assert_array_equal(np.isinf(crps(draws, np.zeros(2))), [False, True])
    assert interval_coverage(draws, np.array([1.5, 0.0]), 0.9) == 0.5


def test_coverage_of_the_true_law_is_the_level(rng):
    draws, y = rng.normal(size=(400, 5000)), rng.normal(size=5000)
    assert abs(interval_coverage(draws, y, 0.8) - 0.8) < 0.02
    assert interval_coverage(0.5 * draws, y, 0.8) < 0.6


def test_what_does_not_fit_is_refused():
    with pytest.raises(dysyr.InputError, match=r"draws do not fit what came: shapes \(3, 2\) and \(3,\)"):
        crps(np.zeros((3, 2)), np.zeros(3))
    with pytest.raises(dysyr.InputError, match="level of an interval: 1"):
        interval_coverage(np.zeros((3, 2)), np.zeros(2), 1)
