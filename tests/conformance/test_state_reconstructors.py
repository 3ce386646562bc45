"""What every method of STATE_METHODS, whose model is a distribution over outcomes, must do."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import dysyr
from dysyr.core.outcome_model import OutcomeModel
from dysyr.reconstruction import MODELS, STATE_METHODS, POVMTransformer
from dysyr.reconstruction.povm_transformer import estimator

SETTINGS = {
    POVMTransformer: {
        "width": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 8, "n_folds": 2, "n_updates": 30, "n_iterations": 6,
        "n_samples": 100, "dt": 0.1, "learning_rate": 1e-2,
    }
}  # fmt: skip
MODULES = {POVMTransformer: estimator}
"""Where ``SECONDS_BETWEEN_WRITES`` lies."""
CHAIN = dysyr.System.open_quantum(
    lattice={"shape": [3], "boundary": "open"},
    hamiltonian=[
        {"operator": "ZZ", "on": "bonds", "coefficient": "0.5"}, {"operator": "X", "on": "sites", "coefficient": "0.5"}
    ],
    jumps=[{"operator": "sigma_minus", "on": "sites", "rate": "1"}],
    observables=[{"name": "Z", "operator": "Z", "on": "sites"}], initial_state="up", dt=0.1,
)  # fmt: skip
WAYS = {
    "fit": lambda made, **more: made.fit(outcomes(), progress=False, **more),
    "steady": lambda made, **more: made.solve(CHAIN, progress=False, **more),
    "sampled": lambda made, **more: made.set_params(mode="sampled").solve(CHAIN, progress=False, **more),
    "path": lambda made, **more: made.solve(CHAIN, times=[0.1, 0.3], progress=False, **more),
    "sampled path": lambda made, **more: made.set_params(mode="sampled").solve(
        CHAIN, times=[0.2], progress=False, **more
    ),
}


@pytest.fixture(params=STATE_METHODS, ids=lambda method: method.__name__)
def method(request):
    return request.param


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


def outcomes(seed=0):
    return dysyr.simulate(CHAIN, times=[0.5], n_shots=400, seed=seed)["outcome"].values


def made(method, **settings):
    return method(**{**SETTINGS[method], **settings})


def test_every_method_is_known():
    assert set(SETTINGS) == set(MODULES) == set(STATE_METHODS)


def test_constructor_only_stores(method):
    one = method()
    for name, value in one.get_params().items():
        assert getattr(one, name) is value or getattr(one, name) == value
    assert clone(one).get_params() == one.get_params()
    assert repr(method(seed=3)) == f"{method.__name__}(seed=3)"


def test_it_returns_itself_and_learns(method, way):
    one = made(method)
    assert way(one) is one
    model = one.model_
    assert isinstance(model, OutcomeModel)
    assert type(model) in MODELS
    assert one.n_features_in_ == model.n_sites == 3
    assert one.provenance_["seed"] == 0
    assert json.loads(json.dumps(model.config())) == model.config()
    for state in range(max(1, len(model.times))):
        assert model.probabilities(state).sum() == pytest.approx(1)
    assert all(np.ndim(column) == 1 for column in one.history_.values())


def test_same_seed_same_bits(method, way):
    first, again, other = (way(made(method, seed=seed)).model_.arrays() for seed in (0, 0, 1))
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name], err_msg=name)
    assert any(not np.array_equal(value, other[name]) for name, value in first.items())


def test_saved_and_loaded_is_the_same(method, way, tmp_path):
    one = way(made(method))
    one.save(tmp_path / "run")
    loaded = dysyr.load(tmp_path / "run")
    assert loaded.get_params() == one.get_params()
    np.testing.assert_array_equal(loaded.sample(20, seed=3), one.sample(20, seed=3))
    np.testing.assert_array_equal(loaded.model_.times, one.model_.times)
    assert loaded.score(outcomes(1)) == one.score(outcomes(1))
    for name, column in one.history_.items():
        np.testing.assert_array_equal(column, loaded.history_[name])


def test_unfitted_says_so(method):
    with pytest.raises(dysyr.InputError, match=f"this {method.__name__} is not fitted"):
        method().sample(3)


def test_score_prefers_the_outcomes_it_was_fitted_to(method):
    one = made(method, n_updates=60).fit(outcomes(), progress=False)
    other = (outcomes(1) + 1) % 4
    assert one.score(outcomes(1)) > one.score(other)
    assert one.score(outcomes()) == pytest.approx(one.model_.log_probabilities(outcomes()).mean())


def test_resumed_work_gives_the_same_bits(method, way, tmp_path, monkeypatch):
    """Interrupted after every piece of work in turn, it ends as if it had not been."""
    monkeypatch.setattr(MODULES[method], "SECONDS_BETWEEN_WRITES", 0.0)
    whole = way(made(method))
    original = MODULES[method].Checkpoint.write
    n_pieces = count_writes(method, way, monkeypatch, tmp_path / "counted")
    assert n_pieces > 1
    for stop in {1, n_pieces // 2, n_pieces - 1}:
        calls = []

        def interrupt(self, *arguments, calls=calls, stop=stop):
            original(self, *arguments)
            calls.append(1)
            if len(calls) == stop:
                raise KeyboardInterrupt

        folder = tmp_path / str(stop)
        monkeypatch.setattr(MODULES[method].Checkpoint, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            way(made(method), checkpoint=folder)
        monkeypatch.setattr(MODULES[method].Checkpoint, "write", original)
        resumed = way(made(method), checkpoint=folder)
        for name, value in whole.model_.arrays().items():
            np.testing.assert_array_equal(value, resumed.model_.arrays()[name], err_msg=name)
        for name, column in whole.history_.items():
            np.testing.assert_array_equal(column, resumed.history_[name], err_msg=name)


def count_writes(method, way, monkeypatch, folder):
    """How often a checkpoint is written."""
    calls, original = [], MODULES[method].Checkpoint.write

    def counted(self, *arguments):
        calls.append(1)
        return original(self, *arguments)

    monkeypatch.setattr(MODULES[method].Checkpoint, "write", counted)
    way(made(method), checkpoint=folder)
    monkeypatch.setattr(MODULES[method].Checkpoint, "write", original)
    return len(calls)


def test_a_checkpoint_of_something_else_is_refused(method, way, tmp_path):
    way(made(method), checkpoint=tmp_path)
    with pytest.raises(dysyr.DysyrError, match="belongs to another configuration or to other data"):
        way(made(method, seed=5), checkpoint=tmp_path)
    with pytest.raises(dysyr.DysyrError, match="belongs to another configuration or to other data"):
        made(method).solve(CHAIN.with_size(n_sites=4), progress=False, checkpoint=tmp_path)


def test_grid_search_over_shots(method):
    search = GridSearchCV(made(method), {"seed": [0, 1]}, cv=2, refit=False)
    search.fit(outcomes(), progress=False)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
