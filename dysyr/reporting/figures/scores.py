"""Distances between model and truth, beside the best and the worst that could be had."""

import numpy as np

from dysyr.reporting.figures.style import BEST, FAINT, MODEL, SECOND, TRUTH, log_scale, new_figure, styled
from dysyr.reporting.wording import title_of


@styled
def scores_figure(measures):
    """Draw each distance on a logarithmic axis: model, runs, range of the floor, ceiling, controls.

    Args:
        measures: list of Measure whose value is one number; lower is better.

    Returns:
        Figure.
    """
    rows = [2 + (m.ceiling is not None) + ("value_at_floor_n" in m.settings) + len(m.controls) for m in measures]
    columns = min(len(measures), 2)
    n_rows = -(-len(measures) // columns)
    height = sum(0.65 + 0.19 * max(rows[i * columns : (i + 1) * columns]) for i in range(n_rows))
    figure = new_figure(height)
    axes = figure.subplots(
        n_rows, columns, squeeze=False,
        height_ratios=[0.65 + 0.19 * max(rows[i * columns : (i + 1) * columns]) for i in range(n_rows)],
    )  # fmt: skip
    for ax in axes.flat[len(measures) :]:
        ax.set_visible(False)
    for ax, measure in zip(axes.flat, measures, strict=False):
        _draw(ax, measure)
    return figure


def _draw(ax, measure):
    controls = sorted(((k, v) for k, v in measure.controls.items() if _finite(v)), key=lambda item: item[1])
    floor = measure.floor if _finite(measure.floor) else None
    ceiling = measure.ceiling if _finite(measure.ceiling) else None
    shorter = measure.settings.get("value_at_floor_n")
    runs = np.array([run for run in measure.runs if _finite(run)])
    low, high = _range(measure, floor, ceiling, runs, [value for _, value in controls])
    names = ["model"]
    ax.plot(runs, np.zeros(len(runs)), ".", color=MODEL, ms=3.5, alpha=0.5)
    if _finite(measure.value):
        error = 1.96 * measure.stderr if _finite(measure.stderr) else 0.0
        reach = [[min(error, 0.9 * measure.value)], [error]]
        ax.errorbar(measure.value, 0, xerr=reach, fmt="o", color=MODEL, ms=6, capsize=3, lw=1.2)
    if _finite(shorter):
        names.append("model, half length")
        ax.plot(shorter, len(names) - 1, "o", color=MODEL, ms=6, mfc="none", mew=1.4)
    names.append("floor, half length" if _finite(shorter) else "floor")
    if floor is not None:
        ends = measure.floor_range if measure.floor_range is not None else (floor, floor)
        ax.axvspan(max(ends[0], low / 10), ends[1], color=BEST, alpha=0.18, lw=0)
        ax.plot(floor, len(names) - 1, "|", color=BEST, ms=9, mew=1.6)
    for name, value in controls:
        names.append(name.replace("_", " "))
        unseen = value < low
        look = {"marker": "<", "ms": 5} if unseen else {"marker": "D", "ms": 4}
        ax.plot(max(value, low), len(names) - 1, color=SECOND, mfc="none", **look)
    if ceiling is not None:
        names.append("ceiling")
        ax.plot(ceiling, len(names) - 1, "|", color=TRUTH, ms=9, mew=1.6)
        ax.axvline(ceiling, color=FAINT, lw=0.8, zorder=0)
    room = max((high / low) ** 0.05, 1.2)
    log_scale(ax.xaxis, low, high)
    ax.set_xlim(low / room, high * room)
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.4, -0.6))
    ax.set_title(title_of(measure.name))
    ax.grid(axis="y", visible=False)


def _range(measure, floor, ceiling, runs, controls):
    """Ends of the axis: all that is judged; controls far below it are drawn as arrows at the edge."""
    ends = () if measure.floor_range is None else measure.floor_range
    judged = [
        v
        for v in (measure.value, measure.settings.get("value_at_floor_n"), floor, ceiling, *ends, *runs)
        if _finite(v) and v > 0
    ]
    if not judged:
        judged = [v for v in controls if v > 0] or [1.0]
    high = max([*judged, *controls])
    return min(judged) / 2, max(high, min(judged))


def _finite(value):
    return isinstance(value, (int, float, np.number)) and np.isfinite(value)
