"""Growth of tangent vectors along orbits of a shallow PLRNN, 16 orbits side by side, float64.

    z <- F(z),   Q <- J(z) Q,   J = diag(A) + sum_k W1[:, k] g_k W2[k, :],   every few steps Q R = Q, out = R_ii

g_k is 1 where unit k is active (clipped: minus 1 where it is active without its bias). The products W1[i, k] W2[k, j]
do not depend on the state, so the Jacobians of 16 orbits are one product of a (M^2, H) matrix with the gates (H, lane).
QR is modified Gram-Schmidt, all lanes at once; nothing is allocated inside the loop.

The slow twin is ``shallow_plrnn_growth_reference.py``.
"""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels.jit import jit
from dysyr.kernels.lane_algebra import dot_rows, normalise, remove_component
from dysyr.kernels.lane_blocks import run_blocks
from dysyr.kernels.lane_products import add_product
from dysyr.kernels.shallow_plrnn import in_double_precision
from dysyr.kernels.vector_code import LANES

PRODUCTS_PER_CALL = 50_000_000


def tangent_growth(arrays, z, n_steps, *, clipped=False, every=1):
    """Growth of orthonormal tangent vectors, at first the unit vectors, along several orbits, by repeated QR.

        J(z_t) Q_t = Q_(t+1) R_(t+1),    growth = ln R_ii

    Args:
        arrays: Parameters of ``shallow_plrnn.py``.
        z: (batch, M) starts, on the attractor.
        n_steps: number of steps, a multiple of ``every``.
        clipped: the clipped form.
        every: steps between two QR decompositions.

    Returns:
        (batch, n_steps // every, M) logarithms of the diagonal of R, one row per decomposition. A direction that the
        map sends to zero gives minus infinity, an orbit that diverges NaN.

    Raises:
        InputError: shapes that do not fit, or steps that are no multiple of ``every``.

    Reference: benettin1980
    """
    p, z = in_double_precision(arrays, z)
    diagonal, w1, w2, h1, h2 = p[:5]
    hidden_dim, latent_dim = w2.shape
    if every < 1 or n_steps < 0 or n_steps % every:
        got = f"n_steps={n_steps}, every={every}"
        raise InputError("steps are no multiple of the interval of QR", got=got, do="change one of them")
    # row i M + j of the matrix makes J_ij from the gates
    pairs = (w1[:, None, :] * w2.T[None, :, :]).reshape(latent_dim * latent_dim * hidden_dim)
    spread = [np.repeat(part, LANES) for part in (np.diag(diagonal).reshape(-1), diagonal, h1, h2)]
    growth = np.empty((len(z), n_steps // every, latent_dim))
    products = LANES * latent_dim * (latent_dim + 2) * (hidden_dim + latent_dim)
    per_call = max(PRODUCTS_PER_CALL // (products * every), 1)

    def work(first, last, stopped):
        lanes = np.minimum(np.arange(first, first + LANES), last - 1)
        now = np.ascontiguousarray(z[lanes].T).reshape(-1)
        q = np.repeat(np.eye(latent_dim).reshape(-1), LANES)
        for start in range(0, growth.shape[1], per_call):
            if stopped.is_set():
                return
            norms = np.empty((min(per_call, growth.shape[1] - start), latent_dim, LANES))
            _tangent(w1.reshape(-1), w2.reshape(-1), pairs, *spread, clipped, every, now, q, norms)
            with np.errstate(divide="ignore"):
                logs = np.log(norms[:, :, : last - first])
            growth[first:last, start : start + per_call] = logs.transpose(2, 0, 1)

    run_blocks(work, len(z), LANES)
    return growth


@jit
def _tangent(w1, w2, pairs, base, diagonal, h1, h2, clipped, every, z, q, norms):
    """Iterate 16 orbits and their tangent vectors; all arrays flat, rows of lanes, but norms (n_qr, M, lane).

    z is (M, lane), q (vector, M, lane), base the Jacobian of the linear part (M, M, lane), pairs (M^2, H).
    """
    n_qr, dim, lanes = norms.shape
    n_hidden = h2.size // lanes
    square = dim * dim
    before, active, gates = np.empty(h2.size), np.empty(h2.size), np.empty(h2.size)
    after, jacobian, moved = np.empty(z.size), np.empty(base.size), np.empty(q.size)
    flat = norms.reshape(-1)
    for decomposition in range(n_qr):
        for _ in range(every):
            before[:] = 0.0
            add_product(w2, 0, dim, 1, n_hidden, dim, z, 0, before, 0)
            if clipped:
                for k in range(before.size):
                    shifted = before[k] + h2[k]
                    active[k] = max(shifted, 0.0) - max(before[k], 0.0)
                    gates[k] = (1.0 if shifted > 0.0 else 0.0) - (1.0 if before[k] > 0.0 else 0.0)
            else:
                for k in range(before.size):
                    shifted = before[k] + h2[k]
                    active[k] = max(shifted, 0.0)
                    gates[k] = 1.0 if shifted > 0.0 else 0.0
            for j in range(z.size):
                after[j] = diagonal[j] * z[j] + h1[j]
            add_product(w1, 0, n_hidden, 1, dim, n_hidden, active, 0, after, 0)
            for j in range(z.size):
                z[j] = after[j]
            for j in range(base.size):
                jacobian[j] = base[j]
            add_product(pairs, 0, n_hidden, 1, square, n_hidden, gates, 0, jacobian, 0)
            for vector in range(dim):
                at = vector * dim * lanes
                for i in range(dim):
                    dot_rows(dim, jacobian, i * dim * lanes, lanes, q, at, lanes, moved, at + i * lanes)
            for j in range(q.size):
                q[j] = moved[j]
        for vector in range(dim):
            at = vector * dim * lanes
            for earlier in range(vector):
                remove_component(dim, q, earlier * dim * lanes, q, at)
            normalise(dim, q, at, flat, (decomposition * dim + vector) * lanes)
        for lane in range(lanes):
            lost = 0.0
            for m in range(dim):
                lost += z[m * lanes + lane] - z[m * lanes + lane]
            if lost != 0.0:
                for vector in range(dim):
                    norms[decomposition, vector, lane] = np.nan
