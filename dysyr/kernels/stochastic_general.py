"""Integration of stochastic differential equations whose noise sources act on several variables: Euler-Maruyama and
Heun's method, with a diffusion (dim, noise, lane). Otherwise as :mod:`dysyr.kernels.stochastic`.

Reference:
    kloeden1992
"""

import functools

import numpy as np
from numba import types

from dysyr.kernels.jit import first_class, jit, matrix_function
from dysyr.kernels.normals import draw_normals
from dysyr.kernels.output import record
from dysyr.kernels.stochastic import HEUN, integrator_signature


@jit
def add_noise(factor, g, normals, x):
    """x += factor g n; g (dim, noise, lane), normals (noise, lane), x (dim, lane)."""
    n_dim, n_noise, n = g.shape
    for d in range(n_dim):
        for m in range(n_noise):
            for i in range(n):
                x[d, i] += factor * g[d, m, i] * normals[m, i]


@jit
def euler_maruyama_step(f, g, t, h, normals, p, x, f0, g0):
    """One step in place; g0 (dim, noise, lane), normals (noise, lane)."""
    f(t, x, p, f0)
    g(t, x, p, g0)
    for d in range(x.shape[0]):
        for i in range(x.shape[1]):
            x[d, i] += h * f0[d, i]
    add_noise(np.sqrt(h), g0, normals, x)


@jit
def heun_step(f, g, t, h, normals, p, x, f0, g0, ahead, f1, g1):
    """One step in place; converges to the Stratonovich solution for any noise. t is advanced by h."""
    n_dim, n = x.shape
    root, half = np.sqrt(h), x.dtype.type(0.5)
    f(t, x, p, f0)
    g(t, x, p, g0)
    for d in range(n_dim):
        for i in range(n):
            ahead[d, i] = x[d, i] + h * f0[d, i]
    add_noise(root, g0, normals, ahead)
    t += h
    f(t, ahead, p, f1)
    g(t, ahead, p, g1)
    for d in range(n_dim):
        for i in range(n):
            x[d, i] += half * h * (f0[d, i] + f1[d, i])
    add_noise(half * root, g0, normals, x)
    add_noise(half * root, g1, normals, x)


def _integrate_general(
    method, f, g, times, start, stop, substeps, first_step, seed_low, seed_high, first_lane, n_noise,
    x, p, keep, out, broken,
):  # fmt: skip
    n_dim, n = x.shape
    f0, f1, ahead = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    # a large system's diffusion stores its non-zero elements only
    g0, g1 = np.zeros((n_dim, n_noise, n), x.dtype), np.zeros((n_dim, n_noise, n), x.dtype)
    normals = np.empty((n_noise, n), x.dtype)
    words = np.empty((4, n), np.uint32)
    t = np.empty(n, x.dtype)
    low, high, stream, lane = np.uint64(seed_low), np.uint64(seed_high), np.uint64(0), np.uint64(first_lane)
    for o in range(start, stop):
        width = (times[o + 1] - times[o]) / substeps
        h = x.dtype.type(width)
        for j in range(substeps):
            t[:] = times[o] + j * width
            draw_normals(low, high, np.uint64(first_step + o * substeps + j), stream, lane, words, normals)
            if method == HEUN:
                heun_step(f, g, t, h, normals, p, x, f0, g0, ahead, f1, g1)
            else:
                euler_maruyama_step(f, g, t, h, normals, p, x, f0, g0)
        record(x, o, keep, out, broken)


@functools.cache
def general_integrator(dtype):
    """The compiled integrator of a dtype for any noise.

    As :func:`dysyr.kernels.stochastic.diagonal_integrator`, with the number of noise sources between ``first_lane``
    and ``x``, and g(t, x, p, out) with out (dim, noise, lane). Methods are EULER_MARUYAMA and HEUN.

    Args:
        dtype: numpy.float32 or numpy.float64.

    Returns:
        the compiled function.
    """
    return first_class(jit(_integrate_general), integrator_signature(dtype, matrix_function(dtype), types.int64))
