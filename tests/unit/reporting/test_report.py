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
from dysyr.reporting.sections.data import data_section
from dysyr.reporting.sections.dynamics import attractor_section, exponents_section
from dysyr.reporting.sections.forecasts import forecasts_section
from dysyr.reporting.sections.model import model_section, training_section
from dysyr.reporting.sections.scores import scores_section
from dysyr.reporting.sections.seeds import seeds_section
from dysyr.reporting.sections.why import why_section
from dysyr.reporting.training import Training
from dysyr.reporting.views import attractor_variables, distinct, unit_text


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


@pytest.mark.parametrize("n_variables", [1, 6])
def test_any_number_of_variables_can_be_reported(make_card, n_variables):
    text = render_report(make_card(n=300, n_variables=n_variables))
    assert all(f'id="{anchor}"' in text for anchor in ("data", "attractors", "spectra", "forecasts"))


def test_a_model_whose_runs_all_diverged_can_be_reported(make_card, torus, finite):
    runs = np.full((3, 300, 3), np.nan)
    runs[:, :10] = torus(10, 3)
    lost = {**finite, "finite": False, "diverged_at": 10}
    text = render_report(make_card(n=300, runs=runs, statuses=[lost] * 3))
    assert "No free run stayed finite" in text
    assert 'id="spectra"' not in text and 'id="return-maps"' not in text


def test_what_became_of_the_runs_is_said(make_card, finite):
    statuses = [finite, {**finite, "fixed_point": True}, {**finite, "cycle": 12.0}]
    said = attractor_section(make_card(n=300, statuses=statuses)).blocks[0].text
    assert said == "Of 3 free runs 1 came to rest, 1 ended in a cycle."


def test_absent_parts_leave_no_empty_sections(make_card):
    card = make_card(n=300, measures={}, forecasts=None, model=None)
    assert forecasts_section(card) is None and exponents_section(card) is None and training_section(card) is None
    assert "A data set was evaluated, not a model" in model_section(card).blocks[0].text
    assert scores_section(card).blocks[0].text == "No measure was computed."
    assert [block.kind for block in why_section(card).blocks] == ["paragraph", "rules"]


def test_a_known_system_is_shown_with_equations_and_parameters(make_card):
    system = System.ode(
        {"x": "a*y", "y": "-x"}, parameters={"a": 1.5}, initial_state={"x": 1.0, "y": 0.0}, dt=0.05, name="spring",
    )  # fmt: skip
    facts, equation, *_ = data_section(make_card(n=300, system=system)).blocks
    assert ("Parameters", "a = 1.5") in facts.pairs
    assert equation.kind == "equation" and "dot{x}" in equation.alt


def test_of_a_delay_embedding_only_the_series_itself_is_drawn(make_card):
    card = make_card(n=300)
    embedded = card.truth.assign_attrs(embedding=json.dumps({"variable": "x2", "dim": 3, "delay": 4}))
    assert distinct(embedded) == [2] and attractor_variables(embedded) == [2, 1, 0]
    assert distinct(card.truth) == [0, 1, 2]
    pictures = [b for b in data_section(dataclasses.replace(card, truth=embedded)).blocks if b.kind == "picture"]
    assert "x2" in pictures[0].alt and "x1" not in pictures[0].alt


def test_units_of_time_are_those_of_the_data(make_card):
    yearly = make_card(n=300).truth.assign_attrs(time_unit="year")
    assert unit_text("1/time", yearly) == "1/year"
    assert unit_text("Lyapunov times", yearly) == "Lyapunov times"
    assert unit_text("1/time", make_card(n=300).truth) == "1/time unit"


def test_training_says_what_was_chosen_on_what(make_card):
    steps = np.arange(50)
    training = Training(
        method="SHPLRNN", arguments={"latent_dim": 3, "seed": 0}, changed=("latent_dim",), criterion=0.1234,
        curves=(("validation criterion", steps, 1.0 / (1 + steps)),), selected=40, restarts=(10,),
    )  # fmt: skip
    card = make_card(n=300, training=training)
    assert "a criterion of 0.123 when it was confirmed" in training_section(card).blocks[0].caption
    pairs = dict(model_section(card).blocks[0].pairs)
    assert pairs["latent dim"] == "3" and pairs["Left at their defaults"] == "seed 0"


def test_seeds_and_methods_are_compared_with_failures_counted(card):
    other = json.loads(json.dumps(card.to_dict()))
    other["provenance"]["seed"] = 1
    comparison = compare([card.to_dict(), other, failure_card("SHPLRNN", "loss is not finite", seed=2)])
    said, _, table = seeds_section(comparison, {"SHPLRNN": 1}).blocks
    assert said.text.startswith("3 models were trained, each with its own seed; 1 of them failed.")
    assert [row[0] for row in table.rows] == ["SHPLRNN, seed 3", "SHPLRNN, seed 1 (shown above)", "SHPLRNN, seed 2"]


def test_one_run_has_no_section_on_seeds(card):
    assert seeds_section(compare([card]), {"SHPLRNN": 0}) is None


def test_a_page_of_one_card_is_written_whole(card, tmp_path):
    short = dataclasses.replace(card, forecasts=None)
    path = short.to_html(tmp_path / "new" / "report.html")
    assert path.read_text().rstrip().endswith("</html>")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
