import math

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from dysyr.evaluation.wasserstein import sliced_wasserstein


def test_one_variable_agrees_with_scipy(rng):
    x, y = rng.normal(size=(500, 1)), 2 * rng.normal(size=(500, 1))
    expected = wasserstein_distance(x[:, 0], y[:, 0])
    assert sliced_wasserstein(x, y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dim, mean_cosine", [(1, 1.0), (2, 2 / math.pi), (3, 0.5)])
def test_a_shift_costs_its_mean_projection(rng, dim, mean_cosine):
    x = rng.normal(size=(200, dim))
    shift = np.zeros(dim)
    shift[0] = 0.7
    result = sliced_wasserstein(x, x + shift, n_directions=20_000)
    assert result == pytest.approx(0.7 * mean_cosine, rel=0.02)


def test_distance_is_symmetric_and_zero_for_the_same_points(rng):
    x, y = rng.normal(size=(300, 3)), rng.normal(size=(300, 3))
    assert sliced_wasserstein(x, rng.permutation(x)) == pytest.approx(0.0, abs=1e-12)
    assert sliced_wasserstein(x, y) == pytest.approx(sliced_wasserstein(y, x), rel=1e-12)


@pytest.mark.parametrize("lost", [np.nan, np.inf, 1e30])
def test_lost_points_count_as_ten_standard_deviations_away(lost):
    x = np.zeros((100, 1))
    half = np.where(np.arange(100)[:, None] < 50, 0.0, lost)
    assert sliced_wasserstein(x, half) == pytest.approx(5.0)
