"""What every reconstructor of METHODS must do."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import dysyr
from dysyr.core.dataset import make_dataset
from dysyr.core.model import Model, PiecewiseLinear, StateSpace
from dysyr.reconstruction import ALRNN, METHODS, MODELS, PLRNN, SHPLRNN, DendPLRNN

SHORT = {
    "sequence_length": 20, "n_updates": 400, "n_refinements": 6, "n_generations": 0, "n_checks": 4, "max_restarts": 0,
    "learning_rate": 5e-3,
}  # fmt: skip
ELEMENTWISE = {**SHORT, "latent_dim": 6, "forcing_interval": 5, "batch_size": 32}
SMALL = {
    SHPLRNN: {**SHORT, "hidden_dim": 8},
    ALRNN: {**ELEMENTWISE, "n_rectified": 2, "n_generations": 10},
    DendPLRNN: {**ELEMENTWISE, "n_bases": 3},
    PLRNN: {**ELEMENTWISE, "forcing_interval": 10},
}  # fmt: skip
DT = 0.1


def spiral(n=400, seed=0, decay=0.0):
    """Two sines with a phase, a linear system that every method should manage."""
    rng = np.random.default_rng(seed)
    t = DT * np.arange(n) + rng.uniform(0, 6)
    return np.column_stack([np.cos(t), 2 * np.sin(t) + 5]) * np.exp(-decay * t)[:, None] + 1e-3 * rng.normal(
        size=(n, 2)
    )


@pytest.fixture(params=METHODS, ids=lambda method: method.__name__)
def method(request):
    return request.param


@pytest.fixture(scope="module")
def fitted():
    return {method: method(**SMALL[method]).fit(spiral(), dt=DT, progress=False) for method in METHODS}


def test_every_method_has_small_settings():
    assert set(SMALL) == set(METHODS)


def test_constructor_only_stores(method):
    made = method()
    for name, value in made.get_params().items():
        assert getattr(made, name) is value or getattr(made, name) == value
    assert "seed" in made.get_params()
    assert clone(made).get_params() == made.get_params()
    assert repr(method(seed=3)) == f"{method.__name__}(seed=3)"


def test_fit_returns_self_and_learns(method, fitted):
    made = method(**SMALL[method])
    assert made.fit(spiral(), dt=DT, progress=False) is made
    assert isinstance(made.model_, Model)
    assert type(made.model_) in MODELS
    assert made.n_features_in_ == 2
    assert made.dt_ == DT
    assert made.provenance_["seed"] == 0
    assert json.loads(json.dumps(made.model_.config())) == made.model_.config()


def test_same_seed_same_bits(method, fitted):
    again = method(**SMALL[method]).fit(spiral(), dt=DT, progress=False)
    for name, value in fitted[method].model_.arrays().items():
        np.testing.assert_array_equal(value, again.model_.arrays()[name], err_msg=name)
    other = method(**{**SMALL[method], "seed": 1}).fit(spiral(), dt=DT, progress=False)
    assert any(not np.array_equal(v, other.model_.arrays()[k]) for k, v in fitted[method].model_.arrays().items())


def test_saved_and_loaded_runs_the_same(method, fitted, tmp_path):
    fitted[method].save(tmp_path / "run")
    loaded = dysyr.load(tmp_path / "run")
    assert loaded.get_params() == fitted[method].get_params()
    a, b = (one.generate(50, n_trajectories=2, seed=4) for one in (fitted[method], loaded))
    np.testing.assert_array_equal(a["x"].values, b["x"].values)
    context = spiral(60)[:30]
    a, b = (one.forecast(context, n_steps=5) for one in (fitted[method], loaded))
    np.testing.assert_array_equal(a["x"].values, b["x"].values)
    for name, column in fitted[method].history_.items():
        np.testing.assert_array_equal(column, loaded.history_[name])


def test_generated_data_are_a_dataset_with_a_status(method, fitted):
    free = fitted[method].generate(40, n_trajectories=3, seed=1)
    assert free["x"].shape == (3, 40, 2)
    assert free.attrs["dt"] == DT
    statuses = json.loads(free.attrs["status"])
    assert len(statuses) == 3
    assert set(statuses[0]) == {"finite", "diverged_at", "fixed_point", "cycle"}


def test_forecast_follows_the_context(method):
    made = method(**{**SMALL[method], "n_updates": 1500}).fit(spiral(800), dt=DT, progress=False)
    series = spiral(200, seed=9)
    ahead = made.forecast(series[:100], n_steps=10)
    error = np.abs(ahead["x"].values[0] - series[100:110]).max() / series.std(axis=0).max()
    persistence = np.abs(series[99] - series[100:110]).max() / series.std(axis=0).max()
    assert error < 0.5 * persistence


def test_score_is_minus_the_shared_criterion(method, fitted):
    held = spiral(300, seed=5)
    score = fitted[method].score(held)
    noise = np.random.default_rng(0).normal(size=held.shape) * held.std(axis=0) + held.mean(axis=0)
    assert -1 <= fitted[method].score(noise) < score <= 0


def test_unfitted_says_so(method):
    with pytest.raises(dysyr.InputError, match=f"this {method.__name__} is not fitted: call fit first"):
        method().generate(3)


def test_trajectories_of_unequal_length(method):
    made = method(**SMALL[method]).fit([spiral(200), spiral(90, seed=2)], dt=DT, progress=False)
    assert made.generate(5)["x"].shape == (1, 5, 2)


def test_missing_values_and_inputs_as_declared(method):
    x = spiral(300)
    x[50:60] = np.nan
    x[100, 0] = np.nan
    gaps = make_dataset(x, dt=DT, mask=np.isfinite(x))
    driven = make_dataset(spiral(300), dt=DT, u=np.random.default_rng(0).normal(size=(300, 1)))
    if method.handles_missing:
        free = method(**SMALL[method]).fit(gaps, progress=False).generate(20)
        assert np.isfinite(free["x"].values).all()
    else:
        with pytest.raises(dysyr.InputError):
            method(**SMALL[method]).fit(gaps, progress=False)
    if method.handles_inputs:
        made = method(**SMALL[method]).fit(driven, progress=False)
        assert made.generate(20, inputs=np.zeros((25, 1)))["x"].shape == (1, 20, 2)
        with pytest.raises(dysyr.InputError, match="needs its external inputs"):
            made.generate(20)
    else:
        with pytest.raises(dysyr.InputError, match="does not take external inputs"):
            method(**SMALL[method]).fit(driven, progress=False)


@pytest.mark.parametrize(
    ("data", "dt", "message"),
    [
        (np.zeros((10, 2)), DT, "too few samples"),
        (np.column_stack([np.ones(400), np.sin(np.arange(400))]), DT, "constant"),
        (spiral(), None, "dt"),
        (np.where(np.arange(800).reshape(400, 2) == 7, np.inf, 1.0), DT, "finite|constant"),
    ],
)
def test_unsuitable_data_are_refused(method, data, dt, message):
    with pytest.raises(dysyr.InputError, match=message):
        method(**SMALL[method]).fit(data, dt=dt, progress=False)


def test_resumed_training_gives_the_same_bits(method, fitted, tmp_path, monkeypatch):
    """Interrupted at every check in turn, the fit ends with the weights of the uninterrupted one."""
    from dysyr.reconstruction.plrnn import search

    monkeypatch.setattr(search, "SECONDS_BETWEEN_WRITES", 0.0)
    original = search.Search._check
    for interrupted_at in range(1, len(fitted[method].history_["update"])):
        calls = []

        def interrupt(self, bar, calls=calls, stop=interrupted_at):
            calls.append(1)
            if len(calls) > stop:
                raise KeyboardInterrupt
            original(self, bar)

        folder = tmp_path / str(interrupted_at)
        monkeypatch.setattr(search.Search, "_check", interrupt)
        with pytest.raises(KeyboardInterrupt):
            method(**SMALL[method]).fit(spiral(), dt=DT, progress=False, checkpoint=folder)
        monkeypatch.setattr(search.Search, "_check", original)
        resumed = method(**SMALL[method]).fit(spiral(), dt=DT, progress=False, checkpoint=folder)
        for name, value in fitted[method].model_.arrays().items():
            np.testing.assert_array_equal(value, resumed.model_.arrays()[name], err_msg=name)
        for name, column in fitted[method].history_.items():
            np.testing.assert_array_equal(column, resumed.history_[name])


def test_a_checkpoint_of_other_data_or_settings_is_refused(method, tmp_path):
    method(**SMALL[method]).fit(spiral(), dt=DT, progress=False, checkpoint=tmp_path)
    with pytest.raises(dysyr.DysyrError, match="belongs to another configuration or to other data"):
        method(**SMALL[method]).fit(spiral(seed=8), dt=DT, progress=False, checkpoint=tmp_path)
    with pytest.raises(dysyr.DysyrError, match="belongs to another configuration or to other data"):
        method(**{**SMALL[method], "seed": 5}).fit(spiral(), dt=DT, progress=False, checkpoint=tmp_path)


def test_grid_search_over_segments(method):
    search = GridSearchCV(
        method(**{**SMALL[method], "n_updates": 50}), {"seed": [0, 1]}, cv=dysyr.SegmentSplit(2), refit=False
    )
    search.fit(spiral(300), dt=DT, progress=False)
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
