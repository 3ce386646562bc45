"""Distances between states of spins, and whether an operator is a state at all."""

import numpy as np

from dysyr.core.errors import InputError


def total_variation(p, q):
    """Total variation of two distributions over outcomes.

    .. math:: \\frac12 \\sum_a |P(a) - Q(a)|

    At most the trace distance of the states; the reverse can differ by a factor that grows like 3^N (tetrahedra).

    Args:
        p, q: arrays of one shape.
    """
    p, q = _alike(p, q)
    return float(np.abs(p - q).sum() / 2)


def classical_fidelity(p, q):
    """Classical fidelity of two distributions over outcomes.

    .. math:: \\sum_a \\sqrt{P(a) Q(a)}

    An upper bound of the root fidelity of the states, which it does not estimate. Negative entries count as zero.

    Args:
        p, q: arrays of one shape.
    """
    p, q = _alike(p, q)
    return float(np.sqrt(np.maximum(p, 0.0) * np.maximum(q, 0.0)).sum())


def trace_distance(rho, sigma):
    """Trace distance of two Hermitian matrices.

    .. math:: \\frac12 \\| \\rho - \\sigma \\|_1

    Args:
        rho, sigma: (2^N, 2^N) arrays.
    """
    rho, sigma = _alike(rho, sigma)
    return float(np.abs(np.linalg.eigvalsh(rho - sigma)).sum() / 2)


def smallest_eigenvalue(rho):
    """Smallest eigenvalue of a Hermitian matrix; negative means that it is no state.

    Args:
        rho: (2^N, 2^N) array.
    """
    return float(np.linalg.eigvalsh(rho)[0])


def _alike(a, b):
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        raise InputError("states of different size", got=f"shapes {a.shape} and {b.shape}")
    return a, b
