"""LatentSDE: paths and forecasts against analytic moments, what a fit finds, and what it refuses."""

import json
import math

import numpy as np
import pytest
import torch
from latent_sde_cases import SIGMA, THETA, network, relaxing
from torchsde import sdeint

import dysyr
from dysyr.core.dataset import make_dataset
from dysyr.core.model import StateSpace
from dysyr.core.probabilistic import Probabilistic
from dysyr.core.scaler import Scaler
from dysyr.reconstruction.latent_sde import LatentDiffusion, LatentSDE
from dysyr.reconstruction.neural_ode import NeuralODE

DT = 0.1
SMALL = {"hidden_dim": 8, "n_layers": 1, "segment": 4, "n_updates": 20, "batch_size": 16, "n_checks": 2}
VARIANCE = SIGMA**2 / (2 * THETA)


def model(made, *, mean=0.0, sd=1.0, dt=1.0, length=6):
    """A LatentDiffusion of a network, without training."""
    n, d = made.n_variables, made.latent_dim
    form = {
        "latent_dim": d, "hidden_dim": 8, "n_layers": 1, "encoder": "gru", "n_substeps": made.n_substeps,
        "diffusion": "multiplicative" if made.multiplicative else "additive",
    }  # fmt: skip
    return LatentDiffusion(
        made, form=form, length=length, scaler=Scaler(np.full(n, mean), np.full(n, sd)), dt=dt, names="xyz"[:n],
        initial_states=np.zeros((4, d)),
    )  # fmt: skip


def process(n, seed=0, noise=0.0, dt=DT):
    """Samples of dx = -x dt + sqrt(2) dW, whose stationary variance is 1, exactly; with noise of measurements."""
    rng, a = np.random.default_rng(seed), math.exp(-dt)
    x = np.empty(n)
    x[0] = rng.normal()
    for t in range(1, n):
        x[t] = a * x[t - 1] + math.sqrt(1 - a * a) * rng.normal()
    return (x + noise * rng.normal(size=n))[:, None]


def fit(data=None, **changes):
    return LatentSDE(**{**SMALL, **changes}).fit(process(300) if data is None else data, dt=DT, progress=False)


@pytest.fixture(scope="module")
def fitted():
    return fit()


def test_paths_have_the_moments_of_the_process(rng):
    """Mean exp(-theta t), variance sigma^2 / (2 theta) (1 - exp(-2 theta t)), stationary autocorrelation."""
    made = model(relaxing())
    orbit = made.paths(np.full((20_000, 1), 1.5), 10, rng)[:, :, 0]
    t = np.arange(1, 11)
    np.testing.assert_allclose(orbit.mean(axis=0), 1.5 * np.exp(-THETA * t), atol=0.02)
    np.testing.assert_allclose(orbit.var(axis=0), VARIANCE * -np.expm1(-2 * THETA * t), rtol=0.05)
    late = made.paths(orbit[:, -1:], 3, rng)[:, :, 0]
    np.testing.assert_allclose((late[:, 0] * late[:, 2]).mean(), VARIANCE * math.exp(-2 * THETA), atol=0.01)


def test_noise_that_depends_on_the_state_is_that_of_ito(rng):
    """Without drift z stays where it is on average; read as Stratonovich, it would move by 1/2 <g g'> t."""
    made = network(n_substeps=4, diffusion="multiplicative")
    with torch.no_grad():
        for p in (made.out.weight, made.linear.weight):
            p.zero_()
        made.bend_out.fill_(0.4 / 16)
        made.bend[0].fill_(1.0)
        made.bend[1].zero_()
        made.log_diffusion.zero_()
    z = model(made).paths(np.zeros((40_000, 1)), 1, rng)[:, 0, 0]
    slope = 0.8
    assert abs(z.mean()) < 4 * z.std() / 200 < 0.5 * 0.5 * slope


