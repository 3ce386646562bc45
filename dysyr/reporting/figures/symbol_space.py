"""State space in the colours of a symbolic code, with the fixed points and cycles of the model in it."""

from typing import NamedTuple

import numpy as np
from matplotlib.lines import Line2D

from dysyr.reporting.figures.attractors import (
    MAX_POINTS,
    MAX_VARIABLES,
    correlation_time,
    frame_space,
    is_map_like,
    principal_axes,
)
from dysyr.reporting.figures.style import new_figure, styled
from dysyr.reporting.figures.symbol_colours import symbol_colours, symbol_key

DARK = "#22252a"
FILLS = {"stable": "full", "saddle": "left", "unstable": "none", "non-hyperbolic": "top"}
MARKERS = {1: "o", 2: "^", 3: "s"}
FEWEST_STEPS = 2
REACH = 0.5
"""Orbits farther from the attractor than this, in widths of it, do not widen the frame."""


class DrawnOrbit(NamedTuple):
    """A fixed point or cycle to be drawn.

    Attributes:
        points: (period, n_variables).
        stability: 'stable', 'saddle', 'unstable' or 'non-hyperbolic'.
        real: whether it is an orbit of the map.
    """

    points: np.ndarray
    stability: str
    real: bool


@styled
def symbol_space_figure(observed, symbols, *, names, variables, orbits=None, as_points=False):
    """Draw states in the colours of their symbols: in space and its planes, in the plane, or by a delay.

    One variable is drawn against itself some samples before; of more than five, the first three principal components
    are drawn, of four or five the first three. Fixed points and cycles far outside the attractor do not widen the
    frame; how many are not shown is written into the panel.

    Args:
        observed: list of (time, n_variables), one per stretch; NaN where missing.
        symbols: list of (time,) symbols of the same samples.
        names: what each symbol is called.
        variables: names of the variables.
        orbits: list of DrawnOrbit to draw over faint states; None for none.
        as_points: whether successive states must not be joined by lines, whatever they look like.

    Returns:
        Figure.
    """
    project, axes_names = _view(observed, variables)
    states = [project(x) for x in observed]
    symbols = [s[len(s) - len(x) :] for s, x in zip(symbols, states, strict=True)]
    as_points = as_points or not _joinable(max(states, key=len))
    drawn = [(project(orbit.points, periodic=True), orbit) for orbit in orbits or []]
    limits, near = _frame(np.concatenate(states), [points for points, _ in drawn])
    figure, space, planes = _panels(len(axes_names))
    pieces = _thinned(states, symbols, as_points)
    faint = 1.0 if orbits is None else 0.5
    for symbol, colour in enumerate(symbol_colours(len(names))):
        path = np.concatenate([_path(x, s, symbol, as_points) for x, s in pieces])
        look = {"ls": "", "marker": ".", "ms": 2.2, "mew": 0} if as_points else {"lw": 0.6}
        for ax, picked in planes:
            ax.plot(*path[:, picked].T, color=colour, alpha=faint, **look)
        if space is not None:
            space.plot(*path.T, color=colour, alpha=faint, **look)
    for points, orbit in (drawn[i] for i in near):
        for ax, picked in planes:
            ax.plot(*points[:, picked].T, **_orbit_look(orbit))
        if space is not None:
            space.plot(*points.T, **_orbit_look(orbit))
    for ax, (i, j) in planes:
        ax.set(xlim=limits[i], ylim=limits[j], xlabel=axes_names[i], ylabel=axes_names[j])
    if space is not None:
        frame_space(space, limits, axes_names)
    if len(near) < len(drawn):
        planes[0][0].set_title(f"{len(drawn) - len(near)} of {len(drawn)} outside")
    symbol_key(figure, names, _orbit_entries(orbits or []))
    return figure


