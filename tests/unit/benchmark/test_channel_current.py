"""The benchmark of channel currents, and the example of one."""

from pathlib import Path

import numpy as np
import pytest

from dysyr.benchmark import channel_current

EXAMPLE = Path(__file__).parents[3] / "examples" / "channel_current.py"


def test_its_currents_have_the_levels_of_their_states_and_the_rates_in_their_order():
    data, states, q = channel_current.current("three_state_channel", 0.1, 3)
    y = data["x"].values[0, :, 0]
    for state, level in enumerate((0.0, 0.5, 1.0)):
        assert y[states == state].mean() == pytest.approx(level, abs=0.05)
        assert y[states == state].std() == pytest.approx(0.1, rel=0.25)
    np.testing.assert_allclose(q, [[-0.05, 0.0, 0.05], [0.0, -4.0, 4.0], [0.1, 1.0, -1.1]])
    assert "label" not in data


def test_labels_of_a_mixture_are_those_of_far_components():
    rng = np.random.default_rng(0)
    states = rng.choice(3, 2000, p=[0.6, 0.1, 0.3])
    y = np.array([0.0, 5.0, 2.0])[states] + 0.1 * rng.standard_normal(2000)
    order = np.array([0, 2, 1])
    np.testing.assert_array_equal(channel_current.mixture_labels(y, 3), order[states])


def test_a_signal_is_better_than_its_labels_in_noise(monkeypatch):
    monkeypatch.setattr(channel_current, "N_SAMPLES", 1500)
    cells = channel_current.run(range(2), systems=("two_state_channel",), noises=(0.3,))
    errors = {name: np.mean(values) for name, values in cells[0]["errors"].items()}
    assert errors["signal"] < 0.5 < errors["labels of a mixture"]
    assert cells[0]["chosen"] == [2, 2] and cells[0]["true_scale"] == pytest.approx(2.5)
    text = channel_current.tables(cells)
    assert text.count("\n| two_state_channel | 0.3 |") == 2 and "| 2 of 2 |" in text


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    """As it stands, but for a shorter current and fewer starts."""
    monkeypatch.chdir(tmp_path)
    code = EXAMPLE.read_text(encoding="utf-8")
    for long, short in (("n_steps=10_000", "n_steps=2_000"), ("(1, 2, 3))", "(1, 2), n_starts=2)")):
        assert long in code
        code = code.replace(long, short)
    exec(compile(code, str(EXAMPLE), "exec"), {})
    assert (tmp_path / "out" / "channel_current" / "idealised.png").stat().st_size > 10_000
    assert "blocked -> open" in capsys.readouterr().out
