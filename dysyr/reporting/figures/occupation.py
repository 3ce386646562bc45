"""How paths spread over the states in the course of time."""

import numpy as np
from matplotlib.lines import Line2D

from dysyr.reporting.figures.style import BEST, MODEL, TRUTH, key, label, new_figure, styled

MAX_STATES = 12


@styled
def occupation_figure(times, seen, counts, model, truth=None, *, names, unit=""):
    """Draw one panel per state: share of the held-out labels with its sampling error, and what the model implies.

    Args:
        times: (instant,) times.
        seen: (instant, state) shares of the labels.
        counts: (instant,) number of paths behind each.
        model: (instant, state) probabilities of the model.
        truth: (instant, state) those of the true chain, or None.
        names: what each state is called.
        unit: unit of time.

    Returns:
        Figure.
    """
    n = min(len(names), MAX_STATES)
    columns = min(n, 3)
    rows = -(-n // columns)
    figure = new_figure(0.5 + 1.45 * rows)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True)
    error = 1.96 * np.sqrt(seen * (1 - seen) / np.asarray(counts)[:, None])
    for ax in axes.flat[n:]:
        ax.set_visible(False)
    for state, ax in enumerate(axes.flat[:n]):
        ax.errorbar(times, seen[:, state], yerr=error[:, state], fmt=".", ms=3.5, lw=0.6, color=TRUTH, alpha=0.7)
        ax.plot(times, model[:, state], color=MODEL, lw=1.6)
        if truth is not None:
            ax.plot(times, truth[:, state], color=BEST, lw=1.2, ls="--")
        top = max((seen + error)[:, state].max(), model[:, state].max())
        ax.set(title=names[state], ylim=(0, 1.08 * max(top, 1e-6)))
    for ax in axes[-1]:
        ax.set_xlabel(label("time", unit))
    for ax in axes[:, 0]:
        ax.set_ylabel("share")
    entries = [
        Line2D([], [], ls="", color=TRUTH, marker=".", ms=5, label="held-out labels"),
        Line2D([], [], color=MODEL, lw=1.6, label="model"),
    ]
    if truth is not None:
        entries.append(Line2D([], [], color=BEST, ls="--", label="true chain"))
    key(figure, entries)
    return figure
