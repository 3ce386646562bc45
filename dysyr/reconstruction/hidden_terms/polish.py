"""The last fit of one set of terms: SciPy's least squares through an adaptive solver, and standard errors."""

import dataclasses

import numpy as np
from scipy.optimize import least_squares

STEP = 1e-6
UNSOLVED = 1e6


@dataclasses.dataclass(frozen=True, eq=False)
class Polished:
    """A set of terms with its fitted numbers.

    Attributes:
        values: (name,) parameters of the solver.
        stderr: (name,) their standard errors; 0 where fixed.
        states: (segment, dim) initial states.
        solution: (segment, sample, dim).
        squares: (field,) mean squared errors in data units.
        chi_square: (before, after) sum of squared errors per degree of freedom, in the variances that were known or
            estimated before.
    """

    values: np.ndarray
    stderr: np.ndarray
    states: np.ndarray
    solution: np.ndarray
    squares: np.ndarray
    chi_square: tuple


def polish(refinement, mask, values, states):
    """Maximise the likelihood of one set of terms once more, with solutions that are exact to 1e-10.

    Standard errors are those of the Gauss-Newton approximation, sqrt diag (J^T W J)^-1, with W the inverse variances of
    the fields: given, or estimated with n_f (1 - k / N) degrees of freedom.

    Args:
        refinement: Refinement.
        mask: (name,) fitted parameters.
        values: (name,) first values.
        states: (segment, dim) first initial states.

    Returns:
        Polished.
    """
    solver, chosen = refinement.solver, np.flatnonzero(mask)
    scale = solver.segments.scale
    units = np.concatenate([
        np.maximum(np.abs(values[chosen]), refinement.sizes[chosen]),
        np.tile(scale, len(states)) if refinement.fit_states else [],
    ])  # fmt: skip

    def unpacked(x):
        new, at = values.copy(), states
        new[chosen] = x[: len(chosen)] * units[: len(chosen)]
        if refinement.fit_states:
            at = (x[len(chosen) :] * units[len(chosen) :]).reshape(states.shape)
        return at, new

    def solution(x):
        at, new = unpacked(x)
        return solver.exact(at, new)

    first = np.concatenate([values[chosen], states.ravel() if refinement.fit_states else []]) / units
    squares = refinement.squares(refinement.residuals(solution(first)[None]))[0]
    n_values, n_fitted = int(refinement.counts.sum()), len(first)

    def deviations(squares):
        if refinement.noise is not None:
            return np.maximum(refinement.noise, refinement.floor)
        return np.maximum(np.sqrt(squares / max(1 - n_fitted / n_values, 1 / n_values)), refinement.floor)

    weights = 1 / deviations(squares)[refinement.field]

    def residuals(x):
        r = refinement.residuals(solution(x)[None])[0] * weights
        return np.where(np.isfinite(r), r, UNSOLVED)

    n_spare = max(n_values - n_fitted, 1)
    before = float((residuals(first) ** 2).sum() / n_spare)
    if not n_fitted:
        return Polished(values, np.zeros(len(values)), states, solution(first), squares, (before, before))
    found = least_squares(residuals, first, method="trf", x_scale="jac", diff_step=STEP, xtol=1e-12, ftol=1e-12)
    at, new = unpacked(found.x)
    reached = solution(found.x)
    final = refinement.squares(refinement.residuals(reached[None]))[0]
    ratio = deviations(squares)[refinement.field] / deviations(final)[refinement.field]
    slope = found.jac * ratio[:, None]
    stderr = np.zeros(len(values))
    stderr[chosen] = (np.sqrt(np.diag(np.linalg.pinv(slope.T @ slope))) * units)[: len(chosen)]
    return Polished(new, stderr, at, reached, final, (before, float((found.fun**2).sum() / n_spare)))
