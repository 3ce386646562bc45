import matplotlib
import numpy as np
import pytest

from dysyr.api import evaluate
from dysyr.core.catalogue import catalogue_system, system_names
from dysyr.core.dataset import make_dataset
from dysyr.core.measure import Measure
from dysyr.reporting.figures.attractors import attractors_figure, correlation_time, is_map_like
from dysyr.reporting.figures.equations import equations_figure
from dysyr.reporting.figures.exponents import exponents_figure
from dysyr.reporting.figures.forecasts import forecasts_figure, valid_times_figure
from dysyr.reporting.figures.image import png_bytes, png_uri, svg_uri
from dysyr.reporting.figures.return_maps import maxima, return_map_figure
from dysyr.reporting.figures.scores import scores_figure
from dysyr.reporting.figures.series import series_figure, stretch_length
from dysyr.reporting.figures.spectra import spectra_figure, spectrum, window_length
from dysyr.reporting.figures.training import training_figure
from dysyr.reporting.training import _running_count


def test_maxima_of_a_sampled_parabola_are_exact():
    t = 0.1 * np.arange(8)
    heights = maxima(3.0 - 7.0 * (t - 0.333) ** 2)
    np.testing.assert_allclose(heights, [3.0], rtol=1e-12)


def test_noise_on_the_way_up_makes_no_maximum(rng):
    t = np.linspace(0, 20 * np.pi, 5000)
    noisy = np.sin(t) + 0.02 * rng.normal(size=len(t))
    assert len(maxima(noisy)) > 1000
    np.testing.assert_allclose(maxima(noisy, prominence=0.25), np.ones(10), atol=0.1)


def test_maxima_beside_missing_values_are_left_out():
    x = np.array([0.0, 1.0, 0.0, np.nan, 2.0, 0.0, 1.0, 0.0])
    np.testing.assert_allclose(maxima(x), [1.0, 1.0])


def test_the_points_of_a_cycle_are_large_enough_to_be_seen():
    t = 0.01 * np.arange(4000)
    cycle, chaos = np.sin(2 * np.pi * t), np.sin(2 * np.pi * t) * (1 + 0.5 * np.sin(np.sqrt(5) * t))
    figure = return_map_figure(chaos[:, None], cycle[:, None], names=["x"])
    truth, model = figure.axes[0].lines[1:3]
    assert model.get_markersize() > 2 * truth.get_markersize()


def test_the_return_map_of_the_logistic_map_is_its_parabola():
    x = np.empty(500)
    x[0] = 0.3
    for t in range(499):
        x[t + 1] = 3.9 * x[t] * (1 - x[t])
    assert is_map_like(x[:, None])
    figure = return_map_figure(x[:, None], x[:, None], names=["x"])
    now, following = figure.axes[0].lines[1].get_data()
    np.testing.assert_allclose(following, 3.9 * now * (1 - now), atol=1e-12)


def test_the_spectrum_of_white_noise_is_flat_at_twice_variance_times_dt(rng):
    frequency, power, n_windows = spectrum(2.0 * rng.normal(size=(60_000, 1)), 0.1, 512)
    assert power[5:-5].mean() == pytest.approx(2 * 4.0 * 0.1, rel=0.02)
    assert frequency[-1] == pytest.approx(5.0)
    assert n_windows == 1 + (60_000 - 512) // 256


def test_the_shaded_range_covers_white_noise_as_often_as_it_says(rng):
    figure = spectra_figure(rng.normal(size=(20_000, 1)), [], dt=1.0, names=["x"])
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    half = len(band) // 2
    low = np.interp(np.linspace(0.1, 0.4, 50), band[1:half, 0], band[1:half, 1])
    high = np.interp(np.linspace(0.1, 0.4, 50), band[half:-1, 0][::-1], band[half:-1, 1][::-1])
    inside = (np.minimum(low, high) < 2.0) & (np.maximum(low, high) > 2.0)
    assert inside.mean() > 0.8


