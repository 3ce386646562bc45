"""All measures with their context."""

from dysyr.core.measure import plain
from dysyr.reporting.document import Paragraph, Section, Table
from dysyr.reporting.numbers import ABSENT, format_exact, format_number, format_value, part, parts
from dysyr.reporting.views import unit_text
from dysyr.reporting.wording import KINDS, LABEL_KINDS, MEANINGS, part_title, title_of

MAX_PARTS = 12
"""Numbers of one measure that a table shows; metrics.json has them all."""


def scores_section(card):
    """One table per kind of measure, and one of all settings.

    Args:
        card: Card.

    Returns:
        Section.
    """
    blocks = []
    words_of = KINDS if card.rates is None else LABEL_KINDS
    for kind, words in words_of.items():
        measures = [measure for measure in card.measures.values() if measure.kind == kind]
        if measures:
            blocks.append(_table(kind, f"{words[0].upper()}{words[1:]}.", measures, card.truth))
    blocks += _controls(card.measures.values(), _CONTROL_CAPTIONS if card.rates is None else _LABEL_CONTROLS)
    blocks.append(_settings(card.measures.values()))
    return Section(anchor="measures", title="All measures", blocks=tuple(blocks))


_CONTROL_CAPTIONS = {
    "distance": "Negative controls: wrong models, made from the truth, at the same length and settings.",
    "forecast": "Reference forecasts: the mean, the last value, a linear autoregression fitted to the truth itself.",
}
_LABEL_CONTROLS = {
    "distance": "Controls: one rate for all edges, all states equally likely, the labels of each path in random order.",
    "forecast": "Controls: independent labels, labels that stay as often; both are fitted to the held-out labels.",
}


def _table(kind, caption, measures, data):
    if kind == "invariant":
        head = ("Measure", "Model", "Truth", "95 % range of the truth", "Unit", "n", "dt", "Status")
    else:
        head = ("Measure", "Model", "Floor", "Ceiling", "Unit", "n", "dt", "Status")
    rows = tuple(
        row
        for m in measures
        for row in (
            *(_row(kind, m, name, value, unit_text(m.unit, data)) for name, value in parts(m.value)[:MAX_PARTS]),
            *_rest(m, len(head)),
        )
    )
    return Table(head=head, rows=rows, caption=caption, numeric=(len(head) - 3, len(head) - 2))


def _rest(m, width):
    """A row that says how many numbers of a measure are not shown."""
    more = len(parts(m.value)) - MAX_PARTS
    return [(f"{title_of(m.name)}: {more} more", *[ABSENT] * (width - 1))] if more > 0 else []


def _row(kind, m, name, value, unit):
    ends = ABSENT if m.floor_range is None else _range(*(part(end, name) for end in m.floor_range))
    if kind == "invariant":
        against = (format_value(part(m.truth, name), part(m.truth_stderr, name)), ends)
    else:
        floor = format_value(part(m.floor, name)) + (f" ({ends})" if m.floor_range is not None else "")
        against = (floor, format_value(part(m.ceiling, name)))
    tail = (unit or ABSENT, format_number(m.n), format_exact(m.dt), m.status)
    return (part_title(m, name), format_value(value, part(m.stderr, name)), *against, *tail)


def _range(low, high):
    return ABSENT if low is None or high is None else f"{format_number(low)} to {format_number(high)}"


def _controls(measures, captions):
    """Negative controls of the distances and the reference forecasts, one column each."""
    measures = [m for m in measures if m.controls and m.kind != "invariant"]
    blocks = []
    for kind, caption in captions.items():
        those = [m for m in measures if m.kind == kind]
        names = list(dict.fromkeys(name for m in those for name in m.controls))
        if not names:
            continue
        rows = tuple(
            (
                part_title(m, key),
                format_value(value),
                *(format_value(part(m.controls.get(name), key)) for name in names),
            )
            for m in those
            for key, value in parts(m.value)
        )
        head = ("Measure", "Model", *(name.replace("_", " ").capitalize() for name in names))
        blocks.append(Table(head=head, rows=rows, caption=caption))
    return blocks


def _settings(measures):
    rows = tuple((title_of(m.name), MEANINGS.get(m.name, ""), _plain_settings(m.settings)) for m in measures)
    if not rows:
        return Paragraph("No measure was computed.")
    return Table(
        head=("Measure", "What it asks", "Settings"),
        rows=rows,
        caption="Scores are comparable only at equal settings, equal n and equal dt.",
    )


def _plain_settings(settings):
    return "; ".join(f"{name.replace('_', ' ')}: {_setting(plain(value))}" for name, value in settings.items())


def _setting(value):
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return format_exact(value)
    if isinstance(value, list):
        return ", ".join(map(_setting, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_setting(item)}" for name, item in value.items())
    return str(value)