def _view(observed, variables):
    """(function that projects states, names of the two or three axes)."""
    n = observed[0].shape[1]
    if n == 1:
        delay = correlation_time(max(observed, key=len)[:, 0])

        def by_delay(x, periodic=False):
            before = np.roll(x, delay, axis=0) if periodic else x[: max(len(x) - delay, 0)]
            return np.concatenate([before, x if periodic else x[delay:]], axis=1)

        return by_delay, (f"{variables[0]}(t - {delay} dt)", f"{variables[0]}(t)")
    if n > MAX_VARIABLES:
        mean, sd, axes = principal_axes(np.concatenate(observed))
        return lambda x, periodic=False: (x - mean) / sd @ axes, ("PC 1", "PC 2", "PC 3")
    return lambda x, periodic=False: x[:, :3], tuple(variables[:3])


def _frame(states, orbits):
    """((n_axes, 2) limits around the states and the orbits near them, indices of these orbits)."""
    finite = states[np.isfinite(states).all(axis=1)]
    low, high = finite.min(axis=0), finite.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    reach = np.stack([low - REACH * width, high + REACH * width], axis=1)
    near = [i for i, points in enumerate(orbits) if ((points >= reach[:, 0]) & (points <= reach[:, 1])).all()]
    everything = np.concatenate([np.stack([low, high]), *(orbits[i] for i in near)])
    low, high = everything.min(axis=0), everything.max(axis=0)
    return np.stack([low - 0.06 * width, high + 0.06 * width], axis=1), near


def _panels(n_axes):
    """(figure, panel in space or None, list of (panel of a plane, its two axes))."""
    if n_axes == 2:
        figure = new_figure(4.4, width=5.4)
        return figure, None, [(figure.subplots(), (0, 1))]
    figure = new_figure(4.9)
    grid = figure.add_gridspec(3, 3)
    space = figure.add_subplot(grid[:, :2], projection="3d")
    planes = [(figure.add_subplot(grid[i, 2]), pair) for i, pair in enumerate(((0, 1), (0, 2), (1, 2)))]
    return figure, space, planes


def _joinable(x):
    """Whether states follow each other closely enough to be joined by lines."""
    known = np.isfinite(np.diff(x, axis=0)).all(axis=1)
    return bool(known.sum() >= FEWEST_STEPS) and not is_map_like(x)


def _thinned(states, symbols, as_points):
    """(states, symbols) of the stretches, at most 12,000 samples in all: every n-th one, or the first if joined."""
    if as_points:
        every = -(-sum(map(len, states)) // MAX_POINTS)
        return [(x[::every], s[::every]) for x, s in zip(states, symbols, strict=True)]
    kept, left = [], MAX_POINTS
    for x, s in zip(states, symbols, strict=True):
        kept.append((x[:left], s[:left]))
        left = max(left - len(x), 0)
    return kept


def _path(x, symbols, symbol, as_points):
    """The points of one symbol, or the lines that begin in it, NaN between them and at the end."""
    mine = symbols == symbol
    if as_points:
        return x[mine]
    mine[1:] |= mine[:-1].copy()
    at = np.flatnonzero(mine)
    ends = np.flatnonzero(np.diff(at, append=len(x) + 1) > 1) + 1
    return np.insert(x[at], ends, np.nan, axis=0) if len(at) else x[at]


def _orbit_look(orbit):
    if not orbit.real:
        return {"ls": "", "marker": "x", "ms": 6, "color": DARK, "mew": 1.2}
    return {
        "ls": "", "marker": MARKERS.get(len(orbit.points), "D"), "ms": 7 if len(orbit.points) == 1 else 5,
        "color": DARK, "fillstyle": FILLS[orbit.stability], "markerfacecoloralt": "white", "mew": 1.0, "zorder": 5,
    }  # fmt: skip


def _orbit_entries(orbits):
    kinds = dict.fromkeys((len(o.points), o.stability if o.real else "", o.real) for o in orbits)
    entries = []
    for period, stability, real in kinds:
        what = "fixed point" if period == 1 else f"cycle of {period}"
        text = f"{stability} {what}" if real else "virtual fixed point"
        entries.append(Line2D([], [], label=text, **_orbit_look(DrawnOrbit(np.zeros((period, 1)), stability, real))))
    return entries
