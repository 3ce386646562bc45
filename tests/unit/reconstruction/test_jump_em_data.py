"""What JumpEM says of arguments and data that do not suit it, and how it is interrupted."""

import json

import numpy as np
import pytest
from jump_cases import DT, SWITCH, THREE, paths

from dysyr.core.dataset import make_dataset
from dysyr.core.errors import DysyrError, InputError
from dysyr.reconstruction.jump_em import JumpEM, RateWarning, maximisation
from dysyr.reconstruction.jump_em.detailed_balance import _log_weights, balanced_rates
from dysyr.reconstruction.jump_em.information import _along, _inverse_root
from dysyr.reconstruction.jump_em.panel import Panel


def fit(data, **arguments):
    dt = None if hasattr(data, "attrs") else DT
    return JumpEM(**arguments).fit(data, dt=dt, progress=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"estimator": "bayes"}, "cannot use this estimator: 'bayes'; one of"),
        ({"n_states": 0}, "cannot use this n_states: 0"),
        ({"label_noise": "guess"}, "cannot use this label_noise: 'guess'"),
        ({"label_noise": 1.0}, "cannot use this label_noise: 1.0"),
        ({"prior_shape": 0.5}, "cannot use this prior_shape: 0.5; a number of at least 1"),
        ({"prior_rate": -1}, "cannot use this prior_rate"),
        ({"time_unit": 0}, "cannot use this time_unit"),
        ({"reversible": "yes"}, "cannot use this reversible: 'yes'; True or False"),
        ({"estimator": "counts", "reversible": True}, "estimator='counts' has no reversible"),
        (
            {"edges": [(0, 1), (1, 2), (2, 1)], "reversible": True},
            r"need both directions: edges has \(0, 1\) without \(1, 0\): add it",
        ),
        ({"correction": "none"}, "cannot use this correction"),
        ({"max_gap": -1}, "cannot use this max_gap"),
        ({"max_iterations": 0}, "cannot use this max_iterations"),
        ({"tolerance": 0}, "cannot use this tolerance"),
        ({"seed": 0.5}, "cannot use this seed"),
        ({"estimator": "counts", "label_noise": "learn"}, "estimator='counts' has no label_noise: use estimator='em'"),
        ({"estimator": "matrix_log", "edges": [(0, 1)]}, "estimator='matrix_log' has no edges"),
        ({"edges": [(0, 3)]}, r"edges are no pairs of states: \(0, 3\); \(from, to\), each from 0 to 2"),
        ({"edges": [(1, 1)]}, "edges are no pairs of states"),
        ({"edges": []}, "no edge is permitted"),
        ({"edges": [(0, 1), (1, 2)]}, "the permitted edges forbid what was seen: . followed by .: permit a way"),
        ({"label_noise": 0.7}, "labels with this label_noise say nothing: 0.7; less than 0.667 for 3 states"),
        ({"n_states": 2}, "labels beyond the number of states: label 2; 0 to 1: raise n_states"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        fit(list(paths(THREE)), **arguments)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros(50, dtype=int), "there is only one state, so nothing jumps"),
        ([np.array([0]), np.array([1])], "no path has two neighbouring samples: 2 paths of a single sample"),
        (np.array([1]), "too few samples: 1; JumpEM needs 2"),
        (np.array([0.0, 0.5, 1.0]), "a label is not the number of a state: 0.5"),
        (np.array([0, -1, 1]), "a label is not the number of a state: -1"),
        (np.zeros((30, 2)), "the data have no labels"),
        (np.array([0.0, np.nan, 1.0]), "values are not finite"),
    ],
)
def test_data_without_rates_are_refused(data, message):
    with pytest.raises(InputError, match=message):
        fit(data)


def test_times_out_of_order_are_refused():
    with pytest.raises(InputError, match="time does not increase"):
        make_dataset(np.array([0, 1, 0]), time=[0.0, 2.0, 1.0])


def test_labels_that_are_all_missing_are_refused():
    data = make_dataset(np.array([np.nan, np.nan, np.nan]), dt=DT, mask=True)
    with pytest.raises(InputError, match="every sample is missing"):
        fit(data)


