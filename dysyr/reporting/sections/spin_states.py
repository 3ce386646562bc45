"""Whole states of spins: distances from the exact ones, positivity, and the rules of the verdict."""

import numpy as np

from dysyr.core.measure import Measure
from dysyr.core.povm import along_sites, density_matrix
from dysyr.reporting.document import Paragraph, Picture, Rules, Section, Table
from dysyr.reporting.figures.image import png_uri, svg_uri
from dysyr.reporting.figures.scores import scores_figure
from dysyr.reporting.figures.spins import distances_figure, spectrum_figure
from dysyr.reporting.numbers import format_number

DISTANCES = ("total_variation", "trace_distance")
MAX_ROWS = 24


def why_states_section(comparison):
    """The rules behind the verdict, and the distances of whole states with their scale.

    Args:
        comparison: StateComparison.

    Returns:
        Section.
    """
    blocks = [
        Paragraph(
            "The verdict follows from fixed rules, not from taste. Each line is one rule with the numbers it "
            "was applied to."
        ),
        Rules(tuple(comparison.verdict.lines)),
    ]
    if "total_variation" in comparison.states[0]:
        row = farthest(comparison)
        measures = [_measure(name, k, row) for k, name in enumerate(DISTANCES)]
        spoken = "; ".join(f"{m.name.replace('_', ' ')} {format_number(m.value, digits=2)}" for m in measures)
        blocks.append(
            Picture(
                uri=svg_uri(scores_figure(measures)),
                alt=f"Distances from the exact state on logarithmic axes: {spoken}.", caption=_caption(comparison, row),
            )
        )  # fmt: skip
    return Section(anchor="why", title="Why this verdict", blocks=tuple(blocks))


def states_section(comparison):
    """Distances and positivity of all states, spectrum and probabilities of the one that is farthest off.

    Args:
        comparison: StateComparison.

    Returns:
        Section, or None where whole states are not made.
    """
    rows = comparison.states
    if "smallest_eigenvalue" not in rows[0]:
        return None
    blocks = []
    if "total_variation" in rows[0] and len(rows) > 1:
        blocks.append(
            Picture(
                uri=svg_uri(distances_figure(rows)),
                alt="Error of magnetisations and correlators, total variation and trace distance over time.",
                caption=(
                    "Distances from the exact state over time, on a logarithmic axis. Dashed: the product of the true "
                    "single spins. Look for errors that level off; where they grow evenly, steps are too long or the "
                    "network is too small."
                ),
            )
        )  # fmt: skip
    blocks.append(_spectrum(comparison))
    known = "total_variation" in rows[0]
    head = ("Time", "Smallest eigenvalue")
    if known:
        head = ("Time", "Total variation", "Trace distance", "Classical fidelity of the outcomes", head[1])
    names = ("total_variation", "trace_distance", "classical_fidelity", "smallest_eigenvalue")[0 if known else 3 :]
    shown = _thinned(rows)
    blocks.append(
        Table(
            head=head, numeric=tuple(range(1, len(head))), caption=_TABLE if known else _TABLE_ALONE,
            rows=tuple(
                (when(row, comparison), *(format_number(row[name], digits=6 if "fid" in name else 3) for name in names))
                for row in shown
            ),
        )
    )  # fmt: skip
    return Section(anchor="states", title="Whole states", blocks=tuple(blocks))


_TABLE = (
    "Total variation is that of the outcome distributions, at most the trace distance. The classical fidelity, the sum "
    "of the roots of P Q over outcome strings, is no quantum fidelity: it is an upper bound of its root and stays near "
    "1 for states that differ."
)
_TABLE_ALONE = "What is known without an exact state."


def _spectrum(comparison):
    row = farthest(comparison) if "total_variation" in comparison.states[0] else comparison.states[-1]
    k = comparison.states.index(row)
    p = comparison.model.probabilities(k)
    own, truth, q = np.linalg.eigvalsh(comparison.model.frame.density_matrix(p)), None, None
    if comparison.exact is not None:
        r = comparison.exact[k]
        truth, q = np.linalg.eigvalsh(density_matrix(r)), along_sites(comparison.model.frame.to_outcomes, r)
    text = (
        "Eigenvalues of the matrix that the distribution stands for, largest first. Probabilities of outcomes are "
        "never negative, but that does not make a state: look for points below zero, which no state has. "
    )
    if q is not None:
        text += (
            "Right: probability of each outcome string, exact and by the model; on the line they agree. Look for a "
            "cloud that is tilted (a flatter law) or wide."
        )
    return Picture(
        uri=png_uri(spectrum_figure(own, truth, p, q)),
        alt=f"Eigenvalues of the model's matrix from {own[-1]:.2g} down to {own[0]:.2g}"
        + ("" if q is None else ", beside the exact ones; probabilities of strings, model against exact") + ".",
        caption=text + _said(comparison, row),
    )  # fmt: skip


def farthest(comparison):
    """The state with the largest total variation from the exact one."""
    return max(comparison.states, key=lambda row: row["total_variation"])


def when(row, comparison):
    """What a state is called: its time, steady, or as measured."""
    if row["time"] is not None:
        return format_number(row["time"])
    return "steady" if comparison.measured is None else "as measured"


def _said(comparison, row):
    return f" Shown is the state farthest off, at time {when(row, comparison)}." if len(comparison.states) > 1 else ""


def _thinned(rows):
    """At most two dozen rows, evenly, the last one among them."""
    if len(rows) <= MAX_ROWS:
        return rows
    return [rows[k] for k in np.unique(np.linspace(0, len(rows) - 1, MAX_ROWS).round().astype(int))]


def _measure(name, k, row):
    scale = row["scale"]
    drawn = scale.get("histogram")
    floor = None if drawn is None else float(drawn["mean"][k])
    ends = None if drawn is None else (float(drawn["low"][k]), float(drawn["high"][k]))
    return Measure(
        name=name, kind="distance", value=row[name], floor=floor, floor_range=ends, ceiling=float(scale["mixed"][k]),
        controls={"single spins": float(scale["single_spins"][k])},
    )  # fmt: skip


def _caption(comparison, row):
    drawn = row["scale"].get("histogram")
    text = "A distance means nothing alone. "
    if drawn is not None:
        n = format_number(int(drawn["n_shots"]))
        text += f"Floor: histograms of {n} outcomes of the exact state, with the range of 95 % of them shaded; "
        text += (
            "a solution of the equation should be well left of it. " if comparison.measured is None
            else "a model fitted to as many outcomes should be left of it. "
        )  # fmt: skip
    text += (
        "Open diamond: the product of the exact states of single spins, which has no correlations. Ceiling: the "
        "maximally mixed state, which knows nothing."
    )
    return text + _said(comparison, row)
