"""Contests of open quantum systems compare what they time, at small sizes."""

import numpy as np
import pytest

from dysyr.benchmark.speed import spins
from dysyr.benchmark.speed.command import SUBJECTS
from dysyr.benchmark.speed.contest import Disagreement, Share, hold
from dysyr.core.catalogue import catalogue_system


def test_both_sides_compute_the_same():
    pytest.importorskip("qutip", reason="QuTiP is not installed: pip install 'dysyr[quantum]'")
    large, *contests, share = spins.contests(quick=True)
    assert "spins" in SUBJECTS and isinstance(share, Share) and len(contests) == 3
    assert "GB of memory" in hold(large).agreement
    row = hold(contests[0])
    assert row.ratio > 0 and "errors" in row.agreement
    assert hold(share).ratio > 0


def test_what_differs_has_no_ratio():
    exact = spins._ours(catalogue_system("tfim_decay"), 1e-13)
    assert "errors" in spins._same(exact, exact + 1e-12, exact + 1e-8)
    for ours, theirs in ((exact + 1e-7, exact), (exact, exact + 1e-3), (exact * np.nan, exact)):
        with pytest.raises(Disagreement, match="observables differ"):
            spins._same(exact, ours, theirs)


def test_large_systems_are_watched(monkeypatch):
    exact = spins._ours(catalogue_system("tfim_decay"), 1e-13)
    for ours in (exact + 1e-7, exact * np.nan):
        with pytest.raises(Disagreement, match="too much error or memory"):
            spins._error_and_memory(ours, exact)
    monkeypatch.setattr(spins, "LARGE_GIGABYTES", 0.001)
    with pytest.raises(Disagreement, match="too much error or memory"):
        spins._error_and_memory(exact, exact)


def test_without_qutip_there_is_no_baseline(monkeypatch):
    monkeypatch.setattr(spins, "installed", lambda package: False)
    _, first, *_ = spins.contests(quick=True)
    assert first.theirs is None and "not installed" in first.note
    assert hold(first).ratio is None
