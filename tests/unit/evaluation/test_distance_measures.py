import numpy as np
import pytest

from dysyr.core.attractor_distance import spectrum_distance, state_space_divergence
from dysyr.evaluation.autocorrelation_distance import AutocorrelationMeasure
from dysyr.evaluation.spectra import SpectrumMeasure
from dysyr.evaluation.state_space import MixtureMeasure, StateSpaceMeasure
from dysyr.evaluation.wasserstein import WassersteinMeasure

DISTANCES = [StateSpaceMeasure(), SpectrumMeasure(), WassersteinMeasure(), AutocorrelationMeasure()]


@pytest.fixture(scope="module")
def context(henon_truths, make_context):
    return make_context(
        henon_truths[0], henon_truths[1:11], references=henon_truths[11:31], reference_kind="simulated"
    )


@pytest.mark.parametrize("distance", DISTANCES, ids=lambda d: d.name)
def test_independent_truth_scores_its_floor(context, distance):
    measure = distance.compute(context)
    low, high = measure.floor_range
    assert low <= measure.value <= high
    assert low < measure.floor < high < measure.ceiling
    assert len(measure.runs) == 10
    assert measure.stderr == pytest.approx(np.std(measure.runs, ddof=1) / np.sqrt(10))
    assert (measure.settings["floor_pairs"], measure.settings["floor_n"]) == (20, 5000)


CAUGHT = {
    "d_stsp": {"phase_surrogate", "autoregression", "short_loop", "white_noise"},
    "d_h": {"time_shuffled", "short_loop", "white_noise"},
    "wasserstein": {"phase_surrogate", "autoregression", "short_loop", "white_noise"},
    "autocorrelation": {"time_shuffled", "short_loop", "white_noise"},
}
BLIND = {"d_stsp": {"time_shuffled"}, "d_h": {"phase_surrogate"}, "wasserstein": {"time_shuffled"}}


@pytest.mark.parametrize("distance", DISTANCES, ids=lambda d: d.name)
def test_negative_controls_are_caught_by_the_measures_that_can_see_them(context, distance):
    measure = distance.compute(context)
    for name in CAUGHT[distance.name]:
        assert measure.controls[name] > 2 * measure.floor_range[1], name
    for name in BLIND.get(distance.name, ()):
        assert measure.controls[name] < measure.floor_range[1], name


def test_values_are_those_of_the_definitions(context):
    truth, run = context.truth, context.runs[0]
    assert StateSpaceMeasure().compute(context).runs[0] == state_space_divergence(truth, run).value
    spectrum = SpectrumMeasure().compute(context)
    assert spectrum.runs[0] == spectrum_distance(truth, run, dt=1.0, sigma_bins=20).value
    assert spectrum.settings["sigma_bins"] == pytest.approx(20)


def test_without_independent_truth_floor_and_score_are_compared_at_half_length(henon_truths, make_context):
    context = make_context(henon_truths[0], henon_truths[1:4])
    measure = StateSpaceMeasure().compute(context)
    first, second = henon_truths[0, :2500], henon_truths[0, 2500:]
    floors = [state_space_divergence(first, second).value, state_space_divergence(second, first).value]
    assert measure.floor == pytest.approx(np.mean(floors))
    assert (measure.settings["floor"], measure.settings["floor_n"]) == ("halves", 2500)
    runs = henon_truths[1:4, :2500]
    halves = [state_space_divergence(half, run).value for half in (first, second) for run in runs]
    assert measure.settings["value_at_floor_n"] == pytest.approx(np.mean(halves))
    assert measure.settings["value_at_floor_n"] > measure.value


@pytest.mark.parametrize("distance", DISTANCES, ids=lambda d: d.name)
def test_a_run_that_diverges_early_scores_near_the_ceiling(context, distance, make_context):
    lost = np.array(context.runs)
    lost[:, 50:] = np.nan
    measure = distance.compute(make_context(context.truth, lost, references=context.references))
    assert measure.value > 10 * measure.floor_range[1]


@pytest.mark.parametrize("distance", DISTANCES, ids=lambda d: d.name)
def test_a_truth_without_variation_has_no_distance(distance, make_context):
    measure = distance.compute(make_context(np.ones((100, 2)), np.ones((3, 100, 2))))
    assert np.isnan(measure.value)
    assert "constant" in measure.status


def test_mixtures_take_over_where_bins_do_not_serve(rng, make_context):
    x = rng.normal(size=(12, 400, 8))
    context = make_context(x[0], x[1:6], references=x[6:])
    bins, mixture = StateSpaceMeasure().compute(context), MixtureMeasure().compute(context)
    assert bins.status.startswith("not reliable")
    assert mixture.status == "ok"
    assert mixture.floor_range[0] <= mixture.value <= mixture.floor_range[1]
    assert mixture.value < 0.5 * mixture.ceiling


def test_mixtures_stay_away_where_bins_serve(context):
    assert MixtureMeasure().compute(context) is None
