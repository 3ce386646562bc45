import math

import numpy as np
import pytest

from dysyr.core.errors import InputError
from dysyr.evaluation.recurrence import recurrence, recurrence_threshold


def circle(n, period):
    angle = 2 * np.pi * np.arange(n) / period
    return np.column_stack([np.cos(angle), np.sin(angle)])


def test_a_periodic_orbit_recurs_on_whole_diagonals():
    result = recurrence(circle(100, 20), threshold=0.01)
    assert result["determinism"] == 1.0
    assert result["laminarity"] == 0.0
    # Diagonals at offsets 20, 40, 60, 80 hold 80 + 60 + 40 + 20 recurrent pairs of 99 * 100 / 2.
    assert result["recurrence_rate"] == pytest.approx(200 / 4950)
    assert result["mean_diagonal"] == pytest.approx(50.0)
    assert result["diagonal_entropy"] == pytest.approx(math.log(4))


def test_noise_recurs_on_short_diagonals_as_often_as_chance_has_it(rng):
    x = rng.uniform(size=(1500, 1))
    threshold = recurrence_threshold(x, 0.05)
    result = recurrence(x, threshold=threshold)
    assert result["recurrence_rate"] == pytest.approx(0.05, abs=1e-4)
    # A recurrent pair is on a diagonal of at least 2 unless both of its neighbours on it are not recurrent.
    assert result["determinism"] == pytest.approx(1 - 0.95**2, abs=0.01)


def test_a_resting_series_recurs_always():
    result = recurrence(np.zeros((50, 2)), threshold=0.1)
    assert result["recurrence_rate"] == 1.0
    # Of 1225 pairs only the corner is a diagonal of one; the second and last but one row hold a single.
    assert result["determinism"] == pytest.approx(1224 / 1225)
    assert result["laminarity"] == pytest.approx(2448 / 2450)


def test_nothing_recurs_on_a_ramp():
    result = recurrence(np.arange(50.0)[:, None], threshold=0.5)
    assert set(result.values()) == {0.0}


def test_the_band_around_the_diagonal_is_left_out():
    slow = np.linspace(0, 1, 60)[:, None]
    assert recurrence(slow, threshold=3 / 59 + 1e-9)["recurrence_rate"] > 0
    assert recurrence(slow, threshold=3 / 59 + 1e-9, theiler=4)["recurrence_rate"] == 0.0
    with pytest.raises(InputError, match="more than 61"):
        recurrence(slow, threshold=1.0, theiler=60)