def test_paths_are_those_of_torchsde_with_the_same_increments():
    """The steps of the fitted model and sdeint of the library, from the same Brownian path."""
    made = network(2, n_substeps=2, diffusion="multiplicative", seed=2)

    class Prior(torch.nn.Module):
        noise_type, sde_type = "diagonal", "ito"

        def f(self, t, z):
            return made.drift(z)

        def g(self, t, z):
            return made.diffusion(z)

    e = np.random.default_rng(5).standard_normal((6, 3, 2))

    class Path:
        shape, dtype, device, levy_area_approximation = (3, 2), torch.float64, torch.device("cpu"), "none"

        def __call__(self, ta, tb):
            return torch.tensor(e[round(2 * float(ta))] * math.sqrt(0.5))

    z = np.random.default_rng(1).normal(size=(3, 2))
    with torch.no_grad():
        times = torch.arange(4, dtype=torch.float64)
        theirs = sdeint(Prior(), torch.tensor(z), times, bm=Path(), method="euler", dt=0.5)[1:]
    np.testing.assert_allclose(model(made).paths(z, 3, np.random.default_rng(5)), theirs.transpose(0, 1), rtol=1e-12)


def test_a_forecast_is_the_law_of_the_process():
    """After noise-free samples: mean and spread of the process from the last one, in data units."""
    made, x = model(relaxing(noise=1e-3), mean=5.0, sd=2.0), 5 + 2 * np.array([0.1, 0.4, 1.0])[:, None]
    ahead = made.forecast(x, n_steps=4, n_draws=20_000)
    t = np.arange(1, 5)
    np.testing.assert_allclose(ahead["x"].values[0, :, 0], 5 + 2 * np.exp(-THETA * t), atol=0.05)
    np.testing.assert_allclose(
        ahead["spread"].values[0, :, 0] ** 2, 4 * VARIANCE * -np.expm1(-2 * THETA * t), rtol=0.05
    )


def test_samples_have_the_noise_of_measurements():
    made, x = model(relaxing(noise=0.3)), np.array([0.1, 0.4, 1.0])[:, None]
    plain, noisy = (made.sample(x, n_steps=30, n_draws=2000, with_noise=flag) for flag in (False, True))
    assert plain.shape == (2000, 1, 30, 1)
    np.testing.assert_allclose(noisy[:, :, 20:].var() - plain[:, :, 20:].var(), 0.09, atol=0.03)
    with pytest.raises(dysyr.InputError, match="n_draws: 1; a whole number of at least 2"):
        made.sample(x, n_steps=3, n_draws=1)


def test_the_likelihood_is_in_data_units():
    """A density in units half as large is half as high, for each value that is there."""
    x = np.array([0.1, np.nan, 0.4, 1.0])[:, None]
    small = model(relaxing()).log_likelihood(x, n_particles=4000)
    large = model(relaxing(), mean=1.0, sd=2.0).log_likelihood(1 + 2 * x, n_particles=4000)
    np.testing.assert_allclose(large, small - 3 * math.log(2), rtol=1e-9)


def test_only_the_end_of_a_context_counts():
    made = model(relaxing(), length=3)
    assert made.memory == 24
    x = np.random.default_rng(0).normal(size=(60, 1))
    whole, end = (made.forecast(part, n_steps=2)["x"].values for part in (x, x[-24:]))
    np.testing.assert_array_equal(whole, end)


def test_contexts_of_several_lengths():
    made = model(relaxing(noise=0.01))
    ahead = made.forecast([np.full((3, 1), 1.0), np.full((7, 1), -1.0)], n_steps=1, n_draws=500)
    np.testing.assert_allclose(ahead["x"].values[:, 0, 0], np.array([1, -1]) * math.exp(-THETA), atol=0.1)


def test_free_runs_start_from_states_of_the_model_or_a_context(fitted):
    a, b = (fitted.generate(30, seed=s)["x"].values for s in (0, 1))
    assert not np.array_equal(a, b)
    np.testing.assert_array_equal(a, fitted.generate(30, seed=0)["x"].values)
    assert fitted.generate(5, context=process(20), n_trajectories=3)["x"].shape == (3, 5, 1)
    with pytest.raises(dysyr.InputError, match="inputs were given to a model"):
        fitted.generate(5, inputs=np.zeros((5, 1)))


def test_the_model_is_a_random_process_and_no_map(fitted):
    made = fitted.model_
    assert isinstance(made, Probabilistic) and not isinstance(made, StateSpace)
    assert made.n_parameters == sum(p.numel() for p in made.network.parameters())
    with pytest.raises(dysyr.InputError, match="Lyapunov exponents need equations or a model with a Jacobian"):
        dysyr.lyapunov_spectrum(made, n_steps=10)


