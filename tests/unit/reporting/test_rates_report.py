"""The report of rate models: its sections, figures and words."""

import re

import numpy as np
import pytest
import scipy.linalg
from jump_cases import DT, THREE, irregular_paths, paths, ratchet

from dysyr.api import evaluate
from dysyr.core.dataset import make_dataset
from dysyr.core.system import System
from dysyr.evaluation.label_panel import LabelPanel
from dysyr.evaluation.rate_context import Chain
from dysyr.evaluation.settings import EvaluationSettings
from dysyr.reconstruction.jump_em.model import JumpModel
from dysyr.reporting.comparison import compare
from dysyr.reporting.figures.relaxation import relaxation_figure
from dysyr.reporting.figures.state_graph import state_graph_figure
from dysyr.reporting.figures.style import FAINT
from dysyr.reporting.metrics_file import measures_table
from dysyr.reporting.report import render_report
from dysyr.reporting.sections.labels import labels_section
from dysyr.reporting.sections.occupation import implied_returns, markov_section, occupation_section
from dysyr.reporting.sections.rates import rates_section, time_scales_section
from dysyr.reporting.sections.scores import scores_section

QUICK = EvaluationSettings(n_rate_draws=20, markov_simulations=19, n_truth_pairs=4)
VALUES = ("Attractors side by side", "Power spectra", "Return maps", "Lyapunov exponents", "D_stsp")


def labels(x, **more):
    return make_dataset(x[..., None], label=x, **({"dt": DT} | more))


def model(q, *, stderr=0.05, states=None, noise=0.0):
    n = len(q)
    errors = stderr * np.where(np.eye(n) > 0, 0.0, 1.0)
    return JumpModel(
        q, np.full(n, 1 / n), errors, states=states or [f"s_{i}" for i in range(n)], dt=DT, label_noise=noise
    )


@pytest.fixture(scope="module")
def card():
    names = [f"s_{i}" for i in range(6)]
    system = System.jump(states=names, rates={"matrix": ratchet(1.0).tolist()}, dt=DT, name="made_up")
    x = labels(paths(ratchet(1.0), n_paths=80, n=20))
    return evaluate(model(1.1 * ratchet(1.0)), x, reference=system, settings=QUICK)


@pytest.fixture(scope="module")
def plain_card():
    return evaluate(model(THREE), labels(paths(THREE, n_paths=60, n=20)), settings=QUICK)


def test_the_page_has_the_sections_of_rates_and_none_of_values(card):
    page = render_report(card)
    titles = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert titles == [
        "Why this verdict", "What the data look like", "The model", "Rates", "Time scales", "Occupation over time",
        "Are the labels Markov?", "All measures", "How to cite", "How to make it again",
    ]  # fmt: skip
    assert page.count("<img") == 6
    assert not [word for word in VALUES if word in page]
    for lead in ("Rate error", "Hellinger distance", "Log-likelihood per label", "Slowest relaxation"):
        assert f"<dt>{lead}</dt>" in page
    assert "s_0" in page


def test_the_rate_table_has_errors_and_true_rates(card):
    table = next(block for block in rates_section(card).blocks if block.kind == "table")
    assert table.head == ("From \\ to", *card.rates.names)
    assert table.rows[0][0] == "s_0"
    assert table.rows[0][1] == ""
    assert table.rows[2][1] == "2.990\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.050 (2.72)"
    assert table.rows[0][5] == "\N{EN DASH} (0)"


def test_a_large_chain_has_its_fastest_rates_in_a_list():
    n = 12
    ring = np.roll(np.diag(np.arange(1.0, n + 1)), 1, axis=1)
    q = ring - np.diag(ring.sum(axis=1))
    found = evaluate(model(q), labels(paths(q, n_paths=20, n=20)), settings=QUICK, measures=["pair_log_likelihood"])
    table = next(block for block in rates_section(found).blocks if block.kind == "table")
    assert len(table.rows) == n
    assert table.rows[0][0] == "s_11 → s_0"
    assert table.rows[0][1].startswith("12.000")
    assert time_scales_section(found) is None


def test_rates_without_an_error_say_so():
    stderr = 0.05 * np.where(np.eye(3) > 0, 0.0, 1.0)
    stderr[0, 1] = np.inf
    open_ended = JumpModel(THREE, np.full(3, 1 / 3), stderr, states=list("abc"), dt=DT)
    found = evaluate(open_ended, labels(paths(THREE, n_paths=30, n=20)), settings=QUICK)
    table = next(block for block in rates_section(found).blocks if block.kind == "table")
    assert table.rows[0][2] == "1.00 (no error)"
    render_report(found)


def test_time_scales_and_passages_stand_beside_the_truth(card, plain_card):
    picture, table = time_scales_section(card).blocks
    assert "0.4545" in picture.caption
    assert "true chain" in picture.caption
    assert "(2.05)" in table.rows[0][2]
    assert "held-out labels alone" in time_scales_section(plain_card).blocks[0].caption


def test_an_oscillation_is_called_one():
    ring = np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0], [1.0, 0.0, -1.0]])
    found = evaluate(model(ring), labels(paths(ring, n_paths=30, n=20)), settings=QUICK)
    assert "as a damped oscillation" in time_scales_section(found).blocks[0].caption
    assert "∞" not in str(time_scales_section(found).blocks[1].rows)


