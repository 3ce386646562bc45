"""The transition graph of a symbolic code."""

import numpy as np
from matplotlib.patches import Circle, FancyArrowPatch

from dysyr.reporting.figures.style import new_figure, styled
from dysyr.reporting.figures.symbol_colours import symbol_colours, symbol_key

MAX_NODES = 64
MAX_EDGES = 200
MAX_LABELS = 24
MAX_INSIDE = 20
THINNEST, WIDEST = 0.4, 5.0


@styled
def transition_graph_figure(matrix, visits, *, names):
    """Draw symbols on a circle and the transitions between them, self-transitions as loops outside.

    The width of an arrow grows in proportion to its probability, the area of a symbol to its visits. Of more than 64
    symbols the most visited are drawn, of more than 200 arrows the most probable.

    Args:
        matrix: (k, k) transition probabilities from row to column.
        visits: (k,) visits of each symbol, most visited first.
        names: what each symbol is called.

    Returns:
        Figure.
    """
    k = min(len(matrix), MAX_NODES)
    shown, colours = np.asarray(matrix)[:k, :k], symbol_colours(len(names))
    angle = np.pi / 2 - 2 * np.pi * np.arange(k) / k
    at = np.stack([np.cos(angle), np.sin(angle)], axis=1) if k > 1 else np.zeros((1, 2))
    radius = radii(np.asarray(visits)[:k], k)
    edges = np.argwhere(shown > 0)
    edges = edges[np.argsort(-shown[tuple(edges.T)], kind="stable")]
    figure = new_figure(5.0, width=5.4)
    ax = figure.subplots()
    labelled, widest = len(edges) <= MAX_LABELS, WIDEST * min(1.0, 12 / k)
    for i, j in edges[:MAX_EDGES][::-1]:
        look = {"color": colours[i], "lw": THINNEST + widest * shown[i, j], "alpha": 0.75}
        place = _loop(ax, at[i], radius[i], look) if i == j else arrow(ax, at[[i, j]], radius[[i, j]], look)
        if labelled:
            ax.text(*place, f"{shown[i, j]:.2g}", ha="center", va="center", fontsize=7, bbox=_PLATE, zorder=4)
    for s in range(k):
        ax.add_patch(Circle(at[s], radius[s], facecolor=colours[s], edgecolor="white", lw=1.0, zorder=3))
        place, colour = (at[s], "white") if k <= MAX_INSIDE else (at[s] * (1.06 + 5 * radius[s]), colours[s])
        ax.text(*place, str(s), ha="center", va="center", color=colour, fontsize=8 if k <= MAX_INSIDE else 7, zorder=5)
    left_out = [f"{k} of {len(matrix)} symbols"] * (k < len(matrix))
    left_out += [f"{MAX_EDGES} of {len(edges)} transitions"] * (len(edges) > MAX_EDGES)
    ax.set(xlim=(-1.6, 1.6), ylim=(-1.5, 1.5), aspect="equal", title=", ".join(left_out))
    ax.axis("off")
    symbol_key(figure, names)
    return figure


_PLATE = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}


def radii(visits, k):
    """(k,) radii whose squares are in proportion to the visits, no smaller than a number needs."""
    largest = min(0.2, 2.0 / k)
    return np.maximum(largest * np.sqrt(visits / visits.max()), 0.45 * largest)


def arrow(ax, ends, sizes, look):
    """Draw an arrow that bends to the left.

    Args:
        ax: axes.
        ends: (2, 2) centres of the two symbols.
        sizes: (2,) their radii.
        look: properties of the line.

    Returns:
        (2,) the middle of its bend.
    """
    unit = (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
    side = np.array([-unit[1], unit[0]])
    bend = 0.18
    start, stop = ends[0] + unit * sizes[0], ends[1] - unit * sizes[1]
    shift = 0.25 * side * sizes.min()
    patch = FancyArrowPatch(
        start + shift, stop + shift, connectionstyle=f"arc3,rad={-bend}", arrowstyle="-|>",
        mutation_scale=8 + 2 * look["lw"], shrinkA=0, shrinkB=0, **look,
    )  # fmt: skip
    ax.add_patch(patch)
    return (start + stop) / 2 + side * (0.5 * bend * np.hypot(*(stop - start))) + shift


def _loop(ax, centre, radius, look):
    """A loop on the far side from the middle of the figure; returns its farthest point."""
    outward = centre / np.hypot(*centre) if centre.any() else np.array([0.0, 1.0])
    size = min(0.13, 1.2 * radius)
    ax.add_patch(Circle(centre + outward * (radius + 0.6 * size), size, fill=False, zorder=1, **look))
    return centre + outward * (radius + 1.6 * size)
