"""What follows from a rate matrix: time scales, first-passage times, entropy production. Rows sum to zero."""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.rate_matrix import checked_rate_matrix, closed_classes, stationary_distribution

SMALLEST_ANGLE = 1e-9
"""|Im| / |Re| of an eigenvalue above which its decay oscillates; below, it is rounding."""


def time_scales(q):
    """Times in which deviations from the stationary distribution decay, slowest first.

        t_k = 1 / |Re lambda_k|,  one for each eigenvalue but the zero of each closed class

    A pair of complex eigenvalues is a damped oscillation: a finite chain always settles.

    Args:
        q: (state, state) rate matrix, row convention, in 1/time.

    Returns:
        (n - number of closed classes,) times in time units, and as many bools, True where the decay oscillates.

    Reference: norris1997
    """
    q = checked_rate_matrix(q)
    values = np.linalg.eigvals(q)
    values = values[np.argsort(np.abs(values), kind="stable")][len(closed_classes(q)) :]
    values = values[np.argsort(-values.real, kind="stable")]
    return 1 / np.abs(values.real), np.abs(values.imag) > SMALLEST_ANGLE * np.abs(values.real)


def mean_first_passage_times(q):
    """Mean time until a state is first reached.

        sum_k q_ik tau_kj = -1 for i != j,  tau_jj = 0

    Args:
        q: (state, state) rate matrix, row convention, in 1/time.

    Returns:
        (from, to) in time units; infinite where the state may never be reached.

    Reference: norris1997
    """
    q = checked_rate_matrix(q)
    n = len(q)
    times = np.zeros((n, n))
    for j in range(n):
        stopped = q.copy()
        stopped[j] = 0.0
        reach = _reaches(stopped)
        doomed = ~reach[:, j]
        sure = np.flatnonzero(~(reach & doomed).any(axis=1) & (np.arange(n) != j))
        times[:, j] = np.inf
        times[j, j] = 0.0
        if len(sure):
            times[sure, j] = np.linalg.solve(q[np.ix_(sure, sure)], -np.ones(len(sure)))
    return times


def entropy_production(q, distribution=None):
    """Rate at which a jump process makes entropy.

        sigma = sum_(i != j) p_i q_ij ln[ p_i q_ij / (p_j q_ji) ]

    Args:
        q: (state, state) rate matrix, row convention, in 1/time.
        distribution: (state,) probabilities p; by default the stationary ones.

    Returns:
        float in 1/time, not negative; 0 in detailed balance, infinite where a jump happens that has no reverse.

    Raises:
        InputError: no distribution is given and the stationary one is not unique, or one that does not fit.

    Reference: schnakenberg1976
    """
    q = checked_rate_matrix(q)
    p = stationary_distribution(q) if distribution is None else np.asarray(distribution, dtype=np.float64)
    if p.shape != (len(q),) or (p < 0).any() or abs(p.sum() - 1) > 1e-9:
        raise InputError("not a distribution over the states", got=str(p), expected=f"{len(q)} shares with sum 1")
    flow = p[:, None] * q
    np.fill_diagonal(flow, 0.0)
    happens = flow > 0
    if (happens & (flow.T <= 0)).any():
        return np.inf
    return float((flow[happens] * (np.log(flow[happens]) - np.log(flow.T[happens]))).sum())


def _reaches(q):
    """(from, to) bool, whether a path leads there; each state reaches itself."""
    reach = (q > 0) | np.eye(len(q), dtype=bool)
    for _ in range(len(q)):
        reach = (reach.astype(np.float64) @ reach) > 0
    return reach
