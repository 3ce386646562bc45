"""Steps in time of a distribution over outcome strings: variational principle, trapezoid rule, projection."""

import dataclasses

import numpy as np
import torch

from dysyr.core.errors import DysyrError
from dysyr.reconstruction.povm_transformer.gauss_newton import (
    CollapseError,
    Damping,
    equation,
    gauss_newton_step,
    identity_rows,
)
from dysyr.reconstruction.povm_transformer.step_report import eigenvalue, report
from dysyr.reconstruction.povm_transformer.variational_rates import variational_rates

MOST_INNER_STEPS = 12
LEAST_GAIN = 1e-2
"""A fit within a step is done when a Gauss-Newton step lowers the residual by less than this part of it."""
SAMPLED_DAMPING = 1e-3
MOST_NEGATIVE = 0.2
"""Largest share of the weight with a target below zero that a projection goes on with."""
SHORTEST = 1e-4
"""Shortest part of a variational step."""


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
        identity_rows(total.n, len(total.strings)) - tau * total.generator.tocoo(), old[: total.n], 1.0 + tau * rates
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
    identity = identity_rows(n)
    own = total.weights(old)
    log_p = fitted(state, total, equation(identity, old[:n], first), old[:n], tolerance)
    later = sums.same_strings(t + dt, total, state)
    ahead = state.log_probabilities(later.strings)
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


def variational_step(state, sums, t, dt, frame, tolerance, cutoff):
    """A step along the time-dependent variational principle, by the Runge-Kutta pair 3(2) of Bogacki and Shampine.

    In an exact sum it is divided until the error of each part, as a relative change of probabilities, is small enough:

    .. math:: E_P[(O \\cdot e)^2] \\le \\text{tolerance}, \\quad O = \\frac{\\partial \\log P}{\\partial \\theta}

    where e is the difference of the two formulas; near product states, whose rates of the parameters are large, the
    parts are short. With samples that error would be their noise: the step is whole, and its error is only reported.

    Args:
        tolerance: see above.
        cutoff: relative eigenvalue of the Fisher matrix below which directions are left alone, see
            :func:`variational_rates`.
        state, sums, t, dt, frame: as for ``trapezoid_step``.

    Returns:
        dict, see ``report``, where the equation is that of the rates at t, times dt; ``variational_error``, the largest
        share of a change that the network cannot follow, 1 - F.theta' / E[rate^2], in [0, 1]; ``step_error``, the sum
        of the roots of E[(O.e)^2]; ``n_parts``.

    Raises:
        DysyrError: the parts became too short.

    Reference:
        reh2021, bogacki1989
    """
    end, h, adaptive = t + dt, dt, sums.n_samples is None
    theta, slope = state.theta, _slope(state, sums, t, cutoff)
    first, error_sum, share, n_parts = slope, 0.0, slope.share, 0
    while t < end - 1e-12 * dt:
        h = min(h, end - t)
        try:
            found, after, e = _bogacki_shampine(state, sums, t, h, cutoff, theta, slope)
            error = float(slope.weights @ (slope.gradients @ e) ** 2)
        except CollapseError:
            if not adaptive:
                raise
            error = np.inf
        if not adaptive or error < np.inf and error <= tolerance:
            t, theta, slope, n_parts = t + h, found, after, n_parts + 1
            error_sum, share = error_sum + np.sqrt(error), max(share, slope.share)
        else:
            state.set_theta(theta)
        if adaptive:
            h *= min(2.0, max(0.2, 0.9 * (tolerance / max(error, 1e-300)) ** (1 / 6)))
        if h < SHORTEST * dt and t < end - 1e-12 * dt:
            raise DysyrError(
                "parts of a step became too short", got=f"{h:.2g} at t = {t:.4g}",
                do="raise cutoff or tolerance, or take stepper='trapezoid'",
            )  # fmt: skip
    state.set_theta(theta)
    return {
        "residual_l1": dt * float(first.weights @ np.abs(first.left)),
        "residual_chi2": dt**2 * float(first.weights @ first.left**2),
        "effective_samples": first.effective_samples, "smallest_eigenvalue": eigenvalue(state, frame),
        "variational_error": share, "step_error": error_sum, "n_parts": n_parts,
    }  # fmt: skip


def _bogacki_shampine(state, sums, t, h, cutoff, theta, first):
    """(parameters at t + h, slope there, error of the parameters) from the slope at t."""
    stages = [first]
    for fraction in (0.5, 0.75):
        state.set_theta(theta + torch.as_tensor(fraction * h * stages[-1].rates, device=theta.device))
        stages.append(_slope(state, sums, t + fraction * h, cutoff))
    k1, k2, k3 = (stage.rates for stage in stages)
    found = theta + torch.as_tensor(h * (2 * k1 + 3 * k2 + 4 * k3) / 9, device=theta.device)
    state.set_theta(found)
    after = _slope(state, sums, t + h, cutoff)
    return found, after, h * (-5 * k1 / 72 + k2 / 12 + k3 / 9 - after.rates / 8)


@dataclasses.dataclass(frozen=True, eq=False)
class _Slope:
    """Rates of the parameters at one state, and what they were made from."""

    rates: np.ndarray
    left: np.ndarray
    weights: np.ndarray
    gradients: np.ndarray
    share: float
    effective_samples: float


def _slope(state, sums, t, cutoff):
    total = sums.at(t, state)
    log_p = state.log_probabilities(total.strings)
    rates = equation(total.generator).ratios(log_p, log_p[: total.n])
    v = total.weights(log_p)
    own = total.strings[: total.n]
    gradients = np.concatenate([rows.cpu().numpy() for _, rows in state.gradients(own)])
    found, left = variational_rates(gradients, rates, v, cutoff, total.n_samples)
    share = float(v @ left**2 / max(v @ rates**2, 1e-300))
    return _Slope(found, left, v, gradients, share, total.effective_size(log_p))


def fitted(state, total, problem, log_p, tolerance):
    """Gauss-Newton steps towards M P = q until the residual is small enough or no longer falls: log P (m,)."""
    damping = Damping() if total.drawn is None else Damping(1e-2, SAMPLED_DAMPING)
    for _ in range(MOST_INNER_STEPS):
        log_p, before, after = gauss_newton_step(state, total, problem, log_p, damping)
        if after < tolerance or after > (1 - LEAST_GAIN) * before:
            break
    return log_p
