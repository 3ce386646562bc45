"""Encoders, prior, flow and decoder of the Koopman VAE."""

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline

from dysyr.reconstruction.koopman_vae import noise_law
from dysyr.reconstruction.koopman_vae.encoder_irregular import IrregularEncoder
from dysyr.reconstruction.koopman_vae.encoder_regular import RecurrentEncoder
from dysyr.reconstruction.koopman_vae.flow import Flow, surprise
from dysyr.reconstruction.koopman_vae.losses import Weights, loss_of, misfit
from dysyr.reconstruction.koopman_vae.network import KoopmanNetwork
from dysyr.reconstruction.koopman_vae.noise_law import NoiseLaw, PosteriorNoise, fit_law, n_checks_of
from dysyr.reconstruction.koopman_vae.prior import LOG_VARIANCE_BOUNDS, Posterior, SequentialPrior, divergence
from dysyr.reconstruction.koopman_vae.windows import change_of
from dysyr.training.controlled_encoder import control_path, control_values


def network(encoder="gru", head="linear", n_variables=2):
    return KoopmanNetwork(
        n_variables, latent_dim=3, hidden_dim=5, encoder=encoder, head=head, change=np.full(n_variables, 0.5),
        bounds=np.array([[-1.0] * n_variables, [2.0] * n_variables]), seed=0,
    )  # fmt: skip


def weights(**changes):
    settings = {
        "increment": 0.0, "divergence": 0.1, "start": 1.0, "prediction": 0.0, "n_steps": 1, "form": "relative",
        "rollout": 0.0, "spectrum": 0.0, "constraint": None, "n_unit": 3,
    }  # fmt: skip
    return Weights(**{**settings, **changes})


@pytest.mark.parametrize(
    ("law", "value"),
    [((1, 0, 0, 0), 0.5), ((0, 0, 0, np.log(4)), 0.318147181), ((0.5, -1, -0.5, 0.5), 0.664830410),
     ((0, -2, 0, 0), 0.567667642)],
)  # fmt: skip
def test_divergence_of_normal_laws(law, value):
    assert divergence(*(torch.tensor(float(v)) for v in law)).item() == pytest.approx(value, rel=1e-6)


def test_divergence_is_that_of_torch():
    laws = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    law, other = (torch.distributions.Normal(m, torch.exp(v / 2)) for m, v in (laws[:2], laws[2:]))
    np.testing.assert_allclose(divergence(*laws), torch.distributions.kl_divergence(law, other), rtol=1e-4, atol=1e-6)


def test_no_global_generator_is_touched():
    before = torch.get_rng_state()
    first, second = network(), network()
    assert torch.equal(before, torch.get_rng_state())
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_path_is_the_natural_spline_through_what_was_seen():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 9, 2))
    x[0, [2, 3, 7]] = np.nan
    x[1, 4, 1] = np.nan
    path = control_path(x)
    seen = np.array([0, 1, 4, 5, 6, 8])
    slope = CubicSpline(seen, x[0, seen, 0], bc_type="natural").derivative()
    np.testing.assert_allclose(path[0, 1:, 0].reshape(8, 2), slope(np.arange(8)[:, None] + [0.0, 0.5]), atol=1e-12)
    seen = np.array([0, 1, 2, 3, 5, 6, 7, 8])
    slope = CubicSpline(seen, x[1, seen, 1], bc_type="natural").derivative()
    np.testing.assert_allclose(path[1, 1:, 1].reshape(8, 2), slope(np.arange(8)[:, None] + [0.0, 0.5]), atol=1e-12)
    np.testing.assert_allclose(path[:, 0, :2], x[:, 0])
    steps = path[0, 1::2, 2:]
    np.testing.assert_allclose(path[0, 0, 2:-1] + steps[:, :-1].sum(axis=0), [6 / 9, 6 / 9])
    np.testing.assert_allclose(steps[:, -1], 1 / 9)


