"""Slow twin of ``elementwise_plrnn_growth.py``: one orbit after another, in NumPy."""

import numpy as np


def tangent_growth(arrays, z, n_steps, vectors, *, n_rectified=None, clipped=False, every=1):
    """Logarithms of the diagonal of R, (batch, n_steps // every, n_vectors), from the first vectors (M, n_vectors)."""
    growth = np.empty((len(z), n_steps // every, vectors.shape[1]))
    for orbit, start in enumerate(z):
        now, q = start.astype(np.float64), vectors
        for t in range(n_steps):
            if n_rectified is None:
                above = now[:, None] - arrays.H
                active, slopes = np.maximum(above, 0.0) @ arrays.alpha, (above > 0) @ arrays.alpha
                if clipped:
                    active = active - np.maximum(now, 0.0) * arrays.alpha.sum()
                    slopes = slopes - (now > 0) * arrays.alpha.sum()
            else:
                linear = np.arange(now.size) < now.size - n_rectified
                active, slopes = np.where(linear, now, np.maximum(now, 0.0)), np.where(linear, 1.0, now > 0)
            now = arrays.A * now + arrays.W @ active + arrays.h
            q = (np.diag(arrays.A) + arrays.W * slopes) @ q
            if (t + 1) % every == 0:
                q, r = np.linalg.qr(q)
                with np.errstate(divide="ignore"):
                    growth[orbit, t // every] = np.log(np.abs(np.diagonal(r)))
                if not np.isfinite(now).all():
                    growth[orbit, t // every] = np.nan
    return growth
