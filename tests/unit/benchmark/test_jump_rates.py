"""The benchmark of rates of a flashing ratchet."""

import numpy as np
import pytest
from jump_cases import ratchet

import dysyr
from dysyr.benchmark import jump_rates
from dysyr.core.rate_properties import entropy_production, time_scales


def test_its_ratchet_has_the_known_time_scales():
    q = dysyr.load_system("flashing_ratchet").rate_matrix
    np.testing.assert_allclose(q, ratchet(1.0), rtol=1e-15)
    np.testing.assert_allclose(time_scales(q)[0][0], 0.5, rtol=1e-12)
    assert entropy_production(q) == pytest.approx(0.179194, abs=6e-7)


def test_its_paths_are_stationary_and_noise_moves_the_given_share():
    q = ratchet(1.0)
    clean, noisy = (jump_rates.observed(q, 2000, noise, 1)["x"].values[..., 0] for noise in (0.0, 0.1))
    shares = [np.bincount(clean[:, k], minlength=6) / 2000 for k in (0, 99)]
    np.testing.assert_allclose(shares, [[0.30119, 0.13654, 0.06227, 0.2003, 0.15914, 0.14057]] * 2, atol=0.035)
    assert (clean != noisy).mean() == pytest.approx(0.1, abs=0.004)


def test_errors_shrink_with_paths_and_failures_are_counted():
    cells = jump_rates.run(range(2), n_paths=(1, 30), noises=(0.0,))
    few, many = (cell["errors"] for cell in cells)
    assert np.isnan(few["naive counts"]).all() and np.isfinite(few["MAP"]).all()
    assert (many["MAP"] < few["MAP"]).all()
    text = jump_rates.tables(cells)
    assert "| 0 | 1 | 0.656 | 2 failed | 2 failed |" in text
    assert text.count("\n| 0 | 30 |") == 2
