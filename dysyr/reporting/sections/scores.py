"""All measures with their context."""

from dysyr.core.measure import plain
from dysyr.reporting.document import Paragraph, Section, Table
from dysyr.reporting.numbers import ABSENT, format_exact, format_number, format_value
from dysyr.reporting.wording import KINDS, MEANINGS, title_of


def scores_section(card):
    """One table per kind of measure, and one of all settings.

    Args:
        card: Card.

    Returns:
        Section.
    """
    blocks = []
    for kind, words in KINDS.items():
        measures = [measure for measure in card.measures.values() if measure.kind == kind]
        if measures:
            blocks.append(_table(kind, f"{words[0].upper()}{words[1:]}.", measures))
    blocks.append(_controls(card.measures.values()))
    blocks.append(_settings(card.measures.values()))
    return Section(anchor="measures", title="All measures", blocks=tuple(block for block in blocks if block))


def _table(kind, caption, measures):
    if kind == "invariant":
        head = ("Measure", "Model", "Truth", "95 % range of the truth", "Unit", "n", "dt", "Status")
    else:
        head = ("Measure", "Model", "Floor", "Ceiling", "Unit", "n", "dt", "Status")
    rows = [(f"{title_of(m.name)}", format_value(m.value, m.stderr), *_context(kind, m)) for m in measures]
    return Table(head=head, rows=tuple(rows), caption=caption, numeric=(len(head) - 3, len(head) - 2))


def _context(kind, m):
    tail = (m.unit or ABSENT, format_number(m.n), format_exact(m.dt), m.status)
    if kind == "invariant":
        return (format_value(m.truth, m.truth_stderr), _range(m.floor_range), *tail)
    floor = format_value(m.floor) + (f" ({_range(m.floor_range)})" if m.floor_range is not None else "")
    return (floor, format_value(m.ceiling), *tail)


def _range(pair):
    if pair is None:
        return ABSENT
    low, high = pair
    if isinstance(low, dict):
        return "; ".join(f"{name} {_range((low[name], high[name]))}" for name in low)
    if isinstance(low, (list, tuple)):
        return "; ".join(_range(ends) for ends in zip(low, high, strict=True))
    return f"{format_number(low)} to {format_number(high)}"


def _controls(measures):
    """Negative controls of the distances and the reference forecasts, one column each."""
    measures = [m for m in measures if m.controls and m.kind != "invariant"]
    names = list(dict.fromkeys(name for m in measures for name in m.controls))
    if not names:
        return None
    rows = tuple(
        (title_of(m.name), format_value(m.value), *(format_value(m.controls.get(name)) for name in names))
        for m in measures
    )
    return Table(
        head=("Measure", "Model", *(name.replace("_", " ").capitalize() for name in names)),
        rows=rows,
        caption="Negative controls: wrong models, made from the truth, at the same length and settings.",
    )


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
    return "; ".join(
        f"{name.replace('_', ' ')}: {_setting(plain(value))}" for name, value in settings.items()
    )


def _setting(value):
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return format_exact(value)
    if isinstance(value, list):
        return ", ".join(map(_setting, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_setting(item)}" for name, item in value.items())
    return str(value)
