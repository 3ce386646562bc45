"""Integration of stochastic differential equations dx = f dt + g dW for many paths at once, lane-blocked.

Drift f and diffusion g come as function pointers; g is (dim, noise, lane). The Wiener increments are ΔW =
sqrt(h) n_1 with normals of Philox, counter = (step, stream, lane, draw), so that a path depends on the seed
and on its number only.

    Euler-Maruyama (Ito):        x+ = x + f h + g ΔW
    Milstein (Ito, diagonal):    x+ = x + f h + g ΔW + (g(x̂) - g) (ΔW^2 - h) / (2 sqrt h),   x̂ = x + g sqrt
    h SRI1W1 (Ito, diagonal):      Rössler's four-stage method of strong order 1.5
    Heun (Stratonovich):         x̃ = x + f h + g ΔW,  x+ = x + (f + f̃) h/2 + (g + g̃) ΔW/2

The slow twins are in :mod:`dysyr.kernels.stochastic_reference`.

Reference:
    kloeden1992, rossler2010
"""

import functools

import numba
import numpy as np
from numba import types

from dysyr.kernels.jit import array_type, first_class, jit, matrix_function, right_hand_side
from dysyr.kernels.normals import fill_normals
from dysyr.kernels.output import record


@jit
def add_noise(g, dw, x):
    """x += g dW; g (dim, noise, lane), dw (noise, lane), x (dim, lane)."""
    n_dim, n_noise, n = g.shape
    for d in range(n_dim):
        for m in range(n_noise):
            for i in range(n):
                x[d, i] += g[d, m, i] * dw[m, i]


@jit
def euler_maruyama_step(f, g, t, h, normals, p, x, work, noise):
    """One step in place; work (5, dim, lane), noise (4, dim, noise, lane)."""
    f(t, x, p, work[0])
    g(t, x, p, noise[0])
    root = np.sqrt(h)
    for d in range(x.shape[0]):
        for i in range(x.shape[1]):
            x[d, i] += h * work[0, d, i]
    for m in range(normals.shape[0]):
        for i in range(x.shape[1]):
            normals[m, i] *= root
    add_noise(noise[0], normals, x)


@jit
def milstein_step(f, g, t, h, normals, p, x, work, noise):
    """One step in place; diagonal noise, where g_d depends on x_d only."""
    f(t, x, p, work[0])
    g(t, x, p, noise[0])
    root = np.sqrt(h)
    half = x.dtype.type(0.5)
    for d in range(x.shape[0]):
        for i in range(x.shape[1]):
            work[1, d, i] = x[d, i] + noise[0, d, d, i] * root
    g(t, work[1], p, noise[1])
    for d in range(x.shape[0]):
        for i in range(x.shape[1]):
            dw = root * normals[d, i]
            slope = (noise[1, d, d, i] - noise[0, d, d, i]) / root
            x[d, i] += h * work[0, d, i] + noise[0, d, d, i] * dw + half * slope * (dw * dw - h)


@jit
def heun_step(f, g, t, h, normals, p, x, work, noise):
    """One step in place; converges to the Stratonovich solution for any noise."""
    n_dim, n = x.shape
    root = np.sqrt(h)
    half = x.dtype.type(0.5)
    for m in range(normals.shape[0]):
        for i in range(n):
            normals[m, i] *= root
    f(t, x, p, work[0])
    g(t, x, p, noise[0])
    for d in range(n_dim):
        for i in range(n):
            work[2, d, i] = x[d, i] + h * work[0, d, i]
    add_noise(noise[0], normals, work[2])
    for i in range(n):
        t[i] += h
    f(t, work[2], p, work[1])
    g(t, work[2], p, noise[1])
    for d in range(n_dim):
        for i in range(n):
            x[d, i] += half * h * (work[0, d, i] + work[1, d, i])
        for m in range(normals.shape[0]):
            for i in range(n):
                x[d, i] += half * (noise[0, d, m, i] + noise[1, d, m, i]) * normals[m, i]


