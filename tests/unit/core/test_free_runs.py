"""Free runs and forecasts of a state-space model: what is observed of long ones is made piece by piece."""

import numpy as np
import pytest

from dysyr.core import model
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError
from dysyr.core.model import Sampled, StateSpace, repeat_step


class Turning(Sampled, StateSpace):
    """Rotations that are pushed: z[t+1] = R z[t] + (u[t+1], 0), of which the first component is observed."""

    family, latent_dim, n_inputs, scale = "turning", 2, 1, np.ones(1)
    matrix = np.array([[0.6, -0.8], [0.8, 0.6]])

    def __init__(self):
        self.hold(dt=1.0, names=("x",), initial_states=[[1.0, 0.0], [0.0, 2.0]])
        self.longest = 0

    def initial(self, context, u=None):
        return np.column_stack([context[:, -1, 0], np.zeros(len(context))])

    def step(self, z, u=None):
        return z @ self.matrix.T + np.column_stack([u[:, 0], np.zeros(len(z))])

    def jacobian(self, z, u=None):
        return np.broadcast_to(self.matrix, (len(z), 2, 2))

    def readout(self, z):
        return z[..., :1]

    def trajectory(self, z, n_steps, u=None):
        self.longest = max(self.longest, n_steps)
        return repeat_step(self, z, n_steps, u)

    def config(self):
        return {}

    def arrays(self):
        return {}

    @classmethod
    def from_state(cls, config, arrays):
        return cls()


@pytest.mark.parametrize("most", [1, 28, 400])
def test_pieces_make_the_run_that_one_call_makes(monkeypatch, rng, most):
    drive = rng.normal(size=(2, 110, 1))
    context = make_dataset(rng.normal(size=(2, 5, 1)), dt=1.0, u=np.zeros((2, 5, 1)))

    def made(one):
        free = one.generate(100, n_trajectories=2, transient=10, inputs=drive, seed=1)["x"].values
        return free, one.forecast(context, n_steps=50, inputs=drive[0, :50])["x"].values

    whole, pieces = Turning(), Turning()
    expected = made(whole)
    monkeypatch.setattr(model, "MOST_STATE_VALUES", most)
    for a, b in zip(made(pieces), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert whole.longest == 100
    assert pieces.longest == max(10, min(100, most // 4))


def test_contexts_are_continued_in_turn_and_none_is_left_out(rng):
    context = make_dataset(rng.normal(size=(3, 5, 1)), dt=1.0, u=np.zeros((3, 5, 1)))
    drive = np.zeros((6, 1))
    ahead = Turning().forecast(context, n_steps=6, inputs=drive)["x"].values
    for n_trajectories, expected in ((1, [0, 1, 2]), (4, [0, 1, 2, 0]), (6, [0, 1, 2, 0, 1, 2])):
        free = Turning().generate(6, n_trajectories=n_trajectories, context=context, inputs=drive)["x"].values
        np.testing.assert_array_equal(free, ahead[expected])


@pytest.mark.parametrize("shape", [(3,), (6,), (1, 3, 6, 1), (2, 6, 1), (5, 1), (6, 2)])
def test_inputs_of_another_shape_are_refused(shape):
    with pytest.raises(InputError, match=r"external inputs do not fit: .*\(3, at least 6, 1\)"):
        Turning().generate(6, n_trajectories=3, transient=0, inputs=np.zeros(shape))


def test_inputs_with_gaps_are_refused():
    drive = np.zeros((6, 1))
    drive[2] = np.nan
    with pytest.raises(InputError, match="no numbers: 3 of 18; .* fill the gaps first"):
        Turning().generate(6, n_trajectories=3, transient=0, inputs=drive)
    assert Turning().generate(2, transient=0, inputs=drive)["x"].shape == (1, 2, 1)
