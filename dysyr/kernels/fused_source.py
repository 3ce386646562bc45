"""Text of a fixed-step integrator in which one loop over lanes holds a whole step of a small system.

The stages of a lane stay in registers, and the compiler vectorises over lanes; the integrator of
:mod:`dysyr.kernels.runge_kutta`, which serves systems of any size without being compiled for each, keeps
stages in memory.

    for each step, for each lane:   k_s = f(t + c_s h, x + h sum_r a_sr k_r),    x <- x + h sum_s b_s k_s
"""

import re

import numba
import numpy as np
from numba import types

from dysyr.kernels.jit import array_type

LARGEST_DIM = 6
MOST_STAGES = 6

_LOOP = '''
def integrate(times, start, stop, substeps, x, p, keep, out, broken):
    """As fixed_step_integrator in dysyr.kernels.runge_kutta, without the method's arguments."""
    n = x.shape[1]
    for o in range(start, stop):
        width = (times[o + 1] - times[o]) / substeps
        for j in range(substeps):
            step(REAL(times[o] + j * width), REAL(width), x, p)
        if keep:
            for d in range(N_DIM):
                for i in range(n):
                    out[o, d, i] = x[d, i]
        lost = 0
        for d in range(N_DIM):
            for i in range(n):
                lost += not abs(x[d, i]) < np.inf
        if lost:
            for i in range(n):
                for d in range(N_DIM):
                    if broken[i] < 0 and not np.isfinite(x[d, i]):
                        broken[i] = o + 1
'''


def can_fuse(tableau, dim):
    """Whether a step of this method and dimension is small enough to stay in registers."""
    return dim <= LARGEST_DIM and len(tableau.weights) <= MOST_STAGES


def fused_source(system_source, tableau, dtype):
    """Text of a module with ``integrate(times, start, stop, substeps, x, p, keep, out, broken)``.

    Args:
        system_source: generated text whose ``rhs`` is one loop over lanes around straight-line code.
        tableau: the method.
        dtype: name of the dtype of the constants.

    Returns:
        text of a module.
    """
    dim = int(re.search(r"^N_DIM = (\d+)$", system_source, re.MULTILINE)[1])
    n_parameters = int(re.search(r"^N_PARAMETERS = (\d+)$", system_source, re.MULTILINE)[1])
    header, _, functions = system_source.partition("\n\n\ndef ")
    body = re.search(
        r"^def rhs\(t, x, p, out\):\n    for i in range\(x\.shape\[1\]\):\n((?:        .*\n)+)",
        "def " + functions,
        re.MULTILINE,
    )[1]
    for pattern, name in ((r"\bx\[(\d+), i\]", r"x\1"), (r"\bp\[(\d+), i\]", r"p\1"), (r"\bout\[(\d+), i\]", r"f\1")):
        body = re.sub(pattern, name, body)
    body = re.sub(r"\bt\[i\]", "time", body)
    states, parameters = _names("x", dim), _names("p", n_parameters)
    arguments = ", ".join(["time", *states, *parameters])
    lines = [f"def rhs_of_one({arguments}):", *(line[4:] for line in body.rstrip("\n").split("\n"))]
    lines += [f"    return {', '.join(_names('f', dim))},", "", ""]
    lines += _coefficients(tableau)
    lines += ["", "", "def step(t, h, x, p):", "    for i in range(x.shape[1]):"]
    lines += [f"        {name} = {name[0]}[{name[1:]}, i]" for name in states + parameters]
    for s in range(len(tableau.weights)):
        point = [_sum(x, d, s, tableau.stages[s], "A") for d, x in enumerate(states)] if s else states
        stages = ", ".join(f"k{s}_{d}" for d in range(dim))
        when = f"t + C{s} * h" if s else "t"
        lines += [f"        {stages}, = rhs_of_one({', '.join([when, *point, *parameters])})"]
    lines += [f"        x[{d}, i] = {_sum(x, d, None, tableau.weights, 'B')}" for d, x in enumerate(states)]
    real = f"REAL = np.{dtype}"
    return "\n".join([header, real, "", "", *lines, _LOOP])


def fused_function(dtype):
    """Signature of ``integrate(times, start, stop, substeps, x, p, keep, out, broken)``."""
    blocks, integer = array_type(dtype, 2), types.int64
    return types.void(
        array_type(np.float64, 1), integer, integer, integer, blocks, blocks, types.boolean,
        types.Array(numba.from_dtype(np.dtype(dtype)), 3, "C"), array_type(np.int64, 1),
    )  # fmt: skip


def _coefficients(tableau):
    """Module-level constants of the tableau, in the dtype of the kernel."""
    rows = {f"A{s}_{r}": a for s, row in enumerate(tableau.stages[: len(tableau.weights)]) for r, a in enumerate(row)}
    rows |= {f"B_{s}": b for s, b in enumerate(tableau.weights)}
    rows |= {f"C{s}": c for s, c in enumerate(tableau.nodes[: len(tableau.weights)])}
    return [f"{name} = REAL({value!r})" for name, value in rows.items() if value != 0 or name[0] == "C"]


def _sum(base, d, stage, weights, letter):
    prefix = f"{letter}{'' if stage is None else stage}"
    terms = " + ".join(f"{prefix}_{r} * k{r}_{d}" for r, a in enumerate(weights) if a != 0)
    return f"{base} + h * ({terms})"


def _names(letter, n):
    return [f"{letter}{k}" for k in range(n)]
