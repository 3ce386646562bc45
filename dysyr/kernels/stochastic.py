"""Integration of stochastic differential equations dx = f dt + g dW for many paths at once, lane-blocked.

The Wiener increments are ΔW = sqrt(h) n with normals n of Philox, counter = (step, stream, lane, draw), so that a
path depends on the seed and on its number only. They are drawn for a block of lanes just before the step that uses
them, while the block is in the first-level cache.

    Euler-Maruyama (Ito):        x+ = x + f h + g ΔW
    Milstein (Ito, diagonal):    x+ = x + f h + g ΔW + (g(x̂) - g) (ΔW^2 - h) / (2 sqrt h),   x̂ = x + g sqrt h
    SRI1W1 (Ito, diagonal):      Rössler's four-stage method of strong order 1.5
    Heun (Stratonovich):         x̃ = x + f h + g ΔW,  x+ = x + (f + f̃) h/2 + (g + g̃) ΔW/2

Drift and diffusion come as function pointers. Where each variable has a noise of its own, the diffusion is one row
per variable, (dim, lane); other noise is (dim, noise, lane), see :mod:`dysyr.kernels.stochastic_general`. The slow
twins are in :mod:`dysyr.kernels.stochastic_reference`.

Reference:
    kloeden1992, rossler2010
"""

import functools

import numba
import numpy as np
from numba import types

from dysyr.kernels.jit import array_type, first_class, jit, right_hand_side
from dysyr.kernels.normals import draw_normals
from dysyr.kernels.output import record

EULER_MARUYAMA, MILSTEIN, SRI, HEUN = range(4)
"""Method numbers of the integrators."""


@jit
def euler_maruyama_step(f, g, t, h, normals, p, x, f0, g0):
    """One step in place; g0 and normals (dim, lane)."""
    f(t, x, p, f0)
    g(t, x, p, g0)
    root = np.sqrt(h)
    for d in range(x.shape[0]):
        for i in range(x.shape[1]):
            x[d, i] += h * f0[d, i] + root * normals[d, i] * g0[d, i]


@jit
def milstein_step(f, g, t, h, normals, p, x, f0, g0, ahead, g1):
    """One step in place, where g_d depends on x_d only."""
    f(t, x, p, f0)
    g(t, x, p, g0)
    root = np.sqrt(h)
    half = x.dtype.type(0.5)
    for d in range(x.shape[0]):
        for i in range(x.shape[1]):
            ahead[d, i] = x[d, i] + g0[d, i] * root
    g(t, ahead, p, g1)
    for d in range(x.shape[0]):
        for i in range(x.shape[1]):
            dw = root * normals[d, i]
            slope = (g1[d, i] - g0[d, i]) / root
            x[d, i] += h * f0[d, i] + g0[d, i] * dw + half * slope * (dw * dw - h)


@jit
def heun_step(f, g, t, h, normals, p, x, f0, g0, ahead, f1, g1):
    """One step in place; t is advanced by h."""
    n_dim, n = x.shape
    root = np.sqrt(h)
    half = x.dtype.type(0.5)
    f(t, x, p, f0)
    g(t, x, p, g0)
    for d in range(n_dim):
        for i in range(n):
            ahead[d, i] = x[d, i] + h * f0[d, i] + root * normals[d, i] * g0[d, i]
    t += h
    f(t, ahead, p, f1)
    g(t, ahead, p, g1)
    for d in range(n_dim):
        for i in range(n):
            dw = root * normals[d, i]
            x[d, i] += half * (h * (f0[d, i] + f1[d, i]) + dw * (g0[d, i] + g1[d, i]))


