"""The reservoir against explicit loops; contexts drive it; free runs stay bounded."""

import numpy as np
import pytest

from dysyr.core import candidate_search
from dysyr.core.errors import InputError
from dysyr.reconstruction import reservoir_computer
from dysyr.reconstruction.reservoir_computer import MEMORIES, ReservoirComputer

SMALL = {"n_units": 30, "spectral_radius": 0.8, "input_scaling": 0.4, "leak": 0.7, "jitter": 0.0}


def sines(n=400, start=0.0):
    t = start + 0.1 * np.arange(n)
    return np.column_stack([np.cos(t) + 0.3 * np.sin(2.3 * t), 2 * np.sin(t) + 5])


def fitted(**arguments):
    return ReservoirComputer(**{**SMALL, **arguments}).fit(sines(), dt=0.1, progress=False)


def driven(model, s):
    """States r[t] of a reservoir that has seen s[0] .. s[t-1], unit by unit."""
    r = [np.zeros(model.n_units)]
    for sample in s[:-1]:
        after = np.empty(model.n_units)
        for unit in range(model.n_units):
            total = model.bias[unit] + model.inputs[unit] @ sample + model.recurrent[unit] @ r[-1]
            after[unit] = (1 - model.leak) * r[-1][unit] + model.leak * np.tanh(total)
        r.append(after)
    return np.array(r)


@pytest.mark.parametrize("rows_at_once", [reservoir_computer.ROWS_AT_ONCE, 50])
def test_readout_is_ridge_regression_after_the_washout(monkeypatch, rows_at_once):
    monkeypatch.setattr(reservoir_computer, "ROWS_AT_ONCE", rows_at_once)
    model = fitted(ridge=1e-4, washout=15).model_
    s = model.scaler.transform(sines()[:320])
    r = driven(model, s)[15:]
    features = np.column_stack([np.ones(len(r)), r, r**2])
    expected = np.linalg.solve(features.T @ features + 1e-4 * len(r) * np.eye(61), features.T @ s[15:])
    np.testing.assert_allclose(model.weights, expected, rtol=1e-6, atol=1e-9)
    assert model.n_parameters == 61 * 2


def test_spectral_radius_and_scales_of_the_reservoir():
    model = fitted(n_units=200).model_
    assert np.abs(np.linalg.eigvals(model.recurrent)).max() == pytest.approx(0.8)
    assert model.inputs.std() == pytest.approx(0.4, rel=0.15)
    assert 0.4 < np.abs(model.bias).max() <= 0.5
    assert model.latent_dim == 202


def test_a_context_drives_the_reservoir():
    model = fitted().model_
    x = sines(150, start=2.0)
    s = model.scaler.transform(x)
    z = model.initial(x[None])
    np.testing.assert_allclose(z[0, :30], driven(model, s)[-1], atol=1e-6)
    np.testing.assert_allclose(z[0, 30:], s[-1])
    np.testing.assert_allclose(model.readout(z)[0], x[-1])


def test_the_state_before_a_short_context_is_a_regression():
    """One sample is enough to go on for a while, since two sines of this kind are no function of it but nearly are."""
    made = fitted(n_units=100)
    x = sines(60, start=2.0)
    one = made.forecast(x[29:30], n_steps=5)["x"].values[0]
    many = made.forecast(x[:30], n_steps=5)["x"].values[0]
    scale = x.std(axis=0)
    assert np.abs((many - x[30:35]) / scale).max() < 0.02
    assert np.abs((one - x[30:35]) / scale).max() < 0.5


def test_missing_values_of_a_context_are_predicted():
    made = fitted(n_units=100)
    x = sines(100, start=2.0)
    gappy = x[:80].copy()
    gappy[50:55] = np.nan
    gappy[70, 1] = np.nan
    gappy[:3, 0] = np.nan
    ahead = made.forecast(gappy, n_steps=20)["x"].values[0]
    np.testing.assert_allclose(ahead, x[80:], atol=0.1)
    nothing = made.forecast(np.full((5, 2), np.nan), n_steps=3)["x"].values
    assert np.isfinite(nothing).all()


def test_long_free_runs_stay_bounded():
    made = fitted(n_units=100, spectral_radius=1.4)
    free = made.generate(3000, n_trajectories=3, seed=1)["x"].values
    bound = np.abs(made.model_.weights).sum() + 1
    assert np.abs(made.model_.scaler.transform(free)).max() < bound


def test_jitter_is_noise_on_what_drives_and_not_on_what_is_predicted():
    model = fitted(ridge=1e-4, jitter=0.1).model_
    rng = np.random.default_rng([0, 0x65636F])
    rng.normal(size=(30, 30)), rng.normal(size=(30, 2)), rng.uniform(size=30)
    s = model.scaler.transform(sines()[:320])
    r = driven(model, s + 0.1 * rng.normal(size=s.shape))[20:]
    features = np.column_stack([np.ones(len(r)), r, r**2])
    expected = np.linalg.solve(features.T @ features + 1e-4 * len(r) * np.eye(61), features.T @ s[20:])
    np.testing.assert_allclose(model.weights, expected, rtol=1e-6, atol=1e-9)


def test_candidates(monkeypatch):
    monkeypatch.setattr(candidate_search, "score_candidate", lambda *known: (0.5, 0.5))
    made = ReservoirComputer(n_units=10)
    history = made.fit(sines(), dt=0.1, progress=False).history_
    pairs = set(zip(history["candidate_spectral_radius"], history["candidate_leak"], strict=True))
    assert pairs == set(MEMORIES)
    assert len(history["score"]) == 2 * 3 * 3
    given = ReservoirComputer(n_units=10, spectral_radius=0.5, leak=0.5, jitter=1e-3)
    assert len(given.fit(sines(), dt=0.1, progress=False).history_["score"]) == 3


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"n_units": 0}, "ReservoirComputer cannot use this n_units: 0"),
        ({"spectral_radius": -1}, "cannot use this spectral_radius: -1; 'auto' or a number of at least 0"),
        ({"input_scaling": 0}, "cannot use this input_scaling"),
        ({"leak": 1.5}, "cannot use this leak: 1.5; 'auto' or a number in"),
        ({"jitter": -0.1}, "cannot use this jitter"),
        ({"ridge": 0}, "cannot use this ridge: 0; a positive number"),
        ({"washout": -1}, "cannot use this washout"),
        ({"validation_fraction": 0}, "cannot use this validation_fraction"),
        ({"seed": -1}, "cannot use this seed"),
        ({"washout": 400}, "too short for every candidate of ReservoirComputer"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(InputError, match=message):
        fitted(**arguments)
