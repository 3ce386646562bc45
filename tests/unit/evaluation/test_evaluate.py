"""evaluate: from models and data sets to a card."""

import json

import numpy as np
import pytest

from dysyr.api import evaluate
from dysyr.core.catalogue import catalogue_system
from dysyr.core.dataset import as_dataset, make_dataset, trajectories
from dysyr.core.embedding import embed
from dysyr.core.errors import InputError
from dysyr.evaluation import MEASURES
from dysyr.evaluation.assemble import independent_stretches, longest_stretch
from dysyr.simulation.observation import GaussianEmission, GaussianNoise, PartialObservation
from dysyr.simulation.simulate import simulate
from dysyr.truth import independent_truths, system_behind, true_flow

REPEATED = ("d_h", "wasserstein", "prediction_error", "lyapunov_spectrum")
FEW = ("d_stsp", "d_h", "lyapunov_spectrum", "divergence_rate", "valid_prediction_time", "prediction_error")


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DYSYR_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def henon_data():
    return simulate(catalogue_system("henon"), n_steps=3000, seed=0)


@pytest.fixture
def model(henon_model):
    class UnitHenon(henon_model):
        dt = 1.0

    return UnitHenon()


def test_the_true_map_is_indistinguishable_from_its_data(model, henon_data, quick):
    card = evaluate(model, henon_data, settings=quick)
    assert card.verdict.verdict == "indistinguishable at this length"
    assert set(card.measures) == {m.name for m in MEASURES} - {"d_stsp_mixture", "divergence_rate"}
    assert card.measures["d_stsp"].settings["floor"] == "simulated"
    assert card.measures["d_stsp"].settings["floor_pairs"] == 20
    assert len(card.measures["d_stsp"].runs) == 10
    assert card.measures["prediction_error"].value["1"] < 1e-20
    assert card.measures["prediction_error"].floor["1"] < 1e-20
    spectrum = card.measures["lyapunov_spectrum"]
    assert spectrum.value[0] == pytest.approx(spectrum.truth[0], abs=4 * spectrum.stderr[0])
    assert card.system.name == "henon"
    assert len(json.loads(card.runs.attrs["status"])) == 10
    text = json.dumps(card.to_dict(), allow_nan=False)
    assert json.loads(text)["measures"]["d_stsp"]["kind"] == "distance"


def test_the_same_seed_gives_the_same_card(model, henon_data, quick):
    first = evaluate(model, henon_data, measures=REPEATED, settings=quick, seed=3)
    second = evaluate(model, henon_data, measures=REPEATED, settings=quick, seed=3)
    other = evaluate(model, henon_data, measures=REPEATED, settings=quick, seed=4)
    assert first.to_dict()["measures"] == second.to_dict()["measures"]
    assert first.measures["d_h"].runs != other.measures["d_h"].runs


def test_a_system_serves_as_truth(model, quick):
    import dataclasses

    settings = dataclasses.replace(quick, n_truth=2000)
    card = evaluate(model, catalogue_system("henon"), measures=FEW, settings=settings)
    assert card.measures["d_stsp"].n == 2000


def test_a_data_set_of_runs_is_evaluated_without_forecasts_or_jacobian(henon_data, henon_truths):
    runs = make_dataset(list(henon_truths[:10, :3000]), dt=1.0)
    card = evaluate(runs, henon_data, measures=FEW)
    assert card.verdict.verdict == "indistinguishable at this length"
    assert set(card.measures) == {"d_stsp", "d_h", "divergence_rate"}


def test_runs_that_stop_early_count_as_lost(henon_data, henon_truths):
    runs = [*henon_truths[:9, :3000], henon_truths[9, :1000]]
    card = evaluate(make_dataset(runs, dt=1.0), henon_data, measures=("d_stsp", "d_h"))
    assert card.verdict.verdict == "diverged"
    assert card.measures["d_stsp"].settings["nonfinite"] == pytest.approx(0.1 * 2 / 3)


def test_measured_data_take_their_floor_from_their_halves(model, henon_truths, quick):
    card = evaluate(model, henon_truths[0, :3000], measures=("d_stsp", "d_h"), settings=quick)
    assert card.measures["d_stsp"].settings["floor"] == "halves"
    assert card.system is None


def test_further_trajectories_and_a_given_reference_make_floors(model, henon_truths, quick):
    many = make_dataset(list(henon_truths[:6, :3000]), dt=1.0)
    card = evaluate(model, many, measures=("d_stsp",), settings=quick)
    assert card.measures["d_stsp"].settings["floor"] == "other trajectories"
    assert card.measures["d_stsp"].settings["floor_pairs"] == 5
    long = make_dataset(henon_truths[20], dt=1.0)
    card = evaluate(model, henon_truths[0, :1000], reference=long, measures=("d_stsp",), settings=quick)
    assert card.measures["d_stsp"].settings["floor"] == "given"
    assert card.measures["d_stsp"].settings["floor_pairs"] == 5
    named = make_dataset(henon_truths[0, :1000], dt=1.0, names=["p", "q"])
    turned = make_dataset(henon_truths[20][:, ::-1], dt=1.0, names=["q", "p"])
    again = evaluate(named, named, reference=turned, measures=("d_stsp",), settings=quick)
    assert again.measures["d_stsp"].floor == card.measures["d_stsp"].floor


