"""Rates from a signal with a level for each state: against hidden paths one by one, labels, known chains; refusals."""

import json

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from jump_cases import DT, SWITCH, THREE, paths

from dysyr.core.criterion import validation_criterion
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import FormatError, InputError
from dysyr.core.levels import NormalLevels
from dysyr.kernels import rate_reference as twin
from dysyr.reconstruction.jump_em import JumpEM, JumpModel, RateWarning, maximisation
from dysyr.reconstruction.jump_em import level_steps as steps
from dysyr.reconstruction.jump_em.signal import SignalPanel
from dysyr.reconstruction.jump_em.starts import best, labellings, running_mean

MEANS, SDS = np.array([0.0, 1.0, 2.5]), np.array([0.3, 0.4, 0.3])


def signal(q, *, seed=0, n_paths=20, n=40, means=MEANS, sds=SDS):
    x = paths(q, n_paths=n_paths, n=n, seed=seed)
    return x, means[x] + sds[x] * np.random.default_rng(seed + 1000).standard_normal(x.shape)


def fit(y, n_states, **arguments):
    data = y if hasattr(y, "attrs") else list(y)
    dt = None if hasattr(y, "attrs") else DT
    return JumpEM(emission="gaussian", n_states=n_states, **arguments).fit(data, dt=dt, progress=False)


def off_diagonal(q):
    return q[~np.eye(len(q), dtype=bool)]


def test_the_maximum_is_flat_in_the_likelihood_of_hidden_paths():
    """No change of a rate or a level raises the likelihood, summed over hidden paths one by one."""
    _, y = signal(SWITCH, n_paths=30, n=6, means=np.array([0.0, 1.0]), sds=np.array([0.4, 0.6]))
    made = fit(y, 2, estimator="em", tolerance=1e-10)
    model = made.model_
    offsets = np.arange(0, y.size + 1, 6)
    index = np.where(np.arange(y.size) % 6 == 0, -1, 0)

    def value(theta):
        a, b, *levels = theta
        p = scipy.linalg.expm(np.array([[-a, a], [b, -b]]) * DT)[None]
        density = scipy.stats.norm.pdf(y.ravel()[:, None], levels[:2], levels[2:])
        return twin.smooth_paths(offsets, index, p, density, model.initial_distribution)[0]

    theta = np.concatenate([off_diagonal(model.rate_matrix), model.levels.means, model.levels.sds])
    size = np.concatenate([off_diagonal(model.rate_matrix), model.levels.sds, model.levels.sds])
    assert made.history_["log_likelihood"][-1] == pytest.approx(value(theta), abs=1e-6)
    h = 1e-3 * size
    for k in range(6):
        slope = (value(theta + h * np.eye(6)[k]) - value(theta - h * np.eye(6)[k])) / (2e-3)
        assert slope == pytest.approx(0, abs=2e-3), k
    hessian = np.empty((6, 6))
    for i in range(6):
        for j in range(6):
            u, v = 10 * h[i] * np.eye(6)[i], 10 * h[j] * np.eye(6)[j]
            hessian[i, j] = value(theta + u + v) - value(theta + u - v) - value(theta - u + v) + value(theta - u - v)
    errors = size * np.sqrt(np.diag(np.linalg.inv(-hessian / 4e-4)))
    np.testing.assert_allclose(off_diagonal(model.rate_stderr), errors[:2], rtol=5e-3)
    np.testing.assert_allclose(model.levels_stderr.ravel(), errors[2:], rtol=5e-3)


def test_errors_in_units_of_standard_errors_are_normal():
    """Six rates and six numbers of levels of each of eight data sets."""
    z = []
    for seed in range(8):
        _, y = signal(THREE, seed=seed, n_paths=40)
        model = fit(y, 3, estimator="em", n_starts=2, tolerance=1e-6).model_
        z.append(off_diagonal(model.rate_matrix - THREE) / off_diagonal(model.rate_stderr))
        z.append((np.stack([model.levels.means - MEANS, model.levels.sds - SDS]) / model.levels_stderr).ravel())
    total = (np.concatenate(z) ** 2).sum()
    assert scipy.stats.chi2.ppf(5e-5, 96) < total < scipy.stats.chi2.ppf(1 - 5e-5, 96)


