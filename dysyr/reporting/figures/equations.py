"""Equations set in type."""

from dysyr.reporting.figures.style import new_figure, styled

_LINE_HEIGHT = 0.36


@styled
def equations_figure(lines):
    """Draw lines of mathematics.

    Args:
        lines: LaTeX without dollar signs, in matplotlib's subset.

    Returns:
        Figure.
    """
    figure = new_figure(_LINE_HEIGHT * len(lines) + 0.1, width=6.4)
    figure.set_layout_engine("none")
    for i, line in enumerate(lines):
        at = 1 - (i + 0.5) / len(lines)
        figure.text(0.01, at, f"${line}$", ha="left", va="center", fontsize=10, math_fontfamily="stix")
    return figure
