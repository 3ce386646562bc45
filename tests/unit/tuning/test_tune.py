"""tune: the best candidate wins, on data that nobody was fitted to; what is finished stays; failures rank last."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import dysyr
from dysyr.core.dataset import trajectories
from dysyr.training import loop
from dysyr.tuning import evaluation
from dysyr.tuning.candidates import candidates_of, name_of
from dysyr.workers import Workers


def autoregression(n=600, seed=0):
    """x_t = 1.2 x_{t-1} - 0.8 x_{t-2} + noise, and a column of noise."""
    noise = np.random.default_rng(seed).normal(size=n)
    x = np.zeros(n)
    for t in range(2, n):
        x[t] = 1.2 * x[t - 1] - 0.8 * x[t - 2] + noise[t]
    return x[:, None]


def circle(n=200):
    t = 0.3 * np.arange(n)
    return np.column_stack([np.cos(t), np.sin(t)])


@pytest.fixture
def tuned(tmp_path):
    """Tune LinearAR, or another method, on an autoregression of order 2 in this process."""

    def tune(settings, method=None, data=None, *, out=tmp_path / "tuned", say=lambda text: None, **options):
        method = dysyr.LinearAR(ridge=0.0) if method is None else method
        data = autoregression() if data is None else data
        return dysyr.tune(method, data, settings, out=out, dt=1.0, workers=0, say=say, **options)

    return tune


@pytest.fixture
def fits(monkeypatch):
    """The orders of all fits of LinearAR, as they are made."""
    made, fit = [], dysyr.LinearAR.fit

    def counting(self, X, y=None, **options):
        made.append(self.order)
        return fit(self, X, y, **options)

    monkeypatch.setattr(dysyr.LinearAR, "fit", counting)
    return made


@pytest.fixture
def fussy(monkeypatch):
    """LinearAR cannot be fitted with order 3, has a defect with order 4, and a model without worth with order 5."""
    fit, score = dysyr.LinearAR.fit, dysyr.LinearAR.score

    def fit_some(self, X, y=None, **options):
        if self.order == 3:
            raise dysyr.NotConverged("three is too many")
        if self.order == 4:
            raise ZeroDivisionError("four")
        return fit(self, X, y, **options)

    monkeypatch.setattr(dysyr.LinearAR, "fit", fit_some)
    monkeypatch.setattr(dysyr.LinearAR, "score", lambda self, X: np.nan if self.order == 5 else score(self, X))


def test_the_order_of_an_autoregression_is_found(tuned):
    found = tuned({"order": [1, 2], "ridge": [100.0, 0.0]})
    assert found.best == {"order": 2, "ridge": 0.0}
    assert (found.table["criterion"].diff().dropna() >= 0).all()
    assert found.table["rank"].tolist() == [1, 2, 3, 4]
    assert "LinearAR(order=2, ridge=0.0)" in str(found)
    written = pd.read_csv(found.folder / "candidates.csv", keep_default_na=False)
    assert written["name"].tolist() == found.table["name"].tolist()
    assert written["order"].iloc[0] == 2


def test_a_ridge_that_stifles_a_reservoir_loses(tuned):
    data = dysyr.simulate("lorenz63", n_steps=800)["x"].values[0]
    method = dysyr.ReservoirComputer(n_units=60, spectral_radius=0.9, input_scaling=0.3, leak=1.0, jitter=0.0)
    found = tuned({"ridge": [1e4, 1e-6, 1e2]}, method, data)
    assert found.best == {"ridge": 1e-6}
    assert found.table["criterion"].iloc[0] < 0.5 * found.table["criterion"].iloc[1]


def test_the_last_two_are_trained_in_full(tuned, tmp_path):
    method = dysyr.GRU(hidden_dim=4, n_updates=30, sequence_length=10, warm_up=2, batch_size=8, n_checks=2)
    found = tuned({"learning_rate": [1e-6, 3e-2, 1e-5, 1e-7]}, method, circle())
    assert found.best == {"learning_rate": 3e-2}
    assert found.table["length"].tolist() == ["1/1", "1/1", "1/3", "1/3"]
    assert found.table["criterion_1/3"].notna().all()
    assert found.table["criterion_1/1"].notna().tolist() == [True, True, False, False]
    best = json.loads((found.folder / "evaluations" / found.table["name"][0] / "length_1_3.json").read_text())
    assert (best["arguments"]["n_updates"], best["divisor"]) == (10, 3)
    assert found.reconstructor.n_updates == 30
    assert not (found.folder / "unfinished").exists()


def test_the_best_is_what_fit_would_make_of_all_data(tuned):
    found = tuned({"order": [1, 2, 3]})
    plain = dysyr.LinearAR(order=found.best["order"], ridge=0.0).fit(autoregression(), dt=1.0)
    for name, array in plain.model_.arrays().items():
        assert np.array_equal(found.reconstructor.model_.arrays()[name], array), name
    assert dysyr.load(found.folder / "best").get_params() == plain.get_params()


def test_candidates_are_compared_on_data_that_none_was_fitted_to(tuned, monkeypatch):
    seen = {"fit": [], "score": []}
    for name in seen:
        original = getattr(dysyr.LinearAR, name)

        def spy(self, X, *rest, original=original, name=name, **options):
            seen[name].append(trajectories(X)[0])
            return original(self, X, *rest, **options)

        monkeypatch.setattr(dysyr.LinearAR, name, spy)
    x = autoregression()
    tuned({"order": [1, 2]}, data=x, held_fraction=0.25)
    assert [len(part) for part in seen["fit"]] == [450, 450, 600]
    assert all(np.array_equal(part, x[: len(part)]) for part in seen["fit"])
    assert all(np.array_equal(part, x[450:]) for part in seen["score"])
    assert len(seen["score"]) == 2


def test_delay_vectors_that_reach_into_the_training_part_are_not_held_out():
    series = dysyr.make_dataset([np.arange(200.0)[:, None]], dt=1.0)
    data = dysyr.embed(series, dim=3, delay=4)
    train, held = evaluation.held_out(data, None, 0.2)
    samples = [set(np.concatenate(trajectories(part)).ravel()) for part in (train, held)]
    assert not samples[0] & samples[1]
    assert samples[0] | samples[1] == set(range(200))
    plain = data.drop_attrs().assign_attrs(dt=1.0)
    assert sum(len(trajectories(part)[0]) for part in evaluation.held_out(plain, None, 0.2)) == data.sizes["time"]
    with pytest.raises(dysyr.InputError, match="too few delay vectors: 1 of its own"):
        evaluation.held_out(data, None, 9 / data.sizes["time"])


def test_whole_trajectories_are_held_out_whole():
    series = dysyr.make_dataset([np.arange(k, k + 60.0)[:, None] for k in range(0, 500, 100)], dt=1.0)
    data = dysyr.embed(series, dim=2, delay=3)
    train, held = evaluation.held_out(data, None, 0.2)
    assert [len(x) for x in trajectories(train)] + [len(x) for x in trajectories(held)] == [57] * 5


def test_validation_data_of_their_own(tuned, monkeypatch):
    other, scored = autoregression(200, seed=5), []
    original = dysyr.LinearAR.score
    monkeypatch.setattr(dysyr.LinearAR, "score", lambda self, X: scored.append(trajectories(X)[0]) or original(self, X))
    found = tuned({"order": [1, 2]}, validation=other)
    assert found.best == {"order": 2}
    assert all(np.array_equal(part, other) for part in scored)
    with pytest.raises(dysyr.DysyrError, match="holds another search: other hashes"):
        tuned({"order": [1, 2]})


def test_who_cannot_be_fitted_ranks_last(tuned, fussy):
    said = []
    found = tuned({"order": [3, 4, 5, 1, 2]}, say=said.append)
    assert found.best == {"order": 2}
    assert found.table["order"].tolist() == [2, 1, 3, 4, 5]
    assert found.table["why"].tolist() == [
        "", "", "three is too many", "ZeroDivisionError: four", "the criterion is nan",
    ]  # fmt: skip
    assert found.table["criterion"].isna().tolist() == [False, False, True, True, True]
    assert any(line.endswith("failed, three is too many") for line in said)
    assert "three is too many" in str(found)


def test_when_all_fail(tuned, fussy):
    with pytest.raises(dysyr.DysyrError, match="every candidate that came so far failed: three is too many; the crit"):
        tuned({"order": [3, 5]})


def test_the_best_fails_on_all_data(tuned, monkeypatch):
    original = dysyr.LinearAR.fit

    def fit(self, X, y=None, **options):
        if X.sizes["time"] == 600:
            raise dysyr.NotConverged("too long")
        return original(self, X, y, **options)

    monkeypatch.setattr(dysyr.LinearAR, "fit", fit)
    with pytest.raises(dysyr.DysyrError, match="cannot be fitted to all data: NotConverged: too long"):
        tuned({"order": [1, 2]})


def test_what_is_finished_is_not_repeated(tuned, fits, monkeypatch):
    def interrupted(self, X, y=None):
        if self.order == 3:
            raise KeyboardInterrupt
        return original(self, X)

    original = dysyr.LinearAR.score
    monkeypatch.setattr(dysyr.LinearAR, "score", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tuned({"order": [1, 2, 3, 4]})
    assert fits == [1, 2, 3]
    monkeypatch.setattr(dysyr.LinearAR, "score", original)
    found = tuned({"order": [1, 2, 3, 4]})
    assert fits == [1, 2, 3, 3, 4, found.best["order"]]
    records = sorted((found.folder / "evaluations").rglob("*.json"))
    before = [(path, path.stat().st_mtime_ns) for path in records]
    again = tuned({"order": [1, 2, 3, 4]})
    assert len(fits) == 6, "not even the best is fitted again"
    assert [(path, path.stat().st_mtime_ns) for path in records] == before
    assert again.table.equals(found.table)


def test_an_interrupted_fit_goes_on(tuned, tmp_path, monkeypatch):
    method = dysyr.GRU(hidden_dim=4, n_updates=12, sequence_length=10, warm_up=2, batch_size=8, n_checks=6)
    settings = {"learning_rate": [1e-2, 1e-3]}
    whole = tuned(settings, method, circle(), out=tmp_path / "whole")
    checks, check = [], loop.Training._check

    def stopped(self):
        checks.append(self.done())
        if len(checks) == 4:
            raise KeyboardInterrupt
        check(self)

    monkeypatch.setattr(loop, "SECONDS_BETWEEN_WRITES", 0.0)
    monkeypatch.setattr(loop.Training, "_check", stopped)
    with pytest.raises(KeyboardInterrupt):
        tuned(settings, method, circle())
    found = tuned(settings, method, circle())
    assert checks[:5] == [0, 2, 4, 6, 6], "the second call goes on where the first was stopped"
    kept = ["learning_rate", "criterion"]
    assert found.table[kept].equals(whole.table[kept])
    assert found.table["seconds"].isna().sum() == 1, "nobody knows how long the interrupted one took"


def test_values_may_be_added_but_nothing_else_may_change(tuned, fits):
    assert tuned({"order": [1, 3]}).best == {"order": 3}
    assert tuned({"order": [1, 3, 2]}).best == {"order": 2}
    assert fits == [1, 3, 3, 2, 2]
    for settings, options, what in (
        ({"order": [1, 2]}, {"method": dysyr.LinearAR(ridge=1.0)}, "arguments"),
        ({"order": [1, 2]}, {"held_fraction": 0.3}, "held_fraction"),
        ({"order": [1, 2]}, {"data": autoregression(seed=1)}, "hashes"),
        ({"period": [1, 2]}, {"method": dysyr.Persistence()}, "method, arguments"),
    ):
        with pytest.raises(dysyr.DysyrError, match=f"holds another search: other {what}"):
            tuned(settings, **options)


def test_other_data_of_a_folder_that_was_deleted(tuned, tmp_path):
    import shutil

    first = tuned({"order": [1, 2]})
    shutil.rmtree(tmp_path / "tuned")
    second = tuned({"order": [1, 2]}, data=autoregression(seed=1))
    assert first.table["criterion"].iloc[0] != second.table["criterion"].iloc[0]


def test_a_folder_that_holds_something_else(tuned, tmp_path):
    (tmp_path / "tuned").mkdir()
    (tmp_path / "tuned" / "letter.txt").write_text("dear")
    with pytest.raises(dysyr.DysyrError, match="is not empty: it holds other files"):
        tuned({"order": [1, 2]})
    (tmp_path / "tuned" / "tune.json").write_text("[]")
    with pytest.raises(dysyr.FormatError, match="tune.json' is damaged"):
        tuned({"order": [1, 2]})


def test_a_damaged_record(tuned):
    found = tuned({"order": [1, 2]})
    next((found.folder / "evaluations").rglob("*.json")).write_text("{}")
    with pytest.raises(dysyr.FormatError, match="is damaged: delete it"):
        tuned({"order": [1, 2]})


def test_fits_over_which_workers_died_are_tried_again_on_demand(tuned, fits, monkeypatch):
    def dying(self, function, tasks):
        for task in tasks:
            dead = "order_2" in getattr(task, "name", "")
            yield task, *((None, "2 workers died over it") if dead else (function(task), None))

    alive = Workers.run
    monkeypatch.setattr(Workers, "run", dying)
    assert tuned({"order": [1, 2]}).table["why"].tolist() == ["", "2 workers died over it"]
    monkeypatch.setattr(Workers, "run", alive)
    assert tuned({"order": [1, 2]}).best == {"order": 1}
    assert fits == [1, 1]
    assert tuned({"order": [1, 2]}, retry_failed=True).best == {"order": 2}
    assert fits == [1, 1, 2, 2]


def test_failures_of_the_method_are_final(tuned, fussy, monkeypatch):
    tuned({"order": [1, 3, 4]})
    tried = []
    fit = dysyr.LinearAR.fit
    monkeypatch.setattr(
        dysyr.LinearAR, "fit", lambda self, *rest, **options: tried.append(self.order) or fit(self, *rest, **options)
    )
    table = tuned({"order": [1, 3, 4]}, retry_failed=True).table
    assert tried == [4], "only an error of the program may be gone"
    assert table["why"].tolist() == ["", "three is too many", "ZeroDivisionError: four"]


def test_the_order_in_which_fits_end_does_not_matter(tuned, tmp_path, monkeypatch):
    forward = tuned({"order": [1, 2, 3, 4]}, out=tmp_path / "forward")
    run = Workers.run
    monkeypatch.setattr(Workers, "run", lambda self, function, tasks: run(self, function, tasks[::-1]))
    backward = tuned({"order": [1, 2, 3, 4]}, out=tmp_path / "backward")
    assert backward.table.drop(columns="seconds").equals(forward.table.drop(columns="seconds"))
    assert backward.best == forward.best


@pytest.mark.slow
def test_the_number_of_processes_does_not_matter(tmp_path):
    pytest.importorskip("distributed")
    method = dysyr.SHPLRNN(hidden_dim=6, n_updates=45, n_refinements=3, n_checks=3, sequence_length=20, max_restarts=0)
    settings = {"learning_rate": [1e-2, 1e-3, 1e-4, 1e-5]}
    found = [
        dysyr.tune(method, circle(), settings, out=tmp_path / str(n), dt=0.3, workers=n, say=lambda text: None)
        for n in (0, 1, 2)
    ]
    tables = [one.table.drop(columns="seconds") for one in found]
    assert all(table.equals(tables[0]) for table in tables)
    arrays = [one.reconstructor.model_.arrays() for one in found]
    assert all(np.array_equal(one[name], arrays[0][name]) for one in arrays for name in one)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ordr": [1, 2]}, "LinearAR has no argument 'ordr'.*did you mean 'order'"),
        ({"order": 2}, "the values of 'order': 2; a list that is not empty"),
        ({"order": []}, "the values of 'order'"),
        ({"order": [1, 2, 1]}, "a value of 'order' is given twice: 1"),
        ({"order": [2]}, "nothing to choose among: a single candidate"),
        ({}, "nothing to choose among"),
    ],
)
def test_settings_that_cannot_be_searched(tuned, tmp_path, settings, message):
    with pytest.raises(dysyr.InputError, match=message):
        tuned(settings)
    assert not (tmp_path / "tuned").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"held_fraction": 1.0}, r"held_fraction: 1.0; a number in \(0, 1\)"),
        ({"held_fraction": 0.001, "data": autoregression(100)}, "too short to be split"),
        ({"n_rungs": 2}, "LinearAR has no length of training"),
        ({"method": "linearar"}, "what is tuned: str; a method of dysyr"),
    ],
)
def test_options_out_of_range(tuned, tmp_path, options, message):
    with pytest.raises(dysyr.InputError, match=message):
        tuned({"order": [1, 2]}, **options)
    assert not (tmp_path / "tuned").exists()


def test_workers_out_of_range(tmp_path):
    with pytest.raises(dysyr.InputError, match="workers: -1"):
        dysyr.tune(dysyr.LinearAR(), autoregression(), {"order": [1, 2]}, out=tmp_path / "tuned", dt=1.0, workers=-1)


def test_candidates_have_names_of_their_own():
    method = dysyr.LinearAR()
    one, other = (name_of(method, {"ridge": value}) for value in (0.1, 0.1 + 1e-12))
    assert one != other
    assert name_of(method, {"ridge": 0.1}) == one
    assert name_of(clone(method).set_params(order=3), {"ridge": 0.1}) != one
    long = name_of(method, {"ridge": "../" * 100})
    assert len(long) < 100 and "/" not in long
    assert candidates_of(method, {"order": [1, 2], "ridge": [0.0, 1.0]})[1] == {"order": 1, "ridge": 1.0}


def test_data_are_read_once_for_each_search(tuned, monkeypatch):
    read = []
    original = evaluation.read_dataset
    monkeypatch.setattr(evaluation, "read_dataset", lambda path: read.append(path) or original(path))
    tuned({"order": [1, 2, 3]})
    assert len(read) == 1
