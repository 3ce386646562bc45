"""The command that times seeds side by side."""

import numpy as np
import pytest

import dysyr
from dysyr.benchmark import seed_batches

TINY = dysyr.SHPLRNN(
    hidden_dim=4, n_updates=4, n_refinements=0, n_checks=1, max_restarts=0, sequence_length=12, batch_size=16
)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(seed_batches, "SETTINGS", {"tiny": TINY})
    monkeypatch.setattr(seed_batches, "training_data", lambda: dysyr.simulate("lorenz63", n_steps=200))


def test_times_and_bits(tiny):
    alone, together, same = seed_batches.measure(TINY, seed_batches.training_data(), 2, 2)
    assert alone.shape == together.shape == (2,)
    assert (alone > 0).all() and (together > 0).all() and same


def test_other_bits_are_told(tiny, monkeypatch, tmp_path, capsys):
    original = seed_batches.fit_seeds

    def other(methods, data):
        return original([method.set_params(seed=method.seed + 7) for method in methods], data)

    page = tmp_path / "page.md"
    given = ["--seeds", "2", "--rounds", "1", "--settings", "tiny", "--write", str(page)]
    assert seed_batches.main(given) == 0
    assert page.read_text().splitlines()[-1].endswith("| yes |")
    assert page.read_text() in capsys.readouterr().out
    monkeypatch.setattr(seed_batches, "fit_seeds", other)
    assert seed_batches.main(given) == 1
    assert page.read_text().splitlines()[-1].endswith("| NO |")


def test_the_gain_is_the_median_of_ratios():
    line = seed_batches.row("one", np.array([4.0, 6.0, 9.0]), np.array([4.0, 3.0, 3.0]), True)
    assert line == "| one | 6.0 | 3.0 | 2.00 | 1.00 to 3.00 | yes |"
