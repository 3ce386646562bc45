"""What every reconstructor of METHODS must do."""

import json

import numpy as np
import pytest
from method_cases import CASES, DT
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import dysyr
from dysyr.core.dataset import make_dataset, times
from dysyr.core.errors import InputError
from dysyr.core.model import Model, PiecewiseLinear, StateSpace
from dysyr.core.window_generator import WindowGenerator
from dysyr.reconstruction import METHODS, MODELS
from dysyr.reporting.training import training_of


@pytest.fixture(params=METHODS, ids=lambda method: method.__name__)
def method(request):
    return request.param


@pytest.fixture
def case(method):
    return CASES[method]


@pytest.fixture(scope="module")
def fitted():
    return {method: fit(method) for method in METHODS}


def fit(method, data=None, **settings):
    """The method with small settings, fitted to its own data by default."""
    made = method(**{**CASES[method].settings, **settings})
    return made.fit(CASES[method].make(400, 0) if data is None else data, dt=DT, progress=False)


def test_every_method_has_a_case():
    assert set(CASES) == set(METHODS)


def test_constructor_only_stores(method):
    made = method()
    for name, value in made.get_params().items():
        assert getattr(made, name) is value or getattr(made, name) == value
    assert "seed" in made.get_params()
    assert clone(made).get_params() == made.get_params()
    assert repr(method(seed=3)) == f"{method.__name__}(seed=3)"


def test_fit_returns_self_and_learns(method, case):
    made, data = method(**case.settings), case.make(400, 0)
    assert made.fit(data, dt=DT, progress=False) is made
    assert isinstance(made.model_, Model)
    assert type(made.model_) in MODELS
    assert method.draws_windows == isinstance(made.model_, WindowGenerator)
    assert made.n_features_in_ == data.shape[1]
    assert made.dt_ == DT
    assert made.provenance_["seed"] == 0
    assert json.loads(json.dumps(made.model_.config())) == made.model_.config()


def test_same_seed_same_bits(method, fitted):
    again = fit(method)
    for name, value in fitted[method].model_.arrays().items():
        np.testing.assert_array_equal(value, again.model_.arrays()[name], err_msg=name)
    other = fit(method, seed=1).model_.arrays()
    differs = any(not np.array_equal(value, other[name]) for name, value in fitted[method].model_.arrays().items())
    assert differs == again.uses_seed


def test_saved_and_loaded_runs_the_same(method, case, fitted, tmp_path):
    fitted[method].save(tmp_path / "run")
    loaded = dysyr.load(tmp_path / "run")
    assert loaded.get_params() == fitted[method].get_params()
    a, b = (one.generate(50, n_trajectories=2, seed=4) for one in (fitted[method], loaded))
    np.testing.assert_array_equal(a["x"].values, b["x"].values)
    context = case.make(60, 0)[:30]
    a, b = (one.forecast(context, n_steps=5) for one in (fitted[method], loaded))
    np.testing.assert_array_equal(a["x"].values, b["x"].values)
    for name, column in fitted[method].history_.items():
        np.testing.assert_array_equal(column, loaded.history_[name])


def test_generated_data_are_a_dataset_with_a_status(method, case, fitted):
    free = fitted[method].generate(40, n_trajectories=3, seed=1)
    assert free["x"].shape == (3, 40, case.make(2, 0).shape[1])
    assert free.attrs["dt"] == DT
    statuses = json.loads(free.attrs["status"])
    assert len(statuses) == 3
    assert set(statuses[0]) == {"finite", "diverged_at", "fixed_point", "cycle"}


@pytest.mark.parametrize("transient", [-3, 2.5, "4", True])
def test_a_transient_that_is_no_number_of_steps_is_refused(method, fitted, transient):
    with pytest.raises(InputError, match="transient: .*at least 0"):
        fitted[method].generate(10, transient=transient)


@pytest.mark.parametrize("seed", [-1, 1.5, None])
def test_a_seed_is_checked_after_a_context_too(method, case, fitted, seed):
    with pytest.raises(InputError, match="seed is not a whole number"):
        fitted[method].generate(10, context=case.make(60, 1), seed=seed)