def test_states_that_may_never_be_reached_are_infinitely_far():
    trap = np.array([[-2.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    found = evaluate(model(trap), labels(paths(trap, n_paths=40, n=20)), settings=QUICK)
    assert time_scales_section(found).blocks[1].rows[1][1].startswith("∞")
    assert "no unique stationary distribution" in render_report(found)


def test_returns_are_those_of_the_chain_seen_through_its_noise():
    panel = LabelPanel.from_data(labels(paths(THREE, n_paths=10, n=8)), n_states=3)
    start = np.array([0.5, 0.2, 0.3])
    still = implied_returns(Chain(THREE, start), panel, [1, 3])
    for row, k in zip(still, (1, 3), strict=True):
        np.testing.assert_allclose(row, scipy.linalg.expm(k * DT * THREE).diagonal(), rtol=1e-9)
    noise = 0.1
    error = np.full((3, 3), noise / 2) + (1 - 1.5 * noise) * np.eye(3)
    weights = (start @ np.stack([scipy.linalg.expm(k * DT * THREE) for k in range(8)])).mean(axis=0)
    p = scipy.linalg.expm(DT * THREE)
    seen = implied_returns(Chain(THREE, start, noise), panel, [1])[0]
    expected = [weights * error[:, o] @ p @ error[:, o] / (weights @ error[:, o]) for o in range(3)]
    np.testing.assert_allclose(seen, expected, rtol=1e-9)


def test_labels_of_all_kinds_have_a_page():
    clocks, states = irregular_paths(THREE, n_paths=12, n=15)
    irregular = make_dataset([row[:, None] for row in states], time=clocks, label=states)
    found = evaluate(model(THREE), irregular, settings=QUICK)
    page = render_report(found)
    assert "irregular, " in page
    assert "sampling interval (dashed)" not in page
    assert markov_section(found) is None
    x = paths(THREE, n_paths=12, n=15)
    mask = np.random.default_rng(0).random((*x.shape, 1)) > 0.1
    gaps = evaluate(model(THREE, noise=0.02), labels(x, mask=mask), settings=QUICK)
    assert "of them missing" in render_report(gaps)
    assert "The model takes 2.00 % of the labels" in str(rates_section(gaps).blocks)
    one = evaluate(model(THREE), labels(paths(THREE, n_paths=1, n=500)), settings=QUICK)
    assert "1 path: too few" in occupation_section(one).blocks[0].text
    assert "The first 400 samples of each" in labels_section(one).blocks[1].caption
    render_report(one)


def test_free_runs_of_labels_have_a_page_without_rates():
    x = [labels(paths(THREE, n_paths=40, n=15, seed=seed)) for seed in (1, 2)]
    found = evaluate(x[0], x[1], settings=QUICK)
    assert rates_section(found) is None
    page = render_report(found)
    assert "of the free runs" in page
    assert "What was evaluated" in page


def test_long_lists_of_numbers_are_cut_in_tables_and_whole_in_the_file(card):
    text = measures_table(card.measures)
    assert "first passage times: 18 more in metrics.json" in text
    assert text.count("first passage times s_") == 12
    assert len(card.to_dict()["measures"]["first_passage_times"]["value"]) == 30
    rows = [row[0] for table in scores_section(card).blocks if table.kind == "table" for row in table.rows]
    assert "First-passage time: 18 more" in rows
    assert "First-passage time s_0 -> s_1" in rows


def test_better_rates_rank_first():
    x = labels(paths(THREE, n_paths=100, n=20))
    system = System.jump(states=["s_0", "s_1", "s_2"], rates={"matrix": THREE.tolist()}, dt=DT, name="made_up")
    cards = [
        evaluate(model(q), x, reference=system, settings=QUICK, label=label)
        for label, q in (("half", 0.5 * THREE), ("true", THREE), ("double", 2 * THREE))
    ]
    assert compare(cards).rows[0].label == "true"
    page = render_report(cards[1], comparison=compare(cards), chosen={"true": 0})
    assert "Ranked by the mean of the ranks in rate error, Hellinger distance and log-likelihood" in page


def test_widths_of_arrows_are_in_proportion_and_doubtful_rates_are_grey():
    q = np.array([[-3.0, 2.0, 1.0], [0.5, -0.5, 0.0], [0.0, 0.1, -0.1]])
    stderr = np.where(q > 0, 0.2, 0.0)
    figure = state_graph_figure([("model", q, np.full(3, 1 / 3), stderr)], names=list("abc"))
    arrows = [patch for patch in figure.axes[0].patches if hasattr(patch, "get_arrowstyle")]
    widths = sorted(patch.get_linewidth() for patch in arrows)
    np.testing.assert_allclose(np.diff(widths), np.diff([0.1, 0.5, 1.0, 2.0]) * 3.0, rtol=1e-9)
    grey = [
        patch
        for patch in arrows
        if np.allclose(patch.get_edgecolor()[:3], [int(FAINT[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    ]
    assert len(grey) == 1
    assert {text.get_text() for text in figure.axes[0].texts} == {"a", "b", "c", "2", "1", "0.5"}


def test_hollow_dots_are_oscillations():
    figure = relaxation_figure(
        [2.0, 2.0, 0.5], [1.9, 1.8, 0.6], model_stderr=[0.1, np.inf, np.nan], oscillating=[True, True, False], dt=0.1
    )
    assert "damped oscillation" in [text.get_text() for text in figure.legends[0].get_texts()]