@jit
def sri_step(f, g, t, h, normals, p, x, work, noise):
    """One step of SRI1W1 in place; diagonal noise. normals (2 noise, lane): those of ΔW, then those of ΔZ."""
    n_dim, n = x.shape
    number = x.dtype.type
    root = np.sqrt(h)
    third, quarter, half = number(1 / 3), number(0.25), number(0.5)
    one_half_more, two, three, five, six = number(1.5), number(2), number(3), number(5), number(6)
    f(t, x, p, work[0])
    g(t, x, p, noise[0])
    for d in range(n_dim):
        for i in range(n):
            f0, g0 = work[0, d, i], noise[0, d, d, i]
            i10 = half * h * root * (normals[d, i] + normals[n_dim + d, i] / np.sqrt(three))
            work[4, d, i] = x[d, i] + number(0.75) * h * f0 + one_half_more * g0 * i10 / h
            work[2, d, i] = x[d, i] + quarter * h * f0 + half * root * g0
            work[3, d, i] = x[d, i] + h * f0 - root * g0
    start = t[0]
    t[:] = start + number(0.75) * h
    f(t, work[4], p, work[1])
    t[:] = start + quarter * h
    g(t, work[2], p, noise[1])
    t[:] = start + h
    g(t, work[3], p, noise[2])
    for d in range(n_dim):
        for i in range(n):
            g0, g1, g2 = noise[0, d, d, i], noise[1, d, d, i], noise[2, d, d, i]
            work[2, d, i] = x[d, i] + quarter * h * work[0, d, i] + root * (three * g1 - five * g0 + half * g2)
    t[:] = start + quarter * h
    g(t, work[2], p, noise[3])
    for d in range(n_dim):
        for i in range(n):
            g0, g1, g2, g3 = noise[0, d, d, i], noise[1, d, d, i], noise[2, d, d, i], noise[3, d, d, i]
            dw = root * normals[d, i]
            i10_h = half * root * (normals[d, i] + normals[n_dim + d, i] / np.sqrt(three))
            i11_r = half * (dw * dw - h) / root
            i111_h = (dw * dw * dw - three * h * dw) / (six * h)
            x[d, i] += h * third * (work[0, d, i] + two * work[1, d, i])
            x[d, i] += dw * third * (number(4) * g1 + two * g2 - three * g0)
            x[d, i] += i11_r * third * (number(4) * g1 - g2 - three * g0)
            x[d, i] += i10_h * third * (six * g0 - number(4) * g1 - two * g2)
            x[d, i] += i111_h * third * (five * g1 - two * g2 - six * g0 + three * g3)


EULER_MARUYAMA, MILSTEIN, SRI, HEUN = range(4)
"""Method numbers of the integrator."""


def _integrate(
    method, f, g, times, start, stop, substeps, first_step, seed_low, seed_high, first_lane, n_noise,
    x, p, keep, out, broken,
):  # fmt: skip
    n_dim, n = x.shape
    work = np.empty((5, n_dim, n), x.dtype)
    noise = np.zeros((4, n_dim, n_noise, n), x.dtype)
    normals = np.empty((2 * n_noise if method == SRI else n_noise, n), x.dtype)
    t = np.empty(n, x.dtype)
    for o in range(start, stop):
        width = (times[o + 1] - times[o]) / substeps
        h = x.dtype.type(width)
        for j in range(substeps):
            t[:] = times[o] + j * width
            fill_normals(seed_low, seed_high, first_step + o * substeps + j, 0, first_lane, normals)
            if method == EULER_MARUYAMA:
                euler_maruyama_step(f, g, t, h, normals, p, x, work, noise)
            elif method == MILSTEIN:
                milstein_step(f, g, t, h, normals, p, x, work, noise)
            elif method == SRI:
                sri_step(f, g, t, h, normals, p, x, work, noise)
            else:
                heun_step(f, g, t, h, normals, p, x, work, noise)
        record(x, o, keep, out, broken)


@functools.cache
def stochastic_integrator(dtype):
    """The compiled integrator of a dtype.

    ``integrate(method, f, g, times, start, stop, substeps, first_step, seed_low, seed_high, first_lane,
    n_noise, x, p, keep, out, broken)`` advances x (dim, lane) over the intervals times[start:stop + 1], each
    cut into equal substeps, and stores the end of interval o in out[o] when ``keep`` is true. Substep j of
    interval o draws with the counter (first_step + o*substeps + j, 0, first_lane + lane, draw). broken as in
    the deterministic integrators.

    Args:
        dtype: numpy.float32 or numpy.float64.

    Returns:
        the compiled function.
    """
    real, blocks = numba.from_dtype(np.dtype(dtype)), array_type(dtype, 2)
    words = types.int64, types.int64, types.int64, types.int64, types.int64
    signature = types.void(
        types.int64, types.FunctionType(right_hand_side(dtype)), types.FunctionType(matrix_function(dtype)),
        array_type(np.float64, 1), types.int64, types.int64, types.int64, *words,
        blocks, blocks, types.boolean, types.Array(real, 3, "C"), array_type(np.int64, 1),
    )  # fmt: skip
    return first_class(jit(_integrate), signature)
