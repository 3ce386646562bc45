"""Hankel-DMD and HAVOK against eigenvalues of linear systems, and the force of HAVOK."""

import json

import numpy as np
import pytest

from dysyr.core.candidate_search import Record
from dysyr.core.dataset import make_dataset
from dysyr.core.errors import InputError, NotConverged
from dysyr.core.hankel_modes import leading_modes, mode_series
from dysyr.reconstruction.hankel_dmd import HankelDMD
from dysyr.reconstruction.havok import HAVOK


def walk(n=300, n_variables=1, seed=0):
    return np.random.default_rng(seed).normal(size=(n, n_variables)).cumsum(axis=0)


def lagged(x, window):
    return np.stack([x[k : k + window].ravel() for k in range(len(x) - window + 1)])


def sorted_by_phase(values):
    return values[np.argsort(values.imag)]


def test_eigenvalues_of_a_damped_oscillation():
    """exp(-0.1 t) cos(2 t), and 0 for the mean that standardisation takes away."""
    dt = 0.1
    t = dt * np.arange(200)
    x = (np.exp(-0.1 * t) * np.cos(2 * t))[:, None]
    fitted = HankelDMD(window=3, rank=3, ridge=0.0).fit(x, dt=dt, progress=False)
    found = sorted_by_phase(np.log(fitted.model_.eigenvalues) / dt)
    np.testing.assert_allclose(found, [-0.1 - 2j, 0.0, -0.1 + 2j], atol=1e-6)
    ahead = fitted.forecast(x[:50], n_steps=100)["x"].values[0]
    np.testing.assert_allclose(ahead, x[50:150], atol=1e-6)


def test_eigenvalues_of_a_linear_system_of_two_variables():
    turn = 0.97 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    x = np.empty((120, 2))
    x[0] = [1.0, 0.5]
    for t in range(1, 120):
        x[t] = turn @ x[t - 1]
    model = HankelDMD(window=2, rank=3, ridge=0.0).fit(x, dt=1.0, progress=False).model_
    expected = np.append(np.linalg.eigvals(turn), 1.0)
    np.testing.assert_allclose(sorted_by_phase(model.eigenvalues), sorted_by_phase(expected), atol=1e-6)


def test_full_rank_is_least_squares_of_windows():
    """Without truncation the map is the pseudoinverse solution of windows themselves, in other coordinates."""
    x = walk(n_variables=2)
    model = HankelDMD(window=3, rank=6, ridge=0.0).fit(x, dt=1.0, progress=False).model_
    windows = lagged((x[:240] - x[:240].mean(axis=0)) / x[:240].std(axis=0, ddof=1), 3)
    operator = np.linalg.lstsq(windows[:-1], windows[1:], rcond=None)[0].T
    expected = np.linalg.eigvals(operator)
    np.testing.assert_allclose(np.sort(np.abs(model.eigenvalues)), np.sort(np.abs(expected)), atol=1e-8)


def test_modes_are_orthonormal_and_coordinates_have_unit_size():
    record = Record.of(make_dataset([walk(100, 2), walk(80, 2, seed=1)], dt=1.0))
    modes, spread, series = mode_series(record, 5, 4)
    np.testing.assert_allclose(modes.T @ modes, np.eye(4), atol=1e-12)
    assert [len(v) for v in series] == [96, 76]
    v = np.concatenate(series)
    np.testing.assert_allclose(v.T @ v / len(v), np.eye(4), atol=1e-10)
    few, _ = leading_modes(np.outer(np.arange(10.0), [1.0, 2.0, 0.0]), 3)
    assert few.shape == (3, 1)


def test_a_rank_may_be_as_large_as_the_window():
    t = np.arange(700)
    x = np.column_stack([np.sin(0.01 * k * k * t) for k in range(1, 6)]) + walk(700, 5)
    assert HankelDMD(window=30, rank=140).fit(x, dt=1.0, progress=False).model_.latent_dim == 140


def test_the_force_of_havok_is_data():
    """A and b are those of least squares with the last coordinate as input; forecasts take it for zero."""
    x = walk()
    model = HAVOK(window=8, rank=3, ridge=0.0).fit(x, dt=1.0, progress=False).model_
    scaled = model.scaler.transform(x[:240])
    v = lagged(scaled, 8) @ model.modes / model.spread
    solved = np.linalg.lstsq(v[:-1], v[1:, :2], rcond=None)[0]
    np.testing.assert_allclose(np.column_stack([model.matrix, model.drive]), solved.T, atol=1e-8)
    np.testing.assert_allclose(model.force, v[:, 2], atol=1e-10)
    ahead = model.forecast(x[:100], n_steps=3)["x"].values[0]
    state = (lagged(model.scaler.transform(x[:100]), 8) @ model.modes / model.spread)[-1, :2]
    for step in range(3):
        state = solved[:2].T @ state
        expected = model.scaler.inverse((state * model.spread[:2]) @ model.modes[-1:, :2].T)
        np.testing.assert_allclose(ahead[step], expected, rtol=1e-8)


