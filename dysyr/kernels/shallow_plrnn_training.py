"""Many updates of a shallow PLRNN in one call: draw windows, gradient, forcing strength, optimiser step."""

import numpy as np

from dysyr.kernels.forcing import growth
from dysyr.kernels.jit import jit
from dysyr.kernels.optimiser import radam_step
from dysyr.kernels.shallow_plrnn import LANES, add_loss_and_gradient, gather


@jit
def condition_penalty(b, strength, gradient):
    """Add the gradient of strength (1 - s_max / (s_min + 1e-8))^2 over the singular values of the readout B."""
    left, singular, right = np.linalg.svd(b.astype(np.float64), full_matrices=False)
    last = singular.size - 1
    lowest = singular[last] + 1e-8
    ratio = singular[0] / lowest
    slope = -2 * strength * (1 - ratio)
    for n in range(b.shape[0]):
        for m in range(b.shape[1]):
            change = left[n, 0] * right[0, m] / lowest - ratio / lowest * left[n, last] * right[last, m]
            gradient[n, m] += b.dtype.type(slope * change)


@jit
def run_updates(
    p, theta, grad, flat_grad, first, second, decay, centre, data, observed, drive, starts, n_valid, warm_up,
    jitter, noise, offsets, x, seen, w, u, strength, pattern, alpha, estimator, every, gamma, stride, rates, count,
    clipped, affine, readout_penalty, max_norm, ws, losses,
):  # fmt: skip
    """Run ``starts.shape[0]`` updates in place.

    Args:
        p, theta: Parameters as views into the flat vector, and that vector.
        grad, flat_grad: the same for the gradient.
        first, second: moments of the optimiser.
        decay, centre: quadratic penalty per parameter.
        data, observed, drive: (total, N) twice and (total, K): all trajectories one after the other.
        starts: (n_updates, batch) first rows of windows; batch is a multiple of 16.
        n_valid: windows of the batch that count.
        warm_up: predictions at the start of each window that are not scored.
        jitter: standard deviation of the noise on what the model is forced with.
        noise: (2^k,) standard normal numbers.
        offsets: (n_updates, batch) where each window begins to read them.
        x, seen, w, u: buffers of one group of 16 windows.
        strength: (n_steps,) forcing strength of each step, filled here.
        pattern: (n_steps,) 1 where forcing acts, else 0.
        alpha: (1,) forcing strength, updated in place when adaptive.
        estimator: index into ``forcing.ESTIMATORS``; -1 keeps alpha or follows ``rates``.
        every, gamma: alpha is re-estimated every so many updates; it jumps up and decays by gamma.
        stride: subsampling of times in the estimator.
        rates: (n_updates, 2) learning rate, and alpha where it is scheduled (NaN where not).
        count: number of updates before the first one.
        clipped, affine: form of the model.
        readout_penalty: strength of ``condition_penalty``.
        max_norm: gradient clipping, 0 for none.
        ws: Workspace.
        losses: (n_updates,) filled.
    """
    real = theta.dtype.type
    n_updates, batch = starts.shape
    for i in range(n_updates):
        if rates[i, 1] == rates[i, 1]:
            alpha[0] = rates[i, 1]
        for t in range(strength.size):
            strength[t] = real(alpha[0]) * pattern[t]
        if affine:
            ws.pseudo[:] = np.linalg.pinv(p.B.astype(np.float64)).astype(theta.dtype)
        total = 0.0
        for tile in range(0, batch, LANES):
            for lane in range(max(0, min(LANES, n_valid - tile))):
                for t in range(warm_up + 1, x.shape[0]):
                    for k in range(observed.shape[1]):
                        total += observed[starts[i, tile + lane] + t, k]
        flat_grad[:] = real(0)
        loss = 0.0
        highest = 0.0
        for tile in range(0, batch, LANES):
            valid = max(0, min(LANES, n_valid - tile))
            rows = starts[i, tile : tile + LANES]
            reads = offsets[i, tile : tile + LANES]
            gather(data, observed, rows, valid, warm_up, jitter, noise, reads, x, seen, w)
            for t in range(u.shape[0]):
                for k in range(u.shape[1]):
                    for lane in range(LANES):
                        u[t, k, lane] = drive[rows[lane] + t, k]
            loss += add_loss_and_gradient(p, grad, x, seen, w, max(total, 1.0), u, strength, clipped, affine, ws)
            if estimator >= 0 and (count + i) % every == 0:
                highest = max(highest, growth(p, ws.zbar, valid, clipped, estimator, stride))
        if affine and readout_penalty > 0:
            condition_penalty(p.B, readout_penalty, grad.B)
        if estimator >= 0 and (count + i) % every == 0:
            wanted = max(0.0, 1.0 - 1.0 / highest) if highest > 0 else 0.0
            if wanted > alpha[0]:
                alpha[0] = wanted
            else:
                alpha[0] = gamma * alpha[0] + (1 - gamma) * wanted
        radam_step(theta, flat_grad, first, second, count + i + 1, rates[i, 0], decay, centre, max_norm)
        losses[i] = loss