@pytest.mark.parametrize("estimator", ["em", "map"])
def test_far_levels_are_labels(estimator):
    x, y = signal(THREE, sds=np.full(3, 0.01))
    unit = {"time_unit": 0.7}
    made = fit(y, 3, estimator=estimator, **unit).model_
    known = JumpEM(estimator=estimator, **unit).fit(list(x), dt=DT, progress=False).model_
    np.testing.assert_allclose(made.rate_matrix, known.rate_matrix, rtol=1e-5)
    np.testing.assert_allclose(made.rate_stderr, known.rate_stderr, rtol=1e-3)
    weight = np.bincount(x.ravel())
    means = [y[x == s].mean() for s in range(3)]
    np.testing.assert_allclose(made.levels.means, means, atol=1e-8)
    np.testing.assert_allclose(made.levels_stderr[0], made.levels.sds / np.sqrt(weight), rtol=1e-4)
    np.testing.assert_allclose(made.levels_stderr[1], made.levels.sds / np.sqrt(2 * weight), rtol=1e-4)


def test_states_are_numbered_by_level_whatever_the_unit_of_the_signal():
    _, y = signal(THREE)
    made, turned = (fit(z, 3, estimator="em").model_ for z in (y, 3.0 - 200 * y))
    np.testing.assert_allclose(turned.rate_matrix[::-1, ::-1], made.rate_matrix, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(turned.levels.means[::-1], 3.0 - 200 * made.levels.means, rtol=1e-6)
    np.testing.assert_allclose(turned.levels_stderr[:, ::-1], 200 * made.levels_stderr, rtol=1e-3)
    assert (np.diff(turned.levels.means) > 0).all()


def test_missing_samples_end_paths_or_are_spanned():
    _, y = signal(SWITCH, n_paths=60)
    y[:, 10] = np.nan
    data = make_dataset(list(y), dt=DT, mask=True)
    cut = fit(make_dataset([row[part] for row in y for part in (slice(0, 10), slice(11, None))], dt=DT), 2,
              time_unit=1.0)  # fmt: skip
    np.testing.assert_allclose(fit(data, 2, time_unit=1.0).model_.rate_matrix, cut.model_.rate_matrix, rtol=1e-6)
    spanned = SignalPanel.from_data(data, n_states=2, max_gap=1)
    np.testing.assert_allclose(spanned.lags, [DT, 2 * DT])


@pytest.mark.parametrize("estimator", ["em", "map"])
def test_the_objective_never_falls(estimator):
    made = fit(signal(THREE)[1], 3, estimator=estimator, n_starts=1)
    objective = made.history_["objective"]
    assert (np.diff(objective) >= -1e-11 * np.abs(objective[-1])).all() and made.converged_


def test_detailed_balance_and_edges_hold_for_signals():
    _, y = signal(THREE)
    made = fit(y, 3, reversible=True).model_
    p = made.stationary_distribution()
    np.testing.assert_allclose(p[:, None] * made.rate_matrix, (p[:, None] * made.rate_matrix).T, atol=1e-10)
    q = fit(y, 3, edges=[(0, 1), (1, 0), (1, 2), (2, 1)]).model_.rate_matrix
    assert q[0, 2] == q[2, 0] == 0 and (q[[0, 1, 1, 2], [1, 0, 2, 1]] > 0).all()


def test_edges_need_levels_in_their_order():
    panel = SignalPanel.from_data(make_dataset(signal(SWITCH)[1][0], dt=DT), n_states=2)
    wrong = maximisation.Parameters(SWITCH, 0.0, np.ones(2) / 2, NormalLevels(np.array([1.0, 0.0]), np.ones(2)))
    with pytest.raises(InputError, match="levels in the order of the states that edges name"):
        best([(wrong, 0.0)], panel, keeps_order=True)
    assert best([(wrong, 0.0)], panel, keeps_order=False) is wrong


def test_a_start_that_shrank_onto_a_sample_is_not_the_best():
    panel = SignalPanel.from_data(make_dataset(signal(SWITCH)[1][0], dt=DT), n_states=2)
    sound, shrunk = (
        maximisation.Parameters(SWITCH, 0.0, np.ones(2) / 2, NormalLevels(np.array([0.0, 1.0]), np.array([1.0, sd])))
        for sd in (1.0, panel.smallest_sd)
    )
    assert best([(shrunk, 9.0), (sound, 0.0)], panel, keeps_order=False) is sound
    assert best([(shrunk, 9.0)], panel, keeps_order=False) is shrunk


def test_starts_are_labels_by_level_and_the_seed_chooses_late_ones():
    panel = SignalPanel.from_data(make_dataset(list(signal(THREE)[1]), dt=DT), n_states=3)
    one, same, other = (labellings(panel, 9, seed) for seed in (0, 0, 1))
    for labels in one:
        means = [panel.values[labels == s].mean() for s in range(3)]
        assert (np.diff(means) > 0).all()
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(one[:8], other[:8], strict=True))
    assert not np.array_equal(one[8], other[8])
    smooth = running_mean(panel, 5)
    assert smooth[0] == pytest.approx(panel.values[:3].mean())
    assert smooth[39] == pytest.approx(panel.values[37:40].mean()), "not across the end of a path"
    assert smooth[20] == pytest.approx(panel.values[18:23].mean())


