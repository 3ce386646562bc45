"""What labels look like: some paths in the colours of their states, and how often each state occurs."""

import numpy as np

from dysyr.reporting.figures.style import label, new_figure, styled
from dysyr.reporting.figures.symbol_colours import symbol_colours, symbol_key

MAX_PATHS = 30
MAX_SAMPLES = 400


@styled
def label_paths_figure(clocks, labels, shares, *, names, unit=""):
    """Draw up to 30 paths, each label held until the next sample, beside the shares of the states.

    Args:
        clocks: list of (time,) arrays, times of each path since its start.
        labels: list of (time,) arrays of states, -1 where missing.
        shares: (state,) share of all labels.
        names: what each state is called.
        unit: unit of time.

    Returns:
        Figure.
    """
    colours = symbol_colours(len(names))
    shown = min(len(labels), MAX_PATHS)
    figure = new_figure(0.9 + min(0.09 * shown, 2.2) + 0.6)
    paths, bars = figure.subplots(1, 2, width_ratios=[4.5, 1.5])
    for row in range(shown):
        t, x = clocks[row][:MAX_SAMPLES], labels[row][:MAX_SAMPLES]
        if len(t) < 2:
            continue
        ends = np.append(t[1:], t[-1] + np.median(np.diff(t)))
        begins = np.r_[0, np.flatnonzero(np.diff(x)) + 1]
        last = np.r_[begins[1:], len(x)] - 1
        held = [(t[a], ends[b] - t[a]) for a, b in zip(begins, last, strict=True)]
        colour = ["white" if x[a] < 0 else colours[x[a]] for a in begins]
        paths.broken_barh(held, (row + 0.08, 0.84), facecolors=colour, linewidth=0)
    paths.set(ylim=(shown, 0), xlabel=label("time since the start", unit), ylabel="path", yticks=[])
    paths.margins(x=0)
    paths.grid(False)
    bars.barh(range(len(names)), shares, color=colours)
    bars.set(yticks=[], ylim=(len(names) - 0.4, -0.6), xlabel="share of labels")
    bars.grid(axis="y", visible=False)
    symbol_key(figure, ["" if name == str(k) else name for k, name in enumerate(names)])
    return figure