def test_the_correlation_time_of_an_autoregression(rng):
    x = np.empty(50_000)
    x[0] = 0.0
    for t, step in enumerate(rng.normal(size=len(x) - 1)):
        x[t + 1] = np.exp(-1 / 30) * x[t] + step
    assert correlation_time(x) == pytest.approx(30, rel=0.25)


def test_a_stretch_shows_some_twenty_oscillations():
    x = np.sin(2 * np.pi * np.arange(10_000) / 50)[:, None]
    assert stretch_length(x) == pytest.approx(20 * 50, rel=0.05)
    assert window_length(100_000) == 4096


@pytest.mark.parametrize("n_variables", [1, 2, 3, 4, 8])
def test_attractors_of_any_dimension_share_their_axes(rng, n_variables):
    truth = rng.normal(size=(300, n_variables)).cumsum(axis=0)
    figure = attractors_figure(truth, truth + 1e4, names=[f"x{i}" for i in range(n_variables)])
    planes = [ax for ax in figure.axes if ax.name != "3d"]
    half = len(planes) // 2
    for of_truth, of_model in zip(planes[:half], planes[half:], strict=True):
        assert of_truth.get_xlim() == of_model.get_xlim()
        assert of_truth.get_ylim() == of_model.get_ylim()
    if n_variables <= 4:
        titles = [ax.get_title(place) for ax in figure.axes for place in ("left", "center")]
        assert any("100 % outside" in title for title in titles)
    assert png_bytes(figure).startswith(b"\x89PNG")


def test_diverged_and_missing_values_can_be_drawn(rng):
    truth = rng.normal(size=(400, 3)).cumsum(axis=0)
    truth[10:20] = np.nan
    run = truth * np.exp(np.arange(400))[:, None]
    run[200:] = np.inf
    assert png_bytes(attractors_figure(truth, run, names="xyz"))
    assert png_bytes(series_figure(truth, dt=0.1, names="xyz"))
    context, future = truth[None, 30:50], truth[None, 50:90]
    lost = np.where(np.arange(40)[None, :, None] > 5, np.nan, future)
    assert png_bytes(forecasts_figure(context, future, lost, dt=0.1, names="xyz", valid_time=np.array([0.5])))


def test_the_curve_of_valid_times_is_the_share_that_lasted():
    figure = valid_times_figure(np.array([1.0, 2.0, 3.0, 5.0]), {"persistence": np.zeros(4)}, horizon=5.0)
    time, share = figure.axes[0].lines[-2].get_data()
    assert share[np.searchsorted(time, 2.5, side="right") - 1] == pytest.approx(0.5)
    assert (time[-1], share[-1]) == (5.0, 0.25)


def test_each_exponent_has_its_own_scale_and_many_share_one():
    figure = exponents_figure([0.9, 0.0, -14.0], [0.91, 0.0, -14.6], model_stderr=[0.01, None, np.nan])
    low, high = figure.axes[0].get_ylim()
    assert low > 0.8 and high < 1.0
    assert len(exponents_figure(np.linspace(1, -10, 20), np.linspace(1, -10, 20)).axes) == 1


def test_a_control_that_a_distance_cannot_see_stays_on_the_axis():
    measure = Measure(
        name="d_h", kind="distance", value=0.2, floor=0.05, ceiling=1.0, controls={"phase_surrogate": 1e-15}
    )
    ax = scores_figure([measure]).axes[0]
    assert 1e-3 < ax.get_xlim()[0] < 0.05
    assert any(line.get_marker() == "<" for line in ax.lines)


def test_a_floor_of_half_the_length_stands_beside_the_score_at_that_length():
    measure = Measure(
        name="d_stsp", kind="distance", value=2.8, floor=2.6, settings={"floor": "halves", "value_at_floor_n": 4.1}
    )
    ax = scores_figure([measure]).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["model", "model, half length", "floor, half length"]
    assert any(list(line.get_xdata()) == [4.1] and list(line.get_ydata()) == [1] for line in ax.lines)


