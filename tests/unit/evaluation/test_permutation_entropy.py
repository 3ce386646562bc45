import math

import numpy as np
import pytest

from dysyr.core.errors import InputError
from dysyr.evaluation.permutation_entropy import permutation_entropy


def test_white_noise_uses_all_patterns_alike(rng):
    n, patterns = 50_000, math.factorial(4)
    expected = 1 - (patterns - 1) / (2 * n * math.log(patterns))
    assert permutation_entropy(rng.normal(size=n), order=4) == pytest.approx(expected, abs=5e-4)


def test_a_monotone_series_uses_one_pattern():
    assert permutation_entropy(np.arange(100.0)) == 0.0
    assert permutation_entropy(np.zeros(100)) == 0.0


def test_the_logistic_map_never_falls_twice():
    x = np.empty(100_000)
    x[0] = 0.3
    for t in range(len(x) - 1):
        x[t + 1] = 4 * x[t] * (1 - x[t])
    # The five patterns of order 3 that occur have probabilities 1/3, 4/15, 2/15, 1/5, 1/15 (Amigó 2010).
    p = np.array([1 / 3, 4 / 15, 2 / 15, 1 / 5, 1 / 15])
    expected = -(p * np.log(p)).sum() / math.log(6)
    assert permutation_entropy(x, order=3) == pytest.approx(expected, abs=3e-3)


def test_delay_equals_taking_every_other_sample():
    x = np.sin(0.1 * np.arange(999) ** 1.3)
    apart = np.concatenate([[permutation_entropy(x[k::2], order=3)] for k in range(2)])
    assert permutation_entropy(x, order=3, delay=2) == pytest.approx(apart.mean(), abs=0.01)


def test_too_short_a_series_is_refused():
    with pytest.raises(InputError, match="at least 9 for order 5 and delay 2"):
        permutation_entropy(np.arange(8.0), order=5, delay=2)
