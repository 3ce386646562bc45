"""Contests of jump processes compare what they time, at small sizes."""

import numpy as np
import pytest

from dysyr.benchmark.speed import jumps
from dysyr.benchmark.speed.command import SUBJECTS
from dysyr.benchmark.speed.contest import Disagreement, Share, hold


def test_baselines_draw_from_the_same_distribution(monkeypatch):
    monkeypatch.setattr(jumps, "T_END", 1.0)
    ours = jumps._ours(3_000)
    for theirs in (jumps._one_by_one(60), jumps._all_at_once(2_000)):
        assert "standard errors" in jumps._same_means(ours, theirs)
        with pytest.raises(Disagreement, match="differ"):
            jumps._same_means(ours, theirs + 20)
    with pytest.raises(Disagreement, match="shapes"):
        jumps._same_means(ours, ours[:, :1])
    with pytest.raises(Disagreement, match="nan"):
        jumps._same_means(ours, ours * np.nan)


def test_dead_paths_end_both_baselines(monkeypatch):
    """Without births all animals are gone long before t = 2000, and the rates sum to zero."""
    system = jumps.catalogue_system("lotka_volterra_jump").with_parameters(alpha=0.0)
    monkeypatch.setattr(jumps, "catalogue_system", lambda name: system)
    monkeypatch.setattr(jumps, "T_END", 2_000.0)
    for made in (jumps._ours(3), jumps._one_by_one(2), jumps._all_at_once(3)):
        assert (made[:, 1] == 0).all()


def test_the_rate_counts_events(monkeypatch):
    monkeypatch.setattr(jumps, "T_END", 0.5)
    share, *contests = jumps.contests(quick=True)
    assert "jumps" in SUBJECTS and isinstance(share, Share) and len(contests) == 2
    row = hold(share)
    assert row.unit == "G events/s" and row.ratio > 0
    assert share.work == jumps._paths(200)[1]["n_events"] > 1_000
