"""Next-generation reservoir computing against explicit loops and its published example."""

import itertools
import json

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from dysyr.core import candidate_search
from dysyr.core.errors import InputError
from dysyr.core.scaler import Scaler
from dysyr.evaluation.valid_prediction_time import normalised_error, steps_within
from dysyr.reconstruction.next_gen_reservoir import NextGenReservoir, PolynomialDelays


def lorenz(n, dt, start=(-8.0, 8.0, 27.0)):
    def slope(t, x):
        return [10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]

    return solve_ivp(slope, (0, n * dt), start, t_eval=dt * np.arange(n), method="DOP853", rtol=1e-10, atol=1e-10).y.T


def test_the_published_example():
    """Lorenz 1963, 400 samples 0.025 apart, two samples, degree 2: good for about five Lyapunov times there."""
    x = lorenz(4000, 0.025)[400:]
    made = NextGenReservoir(n_delays=2, spacing=1, degree=2, jitter=0.0, ridge=1e-8)
    fitted = made.fit(x[:500], dt=0.025, progress=False)
    starts = np.arange(600, 3000, 80)
    contexts = np.stack([x[at : at + 10] for at in starts])
    truth = np.stack([x[at + 10 : at + 460] for at in starts])
    ahead = fitted.forecast(contexts, n_steps=450)["x"].values
    steps = steps_within(normalised_error(truth, ahead, x.std(axis=0)), 0.4)
    valid = steps * 0.025 * 0.9056
    assert 3.5 < np.median(valid) < 9


def test_the_fit_is_ridge_regression_on_all_products():
    """Features and normal equations written out in loops."""
    x, k, m, ridge = lorenz(200, 0.02), 2, 3, 1e-4
    model = NextGenReservoir(n_delays=k, spacing=m, degree=2, jitter=0.0, ridge=ridge).fit(
        x, dt=0.02, progress=False
    ).model_  # fmt: skip
    s = model.scaler.transform(x[:160])
    rows, targets = [], []
    for t in range(m, 159):
        v = [*s[t - m], *s[t]]
        products = [a * b for a, b in itertools.combinations_with_replacement(v, 2)]
        rows.append([1.0, *v, *products])
        targets.append(s[t + 1] - s[t])
    rows, targets = np.array(rows), np.array(targets)
    weights = np.linalg.solve(rows.T @ rows + ridge * len(rows) * np.eye(28), rows.T @ targets)
    z = np.concatenate([s[t] for t in range(40, 44)])[None]
    v = [*s[40], *s[43]]
    features = [1.0, *v, *(a * b for a, b in itertools.combinations_with_replacement(v, 2))]
    np.testing.assert_allclose(model.following(z)[0], s[43] + np.array(features) @ weights, rtol=1e-7)
    assert model.n_parameters == 28 * 3


def test_jitter_keeps_free_runs_on_the_attractor():
    x = lorenz(1000, 0.04)
    finite = []
    for jitter in (0.0, 1e-3):
        made = NextGenReservoir(n_delays=3, spacing=2, degree=3, jitter=jitter, ridge=1e-12)
        free = made.fit(x, dt=0.04, progress=False).generate(1500, n_trajectories=4, seed=0)
        finite.append(sum(status["finite"] for status in json.loads(free.attrs["status"])))
    assert finite[1] == 4
    assert finite[0] < 4


def test_a_divergent_run_is_a_status():
    model = PolynomialDelays(
        n_delays=1, spacing=1, degree=2, weights=np.array([[0.0], [0.0], [1.0]]), window=1,
        scaler=Scaler(np.zeros(1), np.ones(1)), covariance=np.ones((1, 1, 1)), dt=1.0, names=("x",),
        initial_states=np.ones((1, 1)),
    )  # fmt: skip
    free = model.generate(50, transient=0)
    np.testing.assert_allclose(free["x"].values[0, :3, 0], [2.0, 6.0, 42.0])
    status = json.loads(free.attrs["status"])[0]
    assert not status["finite"]
    assert status["diverged_at"] < 8


def test_candidates_have_few_terms_and_no_doubles(monkeypatch):
    monkeypatch.setattr(candidate_search, "score_candidate", lambda *known: (0.5, 0.5))
    made = NextGenReservoir()
    fitted = made.fit(lorenz(200, 0.02), dt=0.02, progress=False)
    columns = [fitted.history_[f"candidate_{name}"] for name in ("n_delays", "spacing", "degree", "jitter")]
    assert len({*zip(*columns, strict=True)}) == len(columns[0]) == (1 + 2 * 3) * 2 * 3
    five = np.random.default_rng(0).normal(size=(100, 5))
    wide = made.fit(five, dt=1.0, progress=False)
    many = (wide.history_["candidate_degree"] == 3) & (wide.history_["candidate_n_delays"] == 3)
    assert not many.any()


def test_many_variables_are_refused_unless_the_terms_are_chosen():
    many = np.random.default_rng(0).normal(size=(100, 30))
    with pytest.raises(InputError, match="too many variables .*: 30 variables; at most 400 monomials: set n_delays"):
        NextGenReservoir().fit(many, dt=1.0, progress=False)
    made = NextGenReservoir(n_delays=1, degree=1, spacing=1, jitter=0.0, ridge=0.1)
    assert made.fit(many, dt=1.0, progress=False).model_.n_parameters == 31 * 30


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"n_delays": 0}, "NextGenReservoir cannot use this n_delays: 0; 'auto' or a whole number of at least 1"),
        ({"spacing": 0}, "cannot use this spacing"),
        ({"degree": 1.5}, "cannot use this degree"),
        ({"jitter": -1e-3}, "cannot use this jitter"),
        ({"ridge": -1.0}, "cannot use this ridge"),
        ({"validation_fraction": 1}, "cannot use this validation_fraction"),
        ({"seed": -3}, "cannot use this seed"),
        ({"n_delays": 2, "spacing": 300}, "too short for every candidate of NextGenReservoir"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(InputError, match=message):
        NextGenReservoir(**arguments).fit(lorenz(200, 0.02), dt=0.02, progress=False)
