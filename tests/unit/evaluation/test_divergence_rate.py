import math

import numpy as np
import pytest

from dysyr.core.divergence_rate import divergence_rate
from dysyr.core.errors import InputError
from dysyr.core.surrogates import phase_surrogate
from dysyr.evaluation.controls import autoregression


def test_the_henon_map_is_chaotic_at_its_rate(henon_truths):
    result = divergence_rate(henon_truths[0], dt=0.5)
    assert result.chaotic
    assert result.value == pytest.approx(0.41922 / 0.5, rel=0.06)


def test_the_logistic_map_is_chaotic_at_ln_2():
    x = np.empty((4000, 1))
    x[0] = 0.3
    for t in range(len(x) - 1):
        x[t + 1] = 4 * x[t] * (1 - x[t])
    result = divergence_rate(x, dt=1.0)
    assert result.chaotic
    assert result.value == pytest.approx(math.log(2), rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_white_noise_is_not_chaotic(seed):
    assert not divergence_rate(np.random.default_rng(seed).normal(size=(3000, 2)), dt=1.0, seed=seed).chaotic


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("linear", [phase_surrogate, autoregression])
def test_linear_noise_with_the_spectrum_of_chaos_is_not_chaotic(henon_truths, linear, seed):
    rng = np.random.default_rng(seed)
    smooth = np.cumsum(henon_truths[seed, :3000] - henon_truths[seed, :3000].mean(axis=0), axis=0)
    for x in (henon_truths[seed, :3000], smooth):
        assert not divergence_rate(linear(x, rng), dt=1.0, seed=seed).chaotic


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_cycle_and_a_torus_are_not_chaotic(rng, noise):
    t = 0.05 * np.arange(5000)
    cycle = np.column_stack([np.sin(t), np.cos(t)])
    torus = np.column_stack([cycle, np.sin(math.sqrt(2) * t), np.cos(math.sqrt(2) * t)])
    for x in (cycle, torus):
        assert not divergence_rate(x + noise * rng.normal(size=x.shape), dt=0.05).chaotic


def test_without_surrogates_nothing_is_called_chaotic(henon_truths):
    assert not divergence_rate(henon_truths[0], dt=1.0, n_surrogates=0).chaotic


def test_short_series_are_refused():
    with pytest.raises(InputError, match="at least 200"):
        divergence_rate(np.zeros((100, 2)), dt=1.0)
