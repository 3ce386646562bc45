"""The affine map of a word of regions, and the one periodic orbit it has.

For regions D_1 ... D_k with F(z) = J_i z + b_i the orbit z_1 ... z_k solves

    z_{i+1} = J_i z_i + b_i,   z_{k+1} = z_1       so       (I - J_k ... J_1) z_1 = sum_i J_k ... J_{i+1} b_i

The small system on the right is solved where the products stay small enough to be accurate; else the block-cyclic
system on the left, whose condition does not grow with the length of the word.
"""

import numpy as np

MAX_GROWTH = 1e8
"""Products of Jacobians beyond this lose so many digits that the block-cyclic system is solved instead."""
SINGULAR = 1e-12
"""Ratio of smallest to largest singular value below which a system counts as singular."""
LARGE = 1e2
"""Entry of a product from which on singular values are those of rounding, so that the block-cyclic system decides."""
BORDER = 1e-10
"""A switch smaller than this, relative to the size of the orbit, lies on its border and fits either bit."""
CLOSES = 1e-9
"""Difference of two states, relative to the size of the orbit, that is rounding."""
CHUNK_NUMBERS = 4_000_000


def solve_words(model, words, *, cyclic=False):
    """The periodic orbit of each word, whether or not it lies in the regions of the word.

    Args:
        model: PiecewiseLinear.
        words: (n, period, n_bits) bool.
        cyclic: solve the block-cyclic system for all words, the most accurate way.

    Returns:
        points: (n, period, latent), NaN where there is none.
        singular: (n,) bool, where I - J_k ... J_1 is singular to rounding.
    """
    n, period, _ = words.shape
    m = model.latent_dim
    points, singular = np.full((n, period, m), np.nan), np.zeros(n, dtype=bool)
    per_word = (period * m) ** 2 if cyclic else period * m * (m + words.shape[2])
    size = max(1, CHUNK_NUMBERS // per_word)
    for start in range(0, n, size):
        piece = slice(start, start + size)
        jacobians, offsets = model.affine(words[piece])
        solve = solve_cyclic if cyclic else _solve_either
        points[piece], singular[piece] = solve(jacobians, offsets)
    return points, singular


def compose(jacobians, offsets):
    """(J, b) of the composed maps, and the largest entry of all partial products; (n, period, ...) -> (n, ...)."""
    product, offset = jacobians[:, 0], offsets[:, 0]
    growth = np.abs(product).max(axis=(1, 2))
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(1, jacobians.shape[1]):
            offset = (jacobians[:, i] @ offset[..., None])[..., 0] + offsets[:, i]
            product = jacobians[:, i] @ product
            growth = np.maximum(growth, np.abs(product).max(axis=(1, 2)))
    return product, offset, growth


def fixed_point(jacobian, offset):
    """Solution of (I - J) z = b, batched.

    Args:
        jacobian: (n, latent, latent), finite.
        offset: (n, latent).

    Returns:
        z: (n, latent), NaN where singular.
        singular: (n,) bool.
    """
    return _solve(np.eye(jacobian.shape[-1]) - jacobian, offset)


def solve_cyclic(jacobians, offsets):
    """The block-cyclic system; (n, period, latent, latent), (n, period, latent) -> points, singular."""
    n, period, m = offsets.shape
    system = np.zeros((n, period, m, period, m))
    for i in range(period):
        system[:, i, :, (i + 1) % period, :] += np.eye(m)
        system[:, i, :, i, :] -= jacobians[:, i]
    flat, singular = _solve(system.reshape(n, period * m, period * m), offsets.reshape(n, -1))
    return flat.reshape(n, period, m), singular


def size_of(points):
    """(n,) sizes of orbits (n, period, latent): the largest absolute coordinate."""
    return np.abs(points).max(axis=(1, 2), initial=0.0)


def agree(switches, words, size, tolerance=BORDER):
    """Which words are those of their orbits, up to switches on their border.

    Args:
        switches: (n, period, n_bits) at the points of the orbits.
        words: (n, period, n_bits) bool.
        size: (n,) of the orbits.
        tolerance: see ``BORDER``.

    Returns:
        (n,) bool.
    """
    if words.shape[2] == 0:
        return np.isfinite(switches).all(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        near = np.abs(switches) <= tolerance * (size[:, None, None] + np.abs(switches).max(axis=(1, 2), keepdims=True))
    return (((switches > 0) == words) | near).all(axis=(1, 2)) & np.isfinite(switches).all(axis=(1, 2))


def _solve_either(jacobians, offsets):
    product, offset, growth = compose(jacobians, offsets)
    n, period, m = offsets.shape
    points, singular = np.full((n, period, m), np.nan), np.zeros(n, dtype=bool)
    small = np.flatnonzero(growth < MAX_GROWTH)
    z, singular[small] = fixed_point(product[small], offset[small])
    points[small, 0] = z
    for i in range(period):
        z = (jacobians[small, i] @ z[..., None])[..., 0] + offsets[small, i]
        if i + 1 < period:
            points[small, i + 1] = z
    closes = np.abs(z - points[small, 0]).max(axis=1, initial=0.0) <= CLOSES * size_of(points[small])
    again = np.ones(n, dtype=bool)
    again[small] = np.where(singular[small], growth[small] > LARGE, ~closes)
    if again.any():
        points[again], singular[again] = solve_cyclic(jacobians[again], offsets[again])
    return points, singular


def _solve(matrix, right):
    singular = _singular(matrix)
    z = np.full(right.shape, np.nan)
    regular = ~singular
    z[regular] = np.linalg.solve(matrix[regular], right[regular][..., None])[..., 0]
    return z, singular


def _singular(matrix):
    """Singular values decide; they are computed only where |det| is small beside the product of the row norms."""
    sign, log_det = np.linalg.slogdet(matrix)
    with np.errstate(divide="ignore"):
        log_rows = np.log(np.linalg.norm(matrix, axis=-1)).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        doubtful = (sign == 0) | ~(log_det - log_rows > np.log(10.0 * SINGULAR))
    singular = np.zeros(len(matrix), dtype=bool)
    if doubtful.any():
        values = np.linalg.svd(matrix[doubtful], compute_uv=False)
        singular[doubtful] = values[:, -1] <= SINGULAR * values[:, 0]
    return singular