def test_no_global_generator_is_touched():
    before = np.random.get_state()[1].copy()
    fit(signal(SWITCH)[1], 2, n_starts=6)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_the_model_runs_and_forecasts_in_units_of_the_signal():
    levels = NormalLevels(np.array([10.0, 20.0]), np.array([0.5, 1.0]))
    model = JumpModel(
        SWITCH, [0.5, 0.5], np.zeros((2, 2)), states="ab", dt=DT, name="current", levels=levels,
        levels_stderr=np.ones((2, 2)),
    )  # fmt: skip
    free = model.generate(4000, n_trajectories=2, seed=1)
    x, states = free["x"].values[..., 0], free["label"].values
    for s in (0, 1):
        assert x[states == s].mean() == pytest.approx(levels.means[s], abs=0.1)
        assert x[states == s].std() == pytest.approx(levels.sds[s], rel=0.1)
    context = np.array([10.1, 19.5, np.nan])
    data = make_dataset(context, dt=DT, mask=True)
    p = model.transition_matrix()
    density = scipy.stats.norm.pdf(context[:2, None], levels.means, levels.sds)
    now = ((np.array([0.5, 0.5]) * density[0]) @ p) * density[1]
    now = now / now.sum() @ p
    np.testing.assert_allclose(model.filtered(data)[0], now, rtol=1e-10)
    ahead = model.forecast(data, n_steps=2)
    np.testing.assert_allclose(ahead["x"].values[0, :, 0], [now @ p @ levels.means, now @ p @ p @ levels.means])
    drawn = model.forecast(data, n_steps=3, sample_seed=4)
    assert (np.abs(drawn["x"].values[0, :, 0] - levels.means[drawn["label"].values[0]]) < 6).all()
    first = np.array([0.5, 0.5]) * density[0]
    expected = np.log(((first / first.sum()) @ p) @ density[1])
    assert model.pair_log_likelihood(data) == pytest.approx(expected, rel=1e-12)
    far = make_dataset(np.array([10.0, 1e4]), dt=DT)
    assert np.isfinite(model.pair_log_likelihood(far)), "no underflow"
    again = JumpModel.from_state(json.loads(json.dumps(model.config())), model.arrays())
    np.testing.assert_array_equal(again.levels.sds, levels.sds)
    np.testing.assert_array_equal(again.levels_stderr, model.levels_stderr)
    with pytest.raises(FormatError, match="do not fit"):
        JumpModel.from_state(model.config(), {**model.arrays(), "sds": np.ones(3)})


def test_smoothed_states_are_those_of_the_slow_twin_and_of_the_truth():
    x, y = signal(THREE, n_paths=3, n=5)
    model = fit(signal(THREE)[1], 3).model_
    offsets, index = np.array([0, 5, 10, 15]), np.where(np.arange(15) % 5 == 0, -1, 0)
    density = scipy.stats.norm.pdf(y.ravel()[:, None], model.levels.means, model.levels.sds)
    p = scipy.linalg.expm(model.rate_matrix * DT)[None]
    known = twin.smooth_paths(offsets, index, p, density, model.initial_distribution)[2]
    np.testing.assert_allclose(np.concatenate(model.smoothed(list(y))), known, atol=1e-10)
    x, y = signal(THREE, seed=5)
    states = np.stack([found.argmax(axis=1) for found in model.smoothed(list(y))])
    assert (states == x).mean() > 0.9
    chain = JumpModel(np.zeros((2, 2)), [1.0, 0.0], np.zeros((2, 2)), states="ab", dt=DT)
    with pytest.raises(InputError, match="the data are impossible under this model"):
        chain.smoothed(np.array([0, 1]))


