"""Relaxation times of a rate model beside those of the truth."""

import numpy as np
from matplotlib.lines import Line2D

from dysyr.reporting.figures.style import FAINT, MODEL, TRUTH, key, label, log_scale, new_figure, styled

MAX_SCALES = 12


@styled
def relaxation_figure(
    model, truth=None, *, model_stderr=None, truth_stderr=None, oscillating=(), truth_oscillating=(), dt=None, unit="",
):  # fmt: skip
    """Draw relaxation times, slowest first, with bars of 1.96 standard errors; hollow where they oscillate.

    Args:
        model: times of the model.
        truth: times of the truth, or None.
        model_stderr: standard errors of ``model``, or None.
        truth_stderr: standard errors of ``truth``, or None.
        oscillating: which of the model's decays oscillate.
        truth_oscillating: which of the truth's do, where it is known.
        dt: sampling interval, drawn as a line; None where there is none.
        unit: unit of time.

    Returns:
        Figure.
    """
    figure = new_figure(2.6)
    ax = figure.subplots()
    shown = []
    for values, errors, flags, shift, colour, marker in (
        (truth, truth_stderr, truth_oscillating, -0.12, TRUTH, "s"),
        (model, model_stderr, oscillating, 0.12, MODEL, "o"),
    ):
        if values is None:
            continue
        values = np.asarray(values, dtype=np.float64)[:MAX_SCALES]
        errors = np.zeros(len(values)) if errors is None else np.asarray(errors, dtype=np.float64)[:MAX_SCALES]
        reach = 1.96 * np.where(np.isfinite(errors), errors, 0.0)
        for k in np.flatnonzero(np.isfinite(values)):
            hollow = k < len(flags) and flags[k]
            bar = [[min(reach[k], 0.95 * values[k])], [reach[k]]]
            ax.errorbar(
                k + 1 + shift, values[k], yerr=bar, fmt=marker, ms=5, color=colour, capsize=3, lw=1,
                mfc="none" if hollow else colour,
            )  # fmt: skip
            shown += [max(values[k] - reach[k], 0.3 * values[k]), values[k] + reach[k]]
    if dt is not None:
        ax.axhline(dt, color=FAINT, lw=1.0, ls="--", zorder=0)
        shown.append(dt)
    log_scale(ax.yaxis, min(shown), max(shown))
    ax.set(ylim=(0.8 * min(shown), 1.25 * max(shown)), ylabel=label("relaxation time", unit), xlabel="number")
    ax.set_xticks(range(1, min(len(model), MAX_SCALES) + 1))
    ax.set_xlim(0.4, min(len(model), MAX_SCALES) + 0.6)
    entries = [Line2D([], [], ls="", color=MODEL, marker="o", ms=5, label="model")]
    if truth is not None:
        entries.insert(0, Line2D([], [], ls="", color=TRUTH, marker="s", ms=5, label="truth"))
    if any((*oscillating, *truth_oscillating)):
        entries.append(Line2D([], [], ls="", color=MODEL, marker="o", mfc="none", ms=5, label="damped oscillation"))
    if dt is not None:
        entries.append(Line2D([], [], color=FAINT, ls="--", label="sampling interval"))
    key(figure, entries)
    return figure
