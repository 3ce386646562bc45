"""What is known after each step of a solution, without the exact one."""

import numpy as np

from dysyr.core.state_distance import smallest_eigenvalue
from dysyr.reconstruction.povm_transformer.sums import expanded, probability_tensor

EIGENVALUE_SITES = 8
"""Up to here the smallest eigenvalue of the state is reported, NaN beyond."""


def report(state, total, problem, log_p, frame, **more):
    """How well an equation M P = q holds, and whether P belongs to a state.

    Args:
        state: StringState.
        total: Sum.
        problem: Equation on its strings.
        log_p: (m,) log P of its strings.
        frame: Frame.
        more: further numbers of the step.

    Returns:
        dict: ``residual_l1`` = sum_a |(M P - q)(a)|, ``residual_chi2`` = E_P[((M P - q) / P)^2],
        ``effective_samples`` (NaN in an exact sum), ``smallest_eigenvalue`` of the matrix that P stands for (NaN beyond
        8 sites), and ``more``.
    """
    ratios, v = problem.ratios(log_p, log_p[: total.n]), total.weights(log_p)
    return {
        "residual_l1": float(v @ np.abs(ratios)),
        "residual_chi2": float(v @ ratios**2),
        "effective_samples": total.effective_size(log_p),
        "smallest_eigenvalue": eigenvalue(state, frame, total if total.drawn is None else None, log_p),
        **more,
    }


def eigenvalue(state, frame, total=None, log_p=None):
    """Smallest eigenvalue of the matrix of a state; with an exact Sum and its log P nothing is computed again."""
    if state.n_sites > EIGENVALUE_SITES:
        return np.nan
    p = probability_tensor(state) if total is None else expanded(state, total.strings, log_p)
    return smallest_eigenvalue(frame.density_matrix(p))
