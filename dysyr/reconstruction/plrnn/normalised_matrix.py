"""The random matrix from which recurrences of the family start."""

import numpy as np


def normalised_matrix(m, rng):
    """K / lambda_max(K) with K = R'R/M + I, R standard normal: positive definite, largest eigenvalue 1.

    Args:
        m: M.
        rng: numpy Generator.

    Returns:
        (M, M).

    Reference: hess2023
    """
    random = rng.standard_normal((m, m))
    k = random.T @ random / m + np.eye(m)
    return k / np.linalg.eigvalsh(k)[-1]
