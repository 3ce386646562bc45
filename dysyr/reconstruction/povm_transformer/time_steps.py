"""Steps in time of a distribution over outcome strings: variational principle, trapezoid rule, projection."""

import numpy as np
import torch

from dysyr.core.errors import DysyrError
from dysyr.reconstruction.povm_transformer.gauss_newton import (
    Damping,
    equation,
    gauss_newton_step,
    identity_rows,
    ratio_gradients,
)
from dysyr.reconstruction.povm_transformer.step_report import eigenvalue, report
from dysyr.reconstruction.povm_transformer.variational_rates import variational_rates

MOST_INNER_STEPS = 12
LEAST_GAIN = 1e-2
"""A fit within a step is done when a Gauss-Newton step lowers the residual by less than this part of it."""
SAMPLED_DAMPING = 1e-3
MOST_NEGATIVE = 0.2
"""Largest share of the weight with a target below zero that a projection goes on with."""


def trapezoid_step(state, sums, t, dt, frame, tolerance):
    """Forward-backward trapezoid rule; second order, stable for all decays.

    .. math:: (1 - \\tau A) P_{t + 2 \\tau} = (1 + \\tau A) P_t, \\quad 2 \\tau = dt

    The strings are those, or samples, of the state at t.

    Args:
        state: StringState at t, which becomes that at t + dt.
        sums: Sums.
        t, dt: times, in system time units.
        frame: Frame.
        tolerance: chi-square residual of the equation at which the step is done.

    Returns:
        dict, see ``report``; the residual is that of the equation above.

    Reference:
        luo2022
    """
    tau, total = dt / 2, sums.at(t + dt / 2, state)
    old = state.log_probabilities(total.strings)
    rates = equation(total.generator).ratios(old, old[: total.n])
    problem = equation(
        (identity_rows(total) - tau * total.generator.tocoo()).tocoo(), old[: total.n], 1.0 + tau * rates
    )
    log_p = fitted(state, total, problem, old, tolerance)
    return report(state, total, problem, log_p, frame)


def projection_step(state, sums, t, dt, frame, tolerance):
    """Heun's rule, after each stage of which the distribution is projected onto the network.

    .. math:: P_1 = \\Pi (1 + h A) P_t, \\quad P_{t + h} = \\Pi \\, \\tfrac12 (P_t + (1 + h A) P_1)

    The projection minimises the Kullback-Leibler divergence to second order, by natural gradients. Only log P of
    coupled strings is needed, no gradient of it. Weights P(a) + h (A P)(a) below zero, which no distribution can
    follow, are counted.

    Args:
        state, sums, t, dt, frame, tolerance: as for ``trapezoid_step``.

    Returns:
        dict, see ``report``; and ``negative_weight``, the share of the weight where a target is negative.

    Raises:
        DysyrError: that share is above a fifth.
    """
    total = sums.at(t, state)
    n, old = total.n, state.log_probabilities(total.strings)
    rates = equation(total.generator)
    first = 1.0 + dt * rates.ratios(old, old[:n])
    identity = identity_rows(total)
    own = total.weights(old)
    log_p = fitted(state, total, equation(identity, old[:n], first), old, tolerance)
    later = sums.same_strings(t + dt, total, state)
    ahead = log_p if later is total else state.log_probabilities(later.strings)
    ahead = np.exp(ahead[:n] - old[:n]) + dt * equation(later.generator).ratios(ahead, old[:n])
    target = 0.5 + 0.5 * ahead
    negative = max(float(own @ (first < 0)), float(own @ (target < 0)))
    if negative > MOST_NEGATIVE:
        raise DysyrError(
            "the step is too long for a projection", got=f"dt = {dt:.3g}, {negative:.0%} of the target is negative",
            do="shorten dt, or take stepper='trapezoid'",
        )  # fmt: skip
    problem = equation(identity, old[:n], target)
    log_p = fitted(state, total, problem, log_p, tolerance)
    return report(state, total, problem, log_p, frame, negative_weight=negative)


def variational_step(state, sums, t, dt, frame, cutoff):
    """Classical Runge-Kutta step of order 4 along the time-dependent variational principle.

    See :func:`variational_rates`.

    Args:
        cutoff: relative eigenvalue of the Fisher matrix below which directions are left alone.
        state, sums, t, dt, frame: as for ``trapezoid_step``.

    Returns:
        dict, see ``report``, where the equation is that of the rates at t, times dt; and ``variational_error``, the
        share of the change that the network cannot follow, 1 - F.theta' / E[rate^2], in [0, 1].

    Reference:
        reh2021
    """
    theta = state.theta
    slopes, row = [], None
    for fraction in (0.0, 0.5, 0.5, 1.0):
        if slopes:
            state.set_theta(theta + fraction * dt * slopes[-1])
        total = sums.at(t + fraction * dt, state)
        log_p = state.log_probabilities(total.strings)
        rates = equation(total.generator).ratios(log_p, log_p[: total.n])
        v = total.weights(log_p)
        gradients = ratio_gradients(state, total.strings[: total.n], identity_rows(total), log_p, log_p[: total.n])
        slope, left = variational_rates(gradients, rates, v, cutoff, total.n_samples)
        if row is None:
            row = {
                "residual_l1": dt * float(v @ np.abs(left)),
                "residual_chi2": dt**2 * float(v @ left**2),
                "effective_samples": total.effective_size(log_p),
                "variational_error": float(v @ left**2 / max(v @ rates**2, 1e-300)),
            }
        slopes.append(torch.as_tensor(slope, device=theta.device))
    state.set_theta(theta + dt / 6 * (slopes[0] + 2 * slopes[1] + 2 * slopes[2] + slopes[3]))
    return {**row, "smallest_eigenvalue": eigenvalue(state, frame)}


def fitted(state, total, problem, log_p, tolerance):
    """Gauss-Newton steps towards M P = q until the residual is small enough or no longer falls: log P (m,)."""
    damping = Damping() if total.drawn is None else Damping(1e-2, SAMPLED_DAMPING)
    for _ in range(MOST_INNER_STEPS):
        log_p, before, after = gauss_newton_step(state, total, problem, log_p, damping)
        if after < tolerance or after > (1 - LEAST_GAIN) * before:
            break
    return log_p
