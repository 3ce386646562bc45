"""The rates of a jump process and what follows from them: graph, table, time scales, first passages."""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.rate_matrix import stationary_distribution
from dysyr.reporting.document import Paragraph, Picture, Section, Table
from dysyr.reporting.figures.image import svg_uri
from dysyr.reporting.figures.relaxation import MAX_SCALES, relaxation_figure
from dysyr.reporting.figures.state_graph import MAX_STATES, state_graph_figure
from dysyr.reporting.numbers import ABSENT, format_number, format_uncertain, format_value
from dysyr.reporting.views import time_unit, unit_text

LARGEST_TABLE = 10
MAX_ROWS = 60


def rates_section(card):
    """The graph of the states and the rate matrix with its standard errors.

    Args:
        card: Card of labels.

    Returns:
        Section; None where free runs were evaluated, which have no rate matrix.
    """
    context = card.rates
    if context.chain is None:
        return None
    q, stderr, per = context.chain.rates, np.asarray(context.model.rate_stderr), unit_text("1/time", card.truth)
    blocks = []
    if len(q) <= MAX_STATES:
        graphs = [("model", q, _weights(q, context), stderr)]
        if context.truth is not None:
            graphs.append(("true chain", context.truth.rates, _weights(context.truth.rates, context), None))
        blocks.append(
            Picture(
                uri=svg_uri(state_graph_figure(graphs, names=context.names)),
                alt=f"Graph of {len(q)} states, arrows as wide as the rates of the jumps between them.",
                caption=(
                    "Arrows are as wide as their rates, in the colour of the state that they leave; the area of a "
                    "state is its stationary probability. Grey arrows are rates smaller than their standard error: "
                    "they may as well be absent."
                    + (" Model and true chain have one scale." if context.truth is not None else "")
                ),
            )
        )
    blocks.append(_rate_table(context, q, stderr, per))
    if context.chain.label_noise > 0:
        share = format_number(100 * context.chain.label_noise)
        blocks.append(Paragraph(f"The model takes {share} % of the labels to be those of another state."))
    return Section(anchor="rates", title="Rates", blocks=tuple(blocks))


def time_scales_section(card):
    """Relaxation times with error bars, entropy production, first-passage times.

    Args:
        card: Card of labels.

    Returns:
        Section, or None where they were not computed.
    """
    blocks = [_relaxation(card), _passages(card)]
    blocks = [block for block in blocks if block is not None]
    return Section(anchor="time-scales", title="Time scales", blocks=tuple(blocks)) if blocks else None


def _weights(q, context):
    """Stationary probabilities; the shares of the labels where they are not unique."""
    try:
        return stationary_distribution(q, context.names)
    except InputError:
        return context.panel.shares().sum(axis=0) / context.panel.n_labels


def _rate_table(context, q, stderr, per):
    truth = None if context.truth is None else context.truth.rates
    known = " In brackets: the true rate." if truth is not None else ""
    said = f"Rates in {per}, with standard errors; an en dash means a rate of zero.{known}"
    if len(q) <= LARGEST_TABLE:
        rows = tuple(
            (name, *("" if i == j else _rate(q, stderr, truth, i, j) for j in range(len(q))))
            for i, name in enumerate(context.names)
        )
        head = ("From \\ to", *context.names)
        return Table(head=head, rows=rows, caption=said, numeric=tuple(range(1, len(q) + 1)))
    fastest = np.argsort(-np.where(np.eye(len(q)) > 0, 0.0, q), axis=None)[:MAX_ROWS]
    rows = tuple(
        (f"{context.names[i]} \u2192 {context.names[j]}", _rate(q, stderr, truth, i, j))
        for i, j in zip(*np.unravel_index(fastest, q.shape), strict=True)
        if q[i, j] > 0
    )
    return Table(head=("Jump", "Rate"), rows=rows, caption=f"{said} The {len(rows)} fastest.", numeric=(1,))


def _rate(q, stderr, truth, i, j):
    if q[i, j] == 0:
        text = ABSENT
    elif np.isfinite(stderr[i, j]):
        text = format_uncertain(float(q[i, j]), float(stderr[i, j]))
    else:
        text = f"{format_number(float(q[i, j]))} (no error)"
    return text if truth is None else f"{text} ({format_number(float(truth[i, j]))})"


def _relaxation(card):
    measure = card.measures.get("time_scales")
    if measure is None or not np.isfinite(np.asarray(measure.value, dtype=np.float64)).any():
        return None
    oscillating, sampled = measure.settings["oscillating"], card.rates.panel.dt is not None
    figure = relaxation_figure(
        measure.value, measure.truth, model_stderr=measure.stderr, truth_stderr=measure.truth_stderr,
        oscillating=oscillating, truth_oscillating=measure.settings.get("truth_oscillating", ()),
        dt=card.rates.panel.dt, unit=time_unit(card.truth),
    )  # fmt: skip
    first = format_value(measure.value[0], None if measure.stderr is None else measure.stderr[0])
    unit = unit_text("time", card.truth)
    said = f"The slowest deviation from the stationary distribution decays in {first} {unit}"
    said += " as a damped oscillation. " if oscillating[0] else ". "
    whose = "estimates from the held-out labels alone" if card.rates.truth is None else "those of the true chain"
    source = f"Squares are {whose}. " if measure.truth is not None else ""
    return Picture(
        uri=svg_uri(figure),
        alt=f"Relaxation times with error bars. {said}",
        caption=(
            f"{said}{source}Bars are 95 % intervals."
            + (" Times below the sampling interval (dashed) are hardly seen in the data." if sampled else "")
            + (f" The {MAX_SCALES} slowest." if len(measure.value) > MAX_SCALES else "")
        ),
    )


def _passages(card):
    measure = card.measures.get("first_passage_times")
    names = card.rates.names
    if measure is None or not isinstance(measure.value, dict) or len(names) > LARGEST_TABLE:
        return None

    def cell(i, j):
        key = f"{names[i]} -> {names[j]}"
        error = None if measure.stderr is None else measure.stderr[key]
        text = format_uncertain(measure.value[key], error) if np.isfinite(measure.value[key]) else "\u221e"
        return text if measure.truth is None else f"{text} ({format_number(measure.truth[key])})"

    rows = tuple((name, *("" if i == j else cell(i, j) for j in range(len(names)))) for i, name in enumerate(names))
    known = "" if measure.truth is None else " In brackets: those of the truth."
    caption = (
        f"Mean first-passage times in {unit_text('time', card.truth)}, row to column, with standard errors.{known}"
    )
    return Table(head=("From \\ to", *names), rows=rows, caption=caption, numeric=tuple(range(1, len(names) + 1)))
