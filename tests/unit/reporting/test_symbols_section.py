import numpy as np
import pytest

from dysyr.core.dataset import make_dataset
from dysyr.core.measure import Measure
from dysyr.core.scaler import Scaler
from dysyr.reconstruction.plrnn.alrnn import ALRNN
from dysyr.reconstruction.plrnn.elementwise_model import ElementwisePLRNN
from dysyr.reporting.report import render_report
from dysyr.reporting.sections.symbols import symbols_section


def blocks(card, kind):
    return [block for block in symbols_section(card).blocks if block.kind == kind]


def tents(n, starts=(0.1,)):
    """n skew tent maps with slopes 1.5 and -2.2, side by side, each from its own start."""
    first = np.array(starts)[:, None] + 0.013 * np.arange(n)
    return ALRNN.from_parameters(
        A=[1.5] * n, W=-3.7 * np.eye(n), h=[1.0] * n, n_rectified=n, n_observed=1, initial_states=first
    )


def bistable():
    """The same tent map, with the slope 0.2 below -3: chaos in [-1.2, 1], and a stable fixed point at -3.625.

        x' = 1 + 1.5 x - 3.7 relu(x) + 1.3 relu(-3 - x)

    in the state (x, x, -3 - x), whose last two units are rectified.
    """
    row = np.array([0.0, -3.7, 1.3])
    W = np.stack([row, row + [1.5, 0, 0], -row - [1.5, 0, 0]])
    return ALRNN.from_parameters(
        A=[1.5, 0.0, 0.0], W=W, h=[1.0, 1.0, -4.0], n_rectified=2, n_observed=1, initial_states=[[0.1, 0.1, -3.1]]
    )


@pytest.fixture
def card_of(make_card):
    """Function that gives a card of a model of one variable."""
    return lambda model, **changes: make_card(n=300, n_variables=1, model=model, **changes)


def test_a_model_without_regions_has_no_section(make_card):
    card = make_card(n=300)
    assert symbols_section(card) is None
    assert 'id="symbols"' not in render_report(card)


def test_the_section_stands_between_exponents_and_forecasts(card_of):
    page = render_report(card_of(tents(1)))
    assert page.index('<section id="exponents"') < page.index('<section id="symbols"') < page.index('id="forecasts"')


def test_states_graph_entropies_and_fixed_points(card_of):
    card = card_of(tents(1))
    assert [block.kind for block in symbols_section(card).blocks] == [
        "paragraph", "picture", "picture", "table", "rules", "table",
    ]  # fmt: skip
    assert "visits 2 of at most 2 regions" in blocks(card, "paragraph")[0].text
    space, graph = blocks(card, "picture")
    assert space.uri.startswith("data:image/png") and graph.uri.startswith("data:image/svg")
    assert "2 symbols, with 2 fixed points" in space.alt and "2 symbols and 4 transitions" in graph.alt
    entropies, points = blocks(card, "table")
    assert [row[0] for row in entropies.rows] == ["Topological", "Metric", "Markov"]
    metric = float(entropies.rows[1][1])
    assert metric == pytest.approx(0.65, abs=0.05)
    assert [row[:4] for row in points.rows] == [
        ("(−2.00)", "unstable", "1 of 1", "1.500"), ("(0.312)", "unstable", "1 of 1", "2.200"),
    ]  # fmt: skip
    assert {row[4] for row in points.rows} == {"0", "1"}


def test_entropies_stand_beside_the_positive_exponents(card_of):
    measure = Measure(name="lyapunov_spectrum", kind="invariant", value=[0.4, 0.3, -2.0])
    caption = blocks(card_of(tents(1), measures={"lyapunov_spectrum": measure}), "table")[0].caption
    assert "positive Lyapunov exponents sum to 0.700 1/time unit" in caption
    assert "Lyapunov" not in blocks(card_of(tents(1), measures={}), "table")[0].caption