def test_free_runs_replay_the_force():
    x = walk()
    fitted = HAVOK(window=8, rank=3, ridge=0.0).fit(x, dt=1.0, progress=False)
    model = fitted.model_
    free = fitted.generate(60, n_trajectories=2, transient=5, seed=4)["x"].values
    for k in range(2):
        force, z = model._replayed(65, np.random.default_rng([4, k])), model.starts(2, 4)[k]
        orbit = []
        for t in range(65):
            z = model.matrix @ z + model.drive * force[t]
            orbit.append(z)
        np.testing.assert_allclose(free[k], model.readout(np.array(orbit))[5:], rtol=1e-9)
    again = fitted.generate(60, n_trajectories=2, transient=5, seed=4)["x"].values
    np.testing.assert_array_equal(free, again)
    assert not np.allclose(free, fitted.generate(60, n_trajectories=2, transient=5, seed=5)["x"].values)


def test_replayed_pieces_are_of_the_record_and_end_with_their_stretch():
    model = HAVOK(window=8, rank=3).fit([walk(150), walk(100, seed=1)], dt=1.0, progress=False).model_
    model.force, model.lengths = np.arange(10.0), np.array([4, 6])
    replayed = model._replayed(500, np.random.default_rng(0))
    pieces = np.split(replayed, np.flatnonzero(np.diff(replayed) != 1) + 1)
    assert {int(piece[-1]) for piece in pieces[:-1]} == {3, 9}
    assert {int(piece[0]) for piece in pieces} == set(range(10))


def test_without_a_replayed_force_free_runs_are_the_linear_map():
    fitted = HAVOK(window=8, rank=3, free_force="none").fit(walk(), dt=1.0, progress=False)
    free = fitted.generate(30, seed=2, transient=0)["x"].values[0]
    z, orbit = fitted.model_.starts(1, 2)[0], []
    for _ in range(30):
        z = fitted.model_.matrix @ z
        orbit.append(z)
    np.testing.assert_allclose(free, fitted.model_.readout(np.array(orbit)), rtol=1e-9)


def test_free_runs_from_a_context_begin_there():
    fitted = HAVOK(window=8, rank=3).fit(walk(), dt=1.0, progress=False)
    free = fitted.generate(20, n_trajectories=3, context=walk()[:40], seed=1)
    assert free["x"].shape == (3, 20, 1)
    z, drive = fitted.model_.initial(walk()[None, :40]), fitted.model_.drive
    force = fitted.model_._replayed(20, np.random.default_rng([1, 0]))
    first = fitted.model_.readout(fitted.model_.step(z) + force[0] * drive)[0]
    np.testing.assert_allclose(free["x"].values[0, 0], first)
    with pytest.raises(InputError, match="fitted without inputs"):
        fitted.generate(20, inputs=np.zeros((20, 1)))


def test_a_growing_map_is_a_status():
    model = HankelDMD(window=4, rank=3).fit(walk(), dt=1.0, progress=False).model_
    model.matrix = 3.0 * model.matrix
    status = json.loads(model.generate(2000, seed=0).attrs["status"])[0]
    assert not status["finite"]


def test_short_and_gappy_contexts():
    t = 0.1 * np.arange(400)
    x = np.column_stack([np.cos(t), np.sin(t)])
    model = HankelDMD(window=10, rank=4).fit(x, dt=0.1, progress=False).model_
    short = model.forecast(x[100:105], n_steps=5)["x"].values[0]
    np.testing.assert_allclose(short, x[105:110], atol=0.02)
    gappy = x[100:120].copy()
    gappy[13:18] = np.nan
    np.testing.assert_allclose(model.forecast(gappy, n_steps=5)["x"].values[0], x[120:125], atol=0.02)


def test_windows_of_one_dimension_have_no_force():
    line = HAVOK(window=2, rank=2)
    constant = np.repeat(walk(150), 2, axis=0)
    record = Record.of(make_dataset(constant, dt=1.0))
    record.kept.update(window=2, windows=[np.ones((9, 2))], modes=leading_modes(np.ones((9, 2)), 5))
    with pytest.raises(NotConverged, match="no coordinate for a force"):
        line._fit_candidate({"window": 2, "rank": 2}, record)


@pytest.mark.parametrize(
    "method, message",
    [
        (HankelDMD(window=0), "HankelDMD cannot use this window: 0"),
        (HankelDMD(rank=0), "HankelDMD cannot use this rank: 0"),
        (HankelDMD(ridge=-1.0), "HankelDMD cannot use this ridge"),
        (HankelDMD(validation_fraction=2), "cannot use this validation_fraction"),
        (HankelDMD(seed=-1), "cannot use this seed"),
        (HankelDMD(window=400), "too short for every candidate of HankelDMD"),
        (HAVOK(window=1), "HAVOK cannot use this window: 1; 'auto' or a whole number of at least 2"),
        (HAVOK(rank=1), "HAVOK cannot use this rank: 1"),
        (HAVOK(free_force="data"), "HAVOK cannot use this free_force: 'data'"),
        (HAVOK(ridge="auto"), "HAVOK cannot use this ridge"),
        (HAVOK(validation_fraction=0), "cannot use this validation_fraction"),
        (HAVOK(seed="a"), "cannot use this seed"),
        (HAVOK(window=400), "too short for every candidate of HAVOK"),
    ],
)
def test_arguments_out_of_range(method, message):
    with pytest.raises(InputError, match=message):
        method.fit(walk(), dt=1.0, progress=False)
