"""Picture of the windows that ``dysyr.benchmark.koopman_windows`` kept: true and generated ones in one plane.

    python -m dysyr.benchmark.koopman_picture -o FOLDER --write FILE.png

A panel for each kept cell of the first seed: windows as points in the plane of the two leading principal components of
the true ones, 500 of each.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D

from dysyr.core.errors import InputError
from dysyr.reporting.figures.style import MODEL, TRUTH, key, new_figure, styled
from dysyr.reporting.figures.windows import embedding

COLUMNS = 4


def main(arguments=None):
    """Read what was kept, draw, write."""
    parser = argparse.ArgumentParser(
        prog="python -m dysyr.benchmark.koopman_picture", description=__doc__.split(":")[0]
    )
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--write", required=True)
    options = parser.parse_args(arguments)
    cells = {}
    for place in Path(options.output).glob("*_*_0.npz"):
        data, percent, _ = place.stem.split("_")
        with np.load(place) as kept:
            cells[data, int(percent)] = kept["truth"], kept["generated"]
    if not cells:
        raise InputError(
            "no windows to draw", got=options.output, expected="a folder with files like sines_0_0.npz",
            do="run python -m dysyr.benchmark.koopman_windows first",
        )  # fmt: skip
    picture(dict(sorted(cells.items()))).savefig(options.write, dpi=170)


@styled
def picture(cells):
    """Figure with a panel for each (data, percent) -> (true, generated) windows, each (window, time, variable)."""
    n_rows = -(-len(cells) // COLUMNS)
    figure = new_figure(0.4 + 2.0 * n_rows)
    axes = figure.subplots(n_rows, min(COLUMNS, len(cells)), squeeze=False).ravel()
    for ax, ((data, percent), (truth, generated)) in zip(axes, cells.items(), strict=False):
        for points, colour in zip(embedding(truth, generated), (TRUTH, MODEL), strict=True):
            ax.plot(points[:, 0], points[:, 1], ".", ms=2, color=colour, alpha=0.6)
        ax.set_title(f"{data}, {percent} % missing" if percent else f"{data}, complete")
        ax.set(xticks=[], yticks=[])
    for ax in axes[len(cells) :]:
        ax.set_axis_off()
    marks = [Line2D([], [], marker=".", ls="", color=colour, label=name)
             for colour, name in ((TRUTH, "true windows"), (MODEL, "generated windows"))]  # fmt: skip
    key(figure, marks)
    return figure


if __name__ == "__main__":
    main()
