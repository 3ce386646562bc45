import numpy as np
import pytest

from dysyr.core.errors import InputError
from dysyr.evaluation.correlation_dimension import correlation_dimension
from dysyr.kernels.measures.pair_counts_reference import distances


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
    with pytest.raises(InputError, match="too large for squared distances"):
        correlation_dimension(1e170 * np.arange(200.0)[:, None])


def test_the_dimension_is_the_slope_of_the_counted_distances(henon_truths):
    x = henon_truths[0][:1500]
    result = correlation_dimension(x, theiler=2)
    log_r = np.arange(round(20 * np.log10(result.radius_low)), round(20 * np.log10(result.radius_high)) + 1) / 20
    found = distances(x, theiler=2)
    shares = [(found < radius).sum() / result.n_pairs for radius in 10**log_r]
    assert result.value == pytest.approx(np.polyfit(log_r, np.log10(shares), 1)[0], rel=1e-12)
    # the range begins where 50 pairs are nearer, or later, and ends before a tenth of them is
    assert (found < result.radius_low).sum() >= 50 and shares[-1] <= 0.1
