"""Updates of one and of many models, their windows, forcing and penalties."""

import dataclasses

import numpy as np
import pytest
import torch
from shplrnn_cases import circle, recipe, windows

import dysyr
from dysyr.reconstruction.plrnn import draws
from dysyr.reconstruction.plrnn.elementwise_network import ElementwiseNetwork
from dysyr.reconstruction.plrnn.shallow_network import ShallowNetwork
from dysyr.reconstruction.plrnn.training import (
    Attempt,
    Population,
    condition_gradient,
    coupling_gradient,
    forcing_pattern,
    penalty,
)
from dysyr.reconstruction.plrnn.windows import Windows


def test_an_attempt_lowers_its_loss():
    constant = recipe(n_updates=400, learning_rate=5e-3, estimator=None, alpha=(0.2,))
    attempt = Attempt(constant, windows(), np.random.default_rng(0))
    losses = attempt.advance(400)
    assert losses[-40:].mean() < 0.2 * losses[:40].mean()


def test_blocks_of_any_size_give_the_same_bits():
    whole, pieces = (Attempt(recipe(), windows(), np.random.default_rng(1)) for _ in range(2))
    whole.advance(40)
    for n in (1, 7, 32):
        pieces.advance(n)
    np.testing.assert_array_equal(whole.theta, pieces.theta)


def test_restored_state_goes_on_with_the_same_bits():
    first = Attempt(recipe(), windows(), np.random.default_rng(2))
    first.advance(20)
    second = Attempt(recipe(), windows(), np.random.default_rng(2))
    second.restore(*first.state())
    first.advance(20)
    second.advance(20)
    np.testing.assert_array_equal(first.theta, second.theta)


@pytest.mark.parametrize("affine", [False, True])
def test_a_model_in_a_population_has_the_bits_of_one_alone(affine):
    rates = (5e-3, 1e-3, 2e-2)
    recipes = [recipe(learning_rate=rate, weight_decay=rate, affine=affine, batch_size=20) for rate in rates]
    together = Population(recipes, windows(), [np.random.default_rng(seed) for seed in range(3)])
    losses = together.advance(25)
    for m, made in enumerate(recipes):
        alone = Attempt(made, windows(), np.random.default_rng(m))
        np.testing.assert_array_equal(alone.advance(25), losses[:, m])
        np.testing.assert_array_equal(alone.theta, together.theta[m])


def test_a_model_that_diverges_stops_alone():
    recipes = [recipe(learning_rate=rate, estimator=None, alpha=(0.1,)) for rate in (5e-3, 1e30)]
    population = Population(recipes, windows(), [np.random.default_rng(seed) for seed in range(2)])
    losses = population.advance(20)
    assert population.alive.tolist() == [True, False]
    assert np.isfinite(losses[:, 0]).all() and np.isnan(losses[-1, 1])


@pytest.mark.parametrize(("warm_up", "jitter"), [(0, 0.0), (3, 0.1)])
def test_windows_cut_at_hard_forced_steps_give_the_same_losses(monkeypatch, warm_up, jitter):
    """Where the whole state is replaced nothing crosses the step, so pieces of a window are as good as the window."""
    sparse = recipe(estimator=None, interval=4, batch_size=3, warm_up=warm_up, jitter=jitter)
    cut = Attempt(sparse, windows(), np.random.default_rng(0))
    assert draws.n_pieces(sparse, windows(), 3) == 3
    monkeypatch.setattr(draws, "n_pieces", lambda *_: 1)
    whole = Attempt(sparse, windows(), np.random.default_rng(0))
    assert (cut.population._draw.n_steps, whole.population._draw.n_steps) == (4, 10)
    np.testing.assert_allclose(cut.advance(5), whole.advance(5), rtol=2e-5)
    np.testing.assert_allclose(cut.theta, whole.theta, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"network": ShallowNetwork(3, 6, False)}, {"affine": True}, {"alpha": (0.5,)}, {"estimator": "explog"},
        {"batch_size": 16},
    ],
)  # fmt: skip
def test_windows_stay_whole_where_cutting_is_not_exact_or_saves_nothing(changes):
    sparse = recipe(**{"estimator": None, "interval": 5, "batch_size": 3, **changes})
    assert draws.n_pieces(sparse, windows(), sparse.batch_size) == 1
    gappy = dataclasses.replace(windows(), observed=np.zeros_like(windows().observed))
    assert draws.n_pieces(recipe(estimator=None, interval=5, batch_size=3), gappy, 3) == 1


def test_a_population_of_unlike_models_is_refused():
    unlike = [recipe(), recipe(batch_size=7)]
    with pytest.raises(dysyr.InputError, match="models of a population share 'batch_size': 7 for model 1"):
        Population(unlike, windows(), [np.random.default_rng(0)] * 2)


