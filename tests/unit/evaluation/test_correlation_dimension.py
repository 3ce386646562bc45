import numpy as np
import pytest

from dysyr.core.errors import InputError
from dysyr.evaluation.correlation_dimension import correlation_dimension


@pytest.mark.parametrize("dim", [1, 2])
def test_uniform_points_fill_their_dimension(rng, dim):
    points = rng.uniform(size=(3000, dim)) @ rng.normal(size=(dim, 4))
    result = correlation_dimension(points)
    assert result.value == pytest.approx(dim, abs=0.03 * dim)
    assert result.radius_high == pytest.approx(10 * result.radius_low, rel=0.2)


def test_the_henon_attractor_has_dimension_1_22(henon_truths):
    values = [correlation_dimension(x[:3000]).value for x in henon_truths[:5]]
    assert np.mean(values) == pytest.approx(1.22, abs=0.04)


def test_a_theiler_window_removes_the_dimension_of_the_path(rng):
    cloud = rng.normal(size=(60, 3))
    path = np.repeat(cloud, 20, axis=0) + 1e-3 * np.tile(np.linspace(0, 1, 20)[:, None], (60, 3))
    assert correlation_dimension(path).value < 1.1
    with pytest.raises(InputError, match="scaling range"):
        correlation_dimension(np.repeat(cloud[:8], 20, axis=0), theiler=1)


def test_pairs_are_counted_as_the_definition_says(rng):
    x = rng.normal(size=(150, 2))
    assert correlation_dimension(x, theiler=3).n_pairs == sum(150 - k for k in range(4, 150))


def test_equal_or_few_points_are_refused():
    with pytest.raises(InputError, match="all points are equal"):
        correlation_dimension(np.ones((200, 2)))
    with pytest.raises(InputError, match="at least 100"):
        correlation_dimension(np.ones((20, 2)))
