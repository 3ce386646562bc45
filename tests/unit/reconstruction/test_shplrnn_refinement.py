"""Levenberg-Marquardt refinements."""

import numpy as np
import pytest
from shplrnn_cases import recipe, windows

from dysyr.reconstruction.plrnn.refinement import FINAL_SHARE, Refinement, n_windows
from dysyr.reconstruction.plrnn.shallow_network import ShallowNetwork
from dysyr.reconstruction.plrnn.training import (
    Attempt,
)


def begun(n_refinements=6, **changes):
    """A refinement of a hundred updates."""
    made = recipe(n_updates=100, n_refinements=n_refinements, **changes)
    attempt = Attempt(made, windows(), np.random.default_rng(4))
    attempt.advance(100)
    return Refinement(made, windows(), np.random.default_rng(5), attempt.theta, attempt.forcing_strength())


def test_refinement_never_raises_the_error_and_does_what_descent_does_not():
    held = begun(n_refinements=20, estimator=None, alpha=(0.2,))
    costs = held.advance(20)
    assert held.over
    assert (np.diff(costs) <= 0).all()
    descent = Attempt(recipe(n_updates=1000, estimator=None, alpha=(0.2,)), windows(), np.random.default_rng(4))
    assert costs[-1] < 0.5 * descent.advance(1000)[-50:].mean()


def test_refinement_of_a_linear_problem_is_least_squares():
    """Without hidden slopes and with every state forced, A and h1 solve a linear regression."""
    made = recipe(estimator=None, alpha=(1.0,), n_refinements=12, network=ShallowNetwork(2, 1, False))
    theta = np.zeros(sum(int(np.prod(shape)) for shape in made.shapes()))
    theta[-1] = -100.0
    held = Refinement(made, windows(), np.random.default_rng(0), theta, 1.0)
    held.advance(12)
    groups = zip(held._draw.batch.x, held._draw.n_valid, strict=True)
    x = np.concatenate([lanes[:, :, :n].transpose(2, 0, 1) for lanes, n in groups])
    assert len(x) == len(windows().starts)
    for d in range(2):
        now, after = x[:, :-1, d].ravel(), x[:, 1:, d].ravel()
        slope, shift = np.polyfit(now, after, 1)
        assert held.theta[d] == pytest.approx(slope, abs=1e-6)
        assert held.theta[-3 + d] == pytest.approx(shift, abs=1e-6)


def test_refinement_leaves_the_readout_alone_and_obeys_the_penalty():
    network = ShallowNetwork(3, 6, False)
    loose, tight = (begun(affine=True, network=network, weight_decay=decay) for decay in (0.0, 100.0))
    for held in (loose, tight):
        before = held.theta[-6:].copy()
        held.advance(6)
        np.testing.assert_array_equal(held.theta[-6:], before)
    assert np.abs(tight.theta[3:-6]).max() < 0.05 < np.abs(loose.theta[3:-6]).max()
    np.testing.assert_allclose(tight.theta[:3], 1, atol=0.05)


def test_refinement_leaves_a_diverging_model_as_it_is():
    held = begun()
    held.theta[:] = 1e60
    before = held.theta.copy()
    assert not np.isfinite(held.advance(1)).any()
    np.testing.assert_array_equal(held.theta, before)


def test_refinement_goes_on_with_the_same_bits():
    whole, first = begun(), begun()
    whole.advance(6)
    first.advance(2)
    second = Refinement(whole.recipe, windows(), np.random.default_rng(5), np.zeros_like(whole.theta), 1.0)
    second.restore(*first.state())
    second.advance(4)
    np.testing.assert_array_equal(whole.theta, second.theta)


def test_an_estimated_strength_sinks_in_the_second_half_and_a_constant_one_stays():
    held = begun(n_refinements=8, alpha_decay=0.99)
    start = held.forcing_strength()
    strengths = [start]
    for _ in range(8):
        held.advance(1)
        strengths.append(held.forcing_strength())
    assert strengths[:5] == [start] * 5
    assert (np.diff(strengths[4:]) < 0).all()
    assert strengths[-1] == pytest.approx(FINAL_SHARE * start)
    constant = begun(estimator=None, alpha=(0.3,))
    constant.advance(5)
    assert constant.forcing_strength() == 0.3


def test_windows_of_a_refinement_are_enough_but_not_dear():
    plain = recipe(n_steps=200, n_observed=3, network=ShallowNetwork(3, 6, False))
    assert n_windows(plain, 356) == 320
    assert n_windows(plain, 800) == 80
    assert n_windows(plain, 356, 96) == 96
    assert n_windows(plain, 8000) * 600 >= 8 * 8000
    assert n_windows(plain, 8000) * 600 < 9 * 8000 + 16 * 600
