"""The slow twins of the Runge-Kutta kernels, one trajectory at a time: their specification.

k_s = f(t + c_s h, x + h sum_r a_sr k_r),    y = x + h sum_s b_s k_s
"""

import numpy as np


def stages_of(tableau, f, t, x, h, n_stages):
    """The first n_stages stages of a step.

    Args:
        tableau: Tableau.
        f: function of (t, x) with x (dim,).
        t: time.
        x: (dim,) state.
        h: step.
        n_stages: how many.

    Returns:
        (n_stages, dim).
    """
    k = np.empty((n_stages, x.size))
    for s in range(n_stages):
        weights = np.array(tableau.stages[s])
        k[s] = f(t + tableau.nodes[s] * h, x + h * (weights @ k[: weights.size]) if s else x)
    return k


def integrate_fixed_reference(tableau, f, times, x, substeps):
    """Values at given times with equal steps between them.

    Args:
        tableau: Tableau.
        f: function of (t, x).
        times: (time,) ascending times.
        x: (dim,) state at times[0].
        substeps: steps in each interval.

    Returns:
        (time, dim).
    """
    out = [np.array(x, dtype=float)]
    weights = np.array(tableau.weights)
    for begin, end in zip(times[:-1], times[1:], strict=True):
        h, x = (end - begin) / substeps, out[-1]
        for j in range(substeps):
            x = x + h * (weights @ stages_of(tableau, f, begin + j * h, x, h, weights.size))
        out.append(x)
    return np.array(out)


def integrate_adaptive_reference(tableau, f, t, t_end, times, x, h, rtol, atol):
    """Values at given times with step control and dense output.

    The error e is accepted when its norm, the root mean square of e / (atol + rtol max(|x|, |y|)), is at most
    1 (with two
    estimates: |h| sum e^2 / sqrt(dim (sum e^2 + 0.01 sum e'^2))). Then h <- 0.9 h err^(-0.7/k)
        err_old^(0.4/k) within
    a factor 0.2 to 6, and after a refusal h <- 0.9 h err^(-1/k) within a factor 0.1 to 0.9.

    Args:
        tableau: Tableau with error estimates and dense output.
        f: function of (t, x).
        t: start time.
        t_end: end time.
        times: ascending output times in [t, t_end].
        x: (dim,) state at t.
        h: first step.
        rtol: relative tolerance.
        atol: absolute tolerance.

    Returns:
        (time, dim), and the numbers of accepted and refused steps.

    Reference:
        hairer1993
    """
    order, n_stages, old_error = tableau.error_order, len(tableau.weights), 1e-4
    out, counts = [], [0, 0]
    while t < t_end:
        width = min(h, t_end - t)
        k = stages_of(tableau, f, t, x, width, len(tableau.nodes))
        y = x + width * (np.array(tableau.weights) @ k[:n_stages])
        scale = atol + rtol * np.maximum(np.abs(x), np.abs(y))
        squares = [np.sum((np.array(e) @ k[: len(e)] / scale) ** 2) for e in tableau.error]
        if len(squares) == 1:
            error = width * np.sqrt(squares[0] / x.size)
        else:
            error = width * squares[0] / np.sqrt(x.size * (squares[0] + 0.01 * squares[1]))
        if not error <= 1:
            h = width * np.clip(0.9 * error ** (-1 / order), 0.1, 0.9)
            counts[1] += 1
            continue
        while len(out) < len(times) and times[len(out)] <= t + width * (1 + 1e-14):
            theta = min((times[len(out)] - t) / width, 1.0)
            powers = theta ** np.arange(1, tableau.dense.shape[1] + 1)
            out.append(x + width * (tableau.dense @ powers) @ k)
        factor = np.clip(0.9 * max(error, 1e-8) ** (-0.7 / order) * old_error ** (0.4 / order), 0.2, 6.0)
        h = max(h, width * factor) if width < h else width * factor
        old_error = max(error, 1e-4)
        t = t_end if t_end - t - width <= 1e-15 * abs(t_end) else t + width
        x = y
        counts[0] += 1
    return np.array(out), tuple(counts)
