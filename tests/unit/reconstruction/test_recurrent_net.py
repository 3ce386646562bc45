"""LSTM and GRU: the cells of torch, the state of the model, contexts, what they refuse."""

import json

import numpy as np
import pytest
import torch

import dysyr
from dysyr.core.dataset import make_dataset
from dysyr.core.model import repeat_step
from dysyr.reconstruction.recurrent_net import GRU, LSTM, GatedModel
from dysyr.reconstruction.recurrent_net.model import PARAMETERS
from dysyr.reconstruction.recurrent_net.network import GatedNetwork
from dysyr.training.estimator import Task
from dysyr.training.gradient import STREAM
from dysyr.training.windows import Windows

DT = 0.1
SMALL = {"hidden_dim": 6, "sequence_length": 20, "warm_up": 5, "n_updates": 20, "n_checks": 2, "batch_size": 8}
BOTH = pytest.mark.parametrize("method", [LSTM, GRU])


def circle(n=300):
    t = DT * np.arange(n)
    return np.column_stack([np.cos(t), 2 * np.sin(t) + 5])


def fit(method=LSTM, data=None, **changes):
    return method(**{**SMALL, **changes}).fit(circle() if data is None else data, dt=DT, progress=False)


def model_of(cell, n_variables=3, hidden_dim=5, rng=None):
    """A model with random numbers, and the modules of torch that hold the same ones, in float64."""
    rng, n_gates = rng or np.random.default_rng(0), {"lstm": 4, "gru": 3}[cell]
    rows = n_gates * hidden_dim
    shapes = [(rows, n_variables), (rows, hidden_dim), (rows,), (rows,), (n_variables, hidden_dim), (n_variables,)]
    parameters = {name: rng.normal(size=shape) for name, shape in zip(PARAMETERS, shapes, strict=True)}
    change = rng.uniform(0.1, 1.0, n_variables)
    scaler = dysyr.core.scaler.Scaler(rng.normal(size=n_variables), rng.uniform(0.5, 2, n_variables))
    model = GatedModel(
        parameters, cell=cell, change=change, scaler=scaler, dt=DT, names=[f"x{i}" for i in range(n_variables)],
        initial_states=np.zeros((1, 1)),
    )  # fmt: skip
    kind = {"lstm": torch.nn.LSTMCell, "gru": torch.nn.GRUCell}[cell]
    module = kind(n_variables, hidden_dim, device="meta").to_empty(device="cpu").double()
    with torch.no_grad():
        for name, own in zip(PARAMETERS[:4], ("weight_ih", "weight_hh", "bias_ih", "bias_hh"), strict=True):
            getattr(module, own).copy_(torch.tensor(parameters[name]))
    return model, module


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_step_is_that_of_the_cell_of_torch(cell, rng):
    model, module = model_of(cell)
    n, p = 5, model.parameters
    z = rng.normal(size=(7, model.latent_dim))
    s, h, c = (torch.tensor(part) for part in (z[:, -3:], z[:, :n], z[:, n : 2 * n]))
    with torch.no_grad():
        after = module(s, (h, c)) if cell == "lstm" else (module(s, h),)
    memory = np.concatenate([part.numpy() for part in after], axis=1)
    sample = z[:, -3:] + model.change * (after[0].numpy() @ p["readout"].T + p["offset"])
    np.testing.assert_allclose(model.step(z), np.concatenate([memory, sample], axis=1), atol=1e-12)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_jacobian_is_that_of_central_differences(cell, rng):
    model, _ = model_of(cell)
    z, h = rng.normal(size=(4, model.latent_dim)), 1e-6
    found = model.jacobian(z)
    for d in range(model.latent_dim):
        shift = h * np.eye(model.latent_dim)[d]
        numeric = (model.step(z + shift) - model.step(z - shift)) / (2 * h)
        np.testing.assert_allclose(found[:, :, d], numeric, atol=2e-9)


@BOTH
def test_the_model_makes_the_predictions_of_the_trained_network(method):
    """Samples shown one by one to the model, and all at once to the network."""
    made = method(**SMALL)
    series = circle(60)
    made.fit(circle(), dt=DT, progress=False)
    model = made.model_
    network = GatedNetwork(method.CELL, 2, 6, change=model.change).double()
    named = [*network.recurrence.parameters(), *network.readout.parameters()]
    with torch.no_grad():
        for value, name in zip(named, PARAMETERS, strict=True):
            value.copy_(torch.tensor(model.parameters[name]))
        predicted = network(torch.tensor(model.scaler.transform(series))[None])[0].numpy()
    ahead = [made.forecast(series[: t + 1], n_steps=1)["x"].values[0, 0] for t in (0, 1, 10, 59)]
    np.testing.assert_allclose(ahead, model.scaler.inverse(predicted[[0, 1, 10, 59]]), rtol=1e-6)
    assert model.n_parameters == sum(value.numel() for value in network.parameters())


@BOTH
def test_predictions_stand_in_for_missing_samples_of_a_context(method):
    model = fit(method).model_
    context = circle(30)
    context[20:] = np.nan
    z = model.initial(context[None])
    np.testing.assert_allclose(z, repeat_step(model, model.initial(context[None, :20]), 10)[:, -1])
    context = circle(30)
    context[25, 0] = np.nan
    z = model.initial(context[None, :26])
    guess = model.step(model.initial(context[None, :25]))
    np.testing.assert_allclose(model.readout(z)[0], [model.readout(guess)[0, 0], context[25, 1]])