@pytest.mark.parametrize("estimator", ["counts", "matrix_log", "em"])
def test_states_without_a_sample_after_them_need_a_prior(estimator):
    x = [*paths(SWITCH), np.array([0, 1, 2])]
    with pytest.raises(InputError, match="nothing is known of what follows state 2: 1 of 3 states"):
        fit(x, estimator=estimator)
    with pytest.warns(RateWarning, match="state 2 was never seen to be left: it may be absorbing; its rates come from"):
        made = fit(x)
    assert np.isfinite(made.model_.rate_matrix).all() and (made.model_.rate_matrix[2, :2] > 0).all()


def test_an_absorbing_state_is_legal_and_two_classes_are_named():
    leak = np.array([[-1.0, 1.0, 0.0], [0.5, -1.0, 0.5], [0.0, 0.0, 0.0]])
    with pytest.warns(RateWarning, match="state 2 was never seen to be left: it may be absorbing; its rates are zero"):
        made = fit(list(paths(leak)), estimator="em")
    assert (made.model_.rate_matrix[2] == 0).all()
    np.testing.assert_allclose(made.model_.stationary_distribution(), [0, 0, 1])
    assert (made.model_.rate_stderr[2, :2] > 0).all() and np.isfinite(made.model_.rate_stderr).all()
    apart = np.zeros((4, 4))
    apart[:2, :2] = apart[2:, 2:] = SWITCH
    with pytest.warns(RateWarning, match="2 closed classes, {0, 1}; {2, 3}: there is no unique stationary"):
        made = fit(list(paths(apart, n_paths=100)), estimator="em")
    assert "2 closed classes" in " ".join(made.warnings_)
    with pytest.raises(InputError, match="2 closed classes"):
        made.model_.stationary_distribution()


def test_coarse_sampling_and_too_few_iterations_are_said():
    with pytest.warns(RateWarning, match="the sampling is too coarse: the slowest decay"):
        fit(list(paths(20 * THREE, n_paths=200)))
    with pytest.warns(RateWarning, match="did not converge: raise max_iterations"):
        made = fit(list(paths(THREE)), max_iterations=3)
    assert not made.converged_ and np.isfinite(made.model_.rate_matrix).all()


def test_noise_is_not_learned_from_pairs():
    pairs = list(paths(THREE, n_paths=300, n=2))
    with pytest.raises(InputError, match="label noise cannot be learned from pairs: the longest path has 2 samples"):
        fit(pairs, label_noise="learn")
    assert fit(pairs, label_noise=0.02).model_.label_noise == 0.02


def test_a_forbidden_pair_may_be_a_mistake():
    once = [np.array([0, 0, 1, 1, 0, 1, 1, 1])] * 10
    with pytest.raises(InputError, match="forbid what was seen: 1 followed by 0"):
        fit(once, edges=[(0, 1)])
    with pytest.raises(InputError, match="forbid what was seen"):
        fit(once, edges=[(0, 1)], label_noise=0.0)
    made = fit(once, edges=[(0, 1)], label_noise=0.1)
    assert made.model_.rate_matrix[1, 0] == 0 and made.model_.rate_matrix[0, 1] > 0


def test_a_likelihood_without_maximum_is_refused():
    still = [np.zeros(5, dtype=int), np.ones(5, dtype=int)]
    with pytest.raises(InputError, match="no jump was seen: 2 paths without a change of label"):
        fit(still, estimator="em")
    with pytest.warns(RateWarning, match="state 0, 1 was never seen to be left"):
        assert np.isfinite(fit(still).model_.rate_matrix).all()
    once = [np.array([0, 0, 1, 1, 1]), np.array([0, 0, 0, 0, 0])]
    with pytest.raises(InputError, match="state 0 was never seen to be entered, or never left; detailed balance"):
        fit(once, estimator="em", reversible=True)
    with pytest.warns(RateWarning, match="state 1 was never seen to be left"):
        assert (fit(once, reversible=True).model_.rate_matrix[[0, 1], [1, 0]] > 0).all()


def test_noise_explains_what_the_edges_forbid_and_the_test_says_so():
    x = list(paths(np.array([[-0.5, 0.5], [0.0, 0.0]]), n_paths=60, flips=0.05))
    made = fit(x, edges=[(0, 1)], label_noise="learn", estimator="em")
    assert made.model_.label_noise == pytest.approx(0.05, abs=0.02)
    assert made.label_noise_p_value_ == 0.0


