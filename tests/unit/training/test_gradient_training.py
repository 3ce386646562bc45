"""Training by Adam from check to check: the last good check, early ends, resumption."""

import numpy as np
import pytest
import torch

from dysyr.core.checkpoint import Checkpoint
from dysyr.training import loop
from dysyr.training.gradient import GradientTraining, Schedule

GOAL = torch.tensor([1.0, -2.0])


class Point(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.x = torch.nn.Parameter(torch.zeros(2))


def distance(network):
    return float(((network.x.detach() - GOAL) ** 2).sum())


def training(loss=None, criterion=distance, **changes):
    network = Point()
    settings = {"n_updates": 60, "n_checks": 6, "learning_rate": 0.2, "learning_rate_end": 0.02, "gradient_clip": 10.0}
    noisy = loss or (lambda done, rng: ((network.x - GOAL) ** 2).sum() + 0.1 * rng.normal() * network.x.sum())
    return GradientTraining(network, noisy, Schedule(**{**settings, **changes}), seed=3, criterion=criterion)


def test_steps_are_those_of_adam():
    """Three updates written out from the equations of the paper, the rate falling from 0.2 to 0.02."""
    made, x, m, v = training(n_updates=3, n_checks=1, gradient_clip=1.0), np.zeros(2), np.zeros(2), np.zeros(2)
    made.run()
    for k in range(3):
        noise = 0.1 * np.random.default_rng([3, 0x4772614465, k]).normal()
        g = 2 * (x - GOAL.numpy()) + noise
        g = g / max(1.0, np.linalg.norm(g))
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        step = (m / (1 - 0.9 ** (k + 1))) / (np.sqrt(v / (1 - 0.999 ** (k + 1))) + 1e-8)
        x = x - 0.2 * 0.1 ** (k / 3) * step
    np.testing.assert_allclose(made.network.x.detach().numpy(), x, rtol=1e-5)


@pytest.mark.parametrize(
    ("values", "kept"),
    [([0.5, 0.2, 0.7, 0.9, 0.8, 0.6], 1), ([0.5, 0.2, 0.7, 0.24, 0.8, 0.26], 3), ([0.5, 0.6, 0.62, 0.4, 0.51, 0.3], 5)],
)
def test_the_last_good_check_is_kept(values, kept):
    """Good: at most 1.25 times the least criterion so far."""
    left = iter(values)
    seen = []

    def criterion(network):
        seen.append(network.x.detach().numpy().copy())
        return next(left)

    made = training(criterion=criterion)
    assert made.run() == (values[kept], 10 * (kept + 1))
    np.testing.assert_array_equal(made.network.x.detach().numpy(), seen[kept])
    assert made.history["iteration"] == [10, 20, 30, 40, 50, 60]
    assert made.history["criterion"] == values


def test_checks_that_do_not_divide_the_updates():
    made = training(n_updates=7, n_checks=3)
    made.run()
    assert made.history["iteration"] == [3, 6, 7]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_the_training(bad):
    calls = []

    def loss(done, rng):
        calls.append(1)
        return (made.network.x ** 2).sum() + (bad if len(calls) == 15 else 1.0)

    made = training(loss=loss)
    value, iteration = made.run()
    assert (made.history["loss"][1], made.history["criterion"][1], len(calls)) == (np.inf, np.inf, 15)
    assert (iteration, np.isfinite(value), made.finished) == (10, True, True)


def test_a_gradient_that_is_not_finite_changes_nothing():
    made = training(loss=lambda done, rng: made.network.x.abs().sqrt().sum())
    assert made.run() == (np.inf, 0)
    np.testing.assert_array_equal(made.network.x.detach().numpy(), 0.0)


def test_resumed_after_each_check_it_ends_with_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_WRITES", 0.0)
    whole = training()
    whole.run()
    for stop in range(1, 6):
        place, made = Checkpoint(tmp_path / str(stop), "same"), training()
        for _ in range(stop):
            made._check()
        place.write(*made._state())
        again = training()
        again.run(checkpoint=place)
        np.testing.assert_array_equal(again.network.x.detach().numpy(), whole.network.x.detach().numpy())
        assert again.history == whole.history


def test_an_ended_training_stays_ended_after_a_resumption(tmp_path):
    made, place = training(loss=lambda done, rng: made.network.x.sum() * float("nan")), Checkpoint(tmp_path, "same")
    made.run(checkpoint=place)
    again = training()
    again.run(checkpoint=place)
    assert again.done() == 1
    assert again.history["loss"] == [np.inf]
