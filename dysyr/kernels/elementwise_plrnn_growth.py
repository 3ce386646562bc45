"""Growth of tangent vectors along orbits of PLRNNs whose nonlinearity acts on each unit alone, 16 orbits side by side,
float64.

    z <- F(z),   Q <- J(z) Q,   J Q = A * Q + W (phi'(z) * Q),   every few steps Q R = Q, out = R_ii

Only the slopes phi' differ from orbit to orbit, so that W with the gated vectors of 16 orbits is a product of numbers
with rows of lanes. QR is modified Gram-Schmidt, all lanes at once; nothing is allocated inside the loop.

The slow twin is ``elementwise_plrnn_growth_reference.py``.
"""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels.elementwise_plrnn_run import in_double_precision, step
from dysyr.kernels.jit import jit
from dysyr.kernels.lane_algebra import normalise, remove_component
from dysyr.kernels.lane_blocks import run_blocks
from dysyr.kernels.lane_products import carry_back_free, copy
from dysyr.kernels.vector_blocks import each_row
from dysyr.kernels.vector_code import LANES, lane_zeros

PRODUCTS_PER_CALL = 50_000_000

_times = each_row("rr", 1, lambda a, b: (a * b,))
"""(a, b, c): c = a b."""

_open = each_row("r", 1, lambda a: (a.one().where(a),))
"""(a, b): b = 1[a > 0]."""


def tangent_growth(arrays, z, n_steps, *, n_rectified=None, clipped=False, every=1, n_vectors=None, seed=0):
    """Growth of orthonormal tangent vectors along several orbits, by repeated QR.

        J(z_t) Q_t = Q_(t+1) R_(t+1),    growth = ln R_ii

    All M vectors begin as the unit vectors. Fewer begin in random directions, the same for all orbits: unit vectors can
    lie in a subspace that the map keeps, and then never turn to the directions that grow most.

    Args:
        arrays: Parameters of ``elementwise_plrnn.py``.
        z: (batch, M) starts, on the attractor.
        n_steps: number of steps, a multiple of ``every``.
        n_rectified: P, how many of the last units are rectified; None exactly where there are dendrites.
        clipped: the clipped form of the dendrites.
        every: steps between two QR decompositions.
        n_vectors: number of tangent vectors, 1 to M: only so many leading exponents; by default M.
        seed: of the random directions.

    Returns:
        (batch, n_steps // every, n_vectors) logarithms of the diagonal of R, one row per decomposition. A direction
        that the map sends to zero gives minus infinity, an orbit that diverges NaN.

    Raises:
        InputError: shapes that do not fit, steps that are no multiple of ``every``, or a wrong number of vectors.

    Reference: benettin1980
    """
    p, z, form = in_double_precision(arrays, z, n_rectified, clipped)
    latent_dim = p.A.size
    if every < 1 or n_steps < 0 or n_steps % every:
        got = f"n_steps={n_steps}, every={every}"
        raise InputError("steps are no multiple of the interval of QR", got=got, do="change one of them")
    vectors = first_vectors(latent_dim, n_vectors, seed)
    n_vectors = vectors.shape[1]
    growth = np.empty((len(z), n_steps // every, n_vectors))
    products = LANES * latent_dim * (latent_dim * (1 + n_vectors) + p.alpha.size + n_vectors**2 // every)
    per_call = max(PRODUCTS_PER_CALL // (products * every), 1)
    thresholds = np.repeat(p.H.T.reshape(-1), LANES)

    def work(first, last, stopped):
        lanes = np.minimum(np.arange(first, first + LANES), last - 1)
        now, q = lane_zeros((latent_dim, LANES), np.float64), lane_zeros((n_vectors, latent_dim, LANES), np.float64)
        now[:], q[:] = z[lanes].T, vectors.T[:, :, None]
        rows, moved = lane_zeros((4, latent_dim * LANES), np.float64), lane_zeros((q.size,), np.float64)
        for start in range(0, growth.shape[1], per_call):
            if stopped.is_set():
                return
            norms = np.empty((min(per_call, growth.shape[1] - start), n_vectors, LANES))
            _tangent(p, thresholds, form, every, now.reshape(-1), q.reshape(-1), moved, rows, norms)
            with np.errstate(divide="ignore"):
                logs = np.log(norms[:, :, : last - first])
            growth[first:last, start : start + per_call] = logs.transpose(2, 0, 1)

    run_blocks(work, len(z), LANES)
    return growth


def first_vectors(latent_dim, n_vectors, seed):
    """Orthonormal tangent vectors to begin with, (M, n_vectors): see ``tangent_growth``.

    Raises:
        InputError: more vectors than dimensions, or none.
    """
    if n_vectors is None:
        return np.eye(latent_dim)
    if not 1 <= n_vectors <= latent_dim:
        raise InputError("no such number of tangent vectors", got=str(n_vectors), expected=f"1 to {latent_dim}")
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((latent_dim, n_vectors)))[0]


@jit
def _slopes(p, thresholds, form, z, slopes):
    """phi'(z) of 16 orbits, flat rows of lanes; without dendrites only the rectified rows are written."""
    if p.alpha.size == 0:
        linear = form.n_linear * LANES
        _open(p.A.size - form.n_linear, z, linear, slopes, linear)
        return
    total = 0.0
    for b in range(p.alpha.size):
        total += p.alpha[b]
    for j in range(z.size):
        slopes[j] = -total if form.clipped and z[j] > 0.0 else 0.0
    for b in range(p.alpha.size):
        alpha, own = p.alpha[b], thresholds[b * z.size : (b + 1) * z.size]
        for j in range(z.size):
            slopes[j] += alpha if z[j] > own[j] else 0.0


@jit
def _tangent(p, thresholds, form, every, z, q, moved, rows, norms):
    """Iterate 16 orbits and their tangent vectors; all arrays flat, rows of lanes, but norms (n_qr, vector, lane).

    z is (M, lane), q and moved (vector, M, lane), rows (4, M lane), thresholds (n_bases, M, lane).
    """
    n_qr, n_vectors, lanes = norms.shape
    dim, w, flat = p.A.size, p.W.reshape(-1), norms.reshape(-1)
    r, after, slopes, gated = rows[0], rows[1], rows[2], rows[3]
    slopes[:] = 1.0
    for decomposition in range(n_qr):
        for _ in range(every):
            _slopes(p, thresholds, form, z, slopes)
            step(p, form, z, r, after, 0)
            copy(dim, after, 0, z, 0)
            for vector in range(n_vectors):
                at = vector * dim * lanes
                _times(dim, slopes, 0, q, at, gated, 0)
                carry_back_free(w, 0, dim, 1, dim, dim, gated, 0, p.A, 0, q, at, moved, at)
            copy(dim * n_vectors, moved, 0, q, 0)
        for vector in range(n_vectors):
            # each vector is taken out of all later ones at once: their sums do not wait for one another
            at = vector * dim * lanes
            normalise(dim, q, at, flat, (decomposition * n_vectors + vector) * lanes)
            for later in range(vector + 1, n_vectors):
                remove_component(dim, q, at, q, later * dim * lanes)
        for lane in range(lanes):
            lost = 0.0
            for m in range(dim):
                lost += z[m * lanes + lane] - z[m * lanes + lane]
            if lost != 0.0:
                for vector in range(n_vectors):
                    norms[decomposition, vector, lane] = np.nan