@jit
def sri_step(f, g, t, h, normals, p, x, f0, f1, g0, g1, g2, g3, ahead, second, third):
    """One step of SRI1W1 in place; normals (2 dim, lane): those of ΔW, then those of ΔZ."""
    n_dim, n = x.shape
    number = x.dtype.type
    root = np.sqrt(h)
    one_third, quarter, half, three_quarters = number(1 / 3), number(0.25), number(0.5), number(0.75)
    one_half_more, two, three, four, five, six = number(1.5), number(2), number(3), number(4), number(5), number(6)
    over_root_3 = number(1 / np.sqrt(3.0))
    f(t, x, p, f0)
    g(t, x, p, g0)
    for d in range(n_dim):
        for i in range(n):
            i10_h = half * root * (normals[d, i] + normals[n_dim + d, i] * over_root_3)
            ahead[d, i] = x[d, i] + three_quarters * h * f0[d, i] + one_half_more * g0[d, i] * i10_h
            second[d, i] = x[d, i] + quarter * h * f0[d, i] + half * root * g0[d, i]
            third[d, i] = x[d, i] + h * f0[d, i] - root * g0[d, i]
    start = t[0]
    t[:] = start + three_quarters * h
    f(t, ahead, p, f1)
    t[:] = start + quarter * h
    g(t, second, p, g1)
    t[:] = start + h
    g(t, third, p, g2)
    for d in range(n_dim):
        for i in range(n):
            kicked = root * (three * g1[d, i] - five * g0[d, i] + half * g2[d, i])
            ahead[d, i] = x[d, i] + quarter * h * f0[d, i] + kicked
    t[:] = start + quarter * h
    g(t, ahead, p, g3)
    over_root, over_six_h = number(1) / root, number(1) / (six * h)
    for d in range(n_dim):
        for i in range(n):
            b0, b1, b2, b3 = g0[d, i], g1[d, i], g2[d, i], g3[d, i]
            dw = root * normals[d, i]
            i10_h = half * root * (normals[d, i] + normals[n_dim + d, i] * over_root_3)
            i11_r = half * (dw * dw - h) * over_root
            i111_h = (dw * dw * dw - three * h * dw) * over_six_h
            change = dw * (four * b1 + two * b2 - three * b0) + i11_r * (four * b1 - b2 - three * b0)
            change += i10_h * (six * b0 - four * b1 - two * b2)
            change += i111_h * (five * b1 - two * b2 - six * b0 + three * b3)
            x[d, i] += one_third * (h * (f0[d, i] + two * f1[d, i]) + change)


def _integrate_diagonal(
    method, f, g, times, start, stop, substeps, first_step, seed_low, seed_high, first_lane, x, p, keep, out, broken,
):  # fmt: skip
    n_dim, n = x.shape
    a, b, c, d = np.empty_like(x), np.empty_like(x), np.empty_like(x), np.empty_like(x)
    e, k, m, q, r = np.empty_like(x), np.empty_like(x), np.empty_like(x), np.empty_like(x), np.empty_like(x)
    normals = np.empty((2 * n_dim if method == SRI else n_dim, n), x.dtype)
    words = np.empty((4, n), np.uint32)
    t = np.empty(n, x.dtype)
    low, high, stream, lane = np.uint64(seed_low), np.uint64(seed_high), np.uint64(0), np.uint64(first_lane)
    for o in range(start, stop):
        width = (times[o + 1] - times[o]) / substeps
        h = x.dtype.type(width)
        for j in range(substeps):
            t[:] = times[o] + j * width
            draw_normals(low, high, np.uint64(first_step + o * substeps + j), stream, lane, words, normals)
            if method == EULER_MARUYAMA:
                euler_maruyama_step(f, g, t, h, normals, p, x, a, b)
            elif method == MILSTEIN:
                milstein_step(f, g, t, h, normals, p, x, a, b, c, d)
            elif method == SRI:
                sri_step(f, g, t, h, normals, p, x, a, b, c, d, e, k, m, q, r)
            else:
                heun_step(f, g, t, h, normals, p, x, a, b, c, d, e)
        record(x, o, keep, out, broken)


@functools.cache
def diagonal_integrator(dtype):
    """The compiled integrator of a dtype for noise of its own in each variable.

    ``integrate(method, f, g, times, start, stop, substeps, first_step, seed_low, seed_high, first_lane, x, p, keep,
    out, broken)`` advances x (dim, lane) over the intervals times[start:stop + 1], each cut into equal substeps, and
    stores the end of interval o in out[o] when ``keep`` is true. Substep j of interval o draws with the counter
    (first_step + o*substeps + j, 0, first_lane + lane, draw). f and g are ``f(t, x, p, out)`` with out (dim, lane).
    broken as in the deterministic integrators.

    Args:
        dtype: numpy.float32 or numpy.float64.

    Returns:
        the compiled function.
    """
    return first_class(jit(_integrate_diagonal), integrator_signature(dtype, right_hand_side(dtype)))


def integrator_signature(dtype, diffusion, *more):
    """Signature of an integrator whose diffusion has a signature, with further arguments after ``first_lane``."""
    real, blocks = numba.from_dtype(np.dtype(dtype)), array_type(dtype, 2)
    words = types.int64, types.int64, types.int64, types.int64
    return types.void(
        types.int64, types.FunctionType(right_hand_side(dtype)), types.FunctionType(diffusion),
        array_type(np.float64, 1), types.int64, types.int64, types.int64, *words, *more,
        blocks, blocks, types.boolean, types.Array(real, 3, "C"), array_type(np.int64, 1),
    )  # fmt: skip
