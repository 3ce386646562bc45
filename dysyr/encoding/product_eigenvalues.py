"""Eigenvalues of a product of matrices, the small ones beside huge ones as well.

The eigenvalues of J_k ... J_1 below 1e-16 of the largest are lost as soon as the product is formed. Where that could be
those of modulus near 1, the block-cyclic matrix with blocks G_1 ... G_q, factors of the product that are small enough
to be accurate, has their q-th roots.
"""

import numpy as np

ACCURATE = 1e6
"""Entry of the product up to which eigenvalues of modulus near 1 are right to ten digits."""
LARGEST_FACTOR = 1e2
"""Entry at which a partial product becomes a factor of its own, where the product is larger."""
LARGEST_LOG = 709.0
REAL = 1e-10
"""An angle this near to 0 or pi is that of a real eigenvalue."""


def product_eigenvalues(matrices):
    """Eigenvalues of J_k ... J_1.

    Those of modulus far below 1 may be rounding.

    Args:
        matrices: (k, m, m) J_1 ... J_k, finite.

    Returns:
        (m,) complex, by falling modulus; infinite beyond 1e308.
    """
    if matrices.shape[1] == 1:
        with np.errstate(over="ignore"):
            return matrices.prod(axis=0)[0].astype(complex)
    product = matrices[0]
    with np.errstate(over="ignore", invalid="ignore"):
        for matrix in matrices[1:]:
            product = matrix @ product
    if np.abs(product).max() <= ACCURATE:
        values = np.linalg.eigvals(product).astype(complex)
    else:
        factors = _factors(matrices)
        values = _powers(np.linalg.eigvals(_block_cyclic(factors)).astype(complex), len(factors))
    with np.errstate(invalid="ignore"):
        return values[np.lexsort((-values.imag, -np.abs(values)))]


def _factors(matrices):
    """The product cut into factors whose entries are below a limit, unless a single matrix is above it."""
    factors = [matrices[0]]
    for matrix in matrices[1:]:
        product = matrix @ factors[-1]
        if np.abs(product).max() > LARGEST_FACTOR:
            factors.append(matrix)
        else:
            factors[-1] = product
    return factors


def _block_cyclic(factors):
    q, m = len(factors), len(factors[0])
    whole = np.zeros((q, m, q, m))
    for i, factor in enumerate(factors):
        whole[(i + 1) % q, :, i, :] = factor
    return whole.reshape(q * m, q * m)


def _powers(roots, q):
    """The q-th powers of (q m,) values, of which each comes q times, one for each time: (m,) complex."""
    logs = q * np.log(np.maximum(np.abs(roots), np.finfo(float).tiny))
    angles = _turn(q * np.angle(roots))
    left, values = list(np.argsort(-logs, kind="stable")), []
    while left:
        apart = [abs(logs[i] - logs[left[0]]) + abs(_turn(angles[i] - angles[left[0]])) for i in left]
        same = [left[i] for i in np.argsort(apart, kind="stable")[:q]]
        left = [i for i in left if i not in same]
        angle = _turn(angles[same[0]] + np.mean(_turn(angles[same] - angles[same[0]])))
        values.append(_value(logs[same].mean(), angle))
    return np.array(values)


def _turn(angle):
    """An angle in [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _value(log, angle):
    if log > LARGEST_LOG:
        return complex(np.inf)
    if abs(angle) < REAL or np.pi - abs(angle) < REAL:
        return complex(np.copysign(np.exp(log), np.cos(angle)))
    return complex(np.exp(log) * np.cos(angle), np.exp(log) * np.sin(angle))
