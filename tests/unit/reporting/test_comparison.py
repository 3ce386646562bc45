import copy

import numpy as np
import pytest

from dysyr.core.errors import InputError
from dysyr.reporting.comparison import compare, failure_card


def scored(card, label, d_stsp, verdict="plausible attractor"):
    scores = copy.deepcopy(card.to_dict())
    scores["label"], scores["verdict"] = label, verdict
    scores["measures"]["d_stsp"]["value"] = d_stsp
    return scores


def test_median_and_mad_over_seeds(card):
    row = compare([scored(card, "a", value) for value in (0.1, 0.2, 0.6)]).rows[0]
    assert row.median["d_stsp"] == pytest.approx(0.2)
    assert row.mad["d_stsp"] == pytest.approx(0.1)
    assert row.n_failed == 0


def test_a_failed_seed_counts_with_the_ceiling_and_is_counted(card):
    cards = [
        scored(card, "a", 0.1),
        failure_card("a", "loss is not finite", seed=1),
        failure_card("a", "no", seed=2),
    ]
    row = compare(cards).rows[0]
    assert row.n_failed == 2
    assert row.median["d_stsp"] == 16.0
    assert np.isnan(row.values["d_stsp"][1:]).all()
    assert row.verdicts == {"plausible attractor": 1, "failed": 2}


def test_a_distance_of_runs_that_failed_counts_with_the_ceiling_however_small_it_is(card):
    cards = [scored(card, "a", 0.1), *(scored(card, "a", 0.2, verdict) for verdict in ("diverged", "cycle"))]
    row = compare(cards).rows[0]
    assert row.median["d_stsp"] == 16.0 and row.values["d_stsp"].tolist() == [0.1, 0.2, 0.2]


def test_a_better_method_ranks_first_and_failing_ranks_last(card):
    good = [scored(card, "good", value) for value in (0.1, 0.1)]
    worse = [scored(card, "worse", value) for value in (0.3, 0.3)]
    lost = [failure_card("lost", "diverged", seed=0), failure_card("lost", "diverged", seed=1)]
    assert [row.label for row in compare([*lost, *worse, *good]).rows] == ["good", "worse", "lost"]


def test_cards_and_their_metrics_compare_alike(card):
    assert compare([card]).to_dict() == compare([card.to_dict()]).to_dict()


def test_nothing_cannot_be_compared():
    with pytest.raises(InputError, match="nothing to compare"):
        compare([])
