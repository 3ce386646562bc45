"""Standard errors from the observed information: how sharply the objective bends at its maximum."""

import numpy as np

from dysyr.core.levels import NormalLevels
from dysyr.reconstruction.jump_em import level_steps
from dysyr.reconstruction.jump_em.detailed_balance import design
from dysyr.reconstruction.jump_em.likelihood import Parameters, expect

STEP = 1e-3
"""Step of the central differences, relative to the parameter."""
BOUNDARY = 1e-6
"""Rates below this, relative to the largest, are taken to lie on the boundary."""
FLAT = 1e-9
"""Curvature, relative to the largest in its own units, below which the data say nothing."""


def standard_errors(goal, at):
    """Standard errors of rates, and of label noise or levels.

        I = - d2 objective / d theta2,  stderr = sqrt(diag(I^-1))

    The exact score, d/dq_ij = S_ij - S_ii + (a - 1) / q_ij - b, is differenced; jumps and states that were not seen are
    thereby accounted for. The initial distribution is held fixed. A rate or a noise at zero has no curvature but a
    slope -g there: the likelihood falls as exp(-g q), and 1 / g is given, the standard deviation of that law. In
    detailed balance the second derivative is that along the rates which are, with respect to their logarithms. Errors
    of a level whose standard deviation is held at the smallest one are infinite.

    Args:
        goal: Goal.
        at: Parameters, the maximum.

    Returns:
        (state, state) standard errors in 1/time, 0 on the diagonal and on edges that are not permitted, infinite where
        the data say nothing; and that of the noise, 0 where it is not learned, or for a signal those of the means and
        standard deviations of its levels, (2, state).

    Reference: kalbfleisch1985
    """
    inner = goal.permitted & (at.q > BOUNDARY * at.q.max())
    if goal.reversible:
        inner &= inner.T
    noisy = goal.learns_noise and at.noise > BOUNDARY
    theta = size = np.append(at.q[inner], at.noise) if noisy else at.q[inner]
    free = None
    if at.levels is not None:
        free = at.levels.sds > goal.panel.smallest_sd
        sds = at.levels.sds[free]
        theta, size = (np.concatenate([at.q[inner], first, sds]) for first in (at.levels.means[free], sds))
    information = np.empty((len(theta), len(theta)))
    for k, value in enumerate(size):
        shift = np.zeros(len(theta))
        shift[k] = STEP * value
        up, down = (_score(goal, at, inner, theta + sign * shift, free) for sign in (1, -1))
        information[k] = (down - up) / (2 * STEP * value)
    information = (information + information.T) / 2
    if goal.reversible:
        errors = _along(information, size, design(inner), _score(goal, at, inner, theta, free))
    else:
        errors = _inverse_root(information, size)
    rates = np.zeros_like(at.q)
    rates[inner] = errors[: int(inner.sum())]
    found = expect(goal.panel, at)
    edge = goal.permitted & ~inner
    rates[edge] = _from_slope(np.diag(found.s)[:, None] + goal.time - found.s)[edge]
    if free is not None:
        spread = np.full((2, len(free)), np.inf)
        spread[:, free] = errors[int(inner.sum()) :].reshape(2, -1)
        return rates, spread
    if not goal.learns_noise:
        return rates, 0.0
    return rates, float(errors[-1] if noisy else _from_slope(-_noise_score(goal, found, at.noise)))


def _score(goal, at, inner, theta, free=None):
    """Gradient of the objective at the parameters theta: rates, then the noise, or means and deviations of levels."""
    n_rates = int(inner.sum())
    q = np.where(goal.permitted, at.q, 0.0)
    q[inner] = theta[:n_rates]
    noisy = free is None and len(theta) > n_rates
    noise = float(theta[-1]) if noisy else at.noise
    levels = at.levels
    if free is not None:
        levels = NormalLevels(levels.means.copy(), levels.sds.copy())
        levels.means[free], levels.sds[free] = np.split(theta[n_rates:], 2)
    found = expect(goal.panel, Parameters(q - np.diag(q.sum(axis=1)), noise, at.initial, levels))
    gradient = (found.s - np.diag(found.s)[:, None])[inner] + (goal.shape - 1) / theta[:n_rates] - goal.time
    if free is not None:
        return np.concatenate([gradient, level_steps.score(levels, found.moments)[:, free].ravel()])
    return np.append(gradient, _noise_score(goal, found, noise)) if noisy else gradient


def _noise_score(goal, found, noise):
    """Derivative of the log-likelihood in the probability of a mistaken label."""
    return found.mistakes / noise - (len(goal.panel.labels) - found.mistakes) / (1 - noise)


def _from_slope(slope):
    """1 / slope where the likelihood falls away from zero; infinite where it does not."""
    falls = slope > 0
    return np.where(falls, 1 / np.where(falls, slope, 1.0), np.inf)


def _inverse_root(information, theta):
    """Roots of the diagonal of the inverse; infinite along directions in which the objective is flat.

    ``theta`` are the units of the parameters: their own values, or what a change of them is compared with.
    """
    scaled = information * np.outer(theta, theta)
    values, vectors = np.linalg.eigh(scaled)
    flat = values <= FLAT * max(values.max(initial=0.0), 1.0)
    variance = (vectors[:, ~flat] ** 2 / values[~flat]).sum(axis=1)
    lost = (vectors[:, flat] ** 2).sum(axis=1) > 1e-6
    return np.where(lost, np.inf, theta * np.sqrt(variance))


def _along(information, theta, a, score):
    """Standard errors where the logarithms of the rates are confined to the columns of ``a``.

    With theta = exp(A w): d2/dw2 = A^T (theta H theta + diag(score theta)) A, and the errors of ln theta follow from
    its inverse on the directions that A does not annul.
    """
    extra = len(theta) - len(a)
    a = np.block([[a, np.zeros((len(a), extra))], [np.zeros((extra, a.shape[1])), np.eye(extra)]])
    basis, sizes, _ = np.linalg.svd(a, full_matrices=False)
    basis = basis[:, sizes > 1e-9 * sizes.max(initial=0.0)]
    curved = basis.T @ (information * np.outer(theta, theta) - np.diag(score * theta)) @ basis
    values, vectors = np.linalg.eigh(curved)
    flat = values <= FLAT * max(values.max(initial=0.0), 1.0)
    reach = basis @ vectors
    variance = (reach[:, ~flat] ** 2 / values[~flat]).sum(axis=1)
    return np.where((reach[:, flat] ** 2).sum(axis=1) > 1e-6, np.inf, theta * np.sqrt(variance))
