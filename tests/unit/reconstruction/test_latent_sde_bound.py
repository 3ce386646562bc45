"""The bound, the posterior and the particle filter of LatentSDE against exact Gaussian likelihoods and moments."""

import math

import numpy as np
import pytest
import torch
from latent_sde_cases import SIGMA, THETA, network, relaxing
from scipy.stats import multivariate_normal
from torchsde import sdeint

from dysyr.reconstruction.latent_sde.bound import Increments, Posterior, evidence_bound
from dysyr.reconstruction.latent_sde.particles import particle_filter


def exact_density(x, noise):
    """ln p of samples of the process with noise, (time,) with NaN where missing; from its covariance."""
    at = np.flatnonzero(np.isfinite(x))
    apart = np.abs(at[:, None] - at)
    covariance = SIGMA**2 / (2 * THETA) * np.exp(-THETA * apart) + noise**2 * np.eye(len(at))
    return multivariate_normal(np.zeros(len(at)), covariance).logpdf(x[at])


def path(rng, n=12, noise=0.3):
    t = np.arange(n)
    covariance = SIGMA**2 / (2 * THETA) * np.exp(-THETA * np.abs(t[:, None] - t)) + noise**2 * np.eye(n)
    return rng.multivariate_normal(np.zeros(n), covariance)


def bounds(made, x, rng, n_paths=4000):
    """(n_paths,) bounds of one window (time,) by as many paths."""
    windows = np.repeat(x[None, :, None], n_paths, axis=0)
    size = (1 + (len(x) - 1) * made.n_substeps, n_paths, made.latent_dim)
    prepared = torch.tensor(made.encoder.prepare(windows), dtype=torch.float64)
    with torch.no_grad():
        return evidence_bound(made, prepared, torch.tensor(windows), torch.tensor(rng.normal(size=size))).numpy()


@pytest.mark.parametrize("n_substeps", [1, 4])
def test_the_bound_stays_below_the_exact_likelihood(n_substeps, rng):
    """Untrained, the posterior knows the next sample and not those after it: the gap is small, and it is no gain."""
    made, x = relaxing(n_substeps), path(rng)
    drawn = bounds(made, x, rng)
    exact, stderr = exact_density(x, 0.3), drawn.std() / math.sqrt(len(drawn))
    assert exact - 1.5 < drawn.mean() < exact + 3 * stderr


def test_the_bound_is_tight_where_nothing_follows(rng):
    """With two samples and one step the bridge is the exact posterior of the second state given the first."""
    made, x = relaxing(), path(rng, 2)
    exact = exact_density(x, 0.3)
    with torch.no_grad():
        made.start.bias.copy_(_exact_first(made, x))
    drawn = bounds(made, x, rng)
    np.testing.assert_allclose(drawn.mean(), exact, atol=4 * drawn.std() / math.sqrt(len(drawn)) + 1e-9)


def _exact_first(made, x):
    """Shift and log factor by which the posterior of the first state given the first sample becomes that given both."""
    v, a, r2 = SIGMA**2 / (2 * THETA), math.exp(-THETA), 0.3**2
    prior = np.array([[v, v * a], [v * a, v]])
    gain = prior @ np.linalg.inv(prior + r2 * np.eye(2))
    mean, sd = (gain @ x)[0], math.sqrt((prior - gain @ prior)[0, 0])
    own_variance = 1 / (1 / v + 1 / r2)
    own_mean, own_sd = own_variance * x[0] / r2, math.sqrt(own_variance)
    log_factor = math.log(sd / own_sd)
    return torch.tensor([(mean - own_mean) / own_sd, 2 * math.atanh(log_factor / 2)])


@pytest.mark.parametrize("n_substeps", [1, 3])
def test_the_particle_filter_finds_the_exact_likelihood(n_substeps, rng):
    made, x = relaxing(n_substeps), path(rng, 30)
    x[[4, 5, 11]] = np.nan
    found = [particle_filter(made, x[None, :, None], 2000, 7, rng)[1][0] for _ in range(4)]
    np.testing.assert_allclose(found, exact_density(x, 0.3), atol=0.15)


def test_the_particle_filter_finds_the_exact_state(rng):
    made, x = relaxing(), path(rng, 10)
    z, _ = particle_filter(made, np.repeat(x[None, :, None], 2, axis=0), 20_000, 4, rng)
    t = np.arange(10)
    prior = SIGMA**2 / (2 * THETA) * np.exp(-THETA * np.abs(t[:, None] - t))
    gain = prior @ np.linalg.inv(prior + 0.09 * np.eye(10))
    np.testing.assert_allclose(z.mean(axis=(1, 2)), (gain @ x)[-1], atol=0.01)
    np.testing.assert_allclose(z.var(axis=(1, 2)), (prior - gain @ prior)[-1, -1], rtol=0.05)


