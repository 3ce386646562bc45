"""States of spins: averages over sites and bonds, distances, eigenvalues, and the steps of a solution."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dysyr.reporting.figures.style import BEST, FAINT, MODEL, SECOND, TRUTH, key, new_figure, styled

TINY = 1e-9
MAX_POINTS = 20_000


@styled
def paths_figure(rows, names, titles):
    """Draw each average over time.

    Args:
        rows: list of dict of ``state_rows``.
        names: keys of ``values``.
        titles: what each is called.

    Returns:
        Figure.
    """
    times = [row["time"] for row in rows]
    figure = new_figure(0.5 + 1.6 * -(-len(names) // 3))
    axes = figure.subplots(-(-len(names) // 3), 3, squeeze=False, sharex=True)
    known = "exact" in rows[0]
    for ax, name, title in zip(axes.flat, names, titles, strict=True):
        if known:
            ax.plot(times, [row["exact"][name] for row in rows], color=TRUTH, lw=1.4)
        ax.plot(times, [row["values"][name] for row in rows], "o", color=MODEL, ms=3.2)
        ax.set_title(title)
    for ax in axes[-1]:
        ax.set_xlabel("time")
    entries = [Line2D([], [], color=TRUTH, lw=1.4, label="exact")] if known else []
    key(figure, [*entries, Line2D([], [], ls="", marker="o", ms=3.2, color=MODEL, label="model")])
    return figure


@styled
def points_figure(row, names, titles):
    """Draw the averages of one state, and their distances from the exact ones.

    Args:
        row: dict of ``state_rows``.
        names, titles: as for ``paths_figure``.

    Returns:
        Figure.
    """
    known, at = "exact" in row, np.arange(len(names))
    figure = new_figure(0.75 + 0.26 * len(names))
    axes = figure.subplots(1, 2 if known else 1, squeeze=False, sharey=True)[0]
    values = np.array([row["values"][name] for name in names])
    if known:
        exact = np.array([row["exact"][name] for name in names])
        axes[0].plot(exact, at, "|", color=TRUTH, ms=12, mew=2, label="exact")
        axes[1].plot(np.maximum(np.abs(values - exact), TINY), at, "o", color=MODEL, ms=4.5)
        axes[1].set(xscale="log", xlabel="difference from exact")
        axes[1].set_xlim(TINY / 2, max(1.0, 2 * np.abs(values - exact).max()))
    axes[0].plot(values, at, "o", color=MODEL, ms=4.5, label="model")
    axes[0].axvline(0, color=FAINT, lw=0.8, zorder=0)
    axes[0].set(yticks=at, yticklabels=titles, ylim=(len(names) - 0.5, -0.5), xlabel="average")
    key(figure, axes[0].get_legend_handles_labels()[0])
    return figure


@styled
def deviations_figure(measured):
    """Draw averages of model, outcomes and true state, and the deviations in standard errors.

    Args:
        measured: dict of ``measured_rows``.

    Returns:
        Figure.
    """
    names, known = [f"<{name}>" for name in measured["names"]], "exact" in measured
    at = np.arange(len(names))
    figure = new_figure(0.75 + 0.32 * len(names))
    left, right = figure.subplots(1, 2, sharey=True)
    left.errorbar(
        measured["measured"], at, xerr=measured["stderr"], fmt="s", ms=3.5, color=SECOND, lw=1.1, capsize=2.5,
        label="outcomes",
    )  # fmt: skip
    left.plot(measured["model"], at + 0.22, "o", color=MODEL, ms=4.5, label="model")
    if known:
        left.plot(measured["exact"], at - 0.22, "|", color=TRUTH, ms=9, mew=2, label="exact")
    left.axvline(0, color=FAINT, lw=0.8, zorder=0)
    left.set(yticks=at, yticklabels=names, ylim=(len(names) - 0.5, -0.5), xlabel="average")
    right.axvspan(-3, 3, color=BEST, alpha=0.15, lw=0)
    right.axvline(0, color=TRUTH, lw=0.8)
    shown = measured["model_off"] if known else measured["from_measured"]
    if known:
        right.plot(measured["measured_off"], at, "s", color=SECOND, ms=3.5)
    right.plot(shown, at + (0.22 if known else 0), "o", color=MODEL, ms=4.5)
    reach = 1.1 * max(3.5, *np.abs(shown), *np.abs(measured.get("measured_off", [0.0])))
    right.set(xlim=(-reach, reach), xlabel=f"deviation from {'exact' if known else 'outcomes'} (standard errors)")
    key(figure, left.get_legend_handles_labels()[0])
    return figure


@styled
def distances_figure(rows):
    """Draw errors of averages and distances of states over time.

    Args:
        rows: list of dict of ``state_rows`` with exact states.

    Returns:
        Figure.
    """
    times = [row["time"] for row in rows]
    figure = new_figure(2.7)
    left, right = figure.subplots(1, 2)
    named = [("max_error", "magnetisations", MODEL), ("max_correlator_error", "correlators", SECOND)]
    for name, title, colour in named:
        if name in rows[0]:
            left.plot(times, _seen([row[name] for row in rows]), color=colour, marker="o", ms=3, label=title)
    for k, (name, title) in enumerate((("total_variation", "total variation"), ("trace_distance", "trace distance"))):
        colour = (MODEL, SECOND)[k]
        right.plot(times, _seen([row[name] for row in rows]), color=colour, marker="o", ms=3, label=title)
        alone = [row["scale"]["single_spins"][k] for row in rows]
        right.plot(times, _seen(alone), color=colour, ls="--", lw=0.9)
    for ax, title in ((left, "largest error of averages"), (right, "distance of whole states")):
        ax.set(yscale="log", xlabel="time", title=title)
        ax.legend(loc="best")
    return figure


def _seen(values):
    """Values on a logarithmic axis, without those that are zero but for rounding."""
    return np.where(np.array(values) < TINY, np.nan, values)


@styled
def spectrum_figure(own, truth, p, q):
    """Draw eigenvalues, and probabilities of all strings against the exact ones.

    Args:
        own: ascending eigenvalues of the model's matrix.
        truth: those of the exact state, or None.
        p: probabilities of the model.
        q: exact ones, or None.

    Returns:
        Figure.
    """
    figure = new_figure(2.9)
    axes = figure.subplots(1, 2 if q is not None else 1, squeeze=False)[0]
    count = np.arange(1, len(own) + 1)
    if truth is not None:
        axes[0].plot(count, truth[::-1], color=TRUTH, lw=1.4, label="exact")
    axes[0].plot(count, own[::-1], "o", color=MODEL, ms=2.6, label="model")
    axes[0].axhline(0, color=BEST, lw=0.9)
    axes[0].set_yscale("symlog", linthresh=1e-3)
    axes[0].set(xlabel="number of the eigenvalue", title="eigenvalues of the state")
    axes[0].xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes[0].legend(loc="upper right")
    if q is not None:
        p, q = (np.maximum(one.ravel(), 1e-300) for one in (p, q))
        picked = np.linspace(0, p.size - 1, min(p.size, MAX_POINTS)).astype(int)
        low, high = min(p.min(), q.min()), max(p.max(), q.max())
        axes[1].plot(q[picked], p[picked], ".", color=MODEL, ms=2.2, alpha=0.5)
        axes[1].plot([low, high], [low, high], color=TRUTH, lw=0.9)
        axes[1].set(xscale="log", yscale="log", xlabel="exact", ylabel="model", title="probabilities of strings")
    return figure


@styled
def steps_figure(curves, time=None):
    """Draw what each step told, one panel below the other.

    Args:
        curves: list of (title, (step,) values).
        time: (step,) times at the ends of the steps; None counts steps.

    Returns:
        Figure.
    """
    figure = new_figure(0.4 + 1.1 * len(curves))
    axes = figure.subplots(len(curves), 1, squeeze=False, sharex=True)[:, 0]
    for ax, (title, values) in zip(axes, curves, strict=True):
        at = np.arange(1, len(values) + 1) if time is None else np.asarray(time)
        ax.plot(at, values, color=MODEL, lw=1.0, marker=".", ms=3.5)
        if np.nanmin(values) > 0 and np.nanmax(values) > 20 * np.nanmin(values):
            ax.set_yscale("log")
        ax.set_title(title)
        if title.startswith("smallest"):
            ax.axhline(0, color=BEST, lw=0.9)
    axes[-1].set_xlabel("step" if time is None else "time")
    if time is None:
        axes[-1].xaxis.set_major_locator(MaxNLocator(8, integer=True))
    return figure
