"""What the data look like."""

import json

import numpy as np

from dysyr.core.dataset import sampling_interval, trajectories
from dysyr.reporting.document import Code, Equation, Facts, Paragraph, Picture, Section
from dysyr.reporting.figures.equations import equations_figure
from dysyr.reporting.figures.image import png_uri, svg_uri
from dysyr.reporting.figures.series import MAX_VARIABLES, series_figure
from dysyr.reporting.numbers import format_exact, format_number
from dysyr.reporting.views import distinct, time_unit, variable_names
from dysyr.reporting.wording import join_words


def data_section(card):
    """The truth: what it is, how it looks, what the inspection found.

    Args:
        card: Card.

    Returns:
        Section.
    """
    data = card.truth
    series = trajectories(data)
    dt = sampling_interval(data)
    names = variable_names(data)
    blocks = [Facts(tuple(_facts(card, series, dt, names)))]
    if card.system is not None:
        blocks += _system_blocks(card.system)
    drawn = distinct(data)
    shown = [names[i] for i in drawn[:MAX_VARIABLES]]
    units = _units(data)
    figure = series_figure(
        max(series, key=len)[:, drawn], dt=dt, names=[names[i] for i in drawn], time_unit=time_unit(data),
        units=[units.get(names[i], "") for i in drawn],
    )  # fmt: skip
    blocks.append(
        Picture(
            uri=png_uri(figure),
            alt=f"Time series of {join_words(shown)}: outline of the record, a stretch of it, histograms.",
            caption=(
                "Left: the outline (lowest to highest value) of the whole record; drifts and jumps would "
                "show here. Middle: the shaded stretch. Right: how often each value occurs."
                + (f" The first {MAX_VARIABLES} of {len(drawn)} variables." if len(drawn) > MAX_VARIABLES else "")
            ),
        )
    )
    if card.inspection is not None:
        blocks += [
            Paragraph("What the inspection (dysyr inspect) found before any fit:"),
            Code(str(card.inspection).strip()),
        ]
    return Section(anchor="data", title="What the data look like", blocks=tuple(blocks))


def _units(data):
    """dict from variable to its unit; other programs' attributes give one for all of them."""
    text = str(data.attrs.get("units", "{}"))
    try:
        found = json.loads(text)
    except ValueError:
        found = text
    if isinstance(found, dict):
        return {str(name): str(unit) for name, unit in found.items()}
    return dict.fromkeys(variable_names(data), found) if isinstance(found, str) else {}


def _facts(card, series, dt, names):
    attrs = card.truth.attrs
    if card.system is not None:
        yield "System", f"{card.system.title} ({card.system.name})"
        values = ", ".join(f"{name} = {format_exact(value)}" for name, value in card.system.parameters.items())
        yield "Parameters", values or "none"
    elif attrs.get("system"):
        yield "System", str(attrs["system"])
    lengths = [len(x) for x in series]
    n_missing = int(sum(np.isnan(x).any(axis=1).sum() for x in series))
    yield "Variables", f"{len(names)}: {', '.join(names[:12])}{' …' if len(names) > 12 else ''}"
    yield "Samples", _lengths(lengths) + (f", {n_missing} with missing values" if n_missing else "")
    unit = time_unit(card.truth) or "system time units"
    yield "Sampling interval", f"{format_exact(dt)} {unit}"
    if attrs.get("observation"):
        yield "Observation", str(attrs["observation"])
    if attrs.get("source"):
        yield "Source", str(attrs["source"])


def _lengths(lengths):
    if len(lengths) == 1:
        return format_number(lengths[0])
    if len(set(lengths)) == 1:
        return f"{len(lengths)} trajectories of {format_number(lengths[0])}"
    return f"{len(lengths)} trajectories of {format_number(min(lengths))} to {format_number(max(lengths))}"


def _system_blocks(system):
    lines = [line for line in system.latex() if line] if not isinstance(system.latex(), str) else [system.latex()]
    return [Equation(uri=svg_uri(equations_figure(lines)), alt=" ; ".join(lines))] if lines else []
