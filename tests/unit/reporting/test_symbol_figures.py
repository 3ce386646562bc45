import matplotlib.colors
import numpy as np
import pytest
from matplotlib.patches import Circle, FancyArrowPatch

from dysyr.reporting.figures.image import png_bytes
from dysyr.reporting.figures.symbol_colours import symbol_colours
from dysyr.reporting.figures.symbol_raster import symbol_raster_figure
from dysyr.reporting.figures.symbol_space import DrawnOrbit, symbol_space_figure
from dysyr.reporting.figures.transition_graph import transition_graph_figure


def hexadecimal(colour):
    return matplotlib.colors.to_hex(colour)


def planes(figure):
    return [ax for ax in figure.axes if ax.name != "3d" and ax.lines]


def circle(n=400):
    t = np.linspace(0, 4 * np.pi, n)
    return np.stack([np.cos(t), np.sin(t), 0.1 * np.sin(3 * t)], axis=1)


@pytest.mark.parametrize("n_symbols", [1, 2, 8, 9, 64])
def test_every_symbol_has_a_colour_of_its_own(n_symbols):
    assert len(set(symbol_colours(n_symbols))) == n_symbols


def test_lines_have_the_colour_of_the_symbol_in_which_they_begin():
    x = circle()
    symbols = (x[:, 0] < 0).astype(np.int64)
    figure = symbol_space_figure([x], [symbols], names=["0", "1"], variables=["x", "y", "z"])
    first = planes(figure)[0]
    assert (first.get_xlabel(), first.get_ylabel()) == ("x", "y")
    for symbol, line in enumerate(first.lines):
        assert hexadecimal(line.get_color()) == symbol_colours(2)[symbol]
        path = line.get_xydata()
        begins = np.isfinite(path[:-1]).all(axis=1) & np.isfinite(path[1:]).all(axis=1)
        assert ((path[:-1][begins, 0] < 0) == bool(symbol)).all()
    joined = sum(np.isfinite(line.get_xydata()).all(axis=1).sum() for line in first.lines)
    n_changes = (np.diff(symbols) != 0).sum()
    assert joined == len(x) + n_changes


def test_points_of_a_map_are_not_joined(rng):
    x = rng.normal(size=(300, 2))
    symbols = rng.integers(0, 3, 300)
    figure = symbol_space_figure([x], [symbols], names=["a", "b", "c"], variables=["x", "y"])
    (ax,) = planes(figure)
    for symbol, line in enumerate(ax.lines):
        assert line.get_linestyle() == "None"
        np.testing.assert_array_equal(line.get_xydata(), x[symbols == symbol])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["0: a", "1: b", "2: c"]


def test_one_variable_is_drawn_against_itself_with_orbits_on_the_graph_of_the_map():
    x = np.empty((600, 1))
    x[0] = 0.3
    for t in range(599):
        x[t + 1] = 3.9 * x[t] * (1 - x[t])
    fixed = np.array([[1 - 1 / 3.9]])
    orbit = DrawnOrbit(fixed, "unstable", True)
    figure = symbol_space_figure([x], [np.zeros(600, int)], names=["0"], variables=["x"], orbits=[orbit])
    (ax,) = planes(figure)
    before, after = ax.lines[0].get_data()
    np.testing.assert_allclose(after, 3.9 * before * (1 - before), atol=1e-12)
    np.testing.assert_allclose(ax.lines[1].get_xydata(), [[fixed[0, 0], fixed[0, 0]]])


def test_stretches_are_not_joined_to_each_other():
    x = circle(100)
    figure = symbol_space_figure([x[:50], x[50:]], [np.zeros(50, int)] * 2, names=["0"], variables=["x", "y", "z"])
    path = planes(figure)[0].lines[0].get_xydata()
    assert np.isnan(path[50]).all() and np.isfinite(path[:50]).all()


def test_far_orbits_do_not_squeeze_the_attractor_and_are_counted():
    x = circle()
    near = DrawnOrbit(np.array([[0.0, 1.3, 0.0]]), "stable", True)
    far = DrawnOrbit(np.full((1, 3), 900.0), "saddle", True)
    plain, both = (
        symbol_space_figure([x], [np.zeros(400, int)], names=["0"], variables=["x", "y", "z"], orbits=orbits)
        for orbits in ([], [near, far])
    )
    assert planes(plain)[0].get_ylim()[1] == pytest.approx(1.12, abs=0.01)
    assert planes(both)[0].get_ylim()[1] == pytest.approx(1.42, abs=0.01)
    assert planes(both)[0].get_title("left") == "1 of 2 outside"
    assert len(planes(both)[0].lines) == 2 and len(planes(plain)[0].lines) == 1


def test_orbits_look_as_stable_as_they_are():
    x, at = circle(), np.zeros((1, 3))
    kinds = [("stable", True), ("saddle", True), ("unstable", True), ("stable", False)]
    orbits = [DrawnOrbit(at, stability, real) for stability, real in kinds]
    orbits.append(DrawnOrbit(np.zeros((2, 3)), "non-hyperbolic", True))
    figure = symbol_space_figure([x], [np.zeros(400, int)], names=[""], variables=["x", "y", "z"], orbits=orbits)
    marks = [(line.get_marker(), line.get_fillstyle()) for line in planes(figure)[0].lines[1:]]
    assert marks == [("o", "full"), ("o", "left"), ("o", "none"), ("x", "full"), ("^", "top")]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "0", "stable fixed point", "saddle fixed point", "unstable fixed point", "virtual fixed point",
        "non-hyperbolic cycle of 2",
    ]  # fmt: skip


