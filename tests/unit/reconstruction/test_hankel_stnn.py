"""HankelStNN: options, training, the map of windows, what it refuses."""

import numpy as np
import pytest
import torch

import dysyr
from dysyr.core.dataset import make_dataset
from dysyr.core.delay_state import lagged_covariance, window_covariance
from dysyr.reconstruction.hankel_stnn import HankelStNN
from dysyr.reconstruction.hankel_stnn.network import HankelNetwork, dense_counts, evaluate
from dysyr.reconstruction.hankel_stnn.rollouts import rollout
from dysyr.reconstruction.hankel_stnn.training import Recipe, RolloutTraining
from dysyr.training.windows import Windows

DT = 0.1
SMALL = {"window": 8, "n_blocks": 2, "n_rollout": 3, "n_windows": 60, "n_iterations": 10, "n_checks": 2}


def circle(n=300):
    t = DT * np.arange(n)
    return np.column_stack([np.cos(t), 2 * np.sin(t) + 5])


def fit(data=None, **changes):
    return HankelStNN(**{**SMALL, **changes}).fit(circle() if data is None else data, dt=DT, progress=False)


@pytest.fixture(scope="module")
def fitted():
    return fit()


@pytest.mark.parametrize(
    "changes",
    [
        {"transform": "real", "n_blocks": 1},
        {"tied": True},
        {"residual": False},
        {"activation": "relu", "memory": 3.0},
        {"activation": "identity", "n_rollout": 1, "jitter": 0.0},
    ],
    ids=str,
)
def test_every_option_trains(changes):
    made = fit(**changes)
    assert np.isfinite(made.history_["loss"]).all()
    assert made.generate(5)["x"].shape == (1, 5, 2)
    if "memory" in changes:
        assert made.history_["memory"] == [3.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": 12}, "HankelStNN cannot use this window: 12; a power of two, at least 2"),
        ({"window": 1}, "cannot use this window: 1"),
        ({"n_blocks": 3}, "number of blocks of a Hankel layer: 3"),
        ({"transform": "cosine"}, "HankelStNN cannot use this transform: 'cosine'"),
        ({"activation": "sine"}, "HankelStNN cannot use this activation: 'sine'; 'tanh', 'relu' or 'identity'"),
        ({"memory": "short"}, "cannot use this memory: 'short'; 'auto' or a positive number"),
        ({"memory": 0.0}, "cannot use this memory: 0.0"),
        ({"residual": 1}, "cannot use this residual: 1; True or False"),
        ({"n_rollout": 0}, "cannot use this n_rollout: 0; a whole number of at least 1"),
        ({"n_iterations": 2.5}, "cannot use this n_iterations: 2.5"),
        ({"jitter": -1.0}, "cannot use this jitter: -1.0; a number of at least 0"),
        ({"validation_fraction": 1.0}, r"cannot use this validation_fraction: 1.0; a number in \(0, 1\)"),
        ({"seed": -1}, "cannot use this seed: -1"),
    ],
)
def test_bad_arguments_say_what_would_do(changes, message):
    with pytest.raises(dysyr.InputError, match=message):
        fit(**changes)


def test_data_that_do_not_suit_are_refused():
    with pytest.raises(dysyr.InputError, match="has 240 samples; window and samples ahead take 259: choose a shorter"):
        fit(window=256)
    x = circle()
    x[::5] = np.nan
    with pytest.raises(dysyr.InputError, match="stretch has 4 samples; window and samples ahead take 11"):
        fit(make_dataset(x, dt=DT, mask=np.isfinite(x)))
    x = circle()
    x[:, 1] = np.nan
    with pytest.raises(dysyr.InputError, match="variables without values"):
        fit(make_dataset(x, dt=DT, mask=np.isfinite(x)))
    with pytest.raises(dysyr.InputError, match="time step is not constant"):
        fit(make_dataset(circle(), time=DT * (np.arange(300) + 0.3 * np.sin(np.arange(300)))))
    with pytest.raises(dysyr.InputError, match="validation data have other variables than the training data: 1; 2"):
        HankelStNN(**SMALL).fit(circle(), dt=DT, validation=circle()[:, :1], progress=False)


def test_training_without_a_finite_loss_says_so():
    with pytest.raises(dysyr.NotConverged, match="never reached a finite loss: raise jitter, or shorten n_rollout"):
        fit(jitter=1e160, memory=1.0)


def test_fast_products_make_the_steps_of_the_model(fitted):
    """The network by fast products, and the model by dense layers in NumPy."""
    model, z = fitted.model_, np.random.default_rng(0).normal(size=(5, 16))
    with torch.no_grad():
        change = model.network(torch.tensor(z.reshape(5, 8, 2))).numpy()
    after = model.step(z)
    np.testing.assert_allclose(after[:, -2:], z[:, -2:] + model.change * change, atol=1e-12)
    np.testing.assert_array_equal(after[:, :-2], z[:, 2:])


def test_counts_are_those_of_the_parameters(fitted):
    network = fitted.model_.network
    assert network.n_parameters == sum(value.numel() for value in network.parameters())
    assert network.n_flops == network.widths[0] + network.hankel.n_flops + 2 * 16 + 2 * 2 * 16
    assert (fitted.model_.n_parameters, fitted.model_.n_flops) == (network.n_parameters, network.n_flops)
    assert dense_counts((4, 3, 2)) == (12 + 3 + 6 + 2, 2 * 18 + 3)


