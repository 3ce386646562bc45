"""Free runs of a shallow PLRNN, float64, compiled."""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.kernels.jit import jit
from dysyr.kernels.lane_products import add_product, hidden, hidden_clipped, next_state
from dysyr.kernels.shallow_plrnn import in_double_precision
from dysyr.kernels.vector_code import LANES

STEPS_PER_CALL = 5_000


@jit
def _run(p, z, u, clipped, out):
    """n_steps free steps of 16 lanes: out[t] = F^(t+1)(z); z (M, 16), u (n_steps, K, 16), out (n_steps, M, 16)."""
    n_steps, latent_dim, lanes = out.shape
    hidden_dim, n_inputs = p.h2.size, p.C.shape[1]
    before, active, now = np.empty(hidden_dim * lanes), np.empty(hidden_dim * lanes), z.reshape(-1)
    flat, inputs = out.reshape(-1), u.reshape(-1)
    w1, w2, c = p.W1.reshape(-1), p.W2.reshape(-1), p.C.reshape(-1)
    for t in range(n_steps):
        after = t * latent_dim * lanes
        if clipped:
            hidden_clipped(
                w2, 0, latent_dim, 1, hidden_dim, latent_dim, now, 0, p.h2, 0, before, 0, active, 0
            )  # fmt: skip
        else:
            hidden(w2, 0, latent_dim, 1, hidden_dim, latent_dim, now, 0, p.h2, 0, active, 0)
        next_state(
            w1, 0, hidden_dim, 1, latent_dim, hidden_dim, active, 0, p.A, 0, now, 0, p.h1, 0, flat, after
        )  # fmt: skip
        if n_inputs:
            add_product(c, 0, n_inputs, 1, latent_dim, n_inputs, inputs, t * n_inputs * lanes, flat, after)
        for j in range(latent_dim * lanes):
            now[j] = flat[after + j]


def run(arrays, z, n_steps, u=None, *, clipped=False):
    """Iterate the map without forcing.

    Args:
        arrays: Parameters.
        z: (batch, M) states before the first step.
        n_steps: number of steps.
        u: (batch, n_steps, K) inputs; None for inputs of zero.
        clipped: the clipped form.

    Returns:
        (batch, n_steps, M) float64, the states after each step.

    Raises:
        InputError: shapes that do not fit, or a negative number of steps.
    """
    p, z = in_double_precision(arrays, z)
    batch, latent_dim = z.shape
    if n_steps < 0:
        raise InputError("a free run has no negative number of steps", got=f"n_steps={n_steps}")
    if u is not None and u.shape != (batch, n_steps, p.C.shape[1]):
        raise InputError("inputs do not fit the run", got=f"{u.shape}", expected=f"{(batch, n_steps, p.C.shape[1])}")
    result = np.empty((batch, n_steps, latent_dim))
    for start in range(0, batch, LANES):
        rows = np.minimum(np.arange(start, start + LANES), batch - 1)
        width = min(LANES, batch - start)
        now = np.ascontiguousarray(z[rows].T)
        for first in range(0, n_steps, STEPS_PER_CALL):
            stop = min(first + STEPS_PER_CALL, n_steps)
            out = np.empty((stop - first, latent_dim, LANES))
            drive = np.zeros((stop - first, p.C.shape[1], LANES))
            if u is not None:
                drive[:] = u[rows, first:stop].transpose(1, 2, 0)
            _run(p, now, drive, clipped, out)
            result[start : start + width, first:stop] = out[:, :, :width].transpose(2, 0, 1)
    return result
