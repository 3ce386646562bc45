"""One look for all figures: the truth is dark grey, the model orange, in every figure.

The colours are those of Okabe and Ito, told apart by all common forms of colour vision and in grey print.
"""

import functools

import matplotlib
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, NullFormatter

TRUTH = "#3b3f45"
MODEL = "#d55e00"
BEST = "#009e73"
SECOND = "#0072b2"
FAINT = "#a9adb3"
PLATE = "#ffffff"

MATHEMATICS = "mathematics"
"""Mark of text that is LaTeX."""
WIDTH = 7.4
PNG_DPI = 170

_RC = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#70757c",
    "axes.grid": True,
    "axes.labelcolor": "#22252a",
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.unicode_minus": True,
    "figure.facecolor": PLATE,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "grid.color": "#e6e8eb",
    "grid.linewidth": 0.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "lines.linewidth": 1.0,
    "path.simplify": True,
    "path.simplify_threshold": 0.3,
    "savefig.facecolor": PLATE,
    "svg.fonttype": "path",
    "svg.hashsalt": "dysyr",
    "text.color": "#22252a",
    "xtick.color": "#70757c",
    "xtick.labelcolor": "#22252a",
    "xtick.labelsize": 7.5,
    "xtick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.color": "#70757c",
    "ytick.labelcolor": "#22252a",
    "ytick.labelsize": 7.5,
    "ytick.major.size": 2.5,
    "ytick.major.width": 0.6,
}


def styled(draw):
    """Run a drawing function under the report's style, whatever the user's own matplotlib settings are."""

    @functools.wraps(draw)
    def drawing(*args, **kwargs):
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(_RC)
            drawn = draw(*args, **kwargs)
            return _as_written(drawn) if isinstance(drawn, Figure) else drawn

    return drawing


def _as_written(figure):
    """A figure whose words, names of variables among them, are no mathematics although they hold dollar signs."""
    for text in figure.findobj(Text):
        if "$" in text.get_text() and text.get_gid() != MATHEMATICS:
            text.set_parse_math(False)
    return figure


def new_figure(height, width=WIDTH):
    """An empty figure of the report.

    Args:
        height: in inches.
        width: in inches.

    Returns:
        Figure with constrained layout.
    """
    return Figure(figsize=(width, height), layout="constrained")


def key(figure, entries, *, columns=None):
    """One legend for the whole figure, above the panels.

    Args:
        figure: the figure.
        entries: handles that carry labels.
        columns: number of columns; by default all entries in one row.
    """
    figure.legend(handles=entries, loc="outside upper left", ncols=columns or len(entries), borderaxespad=0.2)


def log_scale(axis, low, high):
    """A logarithmic axis with plain numbers at readable places.

    Args:
        axis: ``ax.xaxis`` or ``ax.yaxis``.
        low: smallest value shown, positive.
        high: largest value shown.
    """
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    if high / low < 1e5:
        axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
    if high / low < 60:
        axis.set_minor_locator(LogLocator(subs=(2, 3, 5) if high / low < 8 else (2, 5)))
        axis.set_minor_formatter("{x:g}")
        axis.axes.tick_params(axis=axis.axis_name, which="minor", labelsize=7, length=2)


def label(name, unit=""):
    """An axis label: the quantity and, where known, its unit."""
    return f"{name} ({unit})" if unit else str(name)
