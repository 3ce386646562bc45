"""How well labels are foreseen: against matrix exponentials, enumeration of hidden paths, and wrong models."""

import itertools

import numpy as np
import pytest
import scipy.linalg
from jump_cases import DT, THREE, irregular_paths, paths

from dysyr.core.dataset import make_dataset
from dysyr.evaluation.label_panel import LabelPanel
from dysyr.evaluation.pair_log_likelihood import (
    PairLogLikelihoodMeasure,
    independent_gains,
    log_gains,
    mean_over_labels,
    persistence_gains,
)
from dysyr.evaluation.rate_context import Chain, RateContext
from dysyr.reconstruction.jump_em.model import JumpModel

UNIFORM = np.full(3, 1 / 3)


def panel_of(x, **more):
    return LabelPanel.from_data(make_dataset(np.asarray(x)[..., None], **({"dt": DT} | more)), n_states=3)


def model(q, noise=0.0):
    return JumpModel(q, UNIFORM, 0.1 * np.abs(q), states=list("abc"), dt=DT, label_noise=noise)


def test_clean_labels_follow_rows_of_the_matrix_exponential():
    clocks, states = irregular_paths(THREE, n_paths=4, n=9)
    panel = LabelPanel.from_data(make_dataset([s[:, None] for s in states], time=clocks), n_states=3)
    gains = log_gains(panel, Chain(THREE, UNIFORM))
    for row, t, s in zip(gains, clocks, states, strict=True):
        steps = zip(np.diff(t), s[:-1], s[1:], strict=True)
        expected = [np.log(scipy.linalg.expm(THREE * lag)[i, j]) for lag, i, j in steps]
        np.testing.assert_allclose(row, expected, rtol=1e-4)


def test_noisy_labels_sum_over_all_hidden_paths():
    noise, seen = 0.2, [0, 2, 1, 1]
    p, error = scipy.linalg.expm(THREE * DT), np.full((3, 3), noise / 2) + (1 - 1.5 * noise) * np.eye(3)

    def probability(length):
        return sum(
            UNIFORM[path[0]] * np.prod([p[i, j] for i, j in itertools.pairwise(path)])
            * np.prod([error[s, o] for s, o in zip(path, seen, strict=False)])
            for path in itertools.product(range(3), repeat=length)
        )  # fmt: skip

    expected = [np.log(probability(k + 1) / probability(k)) for k in (1, 2, 3)]
    gains = log_gains(panel_of([seen, [1, 1, 0, 2]]), Chain(THREE, UNIFORM, noise))
    np.testing.assert_allclose(gains[0], expected, rtol=1e-12)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_mean_is_that_of_the_model_also_with_gaps_and_unequal_paths(noise):
    x = [path for path in paths(THREE, n_paths=6, n=20, flips=noise)]
    x[2] = x[2][:7]
    data = make_dataset([path[:, None] for path in x], dt=DT, mask=[np.arange(len(p))[:, None] % 6 != 4 for p in x])
    gains = log_gains(LabelPanel.from_data(data, n_states=3), Chain(THREE, UNIFORM, noise))
    assert mean_over_labels(gains)[0] == pytest.approx(model(THREE, noise).pair_log_likelihood(data), rel=1e-5)


def test_controls_are_frequencies_and_stays():
    panel = panel_of([[0, 0, 1, 1, 1, 2]])
    np.testing.assert_allclose(np.exp(independent_gains(panel)[0]), [1 / 3, 1 / 2, 1 / 2, 1 / 2, 1 / 6])
    np.testing.assert_allclose(np.exp(persistence_gains(panel)[0]), [3 / 5, 1 / 5, 3 / 5, 3 / 5, 1 / 5])


def test_standard_error_is_the_spread_over_independent_data():
    chain = Chain(THREE, UNIFORM)
    found = [mean_over_labels(log_gains(panel_of(paths(THREE, n_paths=40, n=30, seed=s)), chain)) for s in range(60)]
    means, errors = np.array(found).T
    assert errors.mean() == pytest.approx(means.std(ddof=1), rel=0.25)
    one = mean_over_labels(log_gains(panel_of(paths(THREE, n_paths=1, n=1200)), chain))
    assert one[1] == pytest.approx(errors.mean(), rel=0.5)


def test_wrong_rates_and_shuffled_labels_are_foreseen_less_well():
    x = paths(THREE, n_paths=300, n=60, seed=5)
    panel = panel_of(x)
    truth = Chain(THREE, UNIFORM)
    best = log_gains(panel, truth)
    for wrong in (1.2 * THREE, 0.8 * THREE, THREE[[1, 0, 2]][:, [1, 0, 2]]):
        loss, error = mean_over_labels(best - log_gains(panel, Chain(wrong, UNIFORM)))
        assert loss > 3 * error
    shuffled = np.random.default_rng(0).permuted(x, axis=1)
    assert mean_over_labels(log_gains(panel_of(shuffled), truth))[0] < mean_over_labels(best)[0] - 0.5


def test_the_measure_has_the_true_chain_as_best_and_the_better_control_as_worst():
    panel = panel_of(paths(THREE, n_paths=50, n=40))
    truth = Chain(THREE, UNIFORM)
    found = PairLogLikelihoodMeasure().compute(
        RateContext(panel=panel, names=("a", "b", "c"), model=model(1.1 * THREE), truth=truth)
    )
    assert found.better == "higher"
    assert found.ceiling == max(found.controls.values()) < found.value < found.floor
    assert found.floor == pytest.approx(mean_over_labels(log_gains(panel, truth))[0])
    for name, control in found.controls.items():
        gain, error = found.settings[f"above_{name}"]
        assert gain == pytest.approx(found.value - control, rel=1e-9)
        assert error > 0
    assert found.settings["above_persistence"][1] < found.stderr
    assert found.settings["below_floor"][0] == pytest.approx(found.floor - found.value, rel=1e-6)


def test_labels_that_the_model_holds_impossible_are_counted():
    q = np.array([[-1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, -1.0]])
    context = RateContext(panel=panel_of([[0, 1, 0, 1], [0, 0, 2, 1]]), names=("a", "b", "c"), model=model(q))
    found = PairLogLikelihoodMeasure().compute(context)
    assert found.value == -np.inf
    assert found.status == "2 labels are impossible for the model"
    assert found.n == 6
