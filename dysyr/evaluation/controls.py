"""Negative controls: series made from the truth that a good measure must not mistake for it."""

import numpy as np

from dysyr.core.surrogates import phase_surrogate

LOOP_STEPS = 75
AUTOREGRESSION_ORDER = 5
PENALTIES = 10.0 ** np.arange(-14, 3)
"""Of the sum of squared weights, in mean squares of the variables, one after the other until the roots are stable."""


def negative_controls(truth, *, seed):
    """Series that share something with the truth but not its dynamics.

    * ``time_shuffled``: the same states in random order;
    * ``phase_surrogate``: the same spectra and cross-spectra, linear and Gaussian otherwise;
    * ``autoregression``: a linear vector autoregression fitted to the truth, driven by its own residuals;
    * ``short_loop``: 75 consecutive samples, repeated;
    * ``white_noise``: independent normal numbers with the truth's mean and standard deviation.

    Args:
        truth: (time, state), finite.
        seed: chooses them.

    Returns:
        dict name -> (time, state).
    """
    rng = np.random.default_rng([seed, 0x636F6E])
    n = len(truth)
    start = int(rng.integers(max(n - LOOP_STEPS, 1)))
    return {
        "time_shuffled": rng.permutation(truth),
        "phase_surrogate": phase_surrogate(truth, rng),
        "autoregression": autoregression(truth, rng),
        "short_loop": np.resize(truth[start : start + LOOP_STEPS], truth.shape),
        "white_noise": truth.mean(axis=0) + truth.std(axis=0) * rng.normal(size=truth.shape),
    }


def autoregression(truth, rng, order=AUTOREGRESSION_ORDER):
    """A linear vector autoregression of the truth, run free.

        s_t = sum_k A_k s_{t-k} + e_t,   e_t drawn with replacement from the residuals

    Args:
        truth: (time, state), finite.
        rng: NumPy Generator.
        order: number of lags.

    Returns:
        (time, state).
    """
    n, n_variables = truth.shape
    mean, weights, order = fit_autoregression(truth, order)
    s = truth - mean
    past = _lagged(s, order)
    residual = s[order:] - past @ weights
    residual -= residual.mean(axis=0)
    shocks = residual[rng.integers(len(residual), size=n)]
    orbit = np.empty_like(s)
    state = past[0].reshape(order, n_variables).copy()
    for t in range(n):
        new = state.ravel() @ weights + shocks[t]
        state[1:] = state[:-1].copy()
        state[0] = orbit[t] = new
    return orbit + mean


def fit_autoregression(truth, order=AUTOREGRESSION_ORDER):
    """Least-squares vector autoregression; ridge regression where that is not stable, with the least penalty that is.

    Variables are fitted in standard deviations, so that their units do not matter.

    Args:
        truth: (time, state), finite.
        order: number of lags; fewer where the series is short.

    Returns:
        mean (state,), weights (order * state, state), the most recent lag first, and the order used.
    """
    n, n_variables = truth.shape
    order = max(min(order, (n - 1) // (2 * n_variables + 1)), 1)
    mean = truth.mean(axis=0)
    sd = truth.std(axis=0)
    sd = np.where(sd > 0, sd, 1.0)
    s = (truth - mean) / sd
    past, next_ = _lagged(s, order), s[order:]
    weights = np.linalg.lstsq(past, next_, rcond=None)[0]
    for penalty in PENALTIES:
        if _radius(weights) < 1:
            break
        rows = np.sqrt(penalty * len(past)) * np.eye(past.shape[1])
        wanted = np.vstack([next_, np.zeros((len(rows), n_variables))])
        weights = np.linalg.lstsq(np.vstack([past, rows]), wanted, rcond=None)[0]
    return mean, weights * sd / np.tile(sd, order)[:, None], order


def _radius(weights):
    """Largest modulus of the roots of an autoregression; weights (order * state, state)."""
    n_lagged, n_variables = weights.shape
    companion = np.eye(n_lagged, k=-n_variables)
    companion[:n_variables] = weights.T
    return np.abs(np.linalg.eigvals(companion)).max()


def linear_forecast(truth, contexts, n_steps):
    """Forecasts of a linear vector autoregression that was fitted to the truth itself.

    Args:
        truth: (time, state), finite.
        contexts: (context, time, state).
        n_steps: samples to predict.

    Returns:
        (context, n_steps, state).
    """
    mean, weights, order = fit_autoregression(truth, min(AUTOREGRESSION_ORDER, contexts.shape[1]))
    state = contexts[:, ::-1][:, :order] - mean
    out = np.empty((len(contexts), n_steps, truth.shape[1]))
    for t in range(n_steps):
        new = state.reshape(len(state), -1) @ weights
        state = np.concatenate([new[:, None], state[:, :-1]], axis=1)
        out[:, t] = new
    return out + mean


def _lagged(s, order):
    """(time - order, order * state) past values, the most recent lag first."""
    return np.hstack([s[order - k : len(s) - k] for k in range(1, order + 1)])
