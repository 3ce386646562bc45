"""Return maps: each maximum against the one before."""

import numpy as np
from matplotlib.lines import Line2D
from scipy.signal import find_peaks

from dysyr.reporting.figures.attractors import is_map_like
from dysyr.reporting.figures.style import MODEL, TRUTH, key, new_figure, styled

MAX_VARIABLES = 3
MAX_POINTS = 3000
MIN_POINTS = 8
MIN_PROMINENCE = 0.25
LARGE = 9
FEW = 12
RESOLUTION = 200


@styled
def return_map_figure(truth, model, *, names):
    """Draw successive maxima of each variable; of a map, successive values.

    Args:
        truth: (time, n_variables).
        model: (time, n_variables) one free run.
        names: names of the variables.

    Returns:
        Figure, or None when no variable of the truth has enough maxima.
    """
    truth, model = np.asarray(truth, dtype=np.float64), np.asarray(model, dtype=np.float64)
    discrete = is_map_like(truth)
    pairs = []
    for i in range(truth.shape[1]):
        least = MIN_PROMINENCE * np.nanstd(truth[:, i])
        of_truth, of_model = (x[:, i] if discrete else maxima(x[:, i], least) for x in (truth, model))
        if len(of_truth) >= MIN_POINTS:
            pairs.append((i, of_truth[:MAX_POINTS], of_model[:MAX_POINTS]))
    if not pairs:
        return None
    pairs = pairs[:MAX_VARIABLES]
    figure = new_figure(2.9)
    axes = figure.subplots(1, max(len(pairs), 2), squeeze=False)[0]
    for ax in axes[len(pairs) :]:
        ax.set_visible(False)
    for ax, (i, of_truth, of_model) in zip(axes, pairs, strict=False):
        low, high = np.nanmin(of_truth), np.nanmax(of_truth)
        margin = 0.08 * (high - low) or 1.0
        limits = (low - margin, high + margin)
        ax.plot(limits, limits, color="#c9ccd1", lw=0.6, zorder=0)
        for values, colour, size in ((of_truth, TRUTH, 3.2), (of_model, MODEL, 2.2)):
            if _few_places(values, limits):
                size = LARGE
            ax.plot(values[:-1], values[1:], ".", color=colour, markersize=size, markeredgewidth=0, alpha=0.75)
        ax.set(xlim=limits, ylim=limits, aspect="equal", title=names[i])
        ax.set_xlabel("value now" if discrete else "a maximum")
        ax.set_ylabel("next value" if discrete else "the next maximum")
    marks = {"ls": "", "marker": "o", "markersize": 4, "markeredgewidth": 0}
    key(
        figure,
        [
            Line2D([], [], color=TRUTH, label="truth", **marks),
            Line2D([], [], color=MODEL, label="model", **marks),
        ],
    )
    return figure


def _few_places(values, limits):
    """Whether all points fall on so few places, as those of a cycle do, that small dots would not be seen."""
    places = np.unique(np.round((values - limits[0]) / (limits[1] - limits[0]) * RESOLUTION))
    return len(places) <= FEW


def maxima(x, prominence=0.0):
    """Heights of the local maxima of a sampled flow, by a parabola through three samples.

    With d1 = (x[t+1] - x[t-1]) / 2 and d2 = x[t+1] - 2 x[t] + x[t-1] the height is x[t] - d1^2 / (2 d2).

    Args:
        x: (time,), NaN where missing; a maximum beside a missing value is left out.
        prominence: least height above the higher of the two valleys beside it, so that noise on the way up is no
            maximum.

    Returns:
        (n_maxima,) heights.
    """
    heights = [np.empty(0)]
    gaps = np.flatnonzero(~np.isfinite(x))
    for start, stop in zip(np.r_[-1, gaps] + 1, np.r_[gaps, len(x)], strict=True):
        piece = x[start:stop]
        top = find_peaks(piece, prominence=prominence)[0]
        before, here, after = piece[top - 1], piece[top], piece[top + 1]
        bend = after - 2 * here + before
        correction = np.divide((after - before) ** 2 / 8, bend, out=np.zeros(len(top)), where=bend < 0)
        heights.append(here - correction)
    return np.concatenate(heights)
