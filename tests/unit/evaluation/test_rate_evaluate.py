"""evaluate on rate models and on labels: which measures, which verdict, and what is refused."""

import dataclasses
import json

import numpy as np
import pytest
from jump_cases import DT, THREE, irregular_paths, paths, ratchet

from dysyr.api import evaluate
from dysyr.core.catalogue import catalogue_system
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError
from dysyr.core.levels import NormalLevels
from dysyr.core.system import System
from dysyr.evaluation import MEASURES, RATE_MEASURES
from dysyr.evaluation.settings import EvaluationSettings
from dysyr.reconstruction.jump_em import JumpEM
from dysyr.reconstruction.jump_em.model import JumpModel
from dysyr.simulation.observation import LabelFlips
from dysyr.simulation.simulate import simulate

QUICK = EvaluationSettings(n_rate_draws=50, markov_simulations=99)
NAMES = [measure.name for measure in RATE_MEASURES]
NEEDS_TRUTH = {"rate_error", "rate_log_error", "rate_calibration"}


def labels(x, **more):
    return make_dataset(x[..., None], label=x, **({"dt": DT} | more))


def model(q, *, stderr=0.02, states=None, initial=None, **more):
    n = len(q)
    errors = stderr * np.where(np.eye(n) > 0, 0.0, 1.0)
    start = np.full(n, 1 / n) if initial is None else initial
    return JumpModel(q, start, errors, states=states or [str(i) for i in range(n)], dt=DT, **more)


def chain_system(q, names="abc"):
    return System.jump(states=list(names), rates={"matrix": q.tolist()}, dt=DT, name="made_up")


