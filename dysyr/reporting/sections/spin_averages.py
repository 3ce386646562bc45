"""Magnetisations and correlators of neighbours beside exact and measured ones."""

from dysyr.reporting.document import Paragraph, Picture, Section, Table
from dysyr.reporting.figures.image import svg_uri
from dysyr.reporting.figures.spins import deviations_figure, paths_figure, points_figure
from dysyr.reporting.numbers import format_number, format_uncertain
from dysyr.reporting.sections.spin_states import when

NAMES = ("X", "Y", "Z", "XX_connected", "YY_connected", "ZZ_connected")
TITLES = ("<X>", "<Y>", "<Z>", "<XX> - <X><X>", "<YY> - <Y><Y>", "<ZZ> - <Z><Z>")


def averages_section(comparison):
    """Averages over sites and over bonds.

    Args:
        comparison: StateComparison.

    Returns:
        Section.
    """
    rows = comparison.states
    names = [name for name in NAMES if name in rows[0]["values"]]
    titles = TITLES[: len(names)]
    blocks = [Paragraph(_TEXT + ("" if comparison.settings["lattice"] else _CONSECUTIVE))]
    if len(rows) > 1:
        blocks.append(
            Picture(
                uri=svg_uri(paths_figure(rows, names, titles)),
                alt="Magnetisations and connected correlators over time, model and exact.",
                caption=(
                    "Site averages of magnetisations and bond averages of connected correlators over time. Lines are "
                    "exact, dots the model. Look for dots that leave their line late: errors of steps add up."
                ),
            )
        )  # fmt: skip
        row = rows[-1]
    else:
        row = rows[0]
        if comparison.measured is None:
            blocks.append(
                Picture(
                    uri=svg_uri(points_figure(row, names, titles)),
                    alt="Magnetisations and connected correlators, model and exact, and their differences.",
                    caption=_POINTS if comparison.exact is not None else _ALONE,
                )
            )  # fmt: skip
    blocks.append(_table(comparison, row, names, titles))
    if comparison.measured is not None:
        blocks += _measured(comparison.measured)
    return Section(anchor="averages", title="Averages over one and two sites", blocks=tuple(blocks))


_TEXT = (
    "Magnetisations are averages over all sites, correlators averages over all bonds with the product of the "
    "magnetisations at their ends taken off. "
)
_POINTS = (
    "Left: averages, exact and by the model. Right: their differences on a logarithmic axis; a difference below 1e-9 "
    "is drawn at the edge."
)
_ALONE = "Averages by the model; nothing is known beside."
_CONSECUTIVE = "The outcomes do not tell which sites are neighbours: consecutive ones are taken for bonds. "


def _table(comparison, row, names, titles):
    exact, known = row.get("exact", {}), comparison.exact is not None
    head = ("Average", "Model", *(("Exact", "Difference") if known else ()))
    cells = []
    for k, (name, title) in enumerate(zip(names, titles, strict=True)):
        error = row["stderr"][k] if k < 3 and row["stderr"][k] > 0 else None
        value = row["values"][name]
        more = (format_number(exact[name], digits=4), format_number(value - exact[name], digits=2)) if known else ()
        cells.append((title, format_uncertain(value, error) if error else format_number(value, digits=4), *more))
    spread = format_number(row["values"]["spread"], digits=2)
    shots = comparison.settings["n_shots"]
    caption = f"Time {when(row, comparison)}. " if row["time"] is not None else ""
    caption += f"The magnetisations of single sites differ from their mean by {spread} at most"
    caption += f"; from {format_number(shots)} outcomes drawn from the model, with standard errors." if shots else "."
    return Table(head=head, rows=tuple(cells), caption=caption, numeric=tuple(range(1, len(head))))


def _measured(measured):
    n = format_number(measured["n_shots"])
    known = "exact" in measured
    head = ("Average", "Outcomes", "Model", "Model - outcomes (s.e.)")
    if known:
        head += ("Exact", "Outcomes - exact (s.e.)", "Model - exact (s.e.)")
    rows = []
    for k, name in enumerate(measured["names"]):
        cells = [
            f"<{name}>", format_uncertain(measured["measured"][k], measured["stderr"][k]),
            format_number(measured["model"][k], digits=4), format_number(measured["from_measured"][k], digits=2),
        ]  # fmt: skip
        if known:
            cells += [format_number(measured["exact"][k], digits=4)]
            cells += [format_number(measured[f"{one}_off"][k], digits=2) for one in ("measured", "model")]
        rows.append(tuple(cells))
    caption = (
        "Deviations are in standard errors (s.e.) of a plain average over the outcomes. A model that follows them is "
        "off where they are: a deviation of the outcomes themselves beyond three is bad luck, or another state than "
        "the one that it is compared with."
    )
    return [
        Picture(
            uri=svg_uri(deviations_figure(measured)),
            alt="Averages of model, outcomes and exact state; deviations in standard errors.",
            caption=(
                f"Left: averages with the standard error of {n} outcomes. Right: deviations in these standard errors, "
                "the range of three shaded. Look for a model that is farther off than the outcomes."
            ),
        ),
        Table(head=head, rows=tuple(rows), caption=caption, numeric=tuple(range(1, len(head)))),
    ]  # fmt: skip
