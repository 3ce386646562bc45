"""One colour per symbol, the same in every figure of a code."""

import matplotlib
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, to_hex
from matplotlib.lines import Line2D

from dysyr.reporting.figures.style import key

FEW = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a4c93", "#8c6d31")
MAX_ENTRIES = 12
LONGEST_NAME = 14
ENTRY_WIDTH = 1.35


def symbol_colours(n_symbols):
    """The colours of the symbols 0, 1, ...: told apart by all where there are few, a scale where there are many.

    Args:
        n_symbols: how many.

    Returns:
        list of str, hexadecimal.
    """
    if n_symbols <= len(FEW):
        return list(FEW[:n_symbols])
    scale = matplotlib.colormaps["turbo"]
    return [to_hex(scale(0.05 + 0.9 * s / (n_symbols - 1))) for s in range(n_symbols)]


def symbol_key(figure, names, more=()):
    """Say which colour is which symbol: a legend for up to 12 of them, a colour bar for more.

    Args:
        figure: the figure.
        names: what each symbol is called.
        more: further legend entries.
    """
    colours = symbol_colours(len(names))
    entries = []
    if len(names) <= MAX_ENTRIES:
        entries = [
            Line2D([], [], ls="", marker="o", ms=5, color=colour, label=_entry(s, names[s]))
            for s, colour in enumerate(colours)
        ]
    else:
        norm = BoundaryNorm([s - 0.5 for s in range(len(names) + 1)], len(names))
        figure.colorbar(
            ScalarMappable(norm, ListedColormap(colours)), ax=figure.axes, label="symbol", shrink=0.8, pad=0.02,
            ticks=range(0, len(names), max(len(names) // 8, 1)),
        )  # fmt: skip
    entries += more
    if entries:
        key(figure, entries, columns=min(len(entries), int(figure.get_figwidth() / ENTRY_WIDTH)))


def _entry(symbol, name):
    short = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
    return f"{symbol}: {short}" if name else str(symbol)