def test_a_fit_finds_drift_diffusion_and_law_of_the_process():
    """dx = -x dt + sqrt(2) dW, in one Euler step per sample: drift (exp(-dt) - 1) x / dt, and g^2 dt = 1 - exp(-2 dt).

    Variance and autocorrelation of free runs are those of the process; a deterministic field has no variance.
    """
    data = process(3000, seed=1)
    made = fit(data, hidden_dim=16, segment=6, n_substeps=1, n_updates=200, batch_size=64, n_checks=1).model_
    z = np.linspace(-1.5, 1.5, 7)[:, None]
    slope = np.polyfit(made.scaler.inverse(z)[:, 0], (made.drift(z) * made.scale)[:, 0], 1)[0]
    np.testing.assert_allclose(slope, math.expm1(-DT) / DT, rtol=0.2)
    np.testing.assert_allclose(made.diffusion(z) * made.scale, math.sqrt(-math.expm1(-2 * DT) / DT), rtol=0.1)
    free = made.generate(1500, n_trajectories=32, seed=2)["x"].values[..., 0]
    np.testing.assert_allclose(free.var(), 1.0, atol=0.2)
    lagged = np.mean((free[:, :-10] - free.mean()) * (free[:, 10:] - free.mean())) / free.var()
    np.testing.assert_allclose(lagged, math.exp(-1), atol=0.08)
    still = NeuralODE(hidden_dim=16, n_updates=60, n_checks=1).fit(data, dt=DT, progress=False)
    assert still.generate(500, transient=100, seed=2)["x"].values.var() < 0.2


def test_a_run_loads_from_json_and_arrays(fitted):
    made = fitted.model_
    again = LatentDiffusion.from_state(json.loads(json.dumps(made.config())), made.arrays())
    x = process(20)
    np.testing.assert_array_equal(made.log_likelihood(x), again.log_likelihood(x))
    assert again.memory == made.memory and again.dt == DT


@pytest.mark.parametrize(
    "changes", [{"diffusion": "multiplicative"}, {"encoder": "cde"}, {"latent_dim": 3}, {"n_substeps": 1}]
)
def test_every_option_trains(changes, fitted):
    x = process(300)
    x[40:44] = np.nan
    made = fit(make_dataset(x, dt=DT, mask=True), **changes)
    assert np.isfinite(made.history_["loss"]).all()
    assert np.isfinite(made.generate(20)["x"].values).all()
    assert made.model_.latent_dim == changes.get("latent_dim", 1)
    again = LatentDiffusion.from_state(made.model_.config(), made.model_.arrays())
    np.testing.assert_array_equal(made.model_.log_likelihood(x[30:60]), again.log_likelihood(x[30:60]))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"latent_dim": 0}, "LatentSDE cannot use this latent_dim: 0"),
        ({"hidden_dim": 0}, "cannot use this hidden_dim"),
        ({"n_layers": 0}, "cannot use this n_layers"),
        ({"segment": 0}, "cannot use this segment"),
        ({"n_substeps": 0}, "cannot use this n_substeps"),
        ({"n_updates": 0}, "cannot use this n_updates"),
        ({"batch_size": 0}, "cannot use this batch_size"),
        ({"n_checks": 0}, "cannot use this n_checks"),
        ({"learning_rate": 0}, "cannot use this learning_rate"),
        ({"learning_rate_end": -1}, "cannot use this learning_rate_end"),
        ({"gradient_clip": 0}, "cannot use this gradient_clip"),
        ({"encoder": "rnn"}, r"cannot use this encoder: 'rnn'; one of \('gru', 'cde'\)"),
        ({"diffusion": "none"}, "cannot use this diffusion"),
        ({"validation_fraction": 1.0}, "cannot use this validation_fraction"),
        ({"seed": -1}, "cannot use this seed"),
    ],
)
def test_bad_arguments_say_what_would_do(changes, message):
    with pytest.raises(dysyr.InputError, match=message):
        fit(**changes)


def test_data_that_do_not_suit():
    with pytest.raises(dysyr.InputError, match="fewer variables than the data: 1; latent_dim of at least 2"):
        fit(np.random.default_rng(0).normal(size=(100, 2)), latent_dim=1)
    with pytest.raises(dysyr.InputError, match="no window fits into the data"):
        fit(process(100), segment=90)
