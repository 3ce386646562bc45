"""The longer look at the candidates of a search, and the choice of the filter gain."""

import numpy as np

from dysyr.core.criterion import forecast_error, validation_criterion
from dysyr.kernels.model_growth import growth_of_model

CONFIRMATION_RUNS = 10
CONFIRMATION_TRANSIENT = 200_000
EXPONENT_RUNS = 16
EXPONENT_STEPS = 30_000
EXPONENT_WEIGHT = 100
REST_STEPS = 2_000
DISTANCE_DRAWS = 6
GAINS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)


def confirm(candidates, build, held, *, is_flow, long_run=None):
    """The best candidate on a longer look: more free runs, after a long burn-in that shows late collapses.

    Where the data are samples of a smooth flow, one exponent has to be zero, and the smallest of them, per hundred
    steps, is added to the criterion.

    Args:
        candidates: sequence of Candidate.
        build: function (theta, filter gain) -> model, or None where it is not finite.
        held: Dataset for validation.
        is_flow: whether the data are samples of a smooth flow.
        long_run: LongRun, whose ``rest`` is added to the criterion and whose distance, of several draws of orbits,
            decides as well which candidate is the best; None for models that were not told to heed it.

    Returns:
        (value, candidate); (inf, None) where no candidate is finite.
    """
    best, lowest = (np.inf, None), np.inf
    for candidate in candidates:
        model = build(candidate.theta, max(candidate.alpha, GAINS[0]))
        if model is None:
            continue
        value = validation_criterion(model, held, n_runs=CONFIRMATION_RUNS, transient=CONFIRMATION_TRANSIENT)
        if is_flow and value < 1:
            value += EXPONENT_WEIGHT * smallest_exponent(model)
        if long_run is not None:
            value += long_run.rest(model, _states(model))
        rank = value if long_run is None else value + _distance(model, long_run)
        if rank < lowest:
            best, lowest = (value, candidate), rank
    return best


def _distance(model, long_run):
    return np.mean([long_run.distance_of(model, np.random.default_rng(k)) for k in range(DISTANCE_DRAWS)])


def _states(model):
    """(n, M) states of sixteen orbits."""
    orbits = model.trajectory(model.initial_states[:EXPONENT_RUNS], REST_STEPS)
    return orbits.reshape(-1, model.latent_dim)


def with_best_gain(theta, build, raw):
    """The model with the filter gain that forecasts best from contexts as they were measured."""
    models = [model for model in (build(theta, gain) for gain in GAINS) if model is not None]
    return min(models, key=lambda model: forecast_error(model, raw))


def smallest_exponent(model):
    """Smallest absolute Lyapunov exponent per step, from sixteen orbits; 1 where an orbit is lost."""
    starts = model.trajectory(model.initial_states[:EXPONENT_RUNS], EXPONENT_STEPS // 4)[:, -1]
    growth = growth_of_model(model, starts, EXPONENT_STEPS)[:, EXPONENT_STEPS // 10 :]
    exponents = growth.mean(axis=(0, 1))
    return float(np.abs(exponents).min()) if np.isfinite(exponents).all() else 1.0
