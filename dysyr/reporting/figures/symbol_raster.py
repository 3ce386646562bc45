"""A symbolic code in time."""

import numpy as np

from dysyr.reporting.figures.style import label, new_figure, styled
from dysyr.reporting.figures.symbol_colours import symbol_colours, symbol_key

RUNS = 150
MAX_SAMPLES = 20_000


@styled
def symbol_raster_figure(symbols, times, durations, *, names, time_unit=""):
    """Draw when which symbol lasts: one row per symbol, a bar for each stay in it, about the first 150 stays.

    Args:
        symbols: (time,) symbols of one stretch.
        times: (time,) when each begins.
        durations: (time,) how long each lasts.
        names: what each symbol is called.
        time_unit: unit of the times.

    Returns:
        Figure.
    """
    begins = np.r_[0, np.flatnonzero(np.diff(symbols)) + 1]
    stop = begins[RUNS] if len(begins) > RUNS else len(symbols)
    stop = min(stop, MAX_SAMPLES)
    begins = begins[begins < stop]
    ends = np.r_[begins[1:], stop] - 1
    left, width = times[begins], times[ends] + durations[ends] - times[begins]
    colours = symbol_colours(len(names))
    figure = new_figure(min(1.1 + 0.22 * len(names), 4.5))
    ax = figure.subplots()
    for symbol in np.unique(symbols[begins]):
        mine = symbols[begins] == symbol
        bars = list(zip(left[mine], width[mine], strict=True))
        ax.broken_barh(bars, (symbol - 0.4, 0.8), facecolors=colours[symbol], linewidth=0)
    ax.set(ylim=(-0.6, len(names) - 0.4), xlim=(left[0], left[-1] + width[-1]), xlabel=label("time", time_unit))
    ax.set_yticks(range(0, len(names), max(len(names) // 12, 1)))
    ax.set_ylabel("symbol")
    ax.grid(axis="y", visible=False)
    symbol_key(figure, names)
    return figure
