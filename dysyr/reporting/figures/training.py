"""How the training went: loss, validation criterion, forcing strength, and the checkpoint that was chosen."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from dysyr.reporting.figures.style import FAINT, MODEL, TRUTH, new_figure, styled


@styled
def training_figure(curves, *, selected=None, restarts=()):
    """Draw training curves one below the other, check by check.

    Checks are drawn at equal distances, since an update of one stage of training can take far longer than one of
    another; the ticks say after which update a check was made.

    Args:
        curves: list of (title, steps, values) with arrays of equal length, the same steps for all curves; positive
            curves that span more than a factor of 20 are drawn on a logarithmic scale.
        selected: update at which the chosen checkpoint was taken.
        restarts: updates at which training was restarted.

    Returns:
        Figure.
    """
    figure = new_figure(0.35 + 1.15 * len(curves))
    axes = figure.subplots(len(curves), 1, squeeze=False, sharex=True)[:, 0]
    for ax, (title, steps, values) in zip(axes, curves, strict=True):
        steps, values = np.asarray(steps), np.asarray(values, dtype=np.float64)
        checks, finite = np.arange(len(steps)), np.isfinite(values)
        if len(values) > 400:
            ax.plot(checks, values, color=FAINT, lw=0.4)
            ax.plot(*_smoothed(checks, values), color=TRUTH, lw=1.1)
        else:
            ax.plot(checks[finite], values[finite], color=TRUTH, lw=0.9, marker=".", ms=2.5)
        positive = values[finite & (values > 0)]
        if len(positive) == finite.sum() > 0 and positive.max() > 20 * positive.min():
            ax.set_yscale("log")
        else:
            ax.ticklabel_format(axis="y", useOffset=False)
        if selected is not None:
            ax.axvline(np.searchsorted(steps, selected), color=MODEL, lw=1.1)
        for restart in restarts:
            ax.axvline(np.searchsorted(steps, restart) + 0.5, color=FAINT, lw=1.0, ls="--")
        ax.set_title(title)
    axes[-1].xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes[-1].xaxis.set_major_formatter(lambda check, _: f"{steps[int(check)]:g}" if 0 <= check < len(steps) else "")
    axes[-1].set_xlabel("update, at equal distances from check to check")
    if selected is not None:
        at = np.searchsorted(steps, selected)
        side, ha = (-1, "right") if at > 0.1 * len(steps) else (1, "left")
        axes[0].annotate(
            "chosen", (at, 1), xycoords=("data", "axes fraction"), xytext=(3 * side, -3), textcoords="offset points",
            ha=ha, va="top", color=MODEL, fontsize=7.5,
        )  # fmt: skip
    return figure


def _smoothed(steps, values):
    """Medians over 100 successive pieces."""
    edges = np.linspace(0, len(values), 101).astype(int)
    pieces = [(steps[a:b], values[a:b]) for a, b in zip(edges[:-1], edges[1:], strict=True) if b > a]
    middles = [np.mean(s) for s, v in pieces if np.isfinite(v).any()]
    return middles, [np.nanmedian(v) for _, v in pieces if np.isfinite(v).any()]