@BOTH
def test_nothing_but_the_mean_is_known_before_the_first_sample(method):
    model = fit(method).model_
    z = model.initial(np.full((1, 1, 2), np.nan))
    np.testing.assert_array_equal(z, 0.0)
    np.testing.assert_allclose(model.readout(z)[0], model.scaler.mean)


def test_free_runs_that_drift_away_have_a_status():
    """A cell whose readout always points outwards leaves every bound, and says so."""
    model = fit().model_
    model._offset[:] = 1e12
    free = model.generate(50, n_trajectories=2)
    assert [one["diverged_at"] is not None for one in json.loads(free.attrs["status"])] == [True, True]


def test_jitter_and_seed_change_the_fit():
    base = fit().model_.parameters["weight_input"]
    for changes in ({"jitter": 0.1}, {"seed": 1}):
        assert np.abs(fit(**changes).model_.parameters["weight_input"] - base).max() > 1e-4


@BOTH
def test_the_loss_is_that_of_noisy_samples_after_the_warm_up(method):
    """That of the only update, written out."""
    made = fit(method, n_updates=1, n_checks=1, warm_up=15, jitter=0.1)
    task = Task.from_data(dysyr.split(dysyr.as_dataset(circle(), dt=DT), (0.8, 0.2))[0])
    network, rng = made._network(task), np.random.default_rng([0, STREAM, 0])
    drawn = Windows(task.pieces, 21).draw_any(8, rng)
    shown = drawn[:, :-1] + 0.1 * rng.normal(size=(8, 20, 2))
    with torch.no_grad():
        predicted = network(torch.tensor(shown, dtype=torch.float32)).numpy()
    error = ((predicted - drawn[:, 1:]) / task.change)[:, 15:]
    np.testing.assert_allclose(made.history_["loss"], (error**2).mean(), rtol=1e-5)
    with pytest.raises(dysyr.InputError, match="warm_up leaves nothing to score: 20; less than the 20 samples"):
        fit(method, warm_up=20)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_dim": 0}, "LSTM cannot use this hidden_dim: 0; a whole number of at least 1"),
        ({"sequence_length": 2.0}, "cannot use this sequence_length: 2.0"),
        ({"warm_up": -1}, "cannot use this warm_up: -1"),
        ({"jitter": -0.1}, "cannot use this jitter: -0.1; a number of at least 0"),
        ({"n_updates": 0}, "cannot use this n_updates"),
        ({"batch_size": 0}, "cannot use this batch_size"),
        ({"n_checks": 0}, "cannot use this n_checks"),
        ({"learning_rate": 0}, "cannot use this learning_rate: 0; a positive number"),
        ({"learning_rate_end": -1}, "cannot use this learning_rate_end"),
        ({"gradient_clip": 0}, "cannot use this gradient_clip"),
        ({"validation_fraction": 1.0}, r"cannot use this validation_fraction: 1.0; a number in \(0, 1\)"),
        ({"seed": -1}, "cannot use this seed: -1"),
    ],
)
def test_bad_arguments_say_what_would_do(changes, message):
    with pytest.raises(dysyr.InputError, match=message):
        fit(**changes)


def test_without_a_length_sequences_are_as_long_as_the_data_allow():
    """80 of 100 samples are for training: sequences of 79, a warm-up of 79 leaves nothing."""
    with pytest.raises(dysyr.InputError, match="nothing to score: 79; less than the 79 samples"):
        fit(data=circle(100), sequence_length=None, warm_up=79)
    fit(data=circle(100), sequence_length=None, warm_up=78, n_updates=1, n_checks=1)
    with pytest.raises(dysyr.InputError, match="less than the 100 samples"):
        fit(sequence_length=None, warm_up=100)


def test_stretches_too_short_for_a_sequence_are_refused():
    x = circle()
    x[::15] = np.nan
    with pytest.raises(dysyr.InputError, match="has 14 samples; a sequence with the sample after it takes 21"):
        fit(data=make_dataset(x, dt=DT, mask=np.isfinite(x)))
    x[::2, 0] = x[1::2, 1] = np.nan
    with pytest.raises(dysyr.InputError, match="no sample follows another one, both without missing values"):
        fit(data=make_dataset(x, dt=DT, mask=np.isfinite(x)))


def test_training_without_a_finite_loss_says_so():
    with pytest.raises(dysyr.NotConverged, match="never reached a finite loss: lower learning_rate"):
        fit(jitter=1e300)


@BOTH
def test_a_damped_oscillation_is_learned(method):
    """x'' = -x - 0.2 x': forecasts over a quarter of a period, from starts of other amplitudes."""
    t, phases = DT * np.arange(80), np.linspace(0, 6, 12)
    series = [np.exp(-0.1 * t)[:, None] * np.column_stack([np.cos(t + p), np.sin(t + p)]) for p in phases]
    made = fit(method, series, n_updates=500, hidden_dim=16, warm_up=2, n_checks=1)
    x = np.exp(-0.1 * t)[:, None] * np.column_stack([np.cos(t + 0.3), np.sin(t + 0.3)])
    ahead = made.forecast(x[:20], n_steps=15)["x"].values[0]
    assert np.abs(ahead - x[20:35]).max() < 0.05
    assert np.abs(x[19] - x[20:35]).max() > 0.5
