"""NeuralODE: flow and gradient against torchdiffeq, shooting, forcing, the fitted field, what it refuses."""

import json

import numpy as np
import pytest
import torch
from torchdiffeq import odeint, odeint_adjoint

import dysyr
from dysyr.core.dataset import make_dataset
from dysyr.core.vector_field import VectorField
from dysyr.reconstruction.neural_ode import NeuralODE
from dysyr.reconstruction.neural_ode.losses import Forcing, OneStep, Shooting
from dysyr.reconstruction.neural_ode.network import FieldNetwork
from dysyr.reconstruction.neural_ode.neural_ode import SmoothedTask

DT = 0.1
SMALL = {"hidden_dim": 8, "n_updates": 40, "batch_size": 16, "n_checks": 2, "segment": 3}
ACTIVATIONS = pytest.mark.parametrize("activation", ["silu", "softplus", "tanh"])
MATRIX = np.array([[-0.1, 1.0], [-1.0, -0.1]])
"""x' = MATRIX x, a damped oscillation."""


def oscillation(n=300, start=(1.0, 0.5)):
    """Exact samples of the linear system, moved to another origin."""
    t = DT * np.arange(n)
    turn = np.stack([np.stack([np.cos(t), np.sin(t)]), np.stack([-np.sin(t), np.cos(t)])]).transpose(2, 0, 1)
    return np.exp(-0.1 * t)[:, None] * (turn @ np.array(start)) + [0.0, 5.0]


def fit(data=None, **changes):
    return NeuralODE(**{**SMALL, **changes}).fit(oscillation() if data is None else data, dt=DT, progress=False)


@pytest.fixture(scope="module")
def fitted():
    return fit()


def field(activation="tanh", seed=0, double=True):
    made = FieldNetwork((2, 8, 8, 2), activation, change=np.array([0.2, 0.5]), seed=seed)
    return made.double() if double else made


def pieces(rng, *lengths):
    return [rng.normal(size=(n, 2)) for n in lengths]