def test_forecast_follows_the_context(method, case):
    error, guess = case.forecast_errors(fit(method, case.make(800, 0), **case.longer))
    assert error < 0.5 * guess


def test_times_of_a_forecast_go_on_where_those_of_the_context_end(method, case, fitted):
    x, names = case.make(60, 1), [str(name) for name in fitted[method].model_.names]
    data = make_dataset(x, time=1900 + DT * np.arange(60), mask=True, names=names)
    ahead = fitted[method].forecast(data, n_steps=3)
    np.testing.assert_allclose(ahead["time"].values, 1900 + DT * np.arange(60, 63), atol=1e-9)
    ahead = fitted[method].forecast([x[:30], x[:40]], n_steps=2)
    np.testing.assert_allclose(times(ahead), DT * np.array([[30, 31], [40, 41]]), atol=1e-9)


def test_a_context_that_ends_in_a_gap_is_continued_by_the_model(method, case, fitted):
    """A forecast is as far ahead as it says."""
    if not isinstance(fitted[method].model_, StateSpace):
        return
    context, gap = case.make(60, 1), np.full((3, case.make(2, 0).shape[1]), np.nan)
    longer = fitted[method].forecast(context, n_steps=13)["x"].values[:, 3:]
    ahead = fitted[method].forecast(np.concatenate([context, gap]), n_steps=10)["x"].values
    np.testing.assert_allclose(ahead, longer, rtol=1e-6, atol=1e-6)


def test_a_context_of_another_interval_or_other_variables_is_refused(method, case, fitted):
    x = case.make(60, 0)[:30]
    slower = make_dataset(x, dt=3 * DT, mask=True, names=[str(name) for name in fitted[method].model_.names])
    if hasattr(fitted[method].model_, "rate_matrix"):
        assert fitted[method].forecast(slower, n_steps=5)["x"].shape == (1, 5, 1), "rates know any interval"
        return
    with pytest.raises(dysyr.InputError, match="sampled at another interval than the model"):
        fitted[method].forecast(slower, n_steps=5)
    with pytest.raises(dysyr.InputError, match="other variables than the model"):
        fitted[method].forecast(np.concatenate([x, x], axis=1), n_steps=5)


def test_a_report_can_tell_of_the_training(method, fitted):
    told = training_of(fitted[method])
    assert told.method == method.__name__
    assert all(len(updates) == len(values) for _, updates, values in told.curves)


def test_score_is_minus_the_shared_criterion(method, case, fitted):
    held = case.make(300, 5)
    score = fitted[method].score(held)
    assert -1 <= fitted[method].score(case.useless(held)) < score <= 0


def test_unfitted_says_so(method):
    with pytest.raises(dysyr.InputError, match=f"this {method.__name__} is not fitted: call fit first"):
        method().generate(3)


def test_trajectories_of_unequal_length(method, case):
    made = fit(method, [case.make(200, 0), case.make(90, 2)])
    assert made.generate(5)["x"].shape[:2] == (1, 5)


def test_missing_values_and_inputs_as_declared(method, case):
    x = case.make(300, 0)
    x[50:60] = np.nan
    x[100, 0] = np.nan
    gaps = make_dataset(x, dt=DT, mask=np.isfinite(x))
    driven = make_dataset(case.make(300, 0), dt=DT, u=np.random.default_rng(0).normal(size=(300, 1)))
    if method.handles_missing:
        free = fit(method, gaps).generate(20)
        assert np.isfinite(free["x"].values).all()
    else:
        with pytest.raises(dysyr.InputError):
            fit(method, gaps)
    if method.handles_inputs:
        made = fit(method, driven)
        assert made.generate(20, inputs=np.zeros((25, 1)))["x"].shape[:2] == (1, 20)
        with pytest.raises(dysyr.InputError, match="needs its external inputs"):
            made.generate(20)
    else:
        with pytest.raises(dysyr.InputError, match="does not take external inputs"):
            fit(method, driven)


