"""The report: one HTML page that needs no other file and no network."""

import functools
import importlib.resources

import jinja2
from markupsafe import Markup

from dysyr.core.version import VERSION
from dysyr.reporting.numbers import format_number, format_value, headline
from dysyr.reporting.sections.data import data_section
from dysyr.reporting.sections.dynamics import (
    attractor_section,
    exponents_section,
    return_map_section,
    spectra_section,
)
from dysyr.reporting.sections.forecasts import forecasts_section
from dysyr.reporting.sections.labels import labels_section
from dysyr.reporting.sections.model import model_section, training_section
from dysyr.reporting.sections.occupation import markov_section, occupation_section
from dysyr.reporting.sections.rates import rates_section, time_scales_section
from dysyr.reporting.sections.reproduce import cite_section, reproduce_section
from dysyr.reporting.sections.scores import scores_section
from dysyr.reporting.sections.seeds import seeds_section
from dysyr.reporting.sections.symbols import symbols_section
from dysyr.reporting.sections.why import why_section
from dysyr.reporting.sections.windows import modes_section, windows_section
from dysyr.reporting.views import unit_text
from dysyr.reporting.wording import summary_of, title_of, tone_of

ORDER = (
    why_section,
    data_section,
    model_section,
    attractor_section,
    spectra_section,
    return_map_section,
    exponents_section,
    symbols_section,
    forecasts_section,
    training_section,
    scores_section,
)
LABEL_ORDER = (
    why_section,
    labels_section,
    model_section,
    rates_section,
    time_scales_section,
    occupation_section,
    markov_section,
    training_section,
    scores_section,
)
WINDOW_ORDER = (
    why_section,
    data_section,
    model_section,
    windows_section,
    modes_section,
    training_section,
    scores_section,
)
CLOSING = (cite_section, reproduce_section)
LEAD = ("d_stsp", "d_stsp_mixture", "d_h", "lyapunov_spectrum", "valid_prediction_time")
WINDOW_LEAD = ("discriminative_score", "predictive_score", "window_marginal", "window_autocorrelation")
LABEL_LEAD = ("rate_error", "hellinger", "pair_log_likelihood", "time_scales")


def render_report(card, *, comparison=None, chosen=None, title=None, notes=""):
    """The page of one card, with the spread over seeds and methods where it is known.

    Args:
        card: Card that the page is about.
        comparison: Comparison over seeds and methods, or None.
        chosen: ``{label: index of the chosen seed}`` for the comparison.
        title: heading; by default made from the label and the data.
        notes: a sentence of the user's own, shown under the verdict.

    Returns:
        str, the HTML.
    """
    sections = [make(card) for make in _of_kind(card, ORDER, LABEL_ORDER, WINDOW_ORDER)]
    if comparison is not None:
        sections.append(seeds_section(comparison, chosen or {}))
    sections += [make(card) for make in CLOSING]
    summary = summary_of(card.verdict.verdict)
    return page_template().render(
        title=title or f"{card.label} on {_subject(card)}",
        kicker="Dynamical systems reconstruction: evaluation report",
        verdict=card.verdict.verdict,
        tone=tone_of(card.verdict.verdict),
        summary=f"{summary} {notes}".strip(),
        lead=tuple(_lead(card)),
        sections=[section for section in sections if section is not None],
        version=VERSION,
        style=Markup(page_resource("page.css")),
    )


def _of_kind(card, values, labels, windows):
    """What belongs to the kind of data of a card."""
    return labels if card.rates is not None else windows if card.windows is not None else values


def _lead(card):
    """The few numbers a reader looks for first: (name, value, what to hold it against)."""
    for name in _of_kind(card, LEAD, LABEL_LEAD, WINDOW_LEAD):
        measure = card.measures.get(name)
        if measure is None or measure.status.startswith("not"):
            continue
        if name == "lyapunov_spectrum":
            against = f"truth {format_number(headline(measure.truth))}" if measure.truth is not None else ""
            yield "Largest exponent", format_number(headline(measure.value)), against
        elif name == "time_scales":
            unit = unit_text(measure.unit, card.truth)
            against = f"truth {format_number(headline(measure.truth))}" if measure.truth is not None else ""
            yield "Slowest relaxation", f"{format_number(headline(measure.value))} {unit}", against
        elif name == "rate_error":
            value = f"{format_value(measure.value)} {unit_text(measure.unit, card.truth)}"
            yield title_of(name), value, f"no jumps at all {format_value(measure.ceiling)}"
        elif measure.kind == "distance":
            at = measure.settings.get("value_at_floor_n")
            length = "" if at is None else f", both at n = {format_number(measure.settings['floor_n'])}"
            value = measure.value if at is None else at
            yield title_of(name), format_value(value), f"floor {format_value(measure.floor)}{length}"
        else:
            best = f"best possible {format_number(headline(measure.floor))}, " if measure.floor is not None else ""
            unit = f" {unit_text(measure.unit, card.truth)}" if measure.unit else ""
            against = f"{best}knowing nothing {format_number(headline(measure.ceiling))}"
            yield title_of(name), format_number(headline(measure.value)) + unit, against


def _subject(card):
    if card.system is not None:
        return card.system.title
    known = (card.truth.attrs.get(key) for key in ("title", "system", "source"))
    return next((str(name) for name in known if name), "the given data")


@functools.cache
def page_template():
    """The template of all pages."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(page_resource("page.html"))


def page_resource(name):
    """Text of a file that pages are made with."""
    return importlib.resources.files("dysyr.reporting").joinpath(name).read_text(encoding="utf-8")
