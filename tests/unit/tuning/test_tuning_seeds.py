"""tune with several seeds: their median decides, failures count, and seeds may be added later."""

import numpy as np
import pandas as pd
import pytest

import dysyr

BY_SEED = {
    5: [0.30, 0.10, 0.31],
    6: [0.20, 0.21, 0.90],
    7: [0.01, None, None],
}
"""Criteria of three settings; the one with the least median has neither the best first seed nor the best of all."""


@pytest.fixture
def tuned(tmp_path, monkeypatch):
    """Tune a reservoir whose criteria are those of the table; seeds begin at 3. Counts the fits of the search."""
    made = []
    fit, score = dysyr.ReservoirComputer.fit, dysyr.ReservoirComputer.score

    def fit_some(self, X, y=None, **options):
        fitted = fit(self, X, y, **options)
        made.append((self.n_units, self.seed))
        if BY_SEED[self.n_units][self.seed - 3] is None:
            raise dysyr.NotConverged(f"seed {self.seed} has no luck")
        return fitted

    def known(self, X):
        assert np.isfinite(score(self, X))
        return -BY_SEED[self.n_units][self.seed - 3]

    monkeypatch.setattr(dysyr.ReservoirComputer, "fit", fit_some)
    monkeypatch.setattr(dysyr.ReservoirComputer, "score", known)
    t = 0.3 * np.arange(200)
    data = np.column_stack([np.cos(t), np.sin(t)])
    method = dysyr.ReservoirComputer(spectral_radius=0.9, input_scaling=0.5, leak=1.0, jitter=0.0, ridge=1e-6, seed=3)

    def tune(n_seeds, method=method, settings=None, said=None):
        del made[:]
        say = (lambda text: None) if said is None else said.append
        return dysyr.tune(
            method, data, settings or {"n_units": [5, 6, 7]}, out=tmp_path / "tuned", dt=0.3, workers=0, say=say,
            n_seeds=n_seeds,
        )  # fmt: skip

    tune.made = made
    return tune


def test_the_median_over_seeds_decides_and_the_best_seed_is_kept(tuned):
    said = []
    found = tuned(3, said=said)
    assert found.best == {"n_units": 6, "seed": 3}
    assert (found.reconstructor.n_units, found.reconstructor.seed) == (6, 3)
    assert found.table["n_units"].tolist() == [6, 5, 7]
    assert found.table["criterion"].tolist()[:2] == [0.21, 0.30]
    assert np.isnan(found.table["criterion"][2])
    assert found.table["lowest"].tolist() == [0.20, 0.10, 0.01]
    assert found.table["highest"].tolist() == [0.90, 0.31, 0.01]
    assert found.table["failed"].tolist() == [0, 0, 2]
    assert found.table["why"].tolist() == ["", "", "seed 4 has no luck"]
    assert "3 candidates at the full length, 9 fits, 9 of them to do" in said[0]


def test_seeds_may_be_added_and_nothing_is_repeated(tuned):
    found = tuned(1)
    assert found.best == {"n_units": 7}
    assert "lowest" not in found.table
    assert tuned.made == [(5, 3), (6, 3), (7, 3), (7, 3)]
    assert tuned(3).best == {"n_units": 6, "seed": 3}
    assert sorted(tuned.made) == [(5, 4), (5, 5), (6, 3), (6, 4), (6, 5), (7, 4), (7, 5)]
    tuned(3)
    assert tuned.made == []


def test_the_kept_seed_need_not_be_the_first(tuned, monkeypatch):
    monkeypatch.setitem(BY_SEED, 6, [0.9, 0.20, 0.21])
    assert tuned(3).best == {"n_units": 6, "seed": 4}


def test_half_of_the_seeds_failing_is_a_failure(tuned, monkeypatch):
    monkeypatch.setitem(BY_SEED, 6, [0.01, None, 0.01])
    found = tuned(2)
    assert found.best == {"n_units": 5, "seed": 4}
    assert found.table["n_units"].tolist() == [5, 6, 7]
    assert found.table["failed"].tolist() == [0, 1, 1]
    written = pd.read_csv(found.folder / "candidates.csv")
    assert written["criterion"].notna().tolist() == [True, False, False]


def test_an_ensemble_uses_its_seed(tmp_path):
    t = 0.1 * np.arange(300)
    data = np.column_stack([np.cos(t), np.sin(t)]) + 0.05 * np.random.default_rng(0).normal(size=(300, 2))
    form = {"degree": 1, "form": "weak", "window": 21}
    plain, ensemble = (dysyr.SINDy(**form, ensemble=drawn) for drawn in (False, True))
    assert (plain.uses_seed, ensemble.uses_seed) == (False, True)
    settings = {"threshold": [0.01, 0.03]}
    found = dysyr.tune(ensemble, data, settings, out=tmp_path / "out", dt=0.1, workers=0, n_seeds=2)
    assert found.best["seed"] in (0, 1)
    with pytest.raises(dysyr.InputError, match="SINDy uses no seed"):
        dysyr.tune(plain, data, settings, out=tmp_path / "other", dt=0.1, workers=0, n_seeds=2)


@pytest.mark.parametrize(
    ("n_seeds", "method", "settings", "message"),
    [
        (0, None, None, "n_seeds: 0"),
        (1.5, None, None, "n_seeds: 1.5"),
        (101, None, None, "a whole number from 1 to 100"),
        (2, dysyr.LinearAR(), {"order": [1, 2]}, "LinearAR uses no seed"),
        (2, None, {"seed": [1, 2]}, "several values of 'seed'"),
    ],
)
def test_numbers_of_seeds_that_make_no_sense(tuned, n_seeds, method, settings, message):
    options = {} if method is None else {"method": method}
    with pytest.raises(dysyr.InputError, match=message):
        tuned(n_seeds, settings=settings, **options)
