"""Rounds of training: weights, optimisers, units."""

import numpy as np
import pytest
import torch

from dysyr.core.dataset import make_dataset
from dysyr.core.system import System
from dysyr.reconstruction.hidden_terms import training
from dysyr.reconstruction.hidden_terms.collocation import Collocation
from dysyr.reconstruction.hidden_terms.problem import HalfKnown
from dysyr.reconstruction.hidden_terms.segments import segments_of


def decay():
    """x' = F, F = -2 x, from 1 at t = 0 to t = 2."""
    system, t = System.ode({"x": "0"}, hidden={"x": ["x"]}), np.linspace(0, 2, 21)
    segments = segments_of(make_dataset(np.exp(-2 * t)[:, None], time=t, names=["x"]), system)
    return Collocation(
        HalfKnown(system), segments, start=None, hard=True, n_points=30, width=8, hidden_width=5,
        rng=np.random.default_rng(0),
    )  # fmt: skip


def test_weights_make_gradients_alike_up_to_their_geometric_mean():
    """Gradients of sizes 100, 1 and 0: weights 1, sqrt(100), and none; at most a thousand."""
    parts = (lambda t: 100 * t[0], lambda t: t[1], lambda t: torch.zeros(()), lambda t: 1e-8 * t[0])
    np.testing.assert_allclose(training._weights(parts, np.zeros(2)), [1.0, 10.0, 0.0, 1000.0])


def test_rounds_are_the_surrogate_then_adam_then_lbfgs():
    recipe = training.Recipe(n_adam=30, n_iterations=100, n_rounds=3, resample=False)
    assert recipe.rounds == (("surrogate", 50), ("adam", 30), ("lbfgs", 34), ("lbfgs", 34), ("lbfgs", 34))


@pytest.mark.parametrize("optimise", [training._lbfgs, training._adam])
def test_optimisers_find_the_minimum_of_a_parabola(optimise):
    centre = torch.tensor([0.3, -0.2], dtype=torch.float64)
    found = optimise(lambda t: ((t - centre) ** 2).sum(), np.zeros(2), 300)
    np.testing.assert_allclose(found, centre, atol=1e-3)


def test_adam_keeps_the_best_and_stops_where_the_loss_is_no_number():
    calls = []

    def loss(t):
        calls.append(1)
        return (t**2).sum() if len(calls) < 5 else t.sum() * np.nan

    found = training._adam(loss, np.ones(1), 50)
    assert len(calls) == 5 and 0.9 < found[0] < 1.0


def test_lbfgs_never_ends_where_the_loss_is_no_number():
    found = training._lbfgs(lambda t: torch.where(t < 0.5, torch.nan, (t - 0.4) ** 2).sum(), np.ones(1), 50)
    assert 0.5 <= found[0] <= 1.0


def test_a_training_learns_the_solution_and_the_hidden_function():
    made, recipe = decay(), training.Recipe(n_adam=100, n_iterations=200, n_rounds=2, resample=False)
    theta, scales, history = made.initial(np.random.default_rng(1)), None, []
    for number in range(len(recipe.rounds)):
        rng = np.random.default_rng(number)
        theta, scales, *losses = training.train_round(made, recipe, number, theta, scales, rng)
        history.append(losses)
    assert history[-1][0] < 1e-3 and history[-1][1] < 0.02 * history[0][1]
    t = torch.linspace(0.1, 1.5, 15, dtype=torch.float64)[None, :, None]
    with torch.no_grad():
        rate, _, arguments = made.equation_parts(torch.tensor(theta), t)
        hidden = made.hidden_values(torch.tensor(theta), arguments, scales)["x"]
    x = np.exp(-2 * t[0, :, 0].numpy())
    np.testing.assert_allclose(arguments["x"][0, :, 0].numpy(), x, atol=0.02)
    np.testing.assert_allclose(hidden[0].numpy(), -2 * x, atol=0.12)
    assert scales.rate[0] == pytest.approx(1.4826 * np.median(2 * np.exp(-2 * np.linspace(0, 2, 500))), rel=0.1)
    again = training.Scales.from_arrays(scales.arrays())
    assert again.rate is scales.rate and torch.equal(again.centre["x"], scales.centre["x"])
