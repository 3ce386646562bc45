"""Contests for a CUDA device, dry: toy sizes, torch on the processor. Run by test_kernels_run.py."""

import time

import numpy as np
import pytest

from dysyr.benchmark.speed import cuda
from dysyr.benchmark.speed.contest import Disagreement, hold


def test_all_contests_run_and_their_results_agree():
    contests = list(cuda.contests(quick=True))
    assert all(contest.clock is time.perf_counter for contest in contests), "the processor only waits for a device"
    rows = [hold(contest) for contest in contests]
    assert len(rows) >= 11
    assert all(row.ratio is not None and row.seconds > 0 for row in rows)
    assert all("agree" in row.agreement or "%" in row.agreement for row in rows)
    assert all("simulator" in row.note for row in rows)


def test_results_that_differ_have_no_ratio():
    with pytest.raises(Disagreement, match="0.5 of the largest value; at most 0.1"):
        cuda._close(np.array([1.0, 2.0]), np.array([1.0, 4.0]), 0.1)
    with pytest.raises(Disagreement, match="nan"):
        cuda._close(np.array([np.nan, 2.0]), np.array([1.0, 4.0]), 0.1)
    values = np.random.default_rng(0).normal(size=(1, 1000))
    with pytest.raises(Disagreement, match="standard errors; at most 5"):
        cuda._same_moments(values + 1, values)
