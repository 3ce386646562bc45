"""Slow twin of ``shallow_plrnn_growth.py``: one orbit after another, in NumPy."""

import numpy as np


def tangent_growth(arrays, z, n_steps, *, clipped=False, every=1):
    """Logarithms of the diagonal of R, (batch, n_steps // every, M)."""
    growth = np.empty((len(z), n_steps // every, z.shape[1]))
    for orbit, start in enumerate(z):
        now, q = start.astype(np.float64), np.eye(len(start))
        for t in range(n_steps):
            linear = arrays.W2 @ now
            shifted = linear + arrays.h2
            active, gates = np.maximum(shifted, 0.0), (shifted > 0).astype(np.float64)
            if clipped:
                active, gates = active - np.maximum(linear, 0.0), gates - (linear > 0)
            now = arrays.A * now + arrays.W1 @ active + arrays.h1
            q = (np.diag(arrays.A) + (arrays.W1 * gates) @ arrays.W2) @ q
            if (t + 1) % every == 0:
                q, r = np.linalg.qr(q)
                with np.errstate(divide="ignore"):
                    growth[orbit, t // every] = np.log(np.abs(np.diagonal(r)))
                if not np.isfinite(now).all():
                    growth[orbit, t // every] = np.nan
    return growth
