"""Ranks over data sets, the critical difference, and the page."""

import numpy as np
import pytest

import dysyr
from dysyr.reporting.figures.ranking import cliques
from dysyr.reporting.ranking import rank_methods, render_ranking


def card(label, value, seed=0, *, verdict="wrong attractor", seconds=3.0):
    measure = {"kind": "distance", "value": value, "floor": 0.1, "ceiling": 10.0, "unit": "nats"}
    return {
        "format": 1, "label": label, "verdict": verdict, "why": [{"text": "reason", "passed": False}],
        "measures": {} if value is None else {"d_stsp": measure}, "provenance": {"seed": seed, "fit_seconds": seconds},
    }  # fmt: skip


def test_critical_difference_of_the_published_table():
    """Demšar 2006: q at 0.05 is 2.569 for four methods, and CD = 1.25 over 14 data sets."""
    rng = np.random.default_rng(0)
    ranks = rank_methods({name: rng.normal(size=14) for name in "abcd"}, "d_stsp")
    assert ranks.critical == pytest.approx(1.25, abs=0.005)
    assert ranks.n_data == 14


def test_ranks_and_ties():
    medians = {"a": [1.0, 1.0, 1.0], "b": [2.0, 1.0, np.nan], "c": [3.0, 4.0, 5.0]}
    ranks = rank_methods(medians, "d_stsp")
    assert ranks.methods == ("a", "b", "c")
    np.testing.assert_allclose(ranks.mean, [(1 + 1.5 + 1) / 3, (2 + 1.5 + 3) / 3, (3 + 3 + 2) / 3])
    higher = rank_methods(medians, "valid_prediction_time")
    assert higher.methods[0] == "c"
    assert np.isnan(rank_methods({"a": [1.0], "b": [2.0]}, "d_stsp").critical)


def test_cliques_are_the_longest_runs_within_the_difference():
    assert cliques([1.0, 1.5, 2.2, 4.0, 4.5], 1.0) == [(0, 1), (1, 2), (3, 4)]
    assert cliques([1.0, 2.0, 3.0], np.nan) == []
    assert cliques([1.0, 1.1, 1.2], 5.0) == [(0, 2)]


def test_the_page_ranks_and_tells_failures():
    cards = {
        name: [card(label, value + shift, seed) for label, value in (("good", 0.2), ("bad", 3.0)) for seed in (0, 1)]
        for name, shift in (("lorenz63", 0.0), ("rossler", 0.5), ("<b>", 0.7))
    }
    cards["rossler"].append(card("broken", None, verdict="failed"))
    page = render_ranking(cards, title="A & B")
    assert "A &amp; B" in page
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert "good leads in" in page
    assert "13 runs over 3 data sets, 1 of them failed" in page
    assert "Failed: broken: reason." in page
    assert "Quality and training time" in page
    assert "1 of 1" in page


def test_one_data_set_has_no_critical_difference():
    page = render_ranking({"a": [card("x", 1.0, seconds=None)]}, title="one")
    assert "critical difference" not in page
    assert "Quality and training time" not in page
    with pytest.raises(dysyr.InputError, match="nothing to rank"):
        render_ranking({}, title="none")
