"""Portraits of the systems of the catalogue, drawn from simulations and kept in the user's cache folder."""

import hashlib
import os
from pathlib import Path

import numpy as np

import dysyr
from dysyr.kernels.cache_folder import cache_folder
from dysyr.reporting.figures.attractors import frame_space
from dysyr.reporting.figures.style import BEST, MODEL, PLATE, SECOND, TRUTH, new_figure, styled

SIZE = (3.9, 3.1)
DPI = 120
COLOURS = (TRUTH, MODEL, SECOND, BEST)
N_FLOW, N_MAP, N_SERIES, N_ROWS = 12_000, 12_000, 1_500, 300
MANY = 4


def portrait(system, definition):
    """The portrait of a system as a PNG file, drawn unless it is in the cache.

    Args:
        system: System of the catalogue.
        definition: text of its file; another text is another portrait.

    Returns:
        path in the folder ``portraits`` beside the cache of kernels.
    """
    sources = (definition, Path(__file__).read_text(encoding="utf-8"), dysyr.__version__)
    digest = hashlib.sha256("|".join(sources).encode()).hexdigest()[:16]
    path = cache_folder().parent / "portraits" / f"{system.name}-{digest}.png"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.png")
        draw(system).savefig(partial, dpi=DPI)
        os.replace(partial, path)
    return path


@styled
def draw(system):
    """The portrait of a system: what it does when it is left alone.

    Flows and maps are drawn in state space (one variable: over time, or against its next value), lattices and fields
    over space and time, jump processes and observables of spins over time.

    Args:
        system: System.

    Returns:
        Figure.
    """
    figure = new_figure(SIZE[1], SIZE[0])
    if system.kind in ("jump", "open_quantum"):
        _over_time(figure, system)
    elif system.lattice.axes:
        _field(figure, system)
    elif system.kind == "map":
        _map(figure, system)
    elif system.dim == 1:
        _over_time(figure, system)
    else:
        _flow(figure, system)
    return figure


def caption(system):
    """What the portrait shows, in words."""
    names = ", ".join(system.variables[:3])
    if system.kind == "jump":
        return "A path." if system.jumps.states else "Three paths."
    if system.kind == "open_quantum":
        return "Averages over time, from the initial state of the file."
    if system.lattice.axes:
        return "Space upwards, time to the right." if system.dim > MANY else "Time to the right."
    if system.kind == "map":
        return "Each value against the next." if system.dim == 1 else f"Iterates in the plane of {names}."
    return "A path over time." if system.dim == 1 else f"A trajectory in the space of {names}."


def _flow(figure, system):
    data = dysyr.simulate(system, n_steps=N_FLOW if system.kind == "ode" else N_SERIES)
    x = data["x"].values[0]
    if system.dim == 2:
        axes = figure.add_subplot()
        axes.plot(*x.T, color=TRUTH, lw=0.5)
        axes.set(xlabel=system.variables[0], ylabel=system.variables[1])
        return
    axes = figure.add_subplot(projection="3d")
    axes.plot(*x[:, :3].T, color=TRUTH, lw=0.35, alpha=0.85)
    low, high = x[:, :3].min(axis=0), x[:, :3].max(axis=0)
    frame_space(axes, np.stack([low, high], axis=1), system.variables[:3])


def _map(figure, system):
    x = dysyr.simulate(system, n_steps=N_MAP)["x"].values[0]
    now, after = (x[:-1, 0], x[1:, 0]) if system.dim == 1 else x[:, :2].T
    name = system.variables[0]
    axes = figure.add_subplot()
    axes.plot(now, after, ls="", marker=".", markersize=1.2, markeredgewidth=0, color=TRUTH)
    labels = (f"{name}, now", f"{name}, next") if system.dim == 1 else system.variables[:2]
    axes.set(xlabel=labels[0], ylabel=labels[1])


def _field(figure, system):
    data = dysyr.simulate(system, n_steps=N_ROWS)
    names = [str(name) for name in data["state"].values]
    chosen = [i for i, name in enumerate(names) if name.startswith(f"{system.fields[0]}_")] or range(len(names))
    x, t = data["x"].values[0][:, list(chosen)], data["time"].values
    axes = figure.add_subplot()
    if x.shape[1] <= MANY:
        axes.plot(t, x, lw=0.8)
        axes.set(xlabel="time", ylabel=system.fields[0])
        return
    size = np.abs(x).max()
    both = x.min() < -0.01 * size and x.max() > 0.01 * size
    image = axes.imshow(
        x.T, aspect="auto", origin="lower", extent=(t[0], t[-1], 0, x.shape[1]), interpolation="nearest",
        cmap="RdGy" if both else "gray_r", vmin=-size if both else None, vmax=size if both else None,
    )  # fmt: skip
    axes.grid(False)
    axes.set(xlabel="time", ylabel=f"site of {system.fields[0]}")
    figure.colorbar(image, ax=axes, label=system.fields[0], shrink=0.9)


def _over_time(figure, system):
    axes = figure.add_subplot()
    if system.kind == "open_quantum":
        data = dysyr.simulate(system, n_steps=200)
        t, paths = data["time"].values, data["x"].values
        names = [str(name) for name in data["state"].values]
    else:
        several = system.kind == "jump" and not system.jumps.states
        data = dysyr.simulate(system, n_steps=400 if system.kind == "jump" else N_SERIES, seed=1,
                              n_trajectories=3 if several else 1)  # fmt: skip
        t, paths = data["time"].values, data["x"].values
        names = list(system.variables)
    shown = range(min(len(names), len(COLOURS)))
    if system.kind == "jump" and len(names) == 1:
        for path, colour in zip(paths, COLOURS, strict=False):
            axes.step(t, path[:, 0], where="post", color=colour, lw=0.7)
        axes.set(ylabel=names[0])
        if system.jumps.states:
            axes.set_yticks(range(len(system.jumps.states)), system.jumps.states)
    else:
        for j in shown:
            for k, path in enumerate(paths):
                axes.plot(t, path[:, j], color=COLOURS[j], lw=0.8, label=None if k else names[j])
        axes.legend(loc="best", facecolor=PLATE, frameon=True, framealpha=0.8, edgecolor="none")
    axes.set(xlabel="time")
