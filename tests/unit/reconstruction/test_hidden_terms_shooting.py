"""Hidden functions inside a solver: windows, the sign, recovery."""

import numpy as np
import pytest
import torch
from test_hidden_terms import HALF, observed
from test_hidden_terms import fit as fit_networks

from dysyr.core.dataset import make_dataset
from dysyr.core.system import System
from dysyr.reconstruction.hidden_terms.problem import HalfKnown
from dysyr.reconstruction.hidden_terms.segments import segments_of
from dysyr.reconstruction.hidden_terms.shooting import Shooting
from dysyr.reconstruction.hidden_terms.training import Scales


def decay(n_samples=11):
    """x' = x + F with F = -1.5 x, seen at irregular times."""
    system = System.ode({"x": "x"}, hidden={"x": ["x"]})
    t = np.linspace(0, 2, n_samples) ** 1.5
    segments = segments_of(make_dataset(np.exp(-t / 2)[:, None], time=t, names=["x"]), system)
    made = Shooting(
        HalfKnown(system), segments, start=None, hard=True, n_points=5, width=3, hidden_width=3,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    return made, torch.zeros(made.n_parameters, dtype=torch.float64), t


@pytest.mark.parametrize(("sign", "right"), [(1.0, True), (-1.0, False)])
def test_the_loss_vanishes_for_known_plus_hidden(monkeypatch, sign, right):
    made, theta, _ = decay()
    monkeypatch.setattr(made.surrogate, "values", lambda theta, points: torch.exp(-points / 2))
    monkeypatch.setattr(made, "hidden_values", lambda theta, args, scales: {"x": -1.5 * sign * args["x"][..., 0]})
    loss = made.residual_loss(theta, None, Scales(np.ones(1), {}, {})).item()
    assert loss < 1e-12 if right else loss > 1e-2


@pytest.mark.parametrize("n_samples", [5, 8, 11])
def test_windows_hold_every_sample_and_meet_at_their_ends(n_samples):
    made, _, t = decay(n_samples)
    windows = made._windows[0].numpy()
    np.testing.assert_array_equal(np.unique(windows), t)
    np.testing.assert_array_equal(windows[1:, 0], windows[:-1, -1])
    assert made._seen[0].sum() == n_samples + len(windows) - 1


def test_terms_are_found_with_the_network_in_the_solver():
    made = fit_networks(observed(0.3 * np.arange(10)), HALF, mode="solver", n_iterations=20, n_adam=10)
    found = {(row["field"], row["term"]): row["coefficient"] for row in made.model_.terms}
    assert found == pytest.approx({("x", "x*y"): -0.9, ("y", "x*y"): 0.8}, rel=1e-5)
    assert made.history_["residual_loss"][-1] < made.history_["residual_loss"][0]
