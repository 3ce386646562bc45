"""evaluate on models that draw windows: which measures, which verdict, which sections of the report."""

import re

import numpy as np
import pytest

from dysyr.api import evaluate
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError
from dysyr.core.measure import Measure
from dysyr.core.window_generator import WindowGenerator
from dysyr.evaluation import MEASURES, WINDOW_MEASURES, judged_scores
from dysyr.evaluation.window_verdict import decide_windows
from dysyr.reporting.report import render_report
from dysyr.reporting.sections.windows import modes_section

WINDOW = 16


def sines(n, rng, noise=0.0):
    """Two waves of one phase, steep enough that no linear autoregression makes them."""
    phase = rng.uniform(0, 2 * np.pi, (n, 1, 1)) + np.array([0.0, 1.0])
    return np.tanh(4 * np.sin(0.7 * np.arange(WINDOW)[:, None] + phase)) + noise * rng.normal(size=(n, WINDOW, 2))


class Sines(WindowGenerator):
    """Windows of the truth's own law, with some noise."""

    family, names, dt, window, scale = "sines", ("a", "b"), 0.5, WINDOW, np.ones(2)

    def __init__(self, noise=0.0):
        self.noise = noise

    def draw(self, n_windows, n_steps, rng):
        return sines(n_windows, rng, self.noise)[:, :n_steps]

    def draw_given(self, seen, n_draws, rng):
        raise NotImplementedError

    def modes(self):
        value = np.exp(np.array([0.35j, -0.35j]))
        return {"eigenvalue": value, "frequency": np.angle(value) / np.pi, "decay_rate": np.zeros(2)}

    def config(self):
        return {}

    def arrays(self):
        return {}

    @classmethod
    def from_state(cls, config, arrays):
        return cls()


@pytest.fixture(scope="module")
def truth():
    return make_dataset(sines(400, np.random.default_rng(0)), dt=0.5, names=["a", "b"])


@pytest.fixture(scope="module")
def card(truth):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judged_scores, "N_ITERATIONS", 150)
        return evaluate(Sines(), truth)


def test_windows_have_measures_of_their_own(card):
    assert list(card.measures) == [measure.name for measure in WINDOW_MEASURES]
    assert not set(card.measures) & {measure.name for measure in MEASURES}
    assert card.measures["discriminative_score"].value < 0.15
    assert card.verdict.verdict in ("indistinguishable at this length", "plausible windows")
    assert card.forecasts is None
    assert card.runs.sizes["trajectory"] == 10


def test_a_wrong_generator_is_called_so(truth, monkeypatch):
    monkeypatch.setattr(judged_scores, "N_ITERATIONS", 150)
    wrong = evaluate(Sines(noise=1.0), truth, measures=["discriminative_score", "window_marginal"])
    assert wrong.verdict.verdict == "wrong windows"
    assert list(wrong.measures) == ["discriminative_score", "window_marginal"]


def test_the_page_shows_windows_and_modes_and_makes_no_claim_about_attractors(card):
    page = render_report(card)
    titles = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert titles[:5] == [
        "Why this verdict", "What the data look like", "The model", "Windows side by side", "Modes",
    ]  # fmt: skip
    assert "All measures" in titles
    assert not {"Attractors side by side", "Lyapunov exponents", "Forecasts"} & set(titles)
    assert "Discriminative score" in page
    assert "Marginal distance" in page
    section = modes_section(card)
    assert section.blocks[1].rows[0][1] == "0.111"


def test_a_model_without_modes_has_no_such_section(card, monkeypatch):
    monkeypatch.setattr(Sines, "modes", WindowGenerator.modes)
    assert modes_section(card) is None


def test_what_does_not_suit_is_refused(truth):
    with pytest.raises(InputError, match="measure of values"):
        evaluate(Sines(), truth, measures=["d_stsp"])
    with pytest.raises(InputError, match="reference"):
        evaluate(Sines(), truth, reference=truth)
    with pytest.raises(InputError, match="different variables"):
        evaluate(Sines(), np.zeros((100, 3)))
    with pytest.raises(InputError, match="different intervals"):
        evaluate(Sines(), make_dataset(np.zeros((100, 2)), dt=1.0))
    with pytest.raises(InputError, match="too few series"):
        evaluate(Sines(), make_dataset(np.zeros((40, 2)), dt=0.5))


def measures(score, *, floor=0.02, control=0.4, loss=0.0, marginal=0.01):
    def one(name, value, **more):
        return Measure(name=name, kind="distance", value=value, floor_range=(0.0, 0.05), **more)

    return {
        "discriminative_score": one("discriminative_score", score, floor=floor, controls={"gaussian": control}),
        "predictive_score": one("predictive_score", 1 + loss, floor=1.0),
        "window_marginal": one("window_marginal", marginal),
    }


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"score": 0.01}, "indistinguishable at this length"),
        ({"score": 0.1}, "plausible windows"),
        ({"score": 0.01, "marginal": 0.06}, "plausible windows"),
        ({"score": 0.01, "loss": 0.1}, "plausible windows"),
        ({"score": 0.2}, "wrong windows"),
        ({"score": 0.01, "loss": 0.3}, "wrong windows"),
        ({"score": 0.2, "control": 0.1}, "wrong windows"),
        ({"score": 0.01, "loss": 0.3, "control": 0.1}, "wrong windows"),
        ({"score": 0.1, "control": 0.1}, "undecidable at this length"),
        ({"score": 0.01, "floor": 0.2}, "undecidable at this length"),
        ({"score": 0.4, "floor": 0.2}, "undecidable at this length"),
    ],
)
def test_rules_of_the_verdict(settings, word):
    assert decide_windows(measures(**settings)).verdict == word


def test_nothing_is_judged_without_a_judge():
    assert decide_windows({}).verdict == "undecidable at this length"
