"""A symbolic code as a folder: tables and graphs for other programs, figures to look at."""

from pathlib import Path

from dysyr.core.atomic import atomic_path
from dysyr.core.errors import DysyrError, InputError
from dysyr.core.reconstructor import Reconstructor
from dysyr.encoding.coded_orbits import coded_orbits
from dysyr.encoding.encoding import Encoding
from dysyr.encoding.export import write_tables
from dysyr.reporting.figures.image import png_bytes
from dysyr.reporting.symbol_views import graph_figure, raster_figure, space_figure

ORBITS = "orbits.png"


def export_code(code, folder, *, model=None, max_period=3, seed=0):
    """Write a code, with the fixed points and cycles of its model, as tables, graphs and figures.

    Args:
        code: Encoding.
        folder: where to write; made if it is not there. Files of these names are replaced, others left alone.
        model: the PiecewiseLinear model of the code, or the fitted reconstructor that has it; None for none.
        max_period: longest cycle to search, in steps of the model; 1 for fixed points alone, 0 for neither.
        seed: chooses the starts of that search.

    Returns:
        list of Path, the files: symbols.csv, words.csv, transition_matrix.csv, transitions.csv, graph.graphml,
        graph.dot, encoding.json, state_space.png, transition_graph.png, raster.png, and orbits.png where orbits were
        searched.

    Raises:
        InputError: not an Encoding, or not that model's.
        DysyrError: the folder cannot be written.
    """
    if not isinstance(code, Encoding):
        raise InputError("only codes are exported", got=type(code).__name__, expected="an Encoding")
    orbits = None
    if model is not None and max_period != 0:
        model = model.model_ if isinstance(model, Reconstructor) else model
        orbits = coded_orbits(code, model, max_period=max_period, seed=seed)
    folder = Path(folder)
    files = write_tables(code, folder, orbits=orbits)
    for name, figure in _figures(code, orbits).items():
        if figure is None:
            _remove(folder / name)
            continue
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(png_bytes(figure))
        files.append(folder / name)
    return files


def _remove(path):
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise DysyrError(f"cannot remove '{path}'", got=str(error)) from None


def _figures(code, orbits):
    """{name of file: Figure, None where there is nothing to draw}."""
    figures = {
        "state_space.png": space_figure(code),
        "transition_graph.png": graph_figure(code),
        "raster.png": raster_figure(code),
        ORBITS: None,
    }
    if orbits is not None:
        figures[ORBITS] = space_figure(code, [c.orbit for c in (*orbits.fixed_points, *orbits.cycles)])
    return figures
