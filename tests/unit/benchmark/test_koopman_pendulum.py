"""The pendulum of the benchmark: period, energy, equation of motion; what its score sees; the whole command."""

import numpy as np
import pytest

from dysyr.benchmark import koopman_pendulum as bench


def test_the_pendulum_is_exact(monkeypatch):
    amplitude = np.array([0.5, 1.0, 2.0, 2.7])
    np.testing.assert_allclose(bench.period(amplitude), [2.037868, 2.139138, 2.665871, 3.739828], atol=1e-6)
    monkeypatch.setattr(bench, "DT", 1e-3)
    x = bench.pendulum(amplitude, np.zeros(4), 2000)
    np.testing.assert_allclose(x[:, 0, 0], amplitude)
    np.testing.assert_allclose(bench.energy(x), np.repeat(bench.energy(x[:, :1]), 2000, axis=1), rtol=1e-9)
    slope = np.gradient(x, 1e-3, axis=1)[:, 1:-1]
    np.testing.assert_allclose(slope[..., 0], x[:, 1:-1, 1], atol=1e-3)
    np.testing.assert_allclose(slope[..., 1], -bench.GRAVITY * np.sin(x[:, 1:-1, 0]), atol=1e-3)


def test_changes_of_energy_are_seen():
    x = bench.pendulum(np.full(5, 1.0), np.linspace(0, 1, 5), 210)
    still = bench.changes(x, 21)
    assert still["mean"] < 0.01
    assert still["largest"] < 0.02
    fading = x * np.exp(-0.01 * np.arange(210))[:, None]
    found = bench.changes(fading, 21)
    assert found["single"] == pytest.approx(1 - np.exp(-2 * 0.01 * 189), abs=0.03)
    assert found["mean"] == pytest.approx(found["single"], abs=0.01)
    once = x.copy()
    once[:, 42:63] *= 0.5
    assert bench.changes(once, 21)["mean"] < 0.01
    assert bench.changes(once, 21)["largest"] == pytest.approx(0.75, abs=0.02)


def test_the_command_keeps_cells_and_writes_a_page(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "N_WINDOWS", 40)
    page, out = tmp_path / "page.md", tmp_path / "out"
    arguments = ["-o", str(out), "--seeds", "1", "--weights", "1", "--updates", "10", "--write", str(page)]
    bench.main(arguments)
    text = page.read_text()
    assert "| unit_circle | 1 | 1 | " in text
    assert "| none | 1 | 1 | " in text
    assert str(tmp_path) not in text
    monkeypatch.setattr(bench, "cell", None)
    bench.main(arguments)
    assert page.read_text() == text
