"""Data and scores of the published protocol for forecasts of chaos, see ``dysyr.benchmark.forecasting``."""

import contextlib
import functools

import numpy as np

from dysyr.api import load_system
from dysyr.benchmark.published_scores import cumulative_valid_steps, exponent_error, unit_mixture_divergence
from dysyr.core.errors import DivergedError, InputError
from dysyr.evaluation.correlation_dimension import correlation_dimension
from dysyr.evaluation.smape import symmetric_percentage_error
from dysyr.evaluation.valid_prediction_time import normalised_error, steps_within
from dysyr.simulation.simulate import simulate

SYSTEMS = {
    "lorenz63": ({}, 0.8917, 0.9056),
    "rossler": ({"a": 0.2, "b": 0.2, "c": 5.7}, 0.1506, 0.0711),
    "lorenz96": ({"i": 5, "F": 20.0}, 1.3362, 2.45),
}
"""Parameters, stored exponent (fixes the sampling), true largest exponent."""
PUBLISHED = {
    "lorenz63": {
        "PhyxMamba": (5.06, 3.26, 22.05, 67.29, 0.060, 1.133), "NBEATS": (3.66, 5.34, 37.08, 78.46, 0.075, 1.586),
        "PRC": (1.59, 18.34, 124.63, 135.42, 0.578, 29.389), "PLRNN": (0.71, 59.26, 95.37, 104.43, 0.270, 12.970),
        "nVAR": (0.20, 94.32, 107.01, 110.23, 0.792, 61.331),
    },
    "rossler": {
        "PhyxMamba": (9.83, 2.84, 3.55, 12.64, 0.049, 0.034), "NBEATS": (6.48, 14.88, 22.68, 41.22, 0.069, 0.137),
        "PRC": (1.13, 28.38, 128.40, 130.26, 0.770, 4.549), "PLRNN": (0.44, 51.36, 84.09, 107.07, 0.400, 3.950),
        "nVAR": (0.01, 94.95, 115.42, 140.49, 0.750, 7.391),
    },
    "lorenz96": {
        "PhyxMamba": (1.66, 20.28, 81.18, 113.56, 0.154, 15.440),
        "NBEATS": (0.92, 37.51, 100.46, 121.77, 0.172, 18.043),
        "PRC": (0.99, 36.42, 102.44, 116.02, 0.179, 16.834), "PLRNN": (0.23, 89.90, 124.11, 132.05, 0.370, 24.020),
        "nVAR": (0.17, 86.04, 123.77, 120.80, 0.283, 23.537),
    },
}  # fmt: skip
"""VPT, sMAPE at 1, 4, 10, D_frac, D_stsp in data units: the published best two and those of kinds that are here."""
N_TRAIN, N_TEST, CONTEXT, PER_TIME = 29_000, 100, 30, 30
PUBLISHED_HORIZON, HORIZON = 300, 900
VALID_ERROR = 0.4
FAR, APART = 300, 15
"""Samples of forecasts before those whose dimension is measured, and between these."""
TRAIN_SEED, TEST_SEED, OTHER_SEED = 1000, 1, 2


def sampling_interval(name):
    """dt of the protocol in system time units."""
    return 1 / (PER_TIME * SYSTEMS[name][1])


def system_of(name):
    """The System of the protocol."""
    return load_system(name, **SYSTEMS[name][0])


@functools.lru_cache(maxsize=2)
def training_data(name, noise, seed):
    """Dataset of one trajectory of 29,000 samples."""
    return simulate(
        system_of(name), n_steps=N_TRAIN, dt=sampling_interval(name), seed=TRAIN_SEED + seed, observation_noise=noise,
        rtol=1e-12, atol=1e-12,
    )  # fmt: skip


@functools.lru_cache(maxsize=2)
def test_data(name, noise, *, n_test=N_TEST, seed=TEST_SEED):
    """(contexts, truth after them), (trajectory, time, variable) each; contexts are noisy, the truth is not."""
    data = simulate(
        system_of(name), n_steps=CONTEXT + HORIZON, dt=sampling_interval(name), seed=seed, n_trajectories=n_test,
        rtol=1e-12, atol=1e-12,
    )["x"].values  # fmt: skip
    sd = data.std(axis=(0, 1))
    contexts = data[:, :CONTEXT]
    rng = np.random.default_rng([seed, 0x6E6F6973])
    return contexts + noise * sd * rng.normal(size=contexts.shape), data[:, CONTEXT:]


def true_forecasts(name, contexts, n_steps):
    """Forecasts of the true equations from the last sample of each context, as it is; NaN where they diverge."""
    ahead = np.full((len(contexts), n_steps, contexts.shape[2]), np.nan)
    for i, state in enumerate(contexts[:, -1]):
        with contextlib.suppress(DivergedError):
            orbit = simulate(
                system_of(name), n_steps=n_steps + 1, dt=sampling_interval(name), initial_state=state, transient=0,
                rtol=1e-12, atol=1e-12,
            )  # fmt: skip
            ahead[i] = orbit["x"].values[0, 1:]
    return ahead


def dimension_of(orbits):
    """Correlation dimension of late samples of orbits, all together; 0 where none can be read.

    Args:
        orbits: (orbit, time, variable) in standard deviations.

    Returns:
        float.
    """
    points = orbits[:, FAR::APART].reshape(-1, orbits.shape[2])
    if not np.isfinite(points).all():
        return 0.0
    try:
        return correlation_dimension(points).value
    except InputError:
        return 0.0


def scores(name, actual, predicted, sd, *, seed=0):
    """All scores of some forecasts.

    Args:
        name: of the system.
        actual: (context, time, variable).
        predicted: (context, time, variable).
        sd: (variable,) standard deviations of the truth.
        seed: of the draws of D_stsp.

    Returns:
        dict of floats, and ``diverged``, how many forecasts are not finite.
    """
    near, guess = actual[:, :PUBLISHED_HORIZON], predicted[:, :PUBLISHED_HORIZON]
    percentage = symmetric_percentage_error(near, guess)
    true_unit = sampling_interval(name) * SYSTEMS[name][2]
    raw, standardised = (
        [unit_mixture_divergence(a / unit, p / unit, seed=seed) for a, p in zip(near, guess, strict=True)]
        for unit in (np.ones_like(sd), sd)
    )
    error = normalised_error(actual, predicted, sd)
    return {
        "vpt": float(cumulative_valid_steps(near, guess).mean()) / PER_TIME,
        "vpt_long": float(cumulative_valid_steps(actual, predicted).mean()) / PER_TIME,
        **{f"smape_{k}": float(percentage[:, : k * PER_TIME].mean()) for k in (1, 4, 10)},
        "d_frac": exponent_error(near, guess), "d_stsp_raw": float(np.mean(raw)),
        "valid_time": float(steps_within(error, VALID_ERROR).mean() * true_unit),
        "d_stsp_sd": float(np.mean(standardised)), "dimension": dimension_of(predicted / sd),
        "first_step": float(np.median(error[:, 0])),
        "diverged": int((~np.isfinite(predicted).all(axis=(1, 2))).sum()),
    }  # fmt: skip