@pytest.fixture(scope="module")
def ratchet_data():
    system = catalogue_system("flashing_ratchet")
    return [simulate(system, n_steps=60, n_trajectories=150, seed=seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def card(ratchet_data):
    train, test = ratchet_data
    return evaluate(JumpEM().fit(train, progress=False), test, settings=QUICK)


def test_a_fit_of_the_ratchet_has_all_measures_of_rates_and_none_of_values(card):
    assert list(card.measures) == NAMES
    assert card.system.name == "flashing_ratchet"
    assert card.label == "JumpEM"
    assert card.verdict.verdict in ("plausible rates", "indistinguishable at this length")
    assert card.forecasts is None
    assert card.rates.truth.rates.shape == (6, 6)
    content = json.loads(json.dumps(card.to_dict(), allow_nan=False))
    assert content["measures"]["time_scales"]["truth"][0] == pytest.approx(0.5)
    assert content["measures"]["rate_error"]["value"] < 0.25
    assert card.measures["stationary_distribution"].value["on_0"] == pytest.approx(0.30, abs=0.06)
    assert card.runs.sizes == {"trajectory": 10, "time": 60, "state": 1}


def test_the_same_seed_gives_the_same_card(card, ratchet_data):
    again = evaluate(card.model, ratchet_data[1], settings=QUICK)
    other = evaluate(card.model, ratchet_data[1], settings=QUICK, seed=1)
    assert again.to_dict()["measures"] == card.to_dict()["measures"]
    assert other.measures["time_scales"].stderr != card.measures["time_scales"].stderr
    assert other.measures["rate_error"] == card.measures["rate_error"]


def test_slightly_wrong_rates_score_worse_than_the_true_ones():
    x = labels(paths(THREE, n_paths=400, n=50, seed=3))
    truth = chain_system(THREE)
    good = evaluate(model(THREE), x, reference=truth, settings=QUICK)
    wrong = evaluate(model(THREE * np.array([[1.25], [0.8], [1.25]])), x, reference=truth, settings=QUICK)
    assert good.measures["rate_error"].value == 0.0 < wrong.measures["rate_error"].value
    for name, better in (("hellinger", -1), ("pair_log_likelihood", 1)):
        assert better * good.measures[name].value > better * wrong.measures[name].value
    assert good.measures["rate_calibration"].value["68"] == 1.0
    assert wrong.measures["rate_calibration"].value["95"] < 0.5
    assert good.verdict.verdict == "indistinguishable at this length"
    assert wrong.verdict.verdict in ("plausible rates", "wrong rates")


def test_plainly_wrong_rates_are_called_wrong():
    x = labels(paths(THREE, n_paths=300, n=50, seed=3))
    for q in (4 * THREE, THREE.T - np.diag(THREE.T.sum(axis=1)), THREE / 20):
        found = evaluate(model(q), x, settings=QUICK)
        assert found.verdict.verdict == "wrong rates"
        assert any(line.passed is False for line in found.verdict.lines)


def test_shuffled_labels_do_not_follow_the_rates():
    x = np.random.default_rng(0).permuted(paths(THREE, n_paths=300, n=50, seed=3), axis=1)
    found = evaluate(model(THREE), labels(x), settings=QUICK)
    assert found.verdict.verdict in ("wrong rates", "not Markov at this lag")
    assert next(line.passed for line in found.verdict.lines if "log-likelihood" in line.text) is False
    likelihood = found.measures["pair_log_likelihood"]
    assert likelihood.value < likelihood.controls["independent"]


def test_a_lumped_chain_is_not_markov():
    q = np.array([[-0.15, 0.05, 0.1], [0.5, -4.5, 4.0], [0.1, 3.9, -4.0]])
    lumped = [np.array([0, 0, 1])[paths(q, n_paths=150, n=60, seed=s)] for s in (1, 2)]
    fitted = JumpEM().fit(labels(lumped[0]), progress=False)
    found = evaluate(fitted, labels(lumped[1]), settings=QUICK)
    assert found.verdict.verdict == "not Markov at this lag"
    assert found.verdict.lines[0].passed is False
    few = evaluate(fitted, labels(lumped[1]), settings=dataclasses.replace(QUICK, markov_simulations=19))
    assert few.verdict.verdict != "not Markov at this lag"
    assert "the simulations are too few" in few.verdict.lines[0].text
    assert few.verdict.lines[0].passed is None


def test_equal_rates_need_not_beat_persistence():
    """Where all rates are equal, persistence fitted to the held-out labels is the true chain."""
    q = np.array([[-0.6, 0.6], [0.6, -0.6]])
    x = labels(paths(q, n_paths=300, n=40, seed=2))
    likelihood = evaluate(model(q), x, settings=QUICK).measures["pair_log_likelihood"]
    assert abs(likelihood.settings["above_persistence"][0]) <= 2 * likelihood.settings["above_persistence"][1] + 1e-4
    for factor, allowed in ((1.0, True), (0.9, True), (3.0, False)):
        lines = evaluate(model(factor * q), x, settings=QUICK).verdict.lines
        assert next(line.passed for line in lines if "log-likelihood" in line.text) is allowed


def test_labels_without_memory_decide_nothing():
    x = np.random.default_rng(1).integers(0, 2, (20, 15))
    far = 40 * np.array([[-1.0, 1.0], [1.0, -1.0]])
    assert evaluate(model(far), labels(x), settings=QUICK).verdict.verdict == "undecidable at this length"


def test_measured_labels_leave_out_what_needs_the_truth():
    x = labels(paths(THREE, n_paths=100, n=30))
    found = evaluate(model(THREE), x, settings=QUICK)
    assert set(found.measures) == set(NAMES) - NEEDS_TRUTH
    assert found.system is None
    for name in sorted(NEEDS_TRUTH):
        with pytest.raises(InputError, match=f"measure {name} does not apply; it needs the true rates"):
            evaluate(model(THREE), x, measures=[name], settings=QUICK)


def test_irregular_labels_have_measures_too():
    clocks, states = irregular_paths(THREE, n_paths=40, n=20)
    data = make_dataset([row[:, None] for row in states], time=clocks, label=states)
    found = evaluate(model(THREE), data, settings=QUICK)
    assert "chapman_kolmogorov" not in found.measures
    assert found.measures["time_scales"].truth is None
    assert found.measures["pair_log_likelihood"].value > found.measures["pair_log_likelihood"].ceiling


def test_a_few_labels_decide_nothing():
    found = evaluate(model(THREE), labels(paths(THREE, n_paths=1, n=8)), settings=QUICK)
    assert found.verdict.verdict == "undecidable at this length"


def test_one_long_path_is_judged_by_foresight_and_time_scales():
    found = evaluate(model(THREE), labels(paths(THREE, n_paths=1, n=4000)), settings=QUICK)
    assert found.verdict.verdict == "plausible rates"
    assert any("Hellinger distance cannot decide" in line.text for line in found.verdict.lines)
    assert found.measures["hellinger"].floor is None


def test_free_runs_of_labels_are_compared_with_labels():
    x = [labels(paths(THREE, n_paths=200, n=40, seed=seed)) for seed in (1, 2, 3)]
    found = evaluate(x[0], x[1], settings=QUICK)
    assert set(found.measures) == set(NAMES) - NEEDS_TRUTH - {"pair_log_likelihood"}
    assert found.verdict.verdict == "indistinguishable at this length"
    fast = evaluate(labels(paths(3 * THREE, n_paths=200, n=40)), x[1], settings=QUICK)
    assert fast.verdict.verdict == "wrong rates"
    with pytest.raises(InputError, match="pair_log_likelihood does not apply; it needs a rate model"):
        evaluate(x[0], x[1], measures="pair_log_likelihood")


def test_a_system_serves_as_truth():
    settings = EvaluationSettings(n_truth=3000, n_truth_paths=60, n_rate_draws=20, markov_simulations=19)
    found = evaluate(model(ratchet(1.0)), catalogue_system("flashing_ratchet"), settings=settings)
    assert found.truth.sizes["trajectory"] == 60
    assert found.measures["rate_error"].value == pytest.approx(0.0, abs=1e-12)
    assert found.verdict.verdict in ("plausible rates", "indistinguishable at this length")


def test_label_noise_of_the_data_belongs_to_the_truth():
    data = simulate(catalogue_system("two_state_channel"), n_steps=40, n_trajectories=50, label_noise=0.1)
    twice = LabelFlips(0.2)(data, seed=5)
    two = model(np.array([[-0.2, 0.2], [0.2, -0.2]]))
    assert evaluate(two, data, settings=QUICK).rates.truth.label_noise == pytest.approx(0.1)
    assert evaluate(two, twice, settings=QUICK).rates.truth.label_noise == pytest.approx(0.9 * 0.2 + 0.1 * 0.8)


def test_what_does_not_fit_is_refused_and_says_what_to_do(henon_model):
    x = labels(paths(THREE, n_paths=30, n=20))
    with pytest.raises(InputError, match="measure of values: d_stsp, but the data are labels of states"):
        evaluate(model(THREE), x, measures=["d_stsp", "hellinger"])
    with pytest.raises(InputError, match="measure of labels of states: hellinger, but the data are values"):
        evaluate(henon_model(), np.random.default_rng(0).normal(size=(200, 2)), measures="hellinger")
    with pytest.raises(InputError, match="unknown measure: rate_errors"):
        evaluate(model(THREE), x, measures=["rate_errors"])
    with pytest.raises(InputError, match="the truth holds labels of states, the model foretells values"):
        evaluate(henon_model(), x)
    with pytest.raises(InputError, match="reference: Dataset; for labels the System"):
        evaluate(model(THREE), x, reference=x)
    with pytest.raises(InputError, match="a label is not a state of the model: 2; 0 to 1"):
        evaluate(model(THREE[:2, :2] - np.diag(THREE[:2, :2].sum(axis=1))), x)
    with pytest.raises(InputError, match="no path has two labels"):
        evaluate(model(THREE), labels(paths(THREE, n_paths=5, n=1)))
    with pytest.raises(InputError, match="the data have no labels"):
        evaluate(model(THREE), make_dataset(np.zeros((20, 2)), dt=DT))


def test_a_model_of_a_signal_is_evaluated_by_the_states_behind_it():
    x = paths(THREE, n_paths=30, n=20)
    signal = np.random.default_rng(0).normal(x, 0.1)[..., None]
    levels = NormalLevels(np.arange(3.0), np.full(3, 0.1))
    fitted = model(THREE, levels=levels, levels_stderr=np.zeros((2, 3)))
    with pytest.raises(InputError, match="the truth is a signal: no labels; the states behind it"):
        evaluate(fitted, make_dataset(signal, dt=DT))
    found = evaluate(fitted, make_dataset(signal, dt=DT, label=x), settings=QUICK)
    assert found.measures["pair_log_likelihood"].value > found.measures["pair_log_likelihood"].ceiling


def test_states_must_be_those_of_the_model():
    x = labels(paths(THREE, n_paths=30, n=20), attrs={"states": json.dumps(["a", "b", "c"])})
    assert evaluate(model(THREE), x, settings=QUICK).rates.names == ("a", "b", "c")
    with pytest.raises(InputError, match="the states of the labels are not those of the model: a, b, c"):
        evaluate(model(THREE, states=["x", "y", "z"]), x, settings=QUICK)
    with pytest.raises(InputError, match="the states of the system are not those of the model"):
        evaluate(model(THREE), x, reference=chain_system(ratchet(1.0), "abcdef"), settings=QUICK)
    with pytest.raises(InputError, match="the system has no rate matrix: .* with reactions over counts"):
        evaluate(model(THREE), x, reference=catalogue_system("birth_death"), settings=QUICK)


def test_what_is_doubtful_about_rates_is_said_with_the_verdict():
    stderr = 0.02 * np.where(np.eye(3) > 0, 0.0, 1.0)
    stderr[0, 1], stderr[2, 0] = np.inf, 5.0
    doubtful = JumpModel(THREE, np.full(3, 1 / 3), stderr, states=list("abc"), dt=DT)
    x = np.minimum(paths(THREE, n_paths=60, n=30), 1)
    text = " | ".join(line.text for line in evaluate(doubtful, labels(x), settings=QUICK).verdict.lines)
    assert "state c does not occur in the held-out labels" in text
    assert "1 rates have no standard error" in text
    assert "1 of 6 rates are smaller than their standard error" in text
    coarse = evaluate(model(30 * THREE), labels(paths(30 * THREE, n_paths=30, n=20)), settings=QUICK)
    assert "the rates are not identified, sample faster" in coarse.verdict.lines[-1].text
    trap = np.array([[-2.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    found = evaluate(model(trap), labels(paths(trap, n_paths=60, n=30)), settings=QUICK)
    assert "2 closed classes, {1}; {2}" in found.verdict.lines[-1].text
    assert "not defined" in found.measures["stationary_distribution"].status


def test_names_of_measures_are_different():
    names = [measure.name for measure in (*MEASURES, *RATE_MEASURES)]
    assert len(set(names)) == len(names)


def test_a_small_distance_is_no_failure_however_many_paths_there_are():
    start = np.array([0.55, 0.3, 0.15])
    x = labels(paths(THREE, n_paths=3000, n=6, seed=4))
    near, far = (evaluate(model(THREE, initial=p), x, settings=QUICK) for p in (start, np.array([0.9, 0.05, 0.05])))
    lines = [next(line for line in card.verdict.lines if "Hellinger" in line.text) for card in (near, far)]
    floor = near.measures["hellinger"].floor
    assert 3 * floor < near.measures["hellinger"].value < 0.1 < far.measures["hellinger"].value
    assert [line.passed for line in lines] == [True, False]
