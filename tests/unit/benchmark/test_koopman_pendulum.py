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
    mean, single = bench.changes(x, 21)
    assert mean < 0.01
    fading = x * np.exp(-0.01 * np.arange(210))[:, None]
    assert bench.changes(fading, 21)[1] == pytest.approx(1 - np.exp(-2 * 0.01 * 189), abs=0.03)


def test_the_command_prints_both(capsys, monkeypatch):
    monkeypatch.setattr(bench, "N_WINDOWS", 40)
    bench.main(["--updates", "20"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["constraint unit_circle", "constraint None"]