@pytest.mark.parametrize("n_blocks", [2, 4])
@pytest.mark.parametrize("window", [64, 128])
def test_long_windows_take_a_tenth_of_the_parameters(window, n_blocks):
    for transform, times in (("real", 5), ("fourier", 1)):
        network = HankelNetwork(
            window, 3, n_blocks=n_blocks, transform=transform, tied=False, activation="tanh", memory=2.0
        )
        parameters, flops = dense_counts(network.widths)
        assert network.n_parameters <= 0.1 * parameters
        assert network.n_flops * times <= flops


def test_loss_is_that_of_rollouts_and_so_is_its_gradient():
    network = HankelNetwork(4, 2, n_blocks=2, transform="fourier", tied=False, activation="tanh", memory=2.0)
    x = np.random.default_rng(0).normal(size=(40, 2))
    recipe = Recipe(4, 3, 10, 10, 1, 0.0, True, np.array([0.5, 2.0]))
    training = RolloutTraining(network, [x], recipe, seed=0, criterion=lambda network: 0.0)
    training._begin(1, training.theta())
    theta = training.theta() + 0.1 * np.random.default_rng(1).normal(size=training.theta().size)
    value, gradient = training.loss(theta)
    z, error = training._start.numpy(), []
    with torch.no_grad():
        for step in range(3):
            out = evaluate(network.layers(), torch.tensor(z.reshape(len(z), -1))).numpy()
            after = z[:, -1] + recipe.change * out
            error.append((after - training._target[:, step].numpy()) / recipe.change)
            z = np.concatenate([z[:, 1:], after[:, None]], axis=1)
    assert value == pytest.approx(np.mean(np.square(error)), rel=1e-12)
    direction = np.random.default_rng(2).normal(size=theta.size)
    numeric = (training.loss(theta + 1e-6 * direction)[0] - training.loss(theta - 1e-6 * direction)[0]) / 2e-6
    assert numeric == pytest.approx(gradient @ direction, rel=1e-6)


def test_a_rollout_without_residual_repeats_its_output():
    layers = [(torch.zeros(2, 6, dtype=torch.float64), torch.tensor([1.0, 2.0], dtype=torch.float64), "identity")]
    z = torch.zeros(1, 3, 2, dtype=torch.float64)
    change = torch.tensor([2.0, 3.0], dtype=torch.float64)
    np.testing.assert_array_equal(rollout(layers, z, 2, change, False)[0], [[2.0, 6.0], [2.0, 6.0]])
    np.testing.assert_array_equal(rollout(layers, z, 2, change, True)[0], [[2.0, 6.0], [4.0, 12.0]])


def test_windows_never_cross_the_end_of_a_stretch():
    pieces = [np.arange(5.0)[:, None], 100 + np.arange(2.0)[:, None], 200 + np.arange(4.0)[:, None]]
    windows = Windows(pieces, 3)
    found = windows.draw(99, np.random.default_rng(0))[..., 0]
    assert sorted(found[:, 0]) == [0, 1, 2, 200, 201]
    np.testing.assert_array_equal(np.diff(found, axis=1), 1.0)


def test_a_context_that_is_too_short_is_filled_from_the_covariance(fitted):
    """Two samples of two sines fix the ones before; a longer context is taken as it is."""
    model, series = fitted.model_, circle()
    whole = model.initial(series[None, 40:60])
    np.testing.assert_allclose(whole, model.scaler.transform(series[52:60]).reshape(1, -1))
    short = model.initial(series[None, 56:60])
    assert np.abs(short - whole).max() < 0.1
    gap = series[None, 40:60].copy()
    gap[0, 15] = np.nan
    filled = model.initial(gap)
    np.testing.assert_array_equal(np.delete(filled, [6, 7]), np.delete(whole, [6, 7]))
    np.testing.assert_allclose(filled, whole, atol=0.01)


def test_covariances_of_windows_are_those_of_the_lags(fitted):
    x = np.random.default_rng(0).normal(size=(50, 2))
    covariance = lagged_covariance([x], 4)
    np.testing.assert_allclose(covariance[0], x.T @ x / 50)
    np.testing.assert_allclose(covariance[3][0, 1], (x[:-3, 0] * x[3:, 1]).sum() / 50)
    full = window_covariance(fitted.model_.covariance)
    np.testing.assert_array_equal(full, full.T)
    assert np.linalg.eigvalsh(full).min() > -1e-12
    np.testing.assert_array_equal(full[2:4, 6:8], fitted.model_.covariance[2])


def test_exponents_of_a_circle(fitted):
    spectrum = dysyr.lyapunov_spectrum(fitted.model_, n_steps=4000, seed=0)
    assert abs(spectrum.value[0]) < 0.05
    assert spectrum.value[1] < 0.05


def test_the_best_check_is_kept():
    values = iter([0.5, 0.2, 0.4, 0.3])
    network = HankelNetwork(4, 2, n_blocks=2, transform="real", tied=True, activation="tanh", memory=2.0)
    recipe = Recipe(4, 2, 20, 8, 4, 0.01, True, np.ones(2))
    kept = []

    def criterion(network):
        kept.append(torch.nn.utils.parameters_to_vector(network.parameters()).detach().numpy().copy())
        return next(values)

    training = RolloutTraining(network, [circle(80)], recipe, seed=0, criterion=criterion)
    assert training.run() == (0.2, 4)
    np.testing.assert_array_equal(training.theta(), kept[1])
    assert training.history["rollout"] == [1, 2, 2, 2] and training.history["iteration"] == [2, 4, 6, 8]