def test_a_population_needs_models_and_a_generator_for_each():
    with pytest.raises(dysyr.InputError, match="0 recipes, 0 generators; at least one"):
        Population([], windows(), [])
    with pytest.raises(dysyr.InputError, match="2 recipes, 1 generators"):
        Population([recipe()] * 2, windows(), [np.random.default_rng(0)])


@pytest.mark.parametrize("strengths", [(1.0, 0.5), (0.5, 1.0)])
def test_hard_and_soft_forcing_do_not_share_windows_that_are_cut(strengths):
    rngs = [np.random.default_rng(0)] * 2
    unlike = [recipe(estimator=None, interval=4, batch_size=3, alpha=(alpha,)) for alpha in strengths]
    with pytest.raises(dysyr.InputError, match=rf"alpha=\({strengths[1]},\) for model 1; like .* two populations"):
        Population(unlike, windows(), rngs)
    whole = [dataclasses.replace(made, batch_size=16) for made in unlike]
    assert Population(whole, windows(), rngs).advance(1).shape == (1, 2)


def test_adaptive_strength_bounds_the_jacobian_of_the_batch():
    attempt = Attempt(recipe(alpha_decay=1e-9), windows(), np.random.default_rng(3))
    attempt.advance(40)
    p = attempt.parameters
    bound = np.abs(p.A).max() + np.linalg.norm(p.W1, 2) * np.linalg.norm(p.W2, 2)
    assert 0 <= attempt.forcing_strength() <= 1 - 1 / bound + 1e-6


def test_sparse_pattern_and_schedule():
    np.testing.assert_array_equal(forcing_pattern(7, 3), [0, 0, 0, 1, 0, 0, 1])
    np.testing.assert_array_equal(forcing_pattern(4, 1), [0, 1, 1, 1])
    annealed = Attempt(recipe(estimator=None, alpha=(1.0, 0.01)), windows(), np.random.default_rng(0))
    annealed.advance(20)
    assert annealed.forcing_strength() == pytest.approx(0.01 ** (19 / 40))


def test_penalty_pulls_the_diagonal_to_one_and_spares_the_readout():
    shapes = recipe(affine=True, network=ShallowNetwork(3, 6, False)).shapes()
    decay, centre = penalty(shapes, 0.5, ShallowNetwork.PENALISED)
    assert centre[:3].tolist() == [1, 1, 1]
    assert centre[3:].sum() == 0
    assert (decay[:-6] == 0.5).all()
    assert (decay[-6:] == 0).all()


def test_condition_gradient_is_the_derivative():
    b = np.random.default_rng(0).normal(size=(4, 3))

    def value(matrix):
        singular = np.linalg.svd(matrix, compute_uv=False)
        return 0.7 * (1 - singular[0] / (singular[-1] + 1e-8)) ** 2

    gradient, h = condition_gradient(b, 0.7), 1e-6
    for index in np.ndindex(b.shape):
        shift = np.zeros_like(b)
        shift[index] = h
        assert gradient[index] == pytest.approx((value(b + shift) - value(b - shift)) / (2 * h), rel=1e-4)


def test_coupling_gradient_is_the_derivative():
    rng = np.random.default_rng(0)
    a, w = rng.normal(size=5), rng.normal(size=(5, 5))
    size = torch.tensor(a, requires_grad=True)
    weights = torch.tensor(w, requires_grad=True)
    (0.3 * torch.relu(size + weights.diagonal() - 0.05).norm()).backward()
    gradient = coupling_gradient(a, w, 0.3)
    assert (gradient == 0).any() and (gradient > 0).any()
    np.testing.assert_allclose(gradient, size.grad.numpy())
    np.testing.assert_allclose(np.diag(gradient), weights.grad.numpy())
    np.testing.assert_array_equal(coupling_gradient(a - 10, w, 0.3), 0.0)


def test_the_coupling_penalty_lowers_couplings():
    def coupling(strength):
        network = ElementwiseNetwork(4, n_rectified=2)
        made = recipe(network=network, n_updates=300, learning_rate=2e-2, estimator=None, alpha=(0.2,),
                      coupling_penalty=strength)  # fmt: skip
        attempt = Attempt(made, windows(), np.random.default_rng(0))
        attempt.advance(300)
        return (attempt.parameters.A + np.diag(attempt.parameters.W)).max()

    assert coupling(10.0) < 0.1 < 0.5 < coupling(0.0)


def test_windows_never_cross_trajectories_and_reach_the_last_sample():
    found = Windows.from_trajectories([circle(30), circle(12), circle(5)], None, 10)
    assert found.starts.tolist() == [*range(21), *range(30, 33), 42]
    assert found.observed[42:].sum() == 10
    assert found.data.shape == (52, 2)


def test_windows_begin_where_something_is_seen():
    x = circle(20)
    x[3:8] = np.nan
    found = Windows.from_trajectories([x], None, 5)
    assert not set(range(3, 8)) & set(found.starts.tolist())
    assert (found.data[3:8] == 0).all()