def test_values_that_are_missing_do_not_enter():
    x = np.random.default_rng(1).normal(size=(1, 8, 2))
    hidden = x.copy()
    hidden[0, 3] = np.nan
    other = hidden.copy()
    net = network("cde")
    same = [net.encoder(torch.tensor(net.encoder.prepare(w), dtype=torch.float32)) for w in (hidden, other, x)]
    assert torch.equal(same[0], same[1])
    assert not torch.allclose(same[0], same[2])


def test_ends_that_were_not_seen_are_constant_and_nothing_seen_is_no_path():
    x = np.full((2, 6, 1), np.nan)
    x[0, 2:4, 0] = [1.0, 3.0]
    path = control_path(x)
    assert path[0, 0, 0] == 1.0
    np.testing.assert_allclose(path[0, 1:, 0], [0, 0, 0, 0, 2, 2, 0, 0, 0, 0])
    assert not path[1, :, :2].any()


def test_values_of_the_path_are_those_of_its_splines():
    x = np.random.default_rng(0).normal(size=(2, 9, 2))
    x[0, [0, 2, 3, 7, 8]] = np.nan
    x[1, 1:, 0] = np.nan
    x[1, :, 1] = np.nan
    values = control_values(x)
    seen = np.array([1, 4, 5, 6])
    spline = CubicSpline(seen, x[0, seen], bc_type="natural")
    np.testing.assert_allclose(values[0, 1:7], spline(np.arange(1, 7)), atol=1e-12)
    np.testing.assert_allclose(values[0, [0, 7, 8]], x[0, [1, 6, 6]])
    assert (values[1, :, 0] == x[1, 0, 0]).all()
    assert not values[1, :, 1].any()


def given_to_the_recurrence(encoder, x):
    taken = []
    handle = encoder.recurrence.register_forward_pre_hook(lambda module, args: taken.append(args[0]))
    with torch.no_grad():
        encoder(torch.tensor(encoder.prepare(x), dtype=torch.float32))
    handle.remove()
    return taken[0].double().numpy()


def test_the_irregular_encoder_sees_values_beside_the_path():
    x = np.random.default_rng(2).normal(size=(3, 8, 2))
    x[0, [0, 3]], x[1, 5, 1] = np.nan, np.nan
    with torch.random.fork_rng(devices=[]):
        encoder = IrregularEncoder(2, 4, np.array([0.5, 0.25]))
    y, seen = given_to_the_recurrence(encoder, x), np.isfinite(x)
    np.testing.assert_array_equal(y[..., 8:], seen)
    np.testing.assert_allclose(y[..., 6:8][seen], x[seen], rtol=1e-6)
    slope = CubicSpline(np.arange(8), x[2], bc_type="natural").derivative()(np.arange(7)) / [0.5, 0.25]
    np.testing.assert_allclose(y[2, :7, 4:6], slope, atol=1e-5)
    np.testing.assert_array_equal(y[2, 7, 4:6], y[2, 6, 4:6])


def test_windows_with_gaps_move_features_as_complete_ones_do():
    """Where features hardly differ between windows, latent states learn to wait for corrections at every step."""
    rng = np.random.default_rng(0)
    f, phi = rng.uniform(0, 0.1, (2, 400, 1, 3))
    x = np.sin(f * np.arange(24)[:, None] + phi)
    x = (x - x.mean()) / x.std()
    gaps = np.where(rng.random((400, 24, 1)) < 0.5, np.nan, x)
    spread = []
    for kind, windows in ((RecurrentEncoder, x), (IrregularEncoder, gaps)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            encoder = kind(3, 8, change_of(windows))
        with torch.no_grad():
            features = encoder(torch.tensor(encoder.prepare(windows), dtype=torch.float32))
        spread.append(features.std(dim=0).mean().item())
    assert spread[1] > 0.7 * spread[0]


def test_the_regular_encoder_sees_changes_in_their_own_unit():
    with torch.random.fork_rng(devices=[]):
        encoder = RecurrentEncoder(1, 4, np.array([0.01]))
    x = torch.linspace(0, 0.05, 6)[None, :, None]
    taken = []
    encoder.recurrence.register_forward_pre_hook(lambda module, args: taken.append(args[0]))
    encoder(x)
    torch.testing.assert_close(taken[0][0, :, 1], torch.ones(6), atol=1e-4, rtol=1e-4)


def posterior_of(mean, log_variance, target=None, gain=None):
    return Posterior(mean, log_variance, *(torch.zeros_like(mean) if a is None else a for a in (target, gain)))


def test_posterior_without_correction_is_the_prior():
    net = network()
    noise = torch.randn(4, 7, 3, generator=torch.Generator().manual_seed(1))
    zero = torch.zeros_like(noise)
    z, e, mean = net.prior.follow(posterior_of(zero, zero), noise)
    assert divergence(mean, zero).abs().max() == 0
    assert torch.equal(e, noise)
    assert torch.equal(z, net.prior.run(noise))
    assert torch.equal(z[:, 0], noise[:, 0])


def test_the_noise_of_a_posterior_makes_its_states():
    net = network()
    parts = torch.randn(4, 2, 7, 3, generator=torch.Generator().manual_seed(1))
    given = posterior_of(parts[0], parts[1], parts[2], torch.sigmoid(parts[3]))
    normal = torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(2))
    z, e, mean = net.prior.follow(given, normal)
    assert torch.equal(net.prior.run(e), z)
    torch.testing.assert_close(e, mean + torch.exp(0.5 * parts[1]) * normal)


