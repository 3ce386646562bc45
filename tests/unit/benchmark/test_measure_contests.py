import numpy as np
import pytest

from dysyr.benchmark.speed.contest import Disagreement
from dysyr.benchmark.speed.measures import contests


def small_contests():
    jobs = {}
    for contest in contests(quick=True):
        if "5,120" not in contest.size and "20,480" not in contest.size:
            jobs.setdefault((contest.job, contest.baseline), contest)
    return list(jobs.values())


@pytest.mark.parametrize("contest", small_contests(), ids=lambda contest: f"{contest.job}, {contest.baseline}")
def test_results_agree_and_a_wrong_one_is_noticed(contest):
    ours, theirs = contest.ours(), contest.theirs()
    assert contest.compare(ours, theirs)
    if isinstance(ours, tuple):
        wrong = (ours[0] + 1, *ours[1:])
    elif isinstance(ours, np.ndarray | float):
        wrong = ours + 1
    else:
        wrong = type(ours)(**{**vars(ours), "cells_truth": 0})
    with pytest.raises(Disagreement):
        contest.compare(wrong, theirs)
