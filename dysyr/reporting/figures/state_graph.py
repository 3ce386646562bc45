"""The graph of a jump process: states, and the rates between them as widths of arrows."""

import numpy as np
from matplotlib.patches import Circle

from dysyr.reporting.figures.style import FAINT, new_figure, styled
from dysyr.reporting.figures.symbol_colours import symbol_colours
from dysyr.reporting.figures.transition_graph import arrow, radii

MAX_LABELS = 14
MAX_STATES = 40
THINNEST, WIDEST = 0.4, 6.0
_PLATE = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}


@styled
def state_graph_figure(graphs, *, names):
    """Draw one graph per panel: states on a circle, arrows as wide as their rates, on one scale for all panels.

    Rates that are smaller than their standard error are grey. Labels of rates are written where there are few.

    Args:
        graphs: list of (title, rates, weights, stderr): (state, state) rates in 1/time, (state,) probabilities that the
            areas of the states stand for, and standard errors or None.
        names: what each state is called.

    Returns:
        Figure.
    """
    n = len(names)
    colours = symbol_colours(n)
    angle = np.pi / 2 - 2 * np.pi * np.arange(n) / n
    at = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    off = ~np.eye(n, dtype=bool)
    fastest = max(max(rates[off].max() for _, rates, _, _ in graphs), 1e-300)
    figure = new_figure(3.6)
    for ax, (title, rates, weights, stderr) in zip(np.atleast_1d(figure.subplots(1, len(graphs))), graphs, strict=True):
        size = radii(np.maximum(weights, 1e-12), n)
        edges = np.argwhere((rates > 0) & off)
        clear = np.ones(len(edges), dtype=bool) if stderr is None else rates[tuple(edges.T)] > stderr[tuple(edges.T)]
        order = np.argsort(rates[tuple(edges.T)], kind="stable")
        for (i, j), sure in zip(edges[order], clear[order], strict=True):
            width = THINNEST + WIDEST * rates[i, j] / fastest
            look = {"color": colours[i] if sure else FAINT, "lw": width, "alpha": 0.75}
            place = arrow(ax, at[[i, j]], size[[i, j]], look)
            if sure and clear.sum() <= MAX_LABELS:
                ax.text(*place, f"{rates[i, j]:.2g}", ha="center", va="center", fontsize=7, bbox=_PLATE, zorder=4)
        for state, name in enumerate(names):
            ax.add_patch(Circle(at[state], size[state], facecolor=colours[state], edgecolor="white", lw=1.0, zorder=3))
            outside = at[state] * (1.12 + size[state])
            side = "center" if abs(outside[0]) < 0.3 else "left" if outside[0] > 0 else "right"
            ax.text(*outside, name, ha=side, va="center", fontsize=8, zorder=5)
        ax.set(xlim=(-1.75, 1.75), ylim=(-1.5, 1.5), aspect="equal", title=title)
        ax.axis("off")
    return figure
