"""Successive halving: who is trained how long, and what a shorter training is."""

import re
from pathlib import Path

import pytest

import dysyr
from dysyr.core.arguments import whole
from dysyr.reconstruction import METHODS
from dysyr.tuning.halving import check_budget, plan, shortened


def rungs(*args, **kwargs):
    return [(rung.n_candidates, rung.divisor) for rung in plan(dysyr.GRU(), *args, **kwargs)]


def test_the_best_third_is_trained_three_times_longer():
    assert rungs(27, n_rungs=4) == [(27, 27), (9, 9), (3, 3), (1, 1)]
    assert rungs(27, n_rungs=2) == [(27, 3), (9, 1)]
    assert rungs(16, n_rungs=3, reduction=4) == [(16, 16), (4, 4), (1, 1)]
    assert rungs(10, n_rungs=3) == [(10, 9), (4, 3), (2, 1)], "rounded up"


def test_every_rung_costs_the_same_where_numbers_divide():
    assert {n / divisor for n, divisor in rungs(81, n_rungs=4)} == {3}


@pytest.mark.parametrize(
    ("n", "expected"), [(2, [(2, 1)]), (3, [(3, 1)]), (4, [(4, 3), (2, 1)]), (11, [(11, 9), (4, 3), (2, 1)])]
)
def test_by_default_two_or_more_are_trained_in_full(n, expected):
    assert rungs(n) == expected


def test_by_default_no_first_training_is_shorter_than_a_ninth():
    assert rungs(1000)[0] == (1000, 9)


def test_methods_in_closed_form_have_one_rung():
    assert [(rung.n_candidates, rung.divisor) for rung in plan(dysyr.LinearAR(), 50)] == [(50, 1)]
    with pytest.raises(dysyr.InputError, match="LinearAR has no length of training that could be shortened: 2 rungs"):
        plan(dysyr.LinearAR(), 50, n_rungs=2)


@pytest.mark.parametrize(
    ("given", "message"),
    [({"reduction": 1}, "reduction: 1"), ({"reduction": 2.5}, "reduction"), ({"n_rungs": 0}, "n_rungs: 0"),
     ({"n_rungs": True}, "n_rungs: True")],
)  # fmt: skip
def test_numbers_out_of_range(given, message):
    with pytest.raises(dysyr.InputError, match=message):
        plan(dysyr.GRU(), 9, **given)


def test_all_of_a_budget_is_shortened_alike():
    method = dysyr.SHPLRNN(n_updates=100, n_refinements=40, n_generations=0)
    assert shortened(method, 9) == {"n_updates": 12, "n_refinements": 5, "n_generations": 0}
    assert shortened(method, 1) == {"n_updates": 100, "n_refinements": 40, "n_generations": 0}


def test_a_budget_is_not_varied():
    several, one = plan(dysyr.GRU(), 9), plan(dysyr.GRU(), 9, n_rungs=1)
    with pytest.raises(dysyr.InputError, match="'n_updates' is what a search by halving shortens"):
        check_budget(dysyr.GRU(), {"n_updates": [10, 20]}, several)
    check_budget(dysyr.GRU(), {"n_updates": [10, 20]}, one)
    with pytest.raises(dysyr.InputError, match="GRU cannot use this n_updates: 'many'"):
        check_budget(dysyr.GRU(n_updates="many"), {}, several)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_the_budget_of_a_method_is_made_of_its_counts_of_updates(method):
    counts = method().get_params()
    assert all(whole(counts[name], 0) for name in method.budget)
    trained = {name for name in counts if name in ("n_updates", "n_iterations", "n_generations", "n_refinements")}
    assert trained <= set(method.budget)


def test_the_page_tells_what_the_length_of_training_is():
    page = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "tune_a_method.md"
    rows = re.findall(r"^\| (`[A-Z]\w+`.*) \| (.+) \|$", page.read_text(encoding="utf-8"), flags=re.M)
    told = {name: re.findall(r"`(\w+)`", budget) for names, budget in rows for name in re.findall(r"`(\w+)`", names)}
    assert told == {method.__name__: list(method.budget) for method in METHODS}