def test_a_finely_sampled_code_also_has_entropies_of_its_jumps(card_of):
    """A rotation that two units cut into quarters: 40 samples per turn, and one order of jumps."""
    angle = 2 * np.pi / 40
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    W = np.zeros((4, 4))
    W[:2, :2] = W[2:, :2] = turn
    model = ALRNN.from_parameters(
        A=[0.0] * 4, W=W, h=[0.0] * 4, n_rectified=2, n_observed=1, initial_states=[[1.0, 0.1, 1.0, 0.1]]
    )
    rows = {row[0]: row for row in blocks(card_of(model), "table")[0].rows}
    assert rows["Topological, of jumps"][1:3] == ("0 per jump", "0")
    assert float(rows["Markov"][1]) > 0.3


def test_a_stable_fixed_point_that_the_truth_lacks_is_a_warning(card_of):
    card = card_of(bistable())
    (rules,) = blocks(card, "rules")
    (line,) = rules.lines
    assert line.passed is False
    assert line.text.startswith("Warning: the model has a stable fixed point, at (−3.62), and the truth does not")
    assert line.text in render_report(card)
    assert blocks(card, "table")[1].rows[0][:2] == ("(−3.62)", "stable")
    assert blocks(card, "table")[1].rows[0][4] == "–"


def test_a_stable_fixed_point_is_right_where_the_truth_rests(card_of):
    resting = ALRNN.from_parameters(A=[0.5], W=[[0.0]], h=[1.0], n_rectified=1, initial_states=[[0.1]])
    still = make_dataset(np.full((300, 1), 2.0), dt=0.05, names=["x0"])
    (line,) = blocks(card_of(resting, truth=still), "rules")[0].lines
    assert line.passed is True and "the truth comes to rest too" in line.text
    damped = Measure(name="lyapunov_spectrum", kind="invariant", value=[-0.7], truth=[-0.7])
    (line,) = blocks(card_of(resting, measures={"lyapunov_spectrum": damped}), "rules")[0].lines
    assert line.passed is True


def test_no_stable_fixed_point_is_said_as_surely_as_it_was_searched(card_of):
    (line,) = blocks(card_of(tents(1)), "rules")[0].lines
    assert line.passed is True and "all of its regions were searched" in line.text
    (line,) = blocks(card_of(tents(13)), "rules")[0].lines
    assert line.passed is None and "which are not all" in line.text
    assert "of at most 2^13 regions" in blocks(card_of(tents(13)), "paragraph")[0].text


def test_too_many_regions_are_said_in_a_sentence_and_fixed_points_are_listed(card_of):
    card = card_of(tents(7))
    assert [block.kind for block in symbols_section(card).blocks] == ["paragraph", "rules", "table"]
    assert "visits 128 of at most 128 regions, more than 64" in blocks(card, "paragraph")[0].text
    (points,) = blocks(card, "table")
    assert len(points.rows) == 12 and "The first 12 of 128." in points.caption
    assert {row[4] for row in points.rows} == {"–"}
    assert "more than 64" in render_report(card)


def test_a_run_that_diverges_leaves_a_sentence(card_of):
    card = card_of(tents(1, starts=[-5.0]))
    (text,) = blocks(card, "paragraph")
    assert "the free run diverges" in text.text and not blocks(card, "picture")
    assert 'id="symbols"' in render_report(card)


def test_a_driven_model_leaves_a_sentence(card_of):
    given = tents(1)
    parts = given.parameters._replace(C=np.ones((1, 1)))
    driven = ElementwisePLRNN(
        parts, n_rectified=1, scaler=given.scaler, input_scaler=Scaler(np.zeros(1), np.ones(1)), dt=1.0, names=["z1"],
        initial_states=given.initial_states,
    )  # fmt: skip
    (text,) = blocks(card_of(driven), "paragraph")
    assert "dysyr encode --data" in text.text and not blocks(card_of(driven), "picture")


def test_one_region_is_a_code(card_of):
    model = ALRNN.from_parameters(A=[0.5], W=[[0.0]], h=[1.0], n_rectified=0, initial_states=[[0.1]])
    assert "visits 1 of at most 1 regions" in blocks(card_of(model), "paragraph")[0].text
    assert [row[1] for row in blocks(card_of(model), "table")[0].rows] == ["0", "0", "0"]