def test_a_short_reference_is_refused(model, henon_truths, quick):
    with pytest.raises(InputError, match="500 samples without a gap; at least 1000"):
        evaluate(model, henon_truths[0, :1000], reference=henon_truths[1, :500], settings=quick)


def test_the_longest_gap_free_stretch_is_used(henon_truths):
    x = np.array(henon_truths[0, :1000])
    x[300, 0] = np.nan
    x[900] = np.nan
    data = make_dataset([henon_truths[1, :400], x], dt=1.0, mask=True)
    assert longest_stretch(data) == (1, 301, 900)
    pieces = independent_stretches(data, 200, 20)
    assert pieces.shape == (5, 200, 2)
    assert np.isfinite(pieces).all()


def test_a_truth_too_short_to_judge_is_refused(model):
    with pytest.raises(InputError, match="30 samples without a gap; at least 50"):
        evaluate(model, np.random.default_rng(0).normal(size=(30, 2)))


@pytest.mark.parametrize(
    "truth, message",
    [
        (make_dataset(np.random.default_rng(0).normal(size=(200, 3)), dt=1.0), "the model has x, y"),
        (make_dataset(np.random.default_rng(0).normal(size=(200, 2)), dt=0.7), "the truth has dt = 0.7"),
    ],
)
def test_a_truth_that_does_not_fit_the_model_is_refused(model, truth, message):
    with pytest.raises(InputError, match=message):
        evaluate(model, truth)


def test_an_unknown_measure_is_refused(model, henon_data):
    with pytest.raises(InputError, match="unknown measure: d_spst; some of d_stsp"):
        evaluate(model, henon_data, measures=("d_spst",))


def test_noisy_truth_gets_noisy_references_and_is_forecast_without_its_noise(model, henon_data, quick):
    noisy = GaussianNoise(0.02)(henon_data, seed=1)
    truths = independent_truths(catalogue_system("henon"), noisy, 500, n_pairs=4)
    clean = independent_truths(catalogue_system("henon"), henon_data, 500, n_pairs=4)
    assert truths.shape == (4, 500, 2)
    assert truths.std() == pytest.approx(clean.std() * np.sqrt(1.0004), rel=0.02)
    assert np.abs(truths - clean).max() < 0.1 and not np.array_equal(truths, clean)
    card = evaluate(model, noisy, measures=FEW, settings=quick)
    start = card.forecasts.starts[0]
    assert np.array_equal(card.forecasts.actual[0, 0], henon_data["x"].values[0, start])
    error = card.measures["prediction_error"]
    for steps in ("1", "20"):
        assert error.value[steps] == pytest.approx(error.floor[steps])


def test_a_partial_observation_keeps_its_floors_and_loses_its_true_forecast(henon_data):
    partial = PartialObservation(("y",))(henon_data)
    system = system_behind(partial)
    assert independent_truths(system, partial, 300, n_pairs=3).shape == (3, 300, 1)
    assert true_flow(system, partial) is None


def test_wrong_labels_and_currents_are_repeated_for_the_floors():
    system = catalogue_system("two_state_channel").with_parameters(k_open=0.02, k_close=0.02)
    clean = simulate(system, n_steps=400, seed=1)
    plain, flipped = (
        independent_truths(system, simulate(system, n_steps=400, seed=1, label_noise=noise), 400, n_pairs=20)
        for noise in (0.0, 0.2)
    )
    assert plain.shape == flipped.shape == (20, 400, 1)
    assert (plain != flipped).mean() == pytest.approx(0.2, abs=0.02)
    current = independent_truths(system, GaussianEmission((0.0, 5.0), (0.1, 0.1))(clean), 400, n_pairs=20)
    assert np.abs(current - 5 * plain).max() < 0.6 and true_flow(system, clean) is None


def test_a_delay_embedding_is_repeated_for_the_floors(henon_data, henon_truths):
    embedded = embed(PartialObservation(("x",))(henon_data), dim=2, delay=1)
    made = independent_truths(system_behind(embedded), embedded, 300, n_pairs=3)
    assert made.shape == (3, 300, 2)
    assert np.array_equal(made[:, 1:, 0], made[:, :-1, 1])
    x = henon_truths[:10, :3000, 0]
    runs = make_dataset(np.stack([x[:, :-1], x[:, 1:]], axis=-1), dt=1.0)
    card = evaluate(runs, embedded, measures=FEW)
    assert card.measures["d_stsp"].settings["floor"] == "simulated"
    assert card.verdict.verdict == "indistinguishable at this length"


