"""Contests of training steps compute the same gradients, and notice others."""

import numpy as np
import pytest

from dysyr.benchmark.speed import plrnn
from dysyr.benchmark.speed.contest import Disagreement


@pytest.fixture(autouse=True)
def short_windows(monkeypatch):
    monkeypatch.setattr(plrnn, "N_STEPS", 12)
    monkeypatch.setattr(plrnn, "MANY", 2)


@pytest.mark.parametrize(
    ("step", "sizes", "run"),
    [
        (plrnn.shallow_step, (3, 8), plrnn.shallow_plain),
        (plrnn.shallow_step, (3, 8), plrnn.shallow_tuned),
        (plrnn.almost_linear_step, (5, 2), plrnn.almost_linear_plain),
    ],
)
def test_torch_takes_the_same_steps(step, sizes, run):
    ours = step(*sizes)
    theirs = plrnn.TorchStep(ours, run)
    gradients = ours.many(), theirs.step()
    assert "agree" in plrnn.same_gradient(*gradients)
    wrong = {name: part + 1e-3 * np.abs(part).max() for name, part in gradients[1].items()}
    with pytest.raises(Disagreement, match="gradients differ: 1.*e-03; at most 1e-05"):
        plrnn.same_gradient(gradients[0], wrong)
    theirs.step()
    for name, part in theirs.parameters.items():
        moved = plrnn.forced.views(ours.theta[0], ours.shapes)._asdict()[name]
        np.testing.assert_allclose(moved, part.detach().numpy(), rtol=0, atol=1e-6, err_msg=name)


def test_jax_takes_the_same_steps():
    before = np.random.get_state()
    pytest.importorskip("jax")
    ours = plrnn.shallow_step(3, 8)
    theirs = plrnn.jax_step(ours)()
    # jax draws from numpy's global generator when it is first used
    np.random.set_state(before)
    assert "agree" in plrnn.same_gradient(ours.many(), theirs)


def test_without_jax_there_is_no_step(monkeypatch):
    monkeypatch.setattr(plrnn, "_has_jax", lambda: False)
    assert plrnn.jax_step(None) is None


def test_the_first_member_of_a_population_is_compared_bit_by_bit():
    losses = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert "bit by bit" in plrnn.same_first_member(losses, losses[:, :1])
    with pytest.raises(Disagreement, match="losses differ: 3.0; 3.000"):
        plrnn.same_first_member(losses, np.nextafter(losses[:, :1], 5))


def test_a_population_begins_as_its_first_member(monkeypatch):
    one, many = plrnn.population(1), plrnn.population(2)
    plrnn.same_first_member(many.advance(2), one.advance(2))
