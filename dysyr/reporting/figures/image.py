"""A figure as an image inside the page: SVG where lines are few, PNG where points are many."""

import base64
import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG

from dysyr.reporting.figures.style import PNG_DPI, styled


@styled
def svg_uri(figure):
    """The figure as an SVG data URI, the same bytes for the same figure.

    Args:
        figure: a Figure.

    Returns:
        str.
    """
    buffer = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


@styled
def png_uri(figure):
    """The figure as a PNG data URI.

    Args:
        figure: a Figure.

    Returns:
        str.
    """
    return "data:image/png;base64," + base64.b64encode(png_bytes(figure)).decode("ascii")


@styled
def png_bytes(figure):
    """The figure as the bytes of a PNG file.

    Args:
        figure: a Figure.

    Returns:
        bytes.
    """
    buffer = io.BytesIO()
    figure.set_dpi(PNG_DPI)
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()