def test_a_score_of_zero_or_none_can_be_drawn():
    zero = Measure(name="d_stsp", kind="distance", value=0.0, floor=0.0, ceiling=None)
    lost = Measure(name="d_h", kind="distance", value=float("nan"), status="not defined")
    assert svg_uri(scores_figure([zero, lost]))


def test_training_curves_mark_the_chosen_checkpoint():
    steps = np.arange(1000)
    figure = training_figure([("loss", steps, np.exp(-steps / 100)), ("alpha", steps, steps * 0.0)], selected=700)
    assert figure.axes[0].get_yscale() == "log" and figure.axes[1].get_yscale() == "linear"
    assert figure.axes[0].lines[-1].get_xdata()[0] == 700


def test_training_curves_keep_equal_distances_where_updates_do_not():
    """Two attempts of ten checks of 100 updates and three of one; the ticks tell the update."""
    one = np.concatenate([100 * np.arange(1, 11), 1000 + np.arange(1, 4)])
    steps = np.concatenate([one, 1003 + one])
    figure = training_figure([("loss", steps, np.ones(26))], selected=1002, restarts=(1003,))
    curve, chosen, restart = figure.axes[0].lines
    np.testing.assert_array_equal(curve.get_xdata(), np.arange(26))
    assert chosen.get_xdata()[0] == 11
    assert restart.get_xdata()[0] == 12.5
    label = figure.axes[0].xaxis.get_major_formatter()
    assert (label(9, None), label(12, None), label(26, None)) == ("1000", "1003", "")


def test_an_attempt_that_goes_on_after_others_is_counted_on():
    """Two attempts of 20 updates, then 5 more of the first."""
    count, taken_up = _running_count(np.array([10, 20, 10, 20, 25.0]), np.array([0, 0, 1, 1, 0.0]))
    np.testing.assert_array_equal(count, [10, 20, 30, 40, 45])
    assert taken_up == (20, 40)


@pytest.mark.parametrize("name", system_names())
def test_the_equations_of_every_system_can_be_set(name):
    system = catalogue_system(name)
    figure = equations_figure(system.latex())
    assert all(text.get_window_extent().x1 <= figure.bbox.x1 for text in figure.texts)


def test_the_same_figure_gives_the_same_bytes(rng):
    x = rng.normal(size=(500, 2))
    first, second = (series_figure(x, dt=1.0, names="ab") for _ in range(2))
    assert svg_uri(first) == svg_uri(second)
    assert png_uri(first) == png_uri(second)


def test_the_users_matplotlib_settings_are_left_alone(rng):
    with matplotlib.rc_context({"font.size": 33.0}):
        series_figure(rng.normal(size=(100, 1)), dt=1.0, names="x")
        assert matplotlib.rcParams["font.size"] == 33.0


def test_spectra_leave_out_variables_that_are_constant(rng):
    truth = np.column_stack([np.full(2_000, 3.0), rng.normal(size=2_000)])
    figure = spectra_figure(truth, [truth[::-1]], dt=1.0, names=["still", "moving"])
    assert [ax.get_title(loc="left") for ax in figure.axes if ax.get_visible()] == ["moving"]
    assert spectra_figure(truth[:, :1], [truth[:, :1]], dt=1.0, names=["still"]) is None


@pytest.mark.parametrize("units", ["mV", "[1, 2]", '{"$^$": "mV"}'])
def test_names_and_units_of_other_programs_are_drawn_as_they_are_written(tmp_path, units):
    t = 0.1 * np.arange(800)
    names = ["$\\SI{1}{mV}$", "$^$"]
    data = make_dataset(np.column_stack([np.sin(t), np.cos(t)]), dt=0.1, names=names, attrs={"units": units})
    evaluate(data, data).to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size > 10_000
