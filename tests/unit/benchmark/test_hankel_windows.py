"""The rivals of the structured network, their scores and tables."""

import numpy as np
import pytest

from dysyr.benchmark import hankel_windows as windows
from dysyr.benchmark import window_rivals as rivals

SMALL = {"n_windows": 60, "n_iterations": 10, "n_checks": 1, "n_rollout": 2}


def sines(n=300, start=0.0):
    t = start + 0.1 * np.arange(n)
    return np.column_stack([np.cos(t) + 0.3 * np.sin(2.3 * t), 2 * np.sin(t) + 5])


@pytest.mark.parametrize("make", [rivals.linear, rivals.hankel_dmd])
def test_linear_maps_of_windows_continue_sines(make):
    rival = make([sines(), sines(200, start=3.0)], 16)
    context, truth = sines(60, start=1.7)[None, :30], sines(60, start=1.7)[None, 30:]
    np.testing.assert_allclose(rival.forecast(context, 30), truth, atol=0.05)


def test_the_force_of_havok_is_taken_for_zero():
    x = np.random.default_rng(0).normal(size=(300, 1)).cumsum(axis=0)
    subspace = rivals._subspace([x], 8)
    free, forced = (rivals._reduced(subspace, 8, 3, is_forced) for is_forced in (False, True))
    modes, v, w, mean, sd = subspace
    before = ((x[None, -8:] - mean) / sd).reshape(1, -1) @ modes[:, :3]
    matrix = np.linalg.lstsq(v[:, :3], w[:, :2], rcond=None)[0]
    after = np.append(before[0, :2] @ matrix[:2], 0.0) @ modes[-1, :3] * sd + mean
    np.testing.assert_allclose(forced.forecast(x[None], 1)[0, 0], after)
    assert not np.allclose(free.forecast(x[None], 1), forced.forecast(x[None], 1), rtol=1e-6)
    assert (free.n_parameters, forced.n_parameters) == (9 + 24, 6 + 24)


def test_sparse_regression_finds_predator_and_prey():
    train, contexts, truth, dt, score = windows.lotka_volterra(0, 0.0, None)
    rival = rivals.sindy(list(train), dt)
    assert (rival.n_parameters, train.shape, dt) == (4, (6, 400, 2), 0.2)
    sd = np.concatenate(train).std(axis=0)
    assert score(rival.forecast(contexts, truth.shape[1]), truth, sd) < 0.01
    assert score(rivals.persistence().forecast(contexts, truth.shape[1]), truth, sd) > 0.5


def test_contexts_and_truth_of_a_noisy_partial_lorenz_orbit():
    train, contexts, truth, dt, _ = windows.lorenz(1, 0.2, 1)
    assert (train.shape, contexts.shape, truth.shape) == ((1, 5000, 1), (100, 128, 1), (100, 600, 1))
    rough, smooth = np.diff(contexts, 2, axis=1).std(), np.diff(truth, 2, axis=1).std()
    assert rough > 3 * smooth


def test_a_dense_network_is_trained_like_the_structured_one():
    fitted = rivals.DenseDelays(n_units=12, window=8, **SMALL).fit(sines(), dt=0.1, progress=False)
    rival = rivals.dense_rival(fitted)
    assert rival.n_parameters == 16 * 12 + 12 + 12 * 2 + 2
    assert rival.n_flops == 2 * (16 * 12 + 12 * 2) + 12
    context, truth = sines(60, start=1.7)[None, :30], sines(60, start=1.7)[None, 30:]
    ahead = rival.forecast(context, 5)
    again = rivals.DenseModel.from_state(fitted.model_.config(), fitted.model_.arrays())
    np.testing.assert_array_equal(again.forecast(context, n_steps=5)["x"].values, ahead)
    assert np.abs(ahead - truth[:, :5]).max() < 0.5 * np.abs(context[:, -1:] - truth[:, :5]).max()


def test_finished_cells_are_not_repeated(tmp_path, monkeypatch):
    made = []

    def cell(name, window, seeds, **harder):
        made.append((name, window, list(seeds), harder))
        return {"system": name, "number": len(made)}

    monkeypatch.setattr(windows, "cell", cell)
    for n_seeds, harder in ((2, {}), (2, {}), (2, {"noise": 0.05}), (3, {})):
        windows.kept_cell(tmp_path / "cells", "Lorenz 1963", 64, n_seeds, harder)
    assert made == [("Lorenz 1963", 64, [0, 1], {}), ("Lorenz 1963", 64, [0, 1], {"noise": 0.05}),
                    ("Lorenz 1963", 64, [0, 1, 2], {})]  # fmt: skip
    assert windows.kept_cell(tmp_path / "cells", "Lorenz 1963", 64, 2, {})["number"] == 1


def test_scores():
    truth = np.zeros((2, 4, 1))
    predicted = np.array([[0.1, 0.2, 0.5, 0.0], [0.0, np.nan, 0.0, 0.0]])[..., None]
    unit = windows.LORENZ_DT * windows.LYAPUNOV
    assert windows.valid_time(predicted, truth, np.ones(1)) == pytest.approx((2 + 1) / 2 * unit)
    assert windows.valid_time(truth, truth, np.ones(1)) == pytest.approx(4 * unit)
    first = np.sqrt((0.01 + 0.04 + 0.25) / 4)
    assert windows.rollout_error(predicted, truth, np.ones(1)) == pytest.approx((first + 10) / 2)


def test_tables_say_what_was_missed():
    def row(parameters, flops, *values):
        n = len(values)
        return {"parameters": [parameters] * n, "flops": [flops] * n, "value": list(values), "seconds": [1.0] * n,
                "latency": ["7"] * n}  # fmt: skip

    rows = {"StNN, Fourier": row(100, 500, 3.0, 2.0, 4.0), "StNN, real": row(90, 200, 1.0, 1.0, 1.0),
            "dense, same width": row(2000, 1500, 2.5, 2.5, 2.5)}  # fmt: skip
    one = {"system": "Lorenz 1963", "window": 64, "condition": "clean", "rows": rows}
    text = windows.table([one])
    assert "| StNN, Fourier | 100 | 500 | **3** [2, 4] | 1.0 | 7 |" in text
    assert "| dense, up to 64 units | | | not as good | | |" in text
    assert "| dense, up to" not in windows.table([{**one, "rows": {**rows, "dense, 8 units": row(9, 9, 3.0)}}])
    goals = windows.verdicts([one]).splitlines()
    assert goals[2].endswith("| Fourier | 95.0% | 3.0 times | yes, 3 to 2.5 |")
    assert goals[3].endswith("| real | 95.5% | 7.5 times | no, 1 to 2.5 |")
