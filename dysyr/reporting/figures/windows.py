"""Generated windows beside true ones: examples, the plane in which true ones differ most, laws, autocorrelation."""

import numpy as np

from dysyr.reporting.figures.style import MODEL, TRUTH, key, label, new_figure, styled

MAX_VARIABLES = 4
N_EXAMPLES = 12
MAX_POINTS = 1000


@styled
def windows_figure(truth, generated, *, names, dt, time_unit=""):
    """Draw examples of both and the laws of their values, one row per variable.

    Args:
        truth, generated: (window, time, variable) in data units.
        names: of the variables.
        dt: sampling interval.
        time_unit: unit of dt.

    Returns:
        Figure.
    """
    shown = min(truth.shape[2], MAX_VARIABLES)
    figure = new_figure(0.5 + 1.15 * shown)
    axes = figure.subplots(shown, 3, squeeze=False, width_ratios=[3, 3, 2], sharex="col")
    time = dt * np.arange(truth.shape[1])
    for d, row in enumerate(axes):
        values = truth[:, :, d]
        low, high = np.quantile(values, [0.001, 0.999])
        room = 0.08 * max(high - low, np.finfo(np.float64).tiny)
        for ax, x, colour in zip(row, (truth, generated), (TRUTH, MODEL), strict=False):
            picked = x[np.linspace(0, len(x) - 1, N_EXAMPLES).astype(int), :, d]
            ax.plot(time, picked.T, color=colour, lw=0.7, alpha=0.8)
            ax.set_ylim(low - room, high + room)
        row[0].set_ylabel(names[d])
        bins = np.linspace(low - room, high + room, 41)
        for x, colour in ((truth, TRUTH), (generated, MODEL)):
            row[2].hist(x[:, :, d].ravel(), bins=bins, density=True, histtype="step", color=colour, lw=1.1)
        row[2].set_yticks([])
    for ax, title in zip(axes[0], ("true windows", "generated windows", "density of values"), strict=True):
        ax.set_title(title)
    for ax in axes[-1, :2]:
        ax.set_xlabel(label("time", time_unit))
    return figure


@styled
def embedding_figure(truth, generated):
    """Draw windows as points in the two planes of the leading principal components of the true ones.

    Args:
        truth, generated: (window, time, variable) in data units.

    Returns:
        Figure.
    """
    own, theirs = embedding(truth, generated)
    figure = new_figure(3.4)
    axes = figure.subplots(1, 2)
    for ax, (i, j) in zip(axes, ((0, 1), (2, 3)), strict=True):
        for points, colour, name in ((own, TRUTH, "truth"), (theirs, MODEL, "generated")):
            ax.plot(points[:MAX_POINTS, i], points[:MAX_POINTS, j], ".", ms=2.5, color=colour, alpha=0.45, label=name)
        ax.set(xlabel=f"component {i + 1}", ylabel=f"component {j + 1}")
    key(figure, axes[0].lines)
    return figure


def embedding(truth, generated):
    """Coordinates of windows along the principal components of the true ones, standardised by variable.

    Args:
        truth, generated: (window, time, variable).

    Returns:
        (truth, generated) coordinates, each (window, 4).
    """
    mean, sd = truth.mean(axis=(0, 1)), truth.std(axis=(0, 1))
    own, theirs = ((x - mean) / np.where(sd > 0, sd, 1.0) for x in (truth, generated))
    own, theirs = own.reshape(len(own), -1), theirs.reshape(len(theirs), -1)
    centre = own.mean(axis=0)
    axes = np.linalg.eigh((own - centre).T @ (own - centre))[1][:, ::-1][:, :4]
    return (own - centre) @ axes, (theirs - centre) @ axes
