"""The spread over seeds and methods."""

import numpy as np
from matplotlib.lines import Line2D

from dysyr.reporting.figures.style import BEST, MODEL, TRUTH, key, log_scale, new_figure, styled

MAX_PANELS = 6


@styled
def seeds_figure(panels, groups):
    """Draw one panel per measure with one dot per seed, methods side by side.

    Args:
        panels: list of dicts with ``title``, ``unit``, ``values`` (one array per group, nan for a failed
            seed), ``floor``, ``truth`` (numbers or None), ``chosen`` (one index per group, or None) and
            ``log`` (bool).
        groups: names of the methods.

    Returns:
        Figure.
    """
    panels = panels[:MAX_PANELS]
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    figure = new_figure(0.45 + 1.9 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    for ax, panel in zip(axes.flat, panels, strict=False):
        _draw(ax, panel, groups)
    key(
        figure,
        [
            Line2D([], [], ls="", marker="o", ms=4, color=MODEL, label="a seed"),
            Line2D([], [], color=TRUTH, lw=1.6, label="median"),
            Line2D([], [], ls="", marker="o", ms=7, mfc="none", color=TRUTH, label="chosen on validation"),
            Line2D([], [], color=BEST, lw=1.2, label="floor, or the truth"),
            Line2D([], [], ls="", marker="x", ms=5, color=MODEL, label="failed"),
        ],
    )
    return figure


def _draw(ax, panel, groups):
    for at, values in enumerate(panel["values"]):
        values = np.asarray(values, dtype=np.float64)
        finite = np.isfinite(values)
        spread = at + np.linspace(-0.18, 0.18, len(values)) if len(values) > 1 else np.array([float(at)])
        ax.plot(spread[finite], values[finite], "o", color=MODEL, ms=4, alpha=0.75)
        chosen = panel["chosen"][at]
        if chosen is not None and np.isfinite(values[chosen]):
            ax.plot(spread[chosen], values[chosen], "o", ms=7.5, mfc="none", color=TRUTH)
        if finite.any():
            ax.hlines(np.median(values[finite]), at - 0.3, at + 0.3, color=TRUTH, lw=1.6)
        top = ax.get_xaxis_transform()
        ax.plot(spread[~finite], np.full((~finite).sum(), 0.96), "x", color=MODEL, ms=5, transform=top)
    for line in (panel["floor"], panel["truth"]):
        if line is not None and np.isfinite(line):
            ax.axhline(line, color=BEST, lw=1.2)
    shown = np.concatenate([np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in panel["values"]])
    shown = shown[np.isfinite(shown)]
    if panel["log"] and len(shown) and shown.min() > 0:
        log_scale(ax.yaxis, min(shown.min(), panel["floor"] or shown.min()), shown.max())
    ax.set(
        xticks=range(len(groups)),
        xticklabels=groups,
        xlim=(-0.6, len(groups) - 0.4),
        title=panel["title"],
        ylabel=panel["unit"],
    )
    ax.grid(axis="x", visible=False)
