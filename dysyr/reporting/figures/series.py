"""What the data look like: the whole record, a readable stretch of it, and how the values are distributed."""

import numpy as np

from dysyr.reporting.figures.style import FAINT, TRUTH, label, new_figure, styled

MAX_VARIABLES = 6
_N_BINS_ALONG = 300


@styled
def series_figure(series, *, dt, names, units=None, time_unit="", window=None):
    """Draw each variable as envelope of the whole record, stretch, and histogram.

    Args:
        series: (time, n_variables) one trajectory, NaN where missing.
        dt: sampling interval.
        names: the variables' names.
        units: their units; empty strings where unknown.
        time_unit: unit of dt.
        window: number of samples in the stretch; by default some twenty of the slowest visible oscillations.

    Returns:
        Figure.
    """
    x = np.asarray(series, dtype=np.float64)
    n, shown = len(x), min(x.shape[1], MAX_VARIABLES)
    units = units or [""] * shown
    window = min(n, window or stretch_length(x))
    start = (n - window) // 2
    time = np.arange(n) * dt
    figure = new_figure(0.5 + 0.95 * shown)
    axes = figure.subplots(shown, 3, squeeze=False, width_ratios=[2.2, 4, 1], sharey="row", sharex="col")
    for row, name, unit, values in zip(axes, names[:shown], units, x.T[:shown], strict=False):
        whole, part, histogram = row
        _envelope(whole, time, values)
        whole.axvspan(time[start], time[start + window - 1], color=FAINT, alpha=0.35, lw=0)
        whole.set_ylabel(label(name, unit))
        dots = {"marker": ".", "markersize": 2.5} if window < 200 else {}
        part.plot(time[start : start + window], values[start : start + window], color=TRUTH, lw=0.8, **dots)
        finite = values[np.isfinite(values)]
        histogram.hist(finite, bins=40, orientation="horizontal", color=FAINT, density=True)
        histogram.set_xticks([])
        histogram.grid(False)
    axes[0, 0].set_title("whole record")
    axes[0, 1].set_title("the shaded stretch")
    axes[0, 2].set_title("density")
    for ax in axes[-1, :2]:
        ax.set_xlabel(label("time", time_unit))
    return figure


def stretch_length(x):
    """Samples that show some twenty slow oscillations: 40 crossings of the median of a typical variable.

    Args:
        x: (time, n_variables), NaN where missing.

    Returns:
        int between 50 and 3,000.
    """
    centred = np.nan_to_num(x - np.nanmedian(x, axis=0))
    crossings = (np.diff(np.signbit(centred), axis=0)).sum(axis=0).mean()
    return int(np.clip(40 * len(x) / max(crossings, 1.0), 50, 3000))


def _envelope(ax, time, values):
    """Lowest and highest value in each of 300 pieces: the outline of a long record."""
    if len(values) <= 2 * _N_BINS_ALONG:
        ax.plot(time, values, color=TRUTH, lw=0.6)
        return
    edges = np.linspace(0, len(values), _N_BINS_ALONG + 1).astype(int)
    pieces = [values[a:b][np.isfinite(values[a:b])] for a, b in zip(edges[:-1], edges[1:], strict=True)]
    low = np.array([piece.min() if len(piece) else np.nan for piece in pieces])
    high = np.array([piece.max() if len(piece) else np.nan for piece in pieces])
    ax.fill_between(time[edges[:-1]], low, high, color=TRUTH, lw=0.3, alpha=0.8)
