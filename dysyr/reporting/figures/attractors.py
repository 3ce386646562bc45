"""Truth and model side by side on the same axes."""

import numpy as np

from dysyr.reporting.figures.style import MODEL, TRUTH, new_figure, styled

MAX_POINTS = 12_000
MAX_VARIABLES = 5


@styled
def attractors_figure(truth, model, *, names, delay=None):
    """Draw both attractors: in space and its planes (3 or more variables), in the plane (2), by delays (1).

    The axes are those of the truth; the share of the model's points that lies outside is written into the
    panel. More than five variables are shown by the truth's first three principal components.

    Args:
        truth: (time, n_variables).
        model: (time, n_variables) one free run.
        names: names of the variables.
        delay: samples between the delayed copies of a single variable; by default from its autocorrelation.

    Returns:
        Figure.
    """
    truth, model = np.asarray(truth, dtype=np.float64), np.asarray(model, dtype=np.float64)
    names = list(names)
    if truth.shape[1] == 1:
        delay = delay or correlation_time(truth[:, 0])
        names = [f"{names[0]}(t)", f"{names[0]}(t - {delay} dt)", f"{names[0]}(t - {2 * delay} dt)"]
        truth, model = _delayed(truth[:, 0], delay), _delayed(model[:, 0], delay)
    elif truth.shape[1] > MAX_VARIABLES:
        mean, sd, axes = principal_axes(truth)
        truth, model = np.nan_to_num((truth - mean) / sd) @ axes, (model - mean) / sd @ axes
        names = ["PC 1", "PC 2", "PC 3"]
    rows = ((truth, TRUTH, "truth"), (model, MODEL, "model"))
    low, high = np.nanmin(truth, axis=0), np.nanmax(truth, axis=0)
    margin = 0.06 * np.where(high > low, high - low, 1.0)
    limits = np.stack([low - margin, high + margin], axis=1)
    as_points = is_map_like(truth)
    if truth.shape[1] == 2:
        figure = new_figure(3.6)
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        for ax, (x, colour, title) in zip(axes, rows, strict=True):
            _plane(ax, x, (0, 1), colour, names, limits, as_points)
            ax.set_title(title + _outside(x, limits))
        return figure
    figure = new_figure(4.1)
    for i, (x, colour, title) in enumerate(rows):
        space = figure.add_subplot(2, 4, 4 * i + 1, projection="3d")
        _space(space, x, colour, names, limits, as_points)
        space.set_title(title + _outside(x, limits))
        for j, pair in enumerate(((0, 1), (0, 2), (1, 2))):
            ax = figure.add_subplot(2, 4, 4 * i + j + 2)
            _plane(ax, x, pair, colour, names, limits, as_points)
    return figure


def is_map_like(x):
    """Whether successive samples lie so far apart that joining them by lines would mislead."""
    steps = np.nanmedian(np.abs(np.diff(x, axis=0)), axis=0)
    return bool(np.median(steps / (np.nanstd(x, axis=0) + 1e-300)) > 0.75)


def correlation_time(x):
    """Samples until the autocorrelation of x first falls below 1/e; at least 1.

    Args:
        x: (time,), NaN where missing.

    Returns:
        int.
    """
    centred = np.nan_to_num(x - np.nanmean(x))[:20_000]
    power = np.abs(np.fft.rfft(centred, 2 * len(centred))) ** 2
    correlation = np.fft.irfft(power)[: max(len(centred) // 2, 1)]
    below = np.flatnonzero(correlation < correlation[0] / np.e)
    return int(max(below[0], 1)) if len(below) else max(len(centred) // 20, 1)


def _delayed(x, delay):
    n = max(len(x) - 2 * delay, 0)
    return np.stack([x[2 * delay :][:n], x[delay:][:n], x[:n]], axis=1)


def principal_axes(x):
    """(mean, sd, axes) such that (x - mean) / sd @ axes are the first three principal components.

    Args:
        x: (time, n_variables), NaN where missing.
    """
    mean, sd = np.nanmean(x, axis=0), np.nanstd(x, axis=0) + 1e-300
    scaled = np.nan_to_num((x - mean) / sd)
    return mean, sd, np.linalg.eigh(scaled.T @ scaled)[1][:, ::-1][:, :3]


def _outside(x, limits):
    with np.errstate(invalid="ignore"):
        inside = ((x >= limits[:, 0]) & (x <= limits[:, 1])).all(axis=1)
    share = 1 - inside.mean() if len(x) else 1.0
    return f"  ({100 * share:.3g} % outside)" if share > 0.0005 else ""


def _clip(x, limits):
    """NaN where the point lies far outside: lines are cut at the frame and nothing overflows."""
    wide = np.stack([limits[:, 0] - np.ptp(limits, axis=1), limits[:, 1] + np.ptp(limits, axis=1)], axis=1)
    with np.errstate(invalid="ignore"):
        far = ~((x >= wide[:, 0]) & (x <= wide[:, 1])).all(axis=1)
    return np.where(far[:, None], np.nan, x)


def _marks(as_points, n):
    if not as_points and n < 400:
        return {"lw": 0.5, "marker": ".", "markersize": 2.5, "markeredgewidth": 0}
    if as_points:
        return {"ls": "", "marker": ".", "markersize": 1.6 if n > 3000 else 3.0, "markeredgewidth": 0}
    return {"lw": 0.35 if n > 3000 else 0.7, "alpha": 0.8}


def _plane(ax, x, pair, colour, names, limits, as_points):
    i, j = pair
    shown = _clip(x, limits)[:MAX_POINTS]
    ax.plot(shown[:, i], shown[:, j], color=colour, **_marks(as_points, len(shown)))
    end = x[-max(len(x) // 10, 1) :]
    if np.isfinite(end).all() and (np.ptp(end, axis=0) < 1e-3 * np.ptp(limits, axis=1)).all():
        ax.plot(x[-1, i], x[-1, j], "o", ms=5, color=colour)
    ax.set_xlim(limits[i])
    ax.set_ylim(limits[j])
    ax.set_xlabel(names[i])
    ax.set_ylabel(names[j], labelpad=1)


def _space(ax, x, colour, names, limits, as_points):
    with np.errstate(invalid="ignore"):
        outside = ~((x >= limits[:, 0]) & (x <= limits[:, 1])).all(axis=1)
    shown = np.where(outside[:, None], np.nan, x)[:MAX_POINTS]
    ax.plot(*shown[:, :3].T, color=colour, **_marks(as_points, len(shown)))
    frame_space(ax, limits, names)


def frame_space(ax, limits, names):
    """The frame of a panel in space: limits (3, 2), names of the axes, no ticks."""
    ax.set(xlim=limits[0], ylim=limits[1], zlim=limits[2])
    for axis, name in zip((ax.xaxis, ax.yaxis, ax.zaxis), names, strict=False):
        axis.set_pane_color((1, 1, 1, 0))
        axis.set_ticklabels([])
        axis.set_label_text(name)
        axis.labelpad = -12
        axis._axinfo["grid"].update(color="#e6e8eb", linewidth=0.4)
    ax.tick_params(length=0)
    ax.set_box_aspect((1, 1, 1), zoom=1.15)
