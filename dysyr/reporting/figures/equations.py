"""Equations set in type."""

from matplotlib.backends.backend_agg import FigureCanvasAgg

from dysyr.reporting.figures.style import MATHEMATICS, WIDTH, new_figure, styled

_FONT_SIZE = 13
_LINE_HEIGHT = 0.42


@styled
def equations_figure(lines):
    """Draw lines of mathematics; a line that is too long for the page is set smaller.

    Args:
        lines: LaTeX without dollar signs, in matplotlib's subset.

    Returns:
        Figure.
    """
    figure = new_figure(_LINE_HEIGHT * len(lines))
    figure.set_layout_engine("none")
    renderer = FigureCanvasAgg(figure).get_renderer()
    for i, line in enumerate(lines):
        height = 1 - (i + 0.5) / len(lines)
        how = {"va": "center", "fontsize": _FONT_SIZE, "math_fontfamily": "stix", "gid": MATHEMATICS}
        text = figure.text(0.01, height, f"${line}$", **how)
        room = 0.98 * WIDTH * figure.dpi
        width = text.get_window_extent(renderer).width
        if width > room:
            text.set_fontsize(_FONT_SIZE * room / width)
    return figure