@ACTIVATIONS
def test_fixed_steps_converge_to_the_flow_with_order_four(activation, rng):
    """Against an adaptive solver of torchdiffeq at a tolerance of 1e-12."""
    network, s = field(activation), torch.tensor(rng.normal(size=(5, 2)))
    with torch.no_grad():
        true = odeint(network, s, torch.arange(4.0, dtype=torch.float64), method="dopri5", rtol=1e-12, atol=1e-12)
        errors = [(network.flow(s, 3, n).transpose(0, 1) - true[1:]).abs().max().item() for n in (2, 4, 8)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (orders > 3.7).all(), (errors, orders)


def test_an_adaptive_solver_keeps_its_tolerance(rng):
    network, s = field(), torch.tensor(rng.normal(size=(5, 2)))
    with torch.no_grad():
        np.testing.assert_allclose(network.flow(s, 3, "dopri5"), network.flow(s, 3, 32), atol=5e-5)


def test_the_gradient_is_that_of_the_adjoint_equation(rng):
    """Through our steps, and by the adjoint method of torchdiffeq, which integrates backwards."""
    network, s = field(), torch.tensor(rng.normal(size=(4, 2)))
    goal = torch.tensor(rng.normal(size=(4, 3, 2)))
    ((network.flow(s, 3, 16) - goal) ** 2).mean().backward()
    ours = [p.grad.clone() for p in network.parameters()]
    for p in network.parameters():
        p.grad = None
    times = torch.arange(4.0, dtype=torch.float64)
    states = odeint_adjoint(network, s, times, method="dopri5", rtol=1e-10, atol=1e-10)[1:].transpose(0, 1)
    ((states - goal) ** 2).mean().backward()
    for one, other in zip(ours, network.parameters(), strict=True):
        np.testing.assert_allclose(one.numpy(), other.grad.numpy(), rtol=1e-5, atol=1e-7)


def losses(network, rng):
    data = pieces(rng, 20, 13)
    form = {"solver": 1, "batch_size": 6}
    shooting = Shooting(network, data, data, np.array([0.1, 0.3]), n=4, continuity=0.5, **form)
    return [OneStep(network, data, **form), shooting, Forcing(network, data, n=4, alpha=0.3, **form)]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_gradients_are_those_of_central_differences(number, rng, monkeypatch):
    monkeypatch.setattr(torch, "float32", torch.float64)
    loss = losses(field(), rng)[number]
    loss(np.random.default_rng(5)).backward()
    for p in loss.parameters():
        at = tuple(int(i) for i in np.unravel_index(np.argmax(np.abs(p.grad.numpy())), p.shape))
        values = []
        for h in (1e-5, -1e-5):
            with torch.no_grad():
                p[at] += h
                values.append(loss(np.random.default_rng(5)).item())
                p[at] -= h
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(p.grad[at].item(), rel=1e-5)


def test_segments_of_the_flow_with_their_true_starts_cost_nothing(rng):
    """Data that the network itself has made: misfit and gaps vanish, and a moved start costs both."""
    network = field(double=False)
    with torch.no_grad():
        data = [network.flow(torch.tensor([[0.3, -0.2]]), n, 1)[0].numpy().astype(float) for n in (13, 30)]
    shooting = Shooting(network, data, data, np.ones(2), n=4, solver=1, continuity=2.0, batch_size=400)
    with torch.no_grad():
        assert shooting(np.random.default_rng(0)).item() < 1e-8
        shooting.shift[1, 0] = 0.1
        chosen = np.random.default_rng(0).integers(3 + 7, size=400)
        begun, ended = (chosen == 1).mean(), (chosen == 0).mean()
        got = shooting(np.random.default_rng(0)).item()
    least = begun * (0.1 / 0.2) ** 2 / 10 + 2.0 * ended * (0.1 / 0.2) ** 2 / 2
    assert got > least


def test_starts_lie_at_every_nth_sample_of_each_stretch(rng):
    data = pieces(rng, 9, 3, 13)
    smoothed = [x + 1 for x in data]
    form = {"n": 4, "solver": 1, "continuity": 1.0, "batch_size": 1}
    shooting = Shooting(field(double=False), data, smoothed, np.array([0.1, 0.2]), **form)
    expected = np.concatenate([smoothed[0][[0, 4, 8]], smoothed[1][:1], smoothed[2][[0, 4, 8, 12]]])
    np.testing.assert_allclose(shooting.starts().detach().numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(shooting._segments[2].numpy(), data[2][:5], rtol=1e-6)
    assert shooting._start_of.tolist() == [0, 1, 4, 5, 6]
    with torch.no_grad():
        shooting.shift[:] = 1.0
    np.testing.assert_allclose(shooting.starts().detach().numpy(), expected + [0.1, 0.2], rtol=1e-6)


def test_full_forcing_is_one_step_and_none_is_a_free_run(rng):
    network, data = field(double=False), pieces(rng, 5)
    x = torch.tensor(data[0], dtype=torch.float32)
    with torch.no_grad():
        one_step = network.mean_square(network.flow(x[:-1], 1, 1)[:, 0] - x[1:]).item()
        free = network.mean_square(network.flow(x[:1], 4, 1)[0] - x[1:]).item()
        for alpha, expected in ((1.0, one_step), (0.0, free)):
            loss = Forcing(network, data, n=4, solver=1, alpha=alpha, batch_size=1)
            assert loss(np.random.default_rng(0)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "changes", [{"training": "forcing"}, {"solver": 2}, {"solver": "bosh3", "n_updates": 8}, {"n_layers": 1}], ids=str
)
def test_every_option_trains(changes):
    made = fit(**changes)
    assert np.isfinite(made.history_["loss"]).all()
    assert made.generate(5)["x"].shape == (1, 5, 2)
    assert len(made.model_.layers) == changes.get("n_layers", 2) + 1


@ACTIVATIONS
def test_the_model_makes_the_steps_that_were_trained(activation):
    made = fit(activation=activation, solver=2)
    model = made.model_
    network = field(activation)
    widths = [len(bias) for _, bias in model.layers]
    network = FieldNetwork((2, *widths), activation, change=model.change).double()
    with torch.no_grad():
        for (w, b), weights, bias in zip(model.layers, network.weights, network.biases, strict=True):
            weights.copy_(torch.tensor(w))
            bias.copy_(torch.tensor(b))
        network.change = torch.tensor(model.change)
        states = network.flow(torch.tensor(model.initial_states), 4, 2).numpy()
    np.testing.assert_allclose(model.trajectory(model.initial_states, 4), states, atol=1e-12)
    assert isinstance(model, VectorField)
    assert model.n_parameters == sum(p.numel() for p in network.parameters())


@ACTIVATIONS
def test_the_derivative_of_the_field_is_that_of_central_differences(activation, rng):
    model, h = fit(activation=activation, n_updates=2, n_checks=1).model_, 1e-6
    z = 3 * rng.normal(size=(6, 2))
    for d in range(2):
        shift = h * np.eye(2)[d]
        numeric = (model.derivative(z + shift) - model.derivative(z - shift)) / (2 * h)
        np.testing.assert_allclose(model.derivative_jacobian(z)[:, :, d], numeric, atol=1e-8)


@pytest.mark.parametrize("training", ["shooting", "forcing"])
def test_a_linear_system_is_recovered(training):
    """x' = A (x - c): the field, in data units, at states within the data."""
    starts = [(a / 6 * np.cos(a), a / 6 * np.sin(a)) for a in np.linspace(0.5, 6, 8)]
    data = [oscillation(60, start) for start in starts]
    made = fit(data, training=training, hidden_dim=16, n_updates=500, n_checks=1, batch_size=32)
    model, x = made.model_, np.array([[0.3, 5.2], [-0.4, 4.8], [0.0, 5.5]])
    found = model.derivative(model.scaler.transform(x)) * model.scaler.sd
    np.testing.assert_allclose(found, (x - [0.0, 5.0]) @ MATRIX.T, atol=0.03)
    eigenvalues = np.linalg.eigvals(model.derivative_jacobian(model.scaler.transform(np.array([[0.0, 5.0]])))[0])
    np.testing.assert_allclose(np.sort(eigenvalues.imag), [-1, 1], atol=0.1)
    np.testing.assert_allclose(eigenvalues.real, -0.1, atol=0.1)


def test_noise_is_found_and_contexts_are_filtered():
    rng = np.random.default_rng(0)
    starts = [(np.cos(a), np.sin(a)) for a in np.linspace(0, 6, 6)]
    data = [oscillation(80, start) + 0.05 * rng.normal(size=(80, 2)) for start in starts]
    model = fit(data, hidden_dim=16, n_updates=400, n_checks=1, batch_size=32).model_
    np.testing.assert_allclose(model.noise * model.scaler.sd, 0.05, rtol=0.25)
    clean = np.stack([oscillation(80, (np.cos(a), np.sin(a))) for a in np.linspace(0.5, 5.5, 30)])
    noisy = clean + 0.05 * rng.normal(size=clean.shape)
    found = model.readout(model.initial(noisy[:, :30]))
    ours, last = (np.sqrt(((x - clean[:, 29]) ** 2).mean()) for x in (found, noisy[:, 29]))
    assert ours < 0.6 * last


def test_clean_data_are_not_smoothed():
    """Lorenz 1963 so coarsely sampled that local cubics bend it, clean and with noise."""
    x = dysyr.simulate(dysyr.load_system("lorenz63"), n_steps=3000, dt=0.04)["x"].values[0]
    clean = SmoothedTask.from_data(make_dataset(x, dt=0.04))
    np.testing.assert_array_equal(clean.smoothed[0], clean.pieces[0])
    assert (clean.noise < 2e-3).all()
    noise = 0.05 * x.std(axis=0) * np.random.default_rng(0).normal(size=x.shape)
    noisy = SmoothedTask.from_data(make_dataset(x + noise, dt=0.04))
    np.testing.assert_allclose(noisy.noise, 0.05, rtol=0.1)
    assert np.abs(noisy.smoothed[0] - noisy.pieces[0]).mean() > 0.01
    walk = SmoothedTask.from_data(make_dataset(np.random.default_rng(0).normal(size=(500, 2)), dt=1.0))
    np.testing.assert_array_equal(walk.noise, 0.0)
    np.testing.assert_array_equal(walk.smoothed[0], walk.pieces[0])


def test_starts_of_noisy_segments_move_towards_the_truth():
    """Free starts under training are nearer to the clean curve than the smoothed samples are."""
    rng = np.random.default_rng(3)
    clean = oscillation(400) - [0.0, 5.0]
    noisy = clean + 0.05 * rng.normal(size=clean.shape)
    network = FieldNetwork((2, 2), "tanh", change=np.full(2, DT), seed=0)
    with torch.no_grad():
        network.weights[0].copy_(torch.tensor(MATRIX))
        network.biases[0].zero_()
    shooting = Shooting(network, [noisy], [noisy], np.full(2, 0.05), n=5, solver=1, continuity=1.0, batch_size=80)
    optimiser = torch.optim.Adam([shooting.shift], lr=0.05)
    for k in range(150):
        optimiser.zero_grad()
        shooting(np.random.default_rng(k)).backward()
        optimiser.step()
    found = shooting.starts().detach().numpy()
    before, after = (np.sqrt(((x - clean[::5]) ** 2).mean()) for x in (noisy[::5], found))
    assert after < 0.6 * before


def test_a_field_that_blows_up_has_a_status(fitted):
    model = type(fitted.model_).from_state(fitted.model_.config(), fitted.model_.arrays())
    model.layers[-1] = (1e8 * np.ones_like(model.layers[-1][0]), model.layers[-1][1] + 1e8)
    free = model.generate(50, n_trajectories=2)
    assert [one["diverged_at"] is not None for one in json.loads(free.attrs["status"])] == [True, True]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_dim": 0}, "NeuralODE cannot use this hidden_dim: 0; a whole number of at least 1"),
        ({"n_layers": 0}, "cannot use this n_layers: 0"),
        ({"segment": 0}, "cannot use this segment: 0"),
        ({"activation": "relu"}, r"cannot use this activation: 'relu'; one of \('silu', 'softplus', 'tanh'\)"),
        ({"training": "adjoint"}, r"cannot use this training: 'adjoint'; one of \('shooting', 'forcing'\)"),
        ({"solver": 0}, "cannot use this solver: 0; a whole number of at least 1, or one of"),
        ({"solver": "euler"}, "cannot use this solver: 'euler'"),
        ({"continuity": -1}, "cannot use this continuity: -1; a number of at least 0"),
        ({"alpha": 1.5}, r"cannot use this alpha: 1.5; a number in \[0, 1\]"),
        ({"n_updates": 0}, "cannot use this n_updates"),
        ({"batch_size": 0}, "cannot use this batch_size"),
        ({"n_checks": 0}, "cannot use this n_checks"),
        ({"learning_rate": 0}, "cannot use this learning_rate"),
        ({"learning_rate_end": 0}, "cannot use this learning_rate_end"),
        ({"gradient_clip": 0}, "cannot use this gradient_clip"),
        ({"validation_fraction": 0}, "cannot use this validation_fraction"),
        ({"seed": -1}, "cannot use this seed"),
    ],
)
def test_bad_arguments_say_what_would_do(changes, message):
    with pytest.raises(dysyr.InputError, match=message):
        fit(**changes)


def test_stretches_too_short_for_a_segment_are_refused():
    x = oscillation()
    x[::4] = np.nan
    gaps = make_dataset(x, dt=DT, mask=np.isfinite(x))
    with pytest.raises(dysyr.InputError, match="has 3 samples; a segment with the start of the next one takes 4"):
        fit(gaps)
    with pytest.raises(dysyr.InputError, match="has 3 samples; a window with its start takes 4"):
        fit(gaps, training="forcing")


def test_training_without_a_finite_loss_says_so(monkeypatch):
    monkeypatch.setattr(FieldNetwork, "mean_square", lambda self, difference: difference.sum() * float("nan"))
    with pytest.raises(dysyr.NotConverged, match="a finite loss: lower learning_rate, or shorten segment"):
        fit()
