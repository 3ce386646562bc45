"""The benchmark of LatentSDE: exact times and likelihoods, scores, tables, a run with tiny sizes."""

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from dysyr.benchmark import latent_sde
from dysyr.reconstruction.latent_sde import LatentSDE


def test_the_exact_time_of_a_hop_tends_to_that_of_kramers():
    """2 pi / sqrt(|V''(0)| V''(1)) exp(2 dV / sigma^2), dV = 1/4, for weak noise."""
    for sigma, tolerance in ((0.2, 0.08), (0.15, 0.04)):
        kramers = 2 * math.pi / math.sqrt(2) * math.exp(0.5 / sigma**2)
        np.testing.assert_allclose(latent_sde.exact_hop_time(sigma), kramers, rtol=tolerance)


def test_hops_are_counted_between_wells_only():
    """What turns back at the top is no hop; each run is counted by itself."""
    runs = np.array([[1.2, 0.1, -0.2, 1.1, 0.0, -1.3, -0.5, -1.1], [-1.0, 0.3, 1.0, -1.0, 0.9, 0.8, 0.7, 0.6]])
    assert latent_sde.hop_time(runs, 0.5) == 16 * 0.5 / 3
    assert latent_sde.hop_time(runs[:, :5] * [[1], [0]], 0.5) == math.inf


def test_the_exact_likelihood_is_that_of_the_covariance(rng):
    t = 0.1 * np.arange(20)
    covariance = 0.5 * np.exp(-np.abs(t[:, None] - t)) + 0.09 * np.eye(20)
    x = rng.multivariate_normal(np.zeros(20), covariance)
    expected = multivariate_normal(np.zeros(20), covariance).logpdf(x)
    np.testing.assert_allclose(latent_sde.exact_likelihood(x, 0.3, 0.1), expected, rtol=1e-9)


def test_scores_of_the_climatology_and_of_what_diverges(rng):
    free, actual = rng.normal(size=(4, 200, 2)), rng.normal(size=(50, 5, 2))
    draws = rng.normal(size=(300, 50, 5, 2))
    found = latent_sde.scores("ornstein_uhlenbeck", draws, actual, rng.normal(size=free.shape), free, 0.1)
    assert abs(found["crps"] - 1) < 0.02 and abs(found["coverage"] - 0.9) < 0.05
    assert abs(found["variance"] - 1) < 0.2 and "hop_time" not in found
    lost = np.full(free.shape, np.nan)
    found = latent_sde.scores("double_well", np.full((1, 50, 5, 2), np.nan), actual, lost, free, 0.1)
    assert found["crps"] == math.inf == found["variance"] == found["hop_time"] and "coverage" not in found


def test_tables_count_failures_and_what_is_infinite():
    kept = {"system": "double_well", "condition": "base", "method": "latentsde", "seed": 0, "failure": None}
    records = [
        {**kept, "crps": 0.5, "hop_time": None}, {**kept, "crps": 0.7, "hop_time": 40.0},
        {**kept, "method": "neuralode", "failure": "no"},
    ]  # fmt: skip
    text = latent_sde.tables(records)
    assert "### double_well, base: 10,000 samples, 0% noise" in text
    assert "| method | CRPS / climatology | time of a hop | failed |" in text
    assert "| latentsde | **0.600** [0.500, 0.700] | **∞** [40.0, ∞] | 0 of 2 |" in text
    assert "| neuralode | – | – | 1 of 1 |" in text


@pytest.mark.slow
def test_a_run_writes_a_page_and_keeps_what_is_finished(tmp_path, monkeypatch):
    small = {"n_updates": 4, "n_checks": 1, "hidden_dim": 4}
    monkeypatch.setattr(latent_sde, "METHODS", {"truth": (None, {}), "latentsde": (LatentSDE, small)})
    monkeypatch.setattr(latent_sde, "N_FREE", 100)
    monkeypatch.setattr(latent_sde, "N_LIKELIHOOD", 20)
    arguments = ["-o", str(tmp_path / "out"), "--cells", "ornstein_uhlenbeck:short", "--seeds", "1"]
    latent_sde.main([*arguments, "--methods", "truth", "latentsde", "--write", str(tmp_path / "page.md")])
    text = (tmp_path / "page.md").read_text()
    assert "| latentsde | " in text and "| truth | " in text and "likelihood lacks" in text
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    latent_sde.main([*arguments, "--methods", "truth", "latentsde", "--write", str(tmp_path / "page.md")])
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == kept