def test_a_whole_gain_leads_every_draw_to_its_target_and_none_to_where_the_prior_goes():
    """With K = 1 and little noise of its own z_t = y_t, wherever the free noise before went."""
    net = network()
    normal = torch.randn(200, 6, 3, generator=torch.Generator().manual_seed(1))
    zero, gain = torch.zeros_like(normal), torch.zeros_like(normal)
    log_variance, target = torch.zeros_like(normal), torch.full_like(normal, 0.7)
    gain[:, 4], log_variance[:, 4] = 1.0, np.log(1e-8)
    z, e, mean = net.prior.follow(posterior_of(zero, log_variance, target, gain), normal)
    torch.testing.assert_close(z[:, 4], target[:, 4], atol=1e-3, rtol=0)
    assert z[:, 3].std(dim=0).min() > 0.1
    free = [1, 2, 3, 5]
    assert mean[:, free].abs().max() == 0
    assert torch.equal(e[:, free], normal[:, free])
    assert mean[:, 4].std(dim=0).min() > 0.1


def test_gains_and_variances_keep_to_their_bounds_and_the_first_state_has_no_gain():
    net = network()
    with torch.no_grad():
        features = 1e3 * torch.randn(5, 6, 2 * net.prior.encoder_dim, generator=torch.Generator().manual_seed(1))
        given = net.prior.posterior(features)
    assert len(given) == 5
    assert len(given[1:3]) == 2
    assert (given.gain[:, 0] == 0).all()
    assert ((given.gain >= 0) & (given.gain <= 1)).all()
    assert given.gain[:, 1:].std() > 0.1
    low, high = LOG_VARIANCE_BOUNDS
    assert given.log_variance.min() >= low - 1e-5
    assert given.log_variance.max() <= high + 1e-5
    joined = Posterior.joined([given[:2], given[2:]])
    assert all(torch.equal(a, b) for a, b in zip(joined.parts(), given.parts(), strict=True))


def test_training_begins_with_small_gains_beside_the_prior():
    net = network()
    with torch.no_grad():
        given = net.prior.posterior(torch.zeros(2, 6, 2 * net.prior.encoder_dim))
    torch.testing.assert_close(given.gain[:, 1:], torch.full((2, 5, 3), 1 / (1 + np.exp(2.0)), dtype=torch.float32))
    assert all((part[:, 1:] == 0).all() for part in (given.shift, given.log_variance, given.target))


def test_all_parts_of_a_posterior_are_trained():
    net, rng = network(), np.random.default_rng(0)
    parts = [torch.tensor(a, dtype=torch.float32, requires_grad=True) for a in rng.uniform(0.1, 0.9, (4, 2, 5, 3))]
    normal = torch.tensor(rng.normal(size=(2, 5, 3)), dtype=torch.float32)
    net.prior.follow(Posterior(*parts), normal)[0].square().sum().backward()
    for part in parts:
        assert torch.isfinite(part.grad).all()
        assert (part.grad[:, 1:] != 0).all()


