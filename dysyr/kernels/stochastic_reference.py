"""The slow twins of the stochastic steps, one path at a time: their specification.

f is the drift (dim,), g the diffusion (dim, noise); n are standard normal numbers.
"""

import numpy as np


def euler_maruyama_reference(f, g, t, x, h, n):
    """x + f h + g ΔW, ΔW = sqrt(h) n."""
    return x + f(t, x) * h + g(t, x) @ (np.sqrt(h) * n)


def milstein_reference(f, g, t, x, h, n):
    """x + f h + g ΔW + (g(x + g sqrt h) - g) (ΔW^2 - h) / (2 sqrt h), for diagonal noise."""
    dw, root = np.sqrt(h) * n, np.sqrt(h)
    diffusion = np.diag(g(t, x))
    slope = (np.diag(g(t, x + diffusion * root)) - diffusion) / root
    return x + f(t, x) * h + diffusion * dw + slope * (dw**2 - h) / 2


def heun_reference(f, g, t, x, h, n):
    """The mean of the slopes at both ends of an Euler step."""
    dw = np.sqrt(h) * n
    guess = x + f(t, x) * h + g(t, x) @ dw
    return x + (f(t, x) + f(t + h, guess)) * h / 2 + (g(t, x) + g(t + h, guess)) @ dw / 2


def sri_reference(f, g, t, x, h, n):
    """SRI1W1 for diagonal noise, from its tables; n (2 dim,): the normals of ΔW, then those of ΔZ.

    .. math::
        I_{10} = \\tfrac h2 (\\Delta W + \\Delta Z / \\sqrt 3),\\quad I_{11} = (\\Delta W^2 - h)/2,\\quad
        I_{111} = (\\Delta W^3 - 3 h \\Delta W)/6

    Reference:
        rossler2010
    """
    dim = x.size
    dw, dz = np.sqrt(h) * n[:dim], np.sqrt(h) * n[dim:]
    i10, i11, i111 = h / 2 * (dw + dz / np.sqrt(3)), (dw**2 - h) / 2, (dw**3 - 3 * h * dw) / 6
    c0, c1 = (0, 3 / 4, 0, 0), (0, 1 / 4, 1, 1 / 4)
    a0 = ((), (3 / 4,), (0, 0), (0, 0, 0))
    b0 = ((), (3 / 2,), (0, 0), (0, 0, 0))
    a1 = ((), (1 / 4,), (1, 0), (0, 0, 1 / 4))
    b1 = ((), (1 / 2,), (-1, 0), (-5, 3, 1 / 2))
    alpha = (1 / 3, 2 / 3, 0, 0)
    beta = ((-1, 4 / 3, 2 / 3, 0), (-1, 4 / 3, -1 / 3, 0), (2, -4 / 3, -2 / 3, 0), (-2, 5 / 3, -2 / 3, 1))
    integrals = (dw, i11 / np.sqrt(h), i10 / h, i111 / h)
    drifts, noises = [], []
    for s in range(4):
        along_f = x + sum(a * h * k for a, k in zip(a0[s], drifts, strict=False))
        along_f = along_f + sum(b * k * i10 / h for b, k in zip(b0[s], noises, strict=False))
        along_g = x + sum(a * h * k for a, k in zip(a1[s], drifts, strict=False))
        along_g = along_g + sum(b * np.sqrt(h) * k for b, k in zip(b1[s], noises, strict=False))
        drifts.append(f(t + c0[s] * h, along_f))
        noises.append(np.diag(g(t + c1[s] * h, along_g)))
    result = x + h * sum(a * k for a, k in zip(alpha, drifts, strict=True))
    for weights, integral in zip(beta, integrals, strict=True):
        result = result + integral * sum(b * k for b, k in zip(weights, noises, strict=True))
    return result