def test_errors_are_infinite_along_directions_without_curvature():
    both_ways = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 4.0]])
    np.testing.assert_allclose(_inverse_root(both_ways, np.array([1.0, 1.0, 2.0])), [np.inf, np.inf, 0.5])
    assert _along(np.empty((0, 0)), np.empty(0), np.empty((0, 2)), np.empty(0)).shape == (0,)


def test_balance_survives_rates_at_the_smallest_value():
    """A pair that the iteration holds at its smallest value is not in balance, and must not move the weights."""
    permitted = ~np.eye(3, dtype=bool)
    times = np.array([1.0, 2.0, 3.0])
    jumps = np.array([[0, 5.0, 0], [5.0, 0, 2.0], [0, 2.0, 0]])
    start = np.array([[0, 4.0, 1e-12], [2.0, 0, 1.0], [1e-12, 0.5, 0]])
    aim = balanced_rates(jumps, times, permitted)

    def value(q):
        return (jumps[jumps > 0] * np.log(q[jumps > 0])).sum() - (times[:, None] * q).sum()

    assert value(aim) >= value(balanced_rates(jumps, times, permitted, start=start)) - 1e-9 >= value(start) - 2e-9
    weights = np.exp(_log_weights(start, permitted))
    np.testing.assert_allclose(weights / weights.sum(), np.array([1, 2, 4]) / 7, rtol=1e-5)


def test_a_matrix_of_transitions_without_a_logarithm():
    x = np.array([0, 1] * 30 + [1])
    with pytest.raises(InputError, match="no real logarithm: eigenvalues .* use estimator='map'"):
        fit(x, estimator="matrix_log")
    with pytest.raises(InputError, match="needs a single lag: 2 lags"):
        fit(make_dataset([np.array([0, 1, 0])], time=[np.array([0, 1, 3.0])]), estimator="matrix_log")


def test_names_of_states_come_from_the_data():
    data = make_dataset(list(paths(SWITCH)), dt=DT, attrs={"states": json.dumps(["open", "closed"])}, names=["gate"])
    model = fit(data).model_
    assert model.state_names == ("open", "closed") and model.names == ("gate",)


def test_regular_lags_are_one_and_irregular_ones_their_own():
    data = make_dataset(list(paths(SWITCH, n_paths=3)), dt=DT)
    assert Panel.from_data(data).lags.tolist() == [DT]
    uneven = make_dataset(np.array([0, 1, 0, 1]), time=[0.0, 1.0, 3.0, 7.0])
    panel = Panel.from_data(uneven)
    np.testing.assert_allclose(panel.lags, [1, 2, 4])
    assert panel.dt == 2.0


def test_unfitted_has_nothing_to_say():
    for name in ("converged_", "label_noise_p_value_"):
        with pytest.raises(InputError, match="not fitted"):
            getattr(JumpEM(), name)


@pytest.mark.parametrize("noise", [None, "learn"])
def test_an_interrupted_fit_goes_on_bit_for_bit(noise, tmp_path, monkeypatch):
    x, original = list(paths(THREE, flips=0.05)), maximisation._cycle
    whole = fit(x, label_noise=noise)
    monkeypatch.setattr(maximisation, "SECONDS_BETWEEN_WRITES", 0.0)
    calls = []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(maximisation, "_cycle", interrupted)
    with pytest.raises(KeyboardInterrupt):
        JumpEM(label_noise=noise).fit(x, dt=DT, progress=False, checkpoint=tmp_path)
    resumed = JumpEM(label_noise=noise).fit(x, dt=DT, progress=False, checkpoint=tmp_path)
    np.testing.assert_array_equal(resumed.model_.rate_matrix, whole.model_.rate_matrix)
    for name, column in whole.history_.items():
        np.testing.assert_array_equal(column, resumed.history_[name], err_msg=name)
    with pytest.raises(DysyrError, match="belongs to another configuration or to other data"):
        JumpEM(label_noise=noise).fit(x[1:], dt=DT, progress=False, checkpoint=tmp_path)
