"""The example of a reconstructor of one's own: its class keeps the contract, and its map is what it says."""

from pathlib import Path

import numpy as np
import pytest

import dysyr

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "add_a_reconstructor.py"


@pytest.fixture(scope="module")
def names():
    """What the classes of the example are called, without the cells that use them."""
    code, space = SCRIPT.read_text(encoding="utf-8").split("# That is all.")[0], {}
    exec(compile(code, str(SCRIPT), "exec"), space)
    return space


def test_it_finds_a_linear_map(names):
    a = np.array([[0.99 * np.cos(0.3), -0.99 * np.sin(0.3)], [0.99 * np.sin(0.3), 0.99 * np.cos(0.3)]])
    x = np.empty((200, 2))
    x[0] = 3.0, -1.0
    for t in range(199):
        x[t + 1] = a @ x[t]
    fitted = names["NearestNeighbours"]().fit(x, dt=1.0)
    z = fitted.model_.initial_states[::20]
    sd = fitted.model_.scale
    np.testing.assert_allclose(fitted.model_.jacobian(z), np.tile(a * sd / sd[:, None], (len(z), 1, 1)), atol=1e-3)
    ahead = fitted.forecast(x[:50], n_steps=20)["x"].values[0]
    np.testing.assert_allclose(ahead, x[50:70], atol=1e-3)
    assert sorted(fitted.get_params()) == ["n_neighbours", "seed"]


def test_its_model_can_be_made_again(names):
    data = dysyr.simulate(dysyr.load_system("lorenz63"), n_steps=1_000, dt=0.02)
    model = names["NearestNeighbours"]().fit(data).model_
    again = type(model).from_state(model.config(), model.arrays())
    np.testing.assert_array_equal(*(one.generate(50, seed=3)["x"].values for one in (model, again)))


def test_the_example_runs(capsys):
    code = SCRIPT.read_text(encoding="utf-8")
    for long, short in (
        ("n_steps=10_000", "n_steps=3_000"), ("n_steps=5_000", "n_steps=500"), ("n_steps=4_000", "n_steps=600"),
        (", \"valid_prediction_time\", \"lyapunov_spectrum\"]", "]"), ("[6, 12, 50, 200]", "[6, 50]"),
    ):  # fmt: skip
        assert long in code
        code = code.replace(long, short)
    exec(compile(code, str(SCRIPT), "exec"), {})
    said = capsys.readouterr().out
    assert said.startswith("NearestNeighbours: ") and "50 neighbours: score -" in said