def test_later_states_depend_on_earlier_noise_only():
    net = network()
    noise = torch.randn(1, 7, 3, generator=torch.Generator().manual_seed(1))
    changed = noise.clone()
    changed[:, 4] += 1.0
    one, other = net.prior.run(noise), net.prior.run(changed)
    assert torch.equal(one[:, :4], other[:, :4])
    assert not torch.isclose(one[:, 4:], other[:, 4:]).all(dim=2).any()


def test_states_of_a_long_window_do_not_run_away_at_the_beginning():
    _, prior = parts_of_a_law(12)
    noise = torch.zeros(20, 300, 12)
    noise[:, 0] = torch.randn(20, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        size = prior.run(noise).norm(dim=2)
    assert (size[:, -1] / size[:, 0]).max() < 30
    assert not torch.allclose(prior.linear, torch.eye(12), atol=0.02)


def test_a_sigmoid_keeps_to_its_bounds_and_windows_of_any_length_are_decoded():
    x = network(head="sigmoid").decoder(100 * torch.randn(3, 50, 3, generator=torch.Generator().manual_seed(1)))
    assert x.shape == (3, 50, 2)
    assert x.min() >= -1
    assert x.max() <= 2


def test_a_sample_is_decoded_from_its_own_state():
    decoder = network().decoder
    z = torch.randn(1, 9, 3, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(decoder(z)[:, 4:5], decoder(z[:, 4:5]))
    assert not torch.allclose(decoder(z)[:, 4], decoder(z)[:, 5])


def scattered(part, size=0.3, seed=0):
    """The same module with random weights."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for p in part.parameters():
            p.copy_(torch.tensor(size * rng.normal(size=p.shape), dtype=torch.float32))
    return part


@pytest.mark.parametrize("n_context", [0, 3])
def test_the_flow_is_invertible_and_its_volume_is_the_jacobian(n_context):
    flow = scattered(Flow(5, n_context, n_couplings=4, n_hidden=8))
    rng = np.random.default_rng(0)
    e, c = (torch.tensor(rng.normal(size=(4, n)), dtype=torch.float32) for n in (5, n_context))
    c = c if n_context else None
    u, log_volume = flow(e, c)
    torch.testing.assert_close(flow.inverse(u, c), e, atol=1e-4, rtol=1e-4)
    one = None if c is None else c[1:2]
    jacobian = torch.autograd.functional.jacobian(lambda row: flow(row[None], one)[0][0], e[1])
    torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, log_volume[1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("n", range(2, 17))
@pytest.mark.parametrize("n_couplings", [4, 6])
def test_each_component_is_changed_by_some_coupling(n, n_couplings):
    flow = scattered(Flow(n, n_couplings=n_couplings, n_hidden=4), 1.0)
    e = torch.randn(1, n, generator=torch.Generator().manual_seed(0))
    u, _ = flow(e)
    assert not np.isin(e.detach().numpy(), u.detach().numpy()).any()


def test_a_new_flow_leaves_normal_states_normal():
    u, log_volume = Flow(4, n_couplings=6, n_hidden=8)(torch.eye(4))
    assert log_volume.abs().max() == 0
    assert torch.equal(u.sum(dim=0), torch.ones(4))


def parts_of_a_law(n=4):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return NoiseLaw(n), SequentialPrior(n, 5, 5)


def test_states_that_are_drawn_have_the_noise_that_the_law_says():
    law, prior = parts_of_a_law()
    scattered(law, 0.2)
    u = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(1))
    z, e = law.run(u, prior)
    np.testing.assert_allclose(e.detach(), noise_of(prior, z.detach()), atol=1e-4)
    again, _ = law(torch.tensor(noise_of(prior, z.detach())), z, torch.ones(3, 7))
    torch.testing.assert_close(again, u, atol=1e-4, rtol=1e-4)


def test_the_density_of_the_law_is_that_of_a_change_of_variables():
    law, prior = parts_of_a_law()
    scattered(law, 0.2)
    e = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))

    def u_of(rows):
        rows = rows.reshape(1, 5, 4)
        return law(rows, prior.run(rows), torch.ones(1, 5))[0].reshape(-1)

    jacobian = torch.autograd.functional.jacobian(u_of, e.reshape(-1))
    _, log_volume = law(e[None], prior.run(e[None]), torch.ones(1, 5))
    torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, log_volume.sum(), atol=1e-4, rtol=1e-4)


def test_what_was_not_seen_does_not_enter_the_law():
    law, prior = parts_of_a_law()
    scattered(law, 0.2)
    e = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1))
    z, seen = prior.run(e), torch.ones(2, 6)
    seen[:, 3] = 0
    other_e, other_z = e.clone(), z.clone()
    other_e[:, 3] += 1
    other_z[:, 3] += 1
    one, other, whole = (law(*given)[0] for given in ((e, z, seen), (other_e, other_z, seen), (e, z, torch.ones(2, 6))))
    assert torch.equal(one[:, 4:], other[:, 4:])
    assert not torch.isclose(one[:, 4:], whole[:, 4:]).all()


def posterior_noise(prior, e, seen):
    return PosteriorNoise(prior, posterior_of(e, torch.full_like(e, np.log(1e-2))), seen)


def test_the_law_learns_first_and_later_noise_from_what_was_seen():
    """First noise on a ring; later noise that keeps its sign along a window, and is 0 where nothing was seen."""
    rng = np.random.default_rng(0)
    n, n_times = 3000, 6
    angle = rng.uniform(0, 2 * np.pi, n)
    e = 2.0 * np.sign(rng.normal(size=(n, 1, 2))) * np.ones((n, n_times, 2))
    seen = rng.random((n, n_times)) < 0.6
    e[~seen] = 0.0
    e[:, 0] = 3 * np.column_stack([np.cos(angle), np.sin(angle)])
    seen[:, 0] = True
    law, prior = parts_of_a_law(2)
    noise = posterior_noise(prior, *(torch.tensor(a, dtype=torch.float32) for a in (e, seen)))
    bar = Bar()
    gains = fit_law(law, noise, noise, later=True, n_updates=800, seed=0, bar=bar)
    assert bar.count == n_checks_of(True)
    u = torch.tensor(rng.normal(size=(2000, n_times, 2)), dtype=torch.float32)
    with torch.no_grad():
        radius = law.first.inverse(u[:, 0]).norm(dim=1)
        z, _ = law.run(u, prior)
    assert abs(radius.mean() - 3) < 0.3
    assert radius.std() < 0.8
    drawn = noise_of(prior, z)[:, 1:]
    assert np.median(np.abs(drawn)) == pytest.approx(2.0, abs=0.3)
    assert (np.sign(drawn[:, 1:]) == np.sign(drawn[:, :-1])).mean() > 0.9
    assert (gains > 1).all()


class Bar:
    count = 0

    def update(self, n):
        self.count += n


def noise_of(prior, z):
    """The noise that made states of the prior."""
    h, found = torch.zeros(len(z), prior.hidden_dim), [z[:, 0]]
    with torch.no_grad():
        for k in range(1, z.shape[1]):
            foreseen, h = prior.step(z[:, k - 1], h, torch.zeros_like(z[:, 0]))
            found.append((z[:, k] - foreseen) * torch.exp(-0.5 * prior.moments(h)[:, prior.latent_dim :]))
    return torch.stack(found, dim=1).numpy()


def test_beginnings_are_those_of_windows_that_begin_with_a_seen_sample():
    e = torch.arange(12.0).reshape(3, 2, 2)
    _, prior = parts_of_a_law(2)
    some = posterior_noise(prior, e, torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])).beginnings()
    assert torch.equal(some.posterior.shift, e[[0, 2], :1])
    assert torch.equal(some.seen, torch.ones(2, 1))
    none = posterior_noise(prior, e, torch.tensor([[0.0, 1.0]] * 3)).beginnings()
    assert torch.equal(none.posterior.shift, e[:, :1])


def test_held_out_noise_of_which_nothing_was_seen_does_not_stop_the_fit():
    law, prior = parts_of_a_law(2)
    shifted = 2 + 0.1 * torch.randn(400, 4, 2, generator=torch.Generator().manual_seed(0))
    noise, held = (posterior_noise(prior, shifted, seen) for seen in (torch.ones(400, 4), torch.zeros(400, 4)))
    assert (fit_law(law, noise, held, later=True, n_updates=20, seed=0) > 0).all()


def test_weights_of_the_law_that_are_worse_on_held_out_noise_are_not_kept():
    law, prior = parts_of_a_law(2)
    rng = np.random.default_rng(0)
    draws = (torch.tensor(size * rng.normal(size=(400, 4, 2)), dtype=torch.float32) for size in (0.1, 1.0))
    noise, held = (posterior_noise(prior, e, torch.ones(400, 4)) for e in draws)
    before = {name: value.clone() for name, value in law.named_parameters()}
    gains = fit_law(law, noise, held, later=True, n_updates=20, seed=0)
    assert (gains == 0).all()
    assert all(torch.equal(value, before[name]) for name, value in law.first.named_parameters(prefix="first"))
    assert all(torch.equal(value, before[name]) for name, value in law.later.named_parameters(prefix="later"))


def test_draws_of_the_noise_follow_the_gains_and_train_no_prior():
    _, prior = parts_of_a_law(3)
    zero = torch.zeros(500, 4, 3)
    gain, log_variance = zero.clone(), zero.clone()
    gain[:, 3], log_variance[:, 3] = 1.0, np.log(1e-8)
    posterior = posterior_of(zero, log_variance, torch.full_like(zero, 0.7), gain)
    noise = PosteriorNoise(prior, posterior, torch.ones(500, 4))
    e, z, seen = noise.draw(np.arange(0, 500, 2), np.random.default_rng(0))
    assert (z[:, 3] - 0.7).abs().max() < 1e-3
    assert z[:, 2].std(dim=0).min() > 0.1
    assert torch.equal(prior.run(e), z)
    assert not e.requires_grad
    assert not z.requires_grad
    assert seen.shape == (250, 4)


def test_the_unit_of_states_is_that_of_draws():
    """Of windows whose posterior is N(0, 1) throughout, the first states alone spread by one."""
    law, prior = parts_of_a_law(3)
    zero = torch.zeros(500, 4, 3)
    noise = PosteriorNoise(prior, posterior_of(zero, zero), torch.ones(500, 4))
    fit_law(law, noise, noise, later=False, n_updates=1, seed=0)
    with torch.no_grad():
        wanted = prior.run(torch.randn(5000, 4, 3, generator=torch.Generator().manual_seed(0))).std(dim=(0, 1))
    torch.testing.assert_close(law.unit, wanted, atol=0.05, rtol=0.05)


def test_the_later_law_alone_decays_and_has_half_of_the_updates(monkeypatch):
    law, prior = parts_of_a_law(2)
    e = torch.randn(40, 4, 2, generator=torch.Generator().manual_seed(0))
    noise, calls = posterior_noise(prior, e, torch.ones(40, 4)), []

    def spy(part, loss_of, noise, held, batch_size, n_updates, decay, seed, bar):
        calls.append((n_updates, decay))
        return 0.0

    monkeypatch.setattr(noise_law, "_maximise", spy)
    for n_updates in (1, 100):
        fit_law(law, noise, noise, later=True, n_updates=n_updates, seed=0)
    assert calls == [(1, 0.0), (1, noise_law.DECAY), (100, 0.0), (50, noise_law.DECAY)]
    assert noise_law.DECAY > 0


def test_the_later_law_is_told_which_samples_were_seen(monkeypatch):
    law, prior = parts_of_a_law(2)
    rng, told = np.random.default_rng(0), []
    shown = rng.random((40, 6)) < 0.7
    e = torch.tensor(rng.normal(size=(40, 6, 2)), dtype=torch.float32)
    noise = posterior_noise(prior, e, torch.tensor(shown, dtype=torch.float32))
    whole = NoiseLaw.forward

    def spy(self, e, z, seen):
        told.append(seen.mean().item())
        return whole(self, e, z, seen)

    monkeypatch.setattr(NoiseLaw, "forward", spy)
    fit_law(law, noise, noise, later=True, n_updates=2, seed=0)
    assert told[0] == pytest.approx(shown.mean())
    assert max(told) < 0.9
    assert all(p.grad is None for p in prior.parameters())


def test_a_short_record_is_not_learned_by_heart():
    """Of 250 windows of normal noise there is nothing to learn: fresh noise may not be much less likely by the law."""
    law, prior = parts_of_a_law(4)
    rng = np.random.default_rng(0)
    few, fresh = (posterior_noise(prior, torch.tensor(rng.normal(size=(n, 10, 4)), dtype=torch.float32),
                                  torch.ones(n, 10)) for n in (250, 500))  # fmt: skip
    fit_law(law, few, few, later=True, n_updates=1500, seed=0)
    e, z, seen = fresh.draw(np.arange(500), rng)
    with torch.no_grad():
        lost = surprise(*law(e, z, seen)) - surprise(e, torch.zeros(500, 10))
    assert lost[:, 1:].mean() < 1


def test_the_unit_of_states_is_that_of_all_times():
    """Windows come in the order of time: a record that drifts has other states at its end than at its beginning."""
    n = 6000
    first = np.linspace(-3, 3, n)[:, None] * np.ones(3)
    e = torch.tensor(np.stack([first, np.zeros((n, 3))], axis=1), dtype=torch.float32)
    law, prior = parts_of_a_law(3)
    noise = posterior_noise(prior, e, torch.ones(n, 2))
    fit_law(law, noise, noise, later=False, n_updates=10, seed=0)
    with torch.no_grad():
        z = prior.run(e)
    torch.testing.assert_close(law.centre, z.mean(dim=(0, 1)), atol=0.01, rtol=0)
    torch.testing.assert_close(law.unit, z.std(dim=(0, 1)), atol=0.01, rtol=0.01)


def test_the_law_of_later_noise_has_two_parameters_for_each_value_at_most():
    law, _ = parts_of_a_law(4)
    memory = law.memory.weight_ih_l0.clone()

    def size():
        return sum(p.numel() for part in (law.memory, law.later) for p in part.parameters())

    assert law.n_couplings == 8
    large = size()
    law.suit(0.5 * large - 1)
    assert law.n_couplings == len(law.later.nets) == 4
    assert size() < 0.6 * large
    law.suit(0.5 * large)
    assert law.n_couplings == 8
    assert size() == large
    law.suit(1)
    assert law.n_couplings == 4
    assert torch.equal(law.memory.weight_ih_l0, memory)


def test_without_later_noise_only_the_first_is_learned():
    law, prior = parts_of_a_law(2)
    e = 3 + 0.1 * torch.randn(400, 4, 2, generator=torch.Generator().manual_seed(0))
    noise = posterior_noise(prior, e, torch.ones(400, 4))
    gains = fit_law(law, noise, noise, later=False, n_updates=20, seed=0)
    assert gains[0] > 0
    assert gains[1] == 0
    assert not any(value.abs().max() > 0 for name, value in law.later.named_parameters() if name.endswith("4.weight"))


def test_missing_values_do_not_change_what_a_weight_means():
    """Where the errors are all alike, the loss of half of them is the loss of all."""
    net = network("cde")
    with torch.no_grad():
        net.decoder.readout.weight.zero_()
        net.decoder.readout.bias.fill_(1.0)
    x = np.zeros((3, 6, 2))
    gaps = x.copy()
    gaps[:, ::2] = np.nan
    noise = torch.zeros(3, 6, 3)
    parts = []
    for w in (x, gaps):
        given, seen = (torch.tensor(a, dtype=torch.float32) for a in (net.encoder.prepare(w), w))
        parts.append(loss_of(net, given, seen, noise, weights(), 1.0)[1]["reconstruction"])
    assert parts == pytest.approx([6.0, 6.0])


def test_the_loss_is_the_weighted_sum_of_its_parts():
    net = network()
    x = torch.randn(4, 8, 2, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(4, 8, 3, generator=torch.Generator().manual_seed(1))
    w = weights(divergence=0.1, start=4.0, prediction=0.5, spectrum=2.0, constraint="unit_circle")
    loss, parts = loss_of(net, x, x, noise, w, 0.5)
    assert w.divergence_at(0.0) == pytest.approx(0.4)
    wanted = parts["reconstruction"] + 0.2 * parts["divergence"] + 0.5 * parts["prediction"] + 2 * parts["spectrum"]
    assert loss.item() == pytest.approx(wanted, rel=1e-5)
    posterior = net.prior.posterior(net.encoder(x))
    _, _, mean = net.prior.follow(posterior, noise)
    later = divergence(mean[:, 1:], posterior.log_variance[:, 1:]).sum().item() / 4
    assert parts["later_divergence"] == pytest.approx(later)
    assert 0 < later < parts["divergence"]
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in net.trained_together())


def test_increments_are_measured_by_their_own_spread():
    """A random walk against zero: an increment counts 1/2 on average, however small, whatever is missing."""
    rng = np.random.default_rng(0)
    walks = 1e-3 * np.cumsum(rng.normal(size=(4000, 12, 1)), axis=1)
    change, zero = torch.tensor([1e-3]), torch.zeros(4000, 12, 1)
    complete = torch.tensor(walks, dtype=torch.float32)
    assert misfit(zero, complete, change, 0.0).item() == pytest.approx(0.5 * (walks**2).sum() / 4000, rel=1e-4)
    assert misfit(zero, complete, change, 1.0).item() == pytest.approx(11 / 2, rel=0.02)
    holes = complete.clone()
    holes[torch.from_numpy(rng.random(holes.shape) < 0.6)] = torch.nan
    assert misfit(zero, holes, change, 1.0).item() == pytest.approx(11 / 2, rel=0.05)
    shifted = misfit(complete + 1, complete, change, 1.0).item()
    assert shifted == pytest.approx(12 / 2, rel=1e-4)


def test_missing_values_have_no_gradient_and_single_ones_no_increment():
    x = torch.tensor([[[1.0], [torch.nan], [torch.nan], [3.0]], [[torch.nan], [2.0], [torch.nan], [torch.nan]]])
    decoded = torch.zeros(2, 4, 1, requires_grad=True)
    total = misfit(decoded, x, torch.tensor([0.5]), 2.0)
    values, increments = 0.5 * (1 + 9 + 4) / 2 * 8 / 3, 2.0 * 0.5 * (2.0**2 / (0.25 * 3)) / 2 * 6 / 1
    assert total.item() == pytest.approx(values + increments)
    total.backward()
    assert (decoded.grad != 0).squeeze().tolist() == [[True, False, False, True], [False, True, False, False]]


def test_a_rollout_is_decoded_from_powers_of_the_matrix():
    net, rng = network(), np.random.default_rng(0)
    x, noise = (torch.tensor(rng.normal(size=(6, 9, n)), dtype=torch.float32) for n in (2, 3))
    total, parts = loss_of(net, x, x, noise, weights(rollout=2.0), 1.0)
    plain, others = loss_of(net, x, x, noise, weights(), 1.0)
    assert set(parts) - set(others) == {"rollout"}
    assert total.item() == pytest.approx(plain.item() + 2 * parts["rollout"], rel=1e-5)
    with torch.no_grad():
        z, _, _ = net.prior.follow(net.prior.posterior(net.encoder(x)), noise)
        before, after = z[:, :-1].reshape(-1, 3).numpy(), z[:, 1:].reshape(-1, 3).numpy()
        matrix = np.linalg.lstsq(before.astype(float), after.astype(float), rcond=None)[0]
        ahead = np.stack([z[:, 0].numpy() @ np.linalg.matrix_power(matrix, k) for k in range(9)], axis=1)
        wanted = 0.5 * (net.decoder(torch.tensor(ahead, dtype=torch.float32)) - x).square().sum() / 6
    assert parts["rollout"] == pytest.approx(wanted.item(), rel=1e-2)
    constrained = loss_of(net, x, x, noise, weights(rollout=2.0, constraint="unit_circle"), 1.0)[1]
    assert constrained["rollout"] != pytest.approx(parts["rollout"], rel=1e-3)
