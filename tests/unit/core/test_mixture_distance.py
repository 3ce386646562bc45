"""The mixture version of D_stsp against closed forms."""

import math

import numpy as np
import pytest

from dysyr.core.errors import InputError
from dysyr.core.mixture_distance import mixture_divergence


def test_two_points_at_distance_d_score_d_squared_over_two_variances():
    result = mixture_divergence([[0.0, 0.0]], [[2.0, 0.0]], variance=1.0, n_centres=40_000)
    assert result.value == pytest.approx(2.0, abs=5 * result.stderr)
    assert result.stderr == pytest.approx(2.0 / math.sqrt(40_000), rel=0.05)


def test_series_against_itself_is_zero_and_collapse_is_not():
    x = np.random.default_rng(0).normal(size=(500, 8))
    result = mixture_divergence(x, x)
    assert result.value == 0.0
    assert result.collapse > 0.5
    at_the_mean = np.tile(x.mean(axis=0), (500, 1))
    assert mixture_divergence(x, at_the_mean).value == pytest.approx(result.collapse, rel=1e-12)


def test_points_that_are_not_finite_keep_their_share():
    x = np.random.default_rng(1).normal(size=(400, 3))
    lost = np.where(np.arange(400)[:, None] % 2 == 0, np.nan, x)
    half = mixture_divergence(x, x[1::2])
    assert mixture_divergence(x, lost).value == pytest.approx(half.value + math.log(2), rel=1e-9)
    assert mixture_divergence(x, np.full_like(x, np.inf)).value == math.inf


def test_far_points_do_not_underflow():
    result = mixture_divergence([[0.0]], [[1e4]], variance=1e-2)
    assert result.value == pytest.approx(1e8 / 2e-2, rel=1e-3)


def test_points_whose_squares_overflow_add_no_density():
    """As points at a thousand do, only that these have a finite distance where all are there."""
    x = np.random.default_rng(2).normal(size=(300, 3))
    far, farther = (np.where(np.arange(300)[:, None] % 2 == 0, size, x) for size in (1e3, 1e200))
    assert mixture_divergence(x, farther).value == pytest.approx(mixture_divergence(x, far).value, rel=1e-12)
    assert mixture_divergence(x, np.full_like(x, 1e200)).value == np.inf
    assert mixture_divergence(x, farther).nonfinite == 0.0


def test_shapes_are_checked():
    with pytest.raises(InputError, match=r"\(5, 2\) and \(5, 3\)"):
        mixture_divergence(np.ones((5, 2)), np.ones((5, 3)))
