"""Methods over several data sets: mean ranks with the critical difference, quality against time."""

import numpy as np

from dysyr.reporting.figures.style import BEST, FAINT, MODEL, SECOND, TRUTH, key, new_figure, styled

COLOURS = (MODEL, SECOND, BEST, "#cc79a7", "#e69f00", "#56b4e9", TRUTH, FAINT)
MARKERS = "osD^vP*X"


@styled
def rank_figure(ranks, titles):
    """One line of mean ranks per measure, methods that the data do not tell apart joined.

    Args:
        ranks: list of Ranks.
        titles: one for each.

    Returns:
        Figure.
    """
    most = max(len(one.methods) for one in ranks)
    figure = new_figure(0.3 + len(ranks) * (0.75 + 0.16 * most))
    axes = figure.subplots(len(ranks), 1, squeeze=False)[:, 0]
    for ax, one, title in zip(axes, ranks, titles, strict=True):
        k = len(one.methods)
        for i, (name, rank) in enumerate(zip(one.methods, one.mean, strict=True)):
            ax.plot(rank, i, "o", color=MODEL, ms=5)
            ax.annotate(f"{name}  {rank:.2f}", (rank, i), xytext=(7, 0), textcoords="offset points", va="center")
        for row, (first, last) in enumerate(cliques(one.mean, one.critical)):
            at = -0.55 - 0.28 * row
            ax.plot([one.mean[first], one.mean[last]], [at, at], color=TRUTH, lw=2.5, solid_capstyle="butt")
        if np.isfinite(one.critical):
            at = k - 0.3
            ax.plot([1, 1 + min(one.critical, k - 1)], [at, at], color=BEST, lw=2.5, solid_capstyle="butt")
            ax.annotate(f"critical difference {one.critical:.2f}", (1, at), xytext=(0, -9), textcoords="offset points",
                        color=BEST, fontsize=7)  # fmt: skip
        ax.set(title=title, xlim=(0.8, k + 0.9), ylim=(k + 0.4, -0.8 - 0.28 * max(0, k - 2)), yticks=[])
        ax.set_xticks(range(1, k + 1))
    axes[-1].set_xlabel("mean rank, 1 is best")
    return figure


def cliques(mean, critical):
    """Longest runs of methods whose mean ranks differ by less than the critical difference.

    Args:
        mean: (method,) ascending mean ranks.
        critical: the critical difference; NaN gives none.

    Returns:
        list of (first, last) indices, last included, of at least two methods; none lies inside another.
    """
    found = []
    for first in range(len(mean)):
        last = max((j for j in range(first, len(mean)) if mean[j] - mean[first] < critical), default=first)
        if last > first and not (found and found[-1][1] >= last):
            found.append((first, last))
    return found


@styled
def quality_figure(points):
    """Distance in multiples of the floor against training time.

    Args:
        points: list of (method, data set, seconds, multiple of the floor).

    Returns:
        Figure.
    """
    figure = new_figure(3.2)
    ax = figure.subplots()
    methods = list(dict.fromkeys(point[0] for point in points))
    for i, method in enumerate(methods):
        mine = np.array([(seconds, multiple) for name, _, seconds, multiple in points if name == method])
        ax.loglog(np.maximum(mine[:, 0], 1e-3), mine[:, 1], MARKERS[i % len(MARKERS)], ms=4.5, alpha=0.8,
                  color=COLOURS[i % len(COLOURS)], label=method)  # fmt: skip
    ax.axhline(10, color=FAINT, lw=1, ls="--")
    ax.axhline(1, color=BEST, lw=1)
    ax.set(xlabel="processor time of the fit, s", ylabel="D_stsp / floor")
    key(figure, ax.get_legend_handles_labels()[0])
    return figure
