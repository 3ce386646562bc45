"""Several seeds and methods beside each other."""

import numpy as np

from dysyr.reporting.document import Paragraph, Picture, Section, Table
from dysyr.reporting.figures.image import svg_uri
from dysyr.reporting.figures.seeds import seeds_figure
from dysyr.reporting.numbers import ABSENT, format_number, headline
from dysyr.reporting.wording import title_of

SHOWN = (
    "d_stsp",
    "d_stsp_mixture",
    "d_h",
    "lyapunov_spectrum",
    "valid_prediction_time",
    "kaplan_yorke_dimension",
    "rate_error",
    "hellinger",
    "pair_log_likelihood",
    "time_scales",
)


def seeds_section(comparison, chosen):
    """The spread over seeds, and methods ranked.

    Args:
        comparison: Comparison.
        chosen: ``{label: index of the seed that was chosen on validation}``.

    Returns:
        Section, or None for a single run.
    """
    n_runs = sum(len(row.cards) for row in comparison.rows)
    if n_runs < 2:
        return None
    n_failed = sum(row.n_failed for row in comparison.rows)
    several = len(comparison.rows) > 1
    blocks = [
        Paragraph(
            f"{n_runs} models were trained, each with its own seed; {n_failed or 'none'} of them failed. "
            "The report above shows the one whose validation criterion was best; the test data had no say "
            "in that choice."
        )
    ]
    panels = [_panel(comparison, name, chosen) for name in SHOWN if name in comparison.measures]
    panels = [panel for panel in panels if any(np.isfinite(values).any() for values in panel["values"])]
    if panels:
        blocks.append(
            Picture(
                uri=svg_uri(seeds_figure(panels, [row.label for row in comparison.rows])),
                alt="Scores of all seeds: " + ", ".join(panel["title"] for panel in panels),
                caption=(
                    "One dot per seed, line at the median, crosses for seeds that failed. Green is the "
                    "floor of a distance or the truth of an invariant. A method is as good as its spread: "
                    "one good seed among bad ones is luck."
                ),
            )
        )
    if several:
        head, rows = comparison.table()
        names = [i for i, name in enumerate(comparison.measures) if name in SHOWN]
        keep = [0, 1, 2, 3, *(4 + i for i in names)]
        blocks.append(
            Table(
                head=tuple(head[i] for i in keep),
                rows=tuple(tuple(row[i] for i in keep) for row in rows),
                caption=(
                    "Methods, best first: medians over seeds with the median absolute deviation. Failed "
                    "seeds count with the ceiling. Ranked by the mean of the ranks in "
                    + ("rate error, Hellinger distance and log-likelihood." if "hellinger" in comparison.measures
                       else "D_stsp, D_H and valid prediction time.")
                ),
            )
        )
    blocks.append(_each_seed(comparison, chosen))
    return Section(anchor="seeds", title="Methods and seeds" if several else "Seeds", blocks=tuple(blocks))


def _panel(comparison, name, chosen):
    measures = [c["measures"][name] for row in comparison.rows for c in row.cards if name in c["measures"]]
    first = measures[0]
    distance = first["kind"] == "distance"
    title = title_of(name)
    title = {"lyapunov_spectrum": "Largest exponent", "time_scales": "Slowest relaxation"}.get(name, title)
    return {
        "title": title,
        "unit": first["unit"],
        "values": [row.values[name] for row in comparison.rows],
        "floor": headline(first["floor"]) if first["floor"] is not None else None,
        "truth": headline(first["truth"]) if first["truth"] is not None else None,
        "chosen": [chosen.get(row.label) for row in comparison.rows],
        "log": distance,
    }


def _each_seed(comparison, chosen):
    names = [name for name in SHOWN if name in comparison.measures]
    rows = []
    for row in comparison.rows:
        for i, card in enumerate(row.cards):
            label = f"{row.label}, seed {card['provenance'].get('seed', ABSENT)}"
            mark = " (shown above)" if chosen.get(row.label) == i and row is comparison.rows[0] else ""
            values = (format_number(float(row.values[name][i])) for name in names)
            rows.append((label + mark, card["verdict"], *values))
    head = ("Run", "Verdict", *("λ₁" if name == "lyapunov_spectrum" else title_of(name) for name in names))
    return Table(
        head=head, rows=tuple(rows), caption="Every run.", numeric=tuple(range(2, len(head)))
    )  # fmt: skip