def test_irregular_times_as_declared(method, case):
    x = case.make(300, 0)
    uneven = make_dataset(x, time=DT * (np.arange(300) + 0.3 * np.sin(np.arange(300))))
    if method.handles_irregular:
        assert fit(method, uneven).generate(20)["x"].shape[:2] == (1, 20)
    else:
        with pytest.raises(dysyr.InputError, match="time step is not constant"):
            fit(method, uneven)


def test_unsuitable_data_are_refused(method, case):
    x = case.make(400, 0)
    with pytest.raises(dysyr.InputError, match="no sampling interval"):
        method(**case.settings).fit(x, progress=False)
    x[3] = np.inf
    for data, message in [*case.unsuitable, (x, "finite")]:
        with pytest.raises(dysyr.InputError, match=message):
            fit(method, data)


def test_resumed_training_gives_the_same_bits(method, case, fitted, tmp_path, monkeypatch):
    """Interrupted at every check in turn, the fit ends with the weights of the uninterrupted one."""
    monkeypatch.setattr(case.module, "SECONDS_BETWEEN_WRITES", 0.0)
    original = getattr(case.owner, case.function)
    assert case.n_pieces(fitted[method].history_) > 1
    for interrupted_at in range(1, case.n_pieces(fitted[method].history_) + 1):
        calls = []

        def interrupt(*arguments, calls=calls, stop=interrupted_at):
            calls.append(1)
            if len(calls) > stop:
                raise KeyboardInterrupt
            return original(*arguments)

        folder = tmp_path / str(interrupted_at)
        monkeypatch.setattr(case.owner, case.function, interrupt)
        with pytest.raises(KeyboardInterrupt):
            method(**case.settings).fit(case.make(400, 0), dt=DT, progress=False, checkpoint=folder)
        monkeypatch.setattr(case.owner, case.function, original)
        resumed = method(**case.settings).fit(case.make(400, 0), dt=DT, progress=False, checkpoint=folder)
        for name, value in fitted[method].model_.arrays().items():
            np.testing.assert_array_equal(value, resumed.model_.arrays()[name], err_msg=name)
        for name, column in fitted[method].history_.items():
            np.testing.assert_array_equal(column, resumed.history_[name])


def test_a_checkpoint_of_other_data_or_settings_is_refused(method, case, tmp_path):
    method(**case.settings).fit(case.make(400, 0), dt=DT, progress=False, checkpoint=tmp_path)
    with pytest.raises(dysyr.DysyrError, match="belongs to another configuration or to other data"):
        method(**case.settings).fit(case.make(400, 8), dt=DT, progress=False, checkpoint=tmp_path)
    with pytest.raises(dysyr.DysyrError, match="belongs to another configuration or to other data"):
        method(**{**case.settings, "seed": 5}).fit(case.make(400, 0), dt=DT, progress=False, checkpoint=tmp_path)


def test_grid_search_over_segments(method, case):
    search = GridSearchCV(
        method(**{**case.settings, **case.shorter}), {"seed": [0, 1]}, cv=dysyr.SegmentSplit(2), refit=False
    )
    search.fit(case.make(300, 0), dt=DT, progress=False)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_state_space_models_obey_their_own_jacobian(method, fitted):
    model = fitted[method].model_
    if not isinstance(model, StateSpace):
        pytest.skip("no state-space model")
    z = np.random.default_rng(0).normal(size=(5, model.latent_dim))
    jacobian, h = model.jacobian(z), 1e-7
    for d in range(model.latent_dim):
        shift = np.zeros(model.latent_dim)
        shift[d] = h
        numeric = (model.step(z + shift) - model.step(z - shift)) / (2 * h)
        np.testing.assert_allclose(jacobian[:, :, d], numeric, atol=1e-6)
    orbit = model.trajectory(z, 6)
    state = z
    for t in range(6):
        state = model.step(state)
        np.testing.assert_allclose(orbit[:, t], state, rtol=1e-9)
    if isinstance(model, PiecewiseLinear):
        for one in z:
            matrix, offset = model.affine(model.region(one[None])[0])
            np.testing.assert_allclose(matrix @ one + offset, model.step(one[None])[0], rtol=1e-9)