def test_the_criterion_is_the_spread_that_is_left():
    x, y = signal(0.2 * SWITCH, n_paths=4, n=300, means=np.array([0.0, 10.0]), sds=np.ones(2))
    data = make_dataset(list(y), dt=DT)
    made = fit(data, 2)
    own = validation_criterion(made.model_, data)
    assert 1 / y.std() < own < 0.5
    assert made.score(data) == -own
    shuffled = np.random.default_rng(0).permuted(y, axis=1)
    assert 0.8 < validation_criterion(made.model_, make_dataset(list(shuffled), dt=DT)) <= 1.0
    assert validation_criterion(made.model_, make_dataset(np.ones(30), dt=DT)) == 1.0


def test_too_many_states_and_equal_levels_are_said():
    x, _ = signal(SWITCH)
    rounded = make_dataset(list(x.astype(float)), dt=DT)
    with pytest.warns(RateWarning):
        made = fit(rounded, 2)
    weight = np.bincount(x.ravel())[1]
    assert f"the spread of state 1 is the smallest allowed one, on {weight} samples" in made.warnings_[1]
    assert not any("two standard errors" in reason for reason in made.warnings_)
    assert np.isinf(made.model_.levels_stderr).all() and np.isfinite(made.model_.rate_stderr).all()
    y = np.random.default_rng(0).standard_normal((4, 100))
    with pytest.warns(RateWarning):
        reasons = " ".join(fit(y, 2).warnings_)
    assert "two standard errors" in reasons or "too coarse" in reasons


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"emission": "poisson"}, "cannot use this emission: 'poisson'; one of"),
        ({"n_starts": 0}, "cannot use this n_starts: 0"),
        ({"n_states": None}, "number of states behind a signal has to be given: n_states=None: give n_states, or let"),
        ({"n_states": 1}, "there is only one state"),
        ({"estimator": "counts"}, "estimator='counts' takes labels only"),
        ({"label_noise": "learn"}, "a signal has no label noise: label_noise='learn'"),
        ({"edges": [(0, 1)], "reversible": True}, "need both directions"),
    ],
)
def test_arguments_that_do_not_go_with_a_signal_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        JumpEM(**{"emission": "gaussian", "n_states": 2, **arguments}).fit(np.arange(30.0) % 7, dt=DT, progress=False)


def test_signals_without_levels_are_refused():
    with pytest.raises(InputError, match="levels are those of one signal: 2 variables"):
        fit(make_dataset(np.random.default_rng(0).normal(size=(30, 2)), dt=DT), 2)
    with pytest.raises(InputError, match="the signal is constant: 3 throughout"):
        fit(make_dataset(np.full(30, 3.0), dt=DT), 2)


def test_an_interrupted_fit_goes_on_bit_for_bit(tmp_path, monkeypatch):
    y, original = list(signal(THREE)[1]), maximisation._cycle
    whole = fit(y, 3, n_starts=1)
    monkeypatch.setattr(maximisation, "SECONDS_BETWEEN_WRITES", 0.0)
    made = JumpEM(emission="gaussian", n_states=3, n_starts=1)
    calls = []

    def interrupted(goal, at, tolerance):
        calls.append(tolerance)
        if calls.count(made.tolerance) == 3:
            raise KeyboardInterrupt
        return original(goal, at, tolerance)

    monkeypatch.setattr(maximisation, "_cycle", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.fit(y, dt=DT, progress=False, checkpoint=tmp_path)
    monkeypatch.setattr(maximisation, "_cycle", original)
    made.fit(y, dt=DT, progress=False, checkpoint=tmp_path)
    np.testing.assert_array_equal(made.model_.rate_matrix, whole.model_.rate_matrix)
    np.testing.assert_array_equal(made.model_.levels.sds, whole.model_.levels.sds)


def test_a_state_without_weight_keeps_its_level():
    levels = NormalLevels(np.array([0.0, 1.0]), np.array([0.1, 0.2]))
    moved = steps.after(levels, np.array([[4.0, 0.0], [2.0, 0.0], [2.0, 0.0]]), 1e-3)
    np.testing.assert_allclose(moved.means, [0.5, 1.0])
    np.testing.assert_allclose(moved.sds, [0.5, 0.2])
    again = steps.unpacked(steps.packed(moved, 7.0), 7.0, 1e-3)
    np.testing.assert_allclose([again.means, again.sds], [moved.means, moved.sds], rtol=1e-14)