def test_variables_in_another_order_are_put_in_that_of_the_truth(model, henon_data, henon_truths, quick):
    runs = make_dataset(henon_truths[:10, :3000], dt=1.0, names=["x", "y"])
    turned, truth = runs.isel(state=[1, 0]), henon_data.isel(state=[1, 0])
    scores = [
        evaluate(*pair, measures=FEW, settings=quick).measures["d_stsp"].value
        for pair in ((runs, henon_data), (turned, henon_data), (runs, truth))
    ]
    assert scores[0] == scores[1] == pytest.approx(scores[2], rel=1e-9)
    other = runs.assign_coords(state=["p", "q"])
    assert evaluate(other, henon_data, measures=FEW, settings=quick).measures["d_stsp"].value == scores[0]


def test_what_was_done_to_a_simulation_afterwards_leaves_no_simulated_floor(henon_data, henon_truths):
    runs = make_dataset(henon_truths[:10, :3000], dt=1.0, names=["x", "y"])
    for changed in (henon_data.assign(x=1000 * henon_data["x"]), henon_data.assign(x=henon_data["x"] + 20)):
        assert evaluate(runs, changed, measures=FEW).measures["d_stsp"].settings["floor"] == "halves"
    resampled = henon_data.assign_attrs(resampled="{}")
    assert evaluate(runs, resampled, measures=FEW).measures["d_stsp"].settings["floor"] == "halves"
    one = henon_data.isel(state=[0])
    card = evaluate(make_dataset(henon_truths[:10, :3000, :1], dt=1.0), one, measures=FEW)
    assert card.measures["d_stsp"].settings["floor"] == "simulated"
    assert card.verdict.verdict == "indistinguishable at this length"
    with pytest.raises(InputError, match="the times do not fit dt: steps of 2; attrs"):
        evaluate(runs, henon_data.isel(time=slice(None, None, 2)), measures=FEW)


def test_one_mode_of_several_keeps_its_simulated_floor():
    """Schlögl's reaction stays near one of two numbers of molecules for long."""
    truth, runs = (simulate("schlogl", n_steps=3_000, seed=seed, n_trajectories=n) for seed, n in ((0, 1), (100, 3)))
    card = evaluate(runs, truth, measures=("d_stsp", "d_h"))
    assert card.measures["d_stsp"].settings["floor"] == "simulated"


def test_chosen_columns_of_a_lattice_are_those_of_the_whole_lattice():
    whole = simulate("lorenz96", n_steps=300)
    some = as_dataset(whole, columns=[str(name) for name in whole["state"].values[:3]])
    assert system_behind(some).dim == whole.sizes["state"]
    assert independent_truths(system_behind(some), some, 100, n_pairs=2).shape == (2, 100, 3)


def test_attributes_that_are_no_parameters_name_no_system(henon_data):
    for text in ("a=3", "[1]"):
        assert system_behind(henon_data.assign_attrs(parameters=text)) is None


@pytest.mark.parametrize("factor", [1e180, 1e308])
def test_runs_that_grow_beyond_every_square_have_diverged(henon_data, henon_truths, factor):
    x = henon_truths[:10, :3000].copy()
    x[0, 300:] = factor
    assert evaluate(make_dataset(x, dt=1.0), henon_data).verdict.verdict == "diverged"


def test_cycles_of_a_family_are_cycles_and_weak_chaos_is_none():
    """Lotka and Volterra's exponents are all zero; a forced oscillator's are 0.099 and -8.5."""
    for name, words in (("lotka_volterra", ("indistinguishable at this length", "plausible attractor")),
                        ("forced_van_der_pol", None)):
        truth, runs = simulate(name, n_steps=4_000), simulate(name, n_steps=4_000, n_trajectories=10, seed=5)
        card = evaluate(runs, truth, measures=FEW)
        assert words is None or card.verdict.verdict in words
        assert any("the truth is a cycle" in line.text for line in card.verdict.lines) == (name == "lotka_volterra")


def test_states_of_other_variables_are_not_taken_for_the_truth_without_noise(model, henon_data, quick):
    swapped = PartialObservation(("y", "x"))(henon_data)
    card = evaluate(model, swapped, measures=("prediction_error",), settings=quick)
    start = card.forecasts.starts[0]
    assert np.array_equal(card.forecasts.actual[0, 0], swapped["x"].values[0, start, ::-1])


def test_the_system_behind_a_data_set_has_its_parameters():
    data = simulate(catalogue_system("henon").with_parameters(a=1.3), n_steps=100)
    assert dict(system_behind(data).parameters) == {"a": 1.3, "b": 0.3}
    assert system_behind(make_dataset(trajectories(data), dt=1.0)) is None


def test_states_that_escape_lose_their_own_forecast_only(henon_data):
    ahead = true_flow(catalogue_system("henon"), henon_data)(np.array([[0.1, 0.1], [5.0, 5.0]]), 30)
    assert np.isfinite(ahead[0]).all() and np.isnan(ahead[1]).all()


def test_the_true_flow_repeats_the_simulation(henon_data):
    x = henon_data["x"].values[0]
    ahead = true_flow(catalogue_system("henon"), henon_data)(x[[10, 500]], 5)
    assert ahead == pytest.approx(np.stack([x[11:16], x[501:506]]), abs=1e-12)
