"""The file metrics.json: scores with their context, as plain JSON."""

import json
from pathlib import Path

from dysyr.core.errors import FormatError
from dysyr.reporting.numbers import ABSENT, format_value, part, parts

FORMAT = 1
KINDS = {"label": str, "measures": dict, "verdict": str, "why": list, "provenance": dict}
MAX_PARTS = 12
"""Numbers of one measure that a text table shows; the file has them all."""


def no_silent_nulls(measure):
    """A measure whose null value says why.

    Args:
        measure: dict of one measure, not finite numbers already None.

    Returns:
        The dict; where ``value`` holds a None and the status is "ok", the status becomes "not finite".
    """
    if measure["status"] == "ok" and _holds_none(measure["value"]):
        return {**measure, "status": "not finite"}
    return measure


def read_metrics(path):
    """Read a ``metrics.json``.

    Args:
        path: the file.

    Returns:
        dict as written by ``Card.save_metrics``.

    Raises:
        FormatError: the file is missing, is not JSON, is of another format, or lacks something.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(
            f"cannot read '{path}'", got=_first_line(error), expected="scores written by dysyr evaluate",
            do="run dysyr evaluate again",
        ) from error  # fmt: skip
    if not isinstance(content, dict) or content.get("format") != FORMAT or "measures" not in content:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise FormatError(
            f"'{path}' is not a metrics file of this version of dysyr", got=f"format {found}",
            expected=f"format {FORMAT}", do="run dysyr evaluate again",
        )  # fmt: skip
    for key, kind in KINDS.items():
        if not isinstance(content.get(key), kind):
            raise FormatError(f"'{path}' is damaged", got=f"no valid '{key}'", do="run dysyr evaluate again")
    entries = [(one, ("value",)) for one in content["measures"].values()]
    entries += [(one, ("text", "passed")) for one in content["why"]]
    for one, keys in entries:
        if not isinstance(one, dict) or not all(key in one for key in keys):
            raise FormatError(f"'{path}' is damaged", got=repr(one)[:60], expected=f"a table with {', '.join(keys)}")
    return content


def measures_table(measures):
    """The measures as an aligned text table for a terminal.

    Args:
        measures: ``{name: Measure}``.

    Returns:
        str, one line per number, of each measure twelve at most.
    """
    heads = ("measure", "value", "truth", "floor", "ceiling", "unit", "status")
    rows = [
        (
            f"{measure_name.replace('_', ' ')} {name}".strip(),
            format_value(value, part(measure.stderr, name)),
            format_value(part(measure.truth, name), part(measure.truth_stderr, name)),
            format_value(part(measure.floor, name)),
            format_value(part(measure.ceiling, name)),
            measure.unit or ABSENT,
            measure.status,
        )
        for measure_name, measure in measures.items()
        for name, value in parts(measure.value)[:MAX_PARTS]
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]
    hidden = [(name.replace("_", " "), len(parts(measure.value)) - MAX_PARTS) for name, measure in measures.items()]
    lines += [f"{name}: {more} more in metrics.json" for name, more in hidden if more > 0]
    return "\n".join(line.rstrip() for line in lines)


def _holds_none(value):
    if isinstance(value, dict):
        return any(map(_holds_none, value.values()))
    if isinstance(value, list):
        return any(map(_holds_none, value))
    return value is None


def _first_line(error):
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
