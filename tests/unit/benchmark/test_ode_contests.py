"""Contests of the integrators compare what they time, and limits do the work they claim."""

import dataclasses

import numpy as np
import pytest

from dysyr.benchmark.speed import limits, ode, ode_baselines
from dysyr.benchmark.speed.contest import Contest, Disagreement, hold


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_peak_counts_its_operations(dtype):
    done = limits.multiply_add_peak(dtype, 1_000_000)
    in_flight = {size // np.dtype(dtype).itemsize * n for size, n in limits.SHAPES}
    assert done / 2_000_000 in in_flight


def test_maps_and_growth_hold_their_contests():
    rows = [hold(dataclasses.replace(c, repeats=1)) for c in ode._map_contests(1)]
    rows += [hold(dataclasses.replace(c, repeats=1)) for c in list(ode._growth_contests(True, 1))[:1]]
    assert [row.job for row in rows] == ["Henon map, final state", "Lyapunov spectrum of Lorenz-63, RK4"]
    assert all(row.agreement and row.ratio for row in rows)


def test_growth_that_differs_is_a_disagreement():
    states = ode._on_the_attractor(2)
    other = ode_baselines.numpy_growth(states, ode._first_vectors(2), ode.DT, 20, 5)()
    compare = ode._same_growth(states, 20, 5)
    assert "differ by at most" in compare(None, other)
    with pytest.raises(Disagreement, match="growth differs"):
        compare(None, other + 1e-3)


def test_a_larger_error_is_a_disagreement():
    states = ode._on_the_attractor(3)

    def exact(states, t_end):
        return lambda: ode._truth(states, t_end)

    with pytest.raises(Disagreement, match="our error is larger"):
        ode._no_larger_error(states, "rk4", 0.02, exact)(None, None)

    def coarse(states, t_end):
        return lambda: ode._advanced(states, "rk4", 0.02, t_end)

    assert "ours" in ode._no_larger_error(states, "dop853", 0.02, coarse)(None, None)
    truth = ode._truth(states, 1.0)
    with pytest.raises(Disagreement, match="an error is large"):
        ode._both_near_the_truth(states, 1.0)(truth, truth + 1)


def test_packages_that_are_missing_leave_a_row_that_says_so(monkeypatch):
    monkeypatch.setattr(ode_baselines, "installed", lambda package: False)
    missing = [c for c in ode._equal_error_contests(ode._on_the_attractor(4), True, 1) if c.theirs is None]
    assert [c.baseline for c in missing] == ["diffrax", "torchdiffeq"]
    assert all("not installed" in c.note and isinstance(c, Contest) for c in missing)
