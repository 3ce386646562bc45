"""Contests of scans, noise and elementary functions compare what they time, at small sizes."""

import numpy as np
import pytest
import torch

from dysyr.benchmark.speed import elementary, scans, sde
from dysyr.benchmark.speed.contest import Disagreement, Share


def small_contests():
    all_of_them = [
        *scans._linear((2, 9, 5), 1), *scans._affine((2, 9, 5), 1), *scans._selective((2, 9, 5, 3), 1),
        *scans._duality((2, 9, 1, 5, 3), 1), *scans._newton((2, 9, 3, 5), 1),
        *(elementary._against_libm(name, width, 1, 1) for name in elementary.FUNCTIONS for width in (32, 64)),
        *(elementary._against_torch(name, 32, 1, 1) for name in elementary.IN_TORCH), *elementary._normals(32, 1, 1),
    ]  # fmt: skip
    return [c for c in all_of_them if not isinstance(c, Share) and c.theirs is not None]


@pytest.mark.parametrize("contest", small_contests(), ids=lambda contest: f"{contest.job}, {contest.baseline}")
def test_results_agree_and_a_wrong_one_is_noticed(contest):
    ours, theirs = contest.ours(), contest.theirs()
    assert contest.compare(ours, theirs)
    wrong = (*ours[:-1], 2 * ours[-1]) if isinstance(ours, tuple) else 2 * ours
    with pytest.raises(Disagreement):
        contest.compare(wrong, theirs)


def test_the_linear_scan_and_its_limit_move_the_same_bytes():
    share, *_ = [contest for contest in scans._linear((2, 9, 5), 1) if isinstance(contest, Share)]
    assert share.work == share.capacity() == 3 * 4 * 90
    assert share.ours().shape == (2, 9, 5)


def test_other_shapes_and_nan_are_disagreements():
    x = torch.ones(2, 3)
    with pytest.raises(Disagreement, match=r"other shapes: \(2, 3\) and \(3, 2\)"):
        scans._same(x, x.T)
    for wrong in (x * torch.nan, x * 0):
        with pytest.raises(Disagreement, match="results differ"):
            scans._same(wrong, x)
    with pytest.raises(Disagreement, match="nan ulp"):
        elementary._close(np.array([np.nan]), np.ones(1))


@pytest.mark.parametrize("every", [None, 5])
def test_distributions_of_paths_are_compared(monkeypatch, every):
    monkeypatch.setattr(sde, "N_PATHS", 400)
    ours = sde._ours("euler_maruyama", "additive", "float64", 20, every)()
    theirs = sde._torch_loop("float64", 20)
    assert ours.shape == (400, 3) if every is None else (400, 5, 3)
    last = ours if every is None else ours[:, -1]
    assert "standard errors" in sde._same_distribution(last, theirs)
    for wrong in (last + 0.5, 1.5 * (last - last.mean(axis=0)) + last.mean(axis=0), np.ones_like(last)):
        with pytest.raises(Disagreement, match="differ"):
            sde._same_distribution(wrong, theirs)
    with pytest.raises(Disagreement, match="shapes"):
        sde._same_distribution(last[:7], theirs)
    if every is not None:
        assert "standard errors" in sde._same_distribution(ours, ours[::-1])