@pytest.mark.parametrize(("n_variables", "names"), [(4, ("a", "b")), (7, ("PC 1", "PC 2"))])
def test_of_many_variables_three_axes_are_shown(rng, n_variables, names):
    x = rng.normal(size=(500, n_variables)).cumsum(axis=0)
    x[40, 2] = np.nan
    figure = symbol_space_figure([x], [np.arange(500) // 25], names=list("abcdefghijklmnopqrst"), variables="abcdefg")
    assert (planes(figure)[0].get_xlabel(), planes(figure)[0].get_ylabel()) == names
    assert len(planes(figure)) == 3 and sum(ax.name == "3d" for ax in figure.axes) == 1
    assert not figure.legends and figure.axes[-1].get_ylabel() == "symbol"
    assert png_bytes(figure).startswith(b"\x89PNG")


def test_long_records_are_thinned(rng):
    x = rng.normal(size=(40_000, 2))
    (ax,) = planes(symbol_space_figure([x], [np.zeros(40_000, int)], names=["0"], variables="xy"))
    assert len(ax.lines[0].get_xydata()) == 10_000
    smooth = circle(40_000)
    ax = planes(symbol_space_figure([smooth], [np.zeros(40_000, int)], names=["0"], variables="xyz"))[0]
    assert np.isfinite(ax.lines[0].get_xydata()).all(axis=1).sum() == 12_000


def test_arrows_and_loops_are_the_transitions_and_their_widths_the_probabilities():
    matrix = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.9, 0.0, 0.1]])
    ax = transition_graph_figure(matrix, np.array([30, 20, 10]), names=["a", "b", "c"]).axes[0]
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    circles = [patch for patch in ax.patches if isinstance(patch, Circle)]
    loops, nodes = [c for c in circles if not c.get_fill()], [c for c in circles if c.get_fill()]
    assert (len(arrows), len(loops), len(nodes)) == (3, 2, 3)
    assert sorted(a.get_linewidth() for a in arrows) == pytest.approx([2.9, 4.9, 5.4])
    assert sorted(c.get_linewidth() for c in loops) == pytest.approx([0.9, 2.9])
    assert [hexadecimal(node.get_facecolor()) for node in nodes] == symbol_colours(3)
    assert nodes[0].radius > nodes[1].radius > nodes[2].radius
    labels = {text.get_text() for text in ax.texts}
    assert {"0.5", "1", "0.9", "0.1"} <= labels


def test_a_graph_of_one_symbol():
    ax = transition_graph_figure(np.ones((1, 1)), np.array([9]), names=[""]).axes[0]
    assert len(ax.patches) == 2


def test_of_many_symbols_and_arrows_the_largest_are_drawn(rng):
    matrix = rng.dirichlet(np.ones(80), size=80)
    ax = transition_graph_figure(matrix, np.arange(80, 0, -1), names=[str(s) for s in range(80)]).axes[0]
    assert ax.get_title("left") == f"64 of 80 symbols, 200 of {64 * 64} transitions"
    drawn = [p for p in ax.patches if isinstance(p, FancyArrowPatch) or not p.get_fill()]
    assert len(drawn) == 200
    least = np.sort(matrix[:64, :64], axis=None)[-200]
    assert min(p.get_linewidth() for p in drawn) == pytest.approx(0.4 + 5 * 12 / 64 * least)


def test_bars_of_the_raster_are_the_stays():
    symbols = np.array([0, 0, 0, 1, 1, 2, 0])
    figure = symbol_raster_figure(symbols, 10 + 0.5 * np.arange(7), np.full(7, 0.5), names=["a", "b", "c"])
    ax = figure.axes[0]
    spans = {}
    for bars in ax.collections:
        for path in bars.get_paths():
            low, high = path.get_extents().get_points()
            spans[low[0], high[0]] = (round((low[1] + high[1]) / 2), hexadecimal(bars.get_facecolor()[0]))
    colours = symbol_colours(3)
    assert spans == {
        (10.0, 11.5): (0, colours[0]), (11.5, 12.5): (1, colours[1]), (12.5, 13.0): (2, colours[2]),
        (13.0, 13.5): (0, colours[0]),
    }  # fmt: skip
    assert ax.get_xlim() == (10.0, 13.5)


def test_the_raster_shows_the_first_150_stays():
    symbols = np.tile([0, 0, 1], 300)
    ax = symbol_raster_figure(symbols, np.arange(900.0), np.ones(900), names=["a", "b"]).axes[0]
    assert sum(len(bars.get_paths()) for bars in ax.collections) == 150
    assert ax.get_xlim() == (0.0, 225.0)


def test_entries_of_a_jump_code_last_as_long_as_they_say():
    figure = symbol_raster_figure(np.array([0, 1, 0]), np.array([0.0, 3, 4]), np.array([3.0, 1, 2]), names="ab")
    assert figure.axes[0].get_xlim() == (0.0, 6.0)