def test_any_posterior_gives_the_same_likelihood(rng):
    """The weights make up for a posterior that is wrong."""
    made, x = relaxing(2), path(rng, 8)
    with torch.no_grad():
        made.correction.bias.copy_(torch.tensor([0.4, -0.2]))
        made.start.bias.copy_(torch.tensor([0.3, 0.2]))
    found = [particle_filter(made, x[None, :, None], 4000, 8, rng)[1][0] for _ in range(4)]
    np.testing.assert_allclose(np.mean(found), exact_density(x, 0.3), atol=0.05)
    assert bounds(made, x, rng).mean() < np.mean(found) - 0.3


def test_a_constant_control_has_the_divergence_of_girsanov(rng):
    """f - h = 0.6, g = 0.5 over a time of 2: 0.6^2 / 0.5^2 / 2 * 2 = 1.44, whatever the steps."""
    for n_substeps in (1, 3):
        made = network(n_substeps=n_substeps)
        with torch.no_grad():
            made.log_diffusion.fill_(math.log(0.5))
            made.correction.bias[0] = 0.6 / 0.5
        nothing, features = torch.zeros(3, 5, 1), torch.zeros(3, 5, 8)
        posterior = Posterior(made, features.double(), nothing.double(), nothing.double())
        start, noise = torch.zeros(5, 2).double(), torch.zeros(2 * n_substeps, 5, 2).double()
        times = torch.arange(0, 2 * n_substeps + 1, n_substeps, dtype=torch.float64)
        with torch.no_grad():
            end = sdeint(posterior, start, times, bm=Increments(noise), method="euler", dt=1)[-1]
        np.testing.assert_allclose(end[:, 1], 1.44, rtol=1e-6)


def test_the_divergence_of_a_step_is_that_of_two_normal_laws(rng):
    made = network(2, n_substeps=2, diffusion="multiplicative", seed=3)
    with torch.no_grad():
        for p in made.parameters():
            p.copy_(0.3 * torch.tensor(rng.normal(size=p.shape)))
    features, x, z = (torch.tensor(rng.normal(size=size)) for size in ((2, 4, 8), (2, 4, 2), (4, 2)))
    posterior = Posterior(made, features, x, torch.ones_like(x))
    with torch.no_grad():
        drift, diffusion = posterior.f_and_g(torch.tensor(1.0), torch.cat([z, torch.zeros(4, 1)], dim=1))
        h, g = made.drift(z) / 2, made.diffusion(z) / math.sqrt(2)
        q = torch.distributions.Normal(z + drift[:, :2], diffusion[:, :2])
        p = torch.distributions.Normal(z + h, g)
        expected = torch.distributions.kl_divergence(q, p).sum(dim=1)
    np.testing.assert_allclose(drift[:, 2], expected, rtol=1e-9)
    np.testing.assert_array_equal(diffusion[:, 2], 0.0)


@pytest.mark.parametrize("diffusion", ["additive", "multiplicative"])
@pytest.mark.parametrize("encoder", ["gru", "cde"])
def test_the_gradient_is_that_of_differences(encoder, diffusion, rng):
    made = network(2, latent_dim=3, diffusion=diffusion, encoder=encoder, n_substeps=2, seed=1)
    windows = rng.normal(size=(3, 4, 2))
    windows[0, 1] = windows[1, 2, 0] = np.nan
    prepared, x = torch.tensor(made.encoder.prepare(windows), dtype=torch.float64), torch.tensor(windows)
    e = torch.tensor(rng.normal(size=(7, 3, 3)))
    with torch.no_grad():
        for p in made.parameters():
            p.add_(0.1 * torch.tensor(rng.normal(size=p.shape)))

    def value():
        return evidence_bound(made, prepared, x, e).sum()

    value().backward()
    for name, p in made.named_parameters():
        way = torch.tensor(rng.normal(size=p.shape))
        with torch.no_grad():
            p.add_(1e-6 * way)
            up = value()
            p.sub_(2e-6 * way)
            down = value()
            p.add_(1e-6 * way)
        np.testing.assert_allclose((p.grad * way).sum(), (up - down) / 2e-6, rtol=1e-4, atol=1e-5, err_msg=name)


def test_what_is_missing_does_not_matter(rng):
    """Missing samples enter neither the likelihood nor the bridge: the prepared windows alone tell that they are."""
    made, x = network(2, latent_dim=2, encoder="gru"), rng.normal(size=(2, 6, 2))
    x[:, 2:4] = np.nan
    e = torch.tensor(rng.normal(size=(6, 2, 2)))
    prepared = torch.tensor(made.encoder.prepare(x))
    assert torch.isfinite(prepared).all()
    with torch.no_grad():
        assert torch.isfinite(evidence_bound(made, prepared, torch.tensor(x), e)).all()
