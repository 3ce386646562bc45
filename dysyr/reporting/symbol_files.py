"""A symbolic code as a folder: tables and graphs for other programs, figures to look at."""

from dysyr.core.errors import InputError
from dysyr.core.reconstructor import Reconstructor
from dysyr.encoding.coded_orbits import coded_orbits
from dysyr.encoding.encoding import Encoding
from dysyr.encoding.export import write_tables


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
        graph.dot and encoding.json.

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
    return write_tables(code, folder, orbits=orbits)
