"""Linear equations for a distribution, solved by natural-gradient steps in the space of strings."""

import dataclasses

import numpy as np
import torch
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from dysyr.core.errors import DysyrError

GROWTH, SHRINKAGE = 4.0, 3.0
MOST_TRIES = 12
MOST_CHANGE = 5.0
"""Largest change of log P in one step: the equations are linear in P, and P is exponential in the parameters."""
LEAST_SHARE = 1e-3
"""Sum of absolute values: a ratio counts as no smaller than this part of the largest one."""


class CollapseError(DysyrError):
    """Probabilities so different that their ratios overflow."""


@dataclasses.dataclass(frozen=True, eq=False)
class Equation:
    """M P = q on the strings of a sum, with both sides known to a common factor at each string.

    Attributes:
        matrix: sparse array (n, m), of the first m strings of the sum.
        log_target, target: (n,) arrays, q = exp(log_target) target.
    """

    matrix: object
    log_target: np.ndarray
    target: np.ndarray

    def ratios(self, log_p, reference):
        """(M P - q) / P_ref: array (n,), from log P (m,) and log P_ref (n,).

        Raises:
            CollapseError: probabilities so different that their ratios overflow.
        """
        rows, columns = self.matrix.row, self.matrix.col
        with np.errstate(over="ignore", invalid="ignore"):
            terms = self.matrix.data * np.exp(log_p[columns] - reference[rows])
            found = np.bincount(rows, terms, minlength=len(reference))
            found = found - np.exp(self.log_target - reference) * self.target
        if not np.isfinite(found).all():
            raise CollapseError(
                "the distribution has collapsed", got="ratios of probabilities that overflow",
                do="shorten dt, raise cutoff, or take more samples",
            )  # fmt: skip
        return found


def equation(matrix, log_target=None, target=None):
    """M P = q; without a target q = 0."""
    matrix = sparse.coo_array(matrix)
    n = matrix.shape[0]
    zero = np.zeros(n)
    return Equation(matrix, zero if log_target is None else log_target, zero if target is None else target)


@dataclasses.dataclass
class Damping:
    """Levenberg-Marquardt damping, as a part of the mean of the Gram matrix's diagonal.

    Attributes:
        value: present one.
        least: smallest one; where the sum is over fewer samples than there are parameters, a tiny one would fit noise.
    """

    value: float = 1e-2
    least: float = 1e-9


def gauss_newton_step(state, total, problem, log_p, damping, objective="chi2"):
    """One step towards M P = q.

    .. math:: R_i = \\sqrt{v_i} \\, (M P - q)(a_i) / P(a_i), \\quad
              \\delta = - J^T (J J^T + \\lambda)^{-1} R, \\quad J = dR / d\\theta

    with v and the P below the bar kept as they are during the step. That is the natural gradient of the chi-square
    residual E_P[((M P - q) / P)^2]; "l1" divides v by the absolute ratio, whose square then is the sum
    |(M P - q)(a)|. The damping grows until the residual falls, and shrinks after a success.

    Args:
        state: StringState, which is changed.
        total: Sum.
        problem: Equation on its strings.
        log_p: (m,) log P of the strings of the equation.
        damping: Damping, which is changed.
        objective: "chi2" or "l1".

    Returns:
        (log P after the step (m,), residual before, residual after); equal residuals mean that no step helped.
    """
    reference, strings = log_p[: total.n].copy(), total.strings[: problem.matrix.shape[1]]
    v = total.weights(log_p)
    ratios = problem.ratios(log_p, reference)
    if objective == "l1":
        v = v / np.maximum(np.abs(ratios), LEAST_SHARE * max(np.abs(ratios).max(), 1e-300))
    scale = np.sqrt(v)
    residual = scale * ratios
    rows = scale[:, None] * ratio_gradients(state, strings, problem.matrix, log_p, reference)
    unit, before = float((rows**2).sum()) / len(rows), float(residual @ residual)
    steps = damped_steps(rows, residual)
    theta = state.theta
    for _ in range(MOST_TRIES):
        state.set_theta(theta - torch.as_tensor(steps(damping.value * unit), device=theta.device))
        new = state.log_probabilities(strings)
        moderate = np.abs(new - log_p).max() <= MOST_CHANGE
        after = float(v @ problem.ratios(new, reference) ** 2) if moderate else np.inf
        if after < before:
            damping.value = max(damping.value / SHRINKAGE, damping.least)
            return new, before, after
        damping.value *= GROWTH
    state.set_theta(theta)
    return log_p, before, before


def damped_steps(rows, residual):
    """The step of Gauss and Newton as a function of the damping, by the smaller one of its two linear equations.

    .. math:: J^T (J J^T + \\lambda)^{-1} R = (J^T J + \\lambda)^{-1} J^T R

    Args:
        rows: (n, parameter) J.
        residual: (n,) R.

    Returns:
        Function of lambda > 0 -> array (parameter,).
    """
    n, n_parameters = rows.shape
    matrix = rows @ rows.T if n <= n_parameters else rows.T @ rows
    right = residual if n <= n_parameters else rows.T @ residual

    def step(damping):
        solved = cho_solve(cho_factor(matrix + damping * np.eye(len(matrix))), right)
        return rows.T @ solved if n <= n_parameters else solved

    return step


def ratio_gradients(state, strings, matrix, log_p, reference):
    """Gradients of sum_u M_iu P(u) / P_ref(i): array (n, parameter), made from pieces of d log P / d theta."""
    scaled = sparse.csc_array(
        (matrix.data * np.exp(log_p[matrix.col] - reference[matrix.row]), (matrix.row, matrix.col)), shape=matrix.shape
    )
    found = np.zeros((matrix.shape[0], state.n_parameters))
    for piece, rows in state.gradients(strings):
        found += scaled[:, piece] @ rows.cpu().numpy()
    return found


def identity_rows(n_rows, n_columns=None):
    """The matrix that takes P of strings to that of the first ones: sparse array, square by default."""
    at = np.arange(n_rows)
    return sparse.coo_array((np.ones(n_rows), (at, at)), shape=(n_rows, n_columns or n_rows))
