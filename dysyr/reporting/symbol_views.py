"""The figures of an Encoding, for files and for the report."""

import numpy as np

from dysyr.reporting.figures.symbol_raster import symbol_raster_figure
from dysyr.reporting.figures.symbol_space import DrawnOrbit, symbol_space_figure
from dysyr.reporting.figures.transition_graph import transition_graph_figure


def space_figure(code, orbits=None):
    """The states of a code in the colours of its symbols.

    Args:
        code: Encoding.
        orbits: PeriodicOrbits to draw over the states; None for a figure without them.

    Returns:
        Figure, or None where no state is known in all variables.
    """
    if code.observed is None or not any(np.isfinite(x).all(axis=1).any() for x in code.observed):
        return None
    if orbits is not None:
        orbits = [DrawnOrbit(orbit.observed, orbit.stability, orbit.real) for orbit in orbits]
    return symbol_space_figure(
        code.observed, code.symbols, names=code.names, variables=code.variables, orbits=orbits,
        as_points=code.step == "jump",
    )  # fmt: skip


def graph_figure(code):
    """The transition graph of an Encoding: Figure."""
    return transition_graph_figure(code.transition_matrix, code.visits, names=code.names)


def raster_figure(code):
    """The longest stretch of an Encoding in time: Figure."""
    longest = int(np.argmax([len(stretch) for stretch in code.symbols]))
    symbols = code.symbols[longest]
    durations = np.full(len(symbols), code.dt) if code.durations is None else code.durations[longest]
    return symbol_raster_figure(symbols, code.times(longest), durations, names=code.names)
