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
    rows = [2 + (m.ceiling is not None) + len(m.controls) for m in measures]
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
    names = ["model", "floor"] + [name.replace("_", " ") for name, _ in controls]
    floor = measure.floor if _finite(measure.floor) else None
    runs = [run for run in measure.runs if _finite(run)]
    if floor is not None:
        low, high = measure.floor_range if measure.floor_range is not None else (floor, floor)
        ax.axvspan(max(low, floor / 10), high, color=BEST, alpha=0.18, lw=0)
        ax.plot([floor], [1], "|", color=BEST, ms=9, mew=1.6)
    ax.plot(runs, np.full(len(runs), 0.0), ".", color=MODEL, ms=3.5, alpha=0.5)
    if _finite(measure.value):
        error = 1.96 * measure.stderr if _finite(measure.stderr) else None
        if error is not None:
            error = [[min(error, 0.9 * measure.value)], [error]]
        ax.errorbar(measure.value, 0, xerr=error, fmt="o", color=MODEL, ms=6, capsize=3, lw=1.2)
    for at, (_, value) in enumerate(controls, start=2):
        ax.plot(value, at, "D", ms=4, color=SECOND, mfc="none")
    if _finite(measure.ceiling):
        names.append("ceiling")
        ax.plot(measure.ceiling, len(names) - 1, "|", color=TRUTH, ms=9, mew=1.6)
        ax.axvline(measure.ceiling, color=FAINT, lw=0.8, zorder=0)
    shown = [
        value
        for value in (measure.value, floor, measure.ceiling, *runs, *(v for _, v in controls))
        if _finite(value)
    ]
    if shown and min(shown) > 0:
        low, high = min(shown), max(shown)
        room = max((high / low) ** 0.06, 1.3)
        log_scale(ax.xaxis, low, high)
        ax.set_xlim(low / room, high * room)
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.4, -0.6))
    ax.set_title(title_of(measure.name))
    ax.grid(axis="y", visible=False)


def _finite(value):
    return isinstance(value, (int, float, np.number)) and np.isfinite(value)
