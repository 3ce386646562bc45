import dataclasses
import html.parser
import json
import re

import numpy as np
import pytest

from dysyr.core.dataset import make_dataset
from dysyr.core.system import System
from dysyr.evaluation.verdict import RuleLine, Verdict
from dysyr.reporting.comparison import compare, failure_card
from dysyr.reporting.report import render_report
from dysyr.reporting.training import Training


class Page(html.parser.HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def page_text(make_card):
    return render_report(make_card())


def test_the_page_asks_for_nothing_outside_itself(page_text):
    page = Page(page_text)
    addresses = [attrs[key] for _, attrs in page.tags for key in ("src", "href") if key in attrs]
    assert addresses and all(address.startswith(("data:image/", "#")) for address in addresses)
    assert not re.search(r"@import|url\(|<script|<link|<iframe", page_text)


def test_the_page_is_small_enough_to_be_sent(page_text):
    assert len(page_text) < 6e6


def test_every_figure_has_words_and_every_table_has_headings(page_text):
    page = Page(page_text)
    assert all(attrs.get("alt") for attrs in page.all("img"))
    assert {attrs.get("scope") for attrs in page.all("th")} == {"row", "col"}
    assert page.all("html")[0]["lang"] == "en"


def test_the_contents_lead_to_every_section_in_the_order_of_the_design(page_text):
    page = Page(page_text)
    targets = [attrs["href"][1:] for attrs in page.all("a")]
    sections = [attrs["id"] for attrs in page.all("section")]
    assert targets == sections
    assert sections == [
        "why", "data", "model", "attractors", "spectra", "return-maps", "exponents", "forecasts", "measures", "cite",
        "reproduce",
    ]  # fmt: skip


def test_the_verdict_its_rules_and_the_command_are_in_words(page_text, card):
    assert card.verdict.verdict in page_text
    assert all(line.text in page_text for line in card.verdict.lines)
    assert "dysyr run x.toml -o out/" in page_text and "abc" in page_text


def test_names_from_strangers_cannot_write_into_the_page(make_card, torus):
    evil = "<script>alert(1)</script>"
    truth = torus(200, 2)
    card = make_card(
        n=200, n_variables=2, label=evil, truth=make_dataset(truth, dt=0.05, names=[evil, "y"]),
        verdict=Verdict(evil, (RuleLine(evil, True),)), provenance={"command": evil, "seed": evil},
    )  # fmt: skip
    assert "<script" not in render_report(card, title=evil, notes=evil)


@pytest.mark.parametrize("n_variables", [1, 2, 6])
def test_any_number_of_variables_can_be_reported(make_card, n_variables):
    assert 'id="attractors"' in render_report(make_card(n=300, n_variables=n_variables))


def test_a_model_whose_runs_all_diverged_can_be_reported(make_card, torus, finite):
    runs = np.full((3, 300, 3), np.nan)
    runs[:, :10] = torus(10, 3)
    lost = {**finite, "finite": False, "diverged_at": 10}
    text = render_report(make_card(n=300, runs=runs, statuses=[lost] * 3))
    assert "No free run stayed finite" in text
    assert 'id="spectra"' not in text


def test_what_became_of_the_runs_is_said(make_card, finite):
    statuses = [finite, {**finite, "fixed_point": True}, {**finite, "cycle": 12.0}]
    assert "Of 3 free runs 1 came to rest, 1 ended in a cycle." in render_report(make_card(statuses=statuses))


def test_absent_parts_leave_no_empty_sections(make_card):
    card = make_card(measures={}, forecasts=None, model=None)
    text = render_report(card)
    assert "A data set was evaluated, not a model" in text
    assert 'id="forecasts"' not in text and 'id="exponents"' not in text


def test_a_known_system_is_shown_with_equations_and_parameters(make_card):
    system = System.ode(
        {"x": "a*y", "y": "-x"}, parameters={"a": 1.5}, initial_state={"x": 1.0, "y": 0.0}, dt=0.05, name="spring",
    )  # fmt: skip
    text = render_report(make_card(system=system))
    assert "a = 1.5" in text
    assert 'class="plate equation"' in text


def test_training_says_what_was_chosen_on_what(make_card):
    steps = np.arange(50)
    training = Training(
        method="SHPLRNN", arguments={"latent_dim": 3, "seed": 0}, changed=("latent_dim",), criterion=0.1234,
        curves=(("validation criterion", steps, 1.0 / (1 + steps)),), selected=40, restarts=(10,),
    )  # fmt: skip
    text = render_report(make_card(training=training))
    assert "validation criterion of 0.123" in text
    assert "latent dim" in text and "Left at their defaults" in text


def test_seeds_and_methods_are_compared_with_failures_counted(card):
    other = json.loads(json.dumps(card.to_dict()))
    other["provenance"]["seed"] = 1
    comparison = compare([card.to_dict(), other, failure_card("SHPLRNN", "loss is not finite", seed=2)])
    text = render_report(card, comparison=comparison, chosen={"SHPLRNN": 1})
    assert "3 models were trained, each with its own seed; 1 of them failed" in text
    assert "SHPLRNN, seed 1 (shown above)" in text


def test_one_run_has_no_section_on_seeds(card):
    assert 'id="seeds"' not in render_report(card, comparison=compare([card]), chosen={"SHPLRNN": 0})


def test_a_page_of_one_card_is_written_whole(card, tmp_path):
    short = dataclasses.replace(card, forecasts=None)
    path = short.to_html(tmp_path / "new" / "report.html")
    assert path.read_text().rstrip().endswith("</html>")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
