"""Text of integrators and iterators in which one loop over lanes holds a whole step of a small system.

The stages of a lane stay in registers, and the compiler vectorises over lanes; the integrator of
:mod:`dysyr.kernels.runge_kutta`, which serves systems of any size without being compiled for each, keeps
stages in memory.

    for each step, for each lane:   k_s = f(t + c_s h, x + sum_r (h a_sr) k_r),    x <- x + sum_s (h b_s) k_s
"""

import re

from numba import types

from dysyr.kernels.jit import array_type

LARGEST_DIM = 6
MOST_STAGE_VALUES = 40
"""Largest dim * stages: beyond it most stages live on the stack, and compilation takes seconds."""

LANES = 256
"""Lanes of a tile: their states lie in the first-level cache, and a loop over them hides its start."""

LANES_SAVED = 512
"""The same where every state is stored: longer rows are written faster."""

_IMPORTS = """import numpy as np

from dysyr.kernels.ode_width import wide_vectors
from dysyr.kernels.output import store
"""

_FLOW = '''
def integrate(times, start, stop, substeps, x, p, keep, out, first, broken):
    """As fixed_step_integrator in dysyr.kernels.runge_kutta, without the method's arguments."""
    wide_vectors()
    n = x.shape[1]
    for o in range(start, stop):
        width = (times[o + 1] - times[o]) / substeps
        h = REAL(width)
{hoisted}
        for j in range(substeps):
            t = REAL(times[o] + j * width)
            for i in range(n):
{step}
        finish(x, o, keep, out, first, broken)
'''

_MAP = '''
def iterate(first_time, start, stop, stride, x, p, keep, out, first, broken):
    """As map_iterator in dysyr.kernels.iteration, without the function's pointer."""
    wide_vectors()
    n = x.shape[1]
    for o in range(start, stop):
        for j in range(stride):
            t = REAL(first_time + o * stride + j)
            for i in range(n):
{step}
        finish(x, o, keep, out, first, broken)
'''

_FINISH = '''
def finish(x, o, keep, out, first, broken):
    """As record in dysyr.kernels.output, with one pass over the lanes while all are finite."""
    n = x.shape[1]
    if keep:
        store(x, o, out, first)
    lost = 0
    for i in range(n):
        lost += not {size} < np.inf
    if lost:
        for i in range(n):
            for d in range(N_DIM):
                if broken[i] < 0 and not np.isfinite(x[d, i]):
                    broken[i] = o + 1
'''


def can_fuse(tableau, dim):
    """Whether a step of this method and dimension is small enough to stay in registers."""
    return dim <= LARGEST_DIM and dim * len(tableau.weights) <= MOST_STAGE_VALUES


def can_fuse_map(dim):
    """Whether a map of this dimension is small enough to be iterated in place."""
    return dim <= LARGEST_DIM


def fused_source(system_source, tableau, dtype):
    """Text of a module with ``integrate(times, start, stop, substeps, x, p, keep, out, first, broken)``.

    Args:
        system_source: generated text whose ``rhs`` is one loop over lanes around straight-line code.
        tableau: the method.
        dtype: name of the dtype of the constants.

    Returns:
        text of a module.
    """
    parts = Parts(system_source, dtype)
    states, dim = parts.states, len(parts.states)
    step = parts.loads()
    for s in range(len(tableau.weights)):
        point = [weighted_sum(x, d, tableau.stages[s], f"hA{s}") for d, x in enumerate(states)]
        stages = ", ".join(f"k{s}_{d}" for d in range(dim))
        step.append(f"{stages}, = rhs_of_one({', '.join([moment(s), *point, *parts.parameters])})")
    step += [f"x[{d}, i] = {weighted_sum(x, d, tableau.weights, 'hB')}" for d, x in enumerate(states)]
    constants, hoisted = coefficient_lines(tableau)
    return parts.module(constants, [_FLOW.format(hoisted=indented(hoisted, 8), step=indented(step, 16))])


def fused_map_source(system_source, dtype):
    """Text of a module with ``iterate(first_time, start, stop, stride, x, p, keep, out, first, broken)``.

    Args:
        system_source: generated text whose ``rhs`` is one loop over lanes around straight-line code.
        dtype: name of the dtype of the constants.

    Returns:
        text of a module.
    """
    parts = Parts(system_source, dtype)
    values = ", ".join(f"f{d}" for d in range(len(parts.states)))
    step = [*parts.loads(), f"{values}, = rhs_of_one({', '.join(['t', *parts.states, *parts.parameters])})"]
    step += [f"x[{d}, i] = f{d}" for d in range(len(parts.states))]
    return parts.module([], [_MAP.format(step=indented(step, 16))])


def fused_function(dtype):
    """Signature of ``integrate(times, start, stop, substeps, x, p, keep, out, first, broken)``."""
    blocks, integer = array_type(dtype, 2), types.int64
    return types.void(
        array_type("float64", 1), integer, integer, integer, blocks, blocks, types.boolean, array_type(dtype, 3),
        integer, array_type("int64", 1),
    )  # fmt: skip


def fused_map_function(dtype):
    """Signature of ``iterate(first_time, start, stop, stride, x, p, keep, out, first, broken)``."""
    blocks, integer = array_type(dtype, 2), types.int64
    return types.void(
        types.float64, integer, integer, integer, blocks, blocks, types.boolean, array_type(dtype, 3), integer,
        array_type("int64", 1),
    )  # fmt: skip


class Parts:
    """The pieces of a system's text: its header, and its functions as functions of scalars.

    Args:
        system_source: generated text whose functions are one loop over lanes around straight-line code.
        dtype: name of the dtype of the constants.
    """

    def __init__(self, system_source, dtype):
        self.states = names("x", int(re.search(r"^N_DIM = (\d+)$", system_source, re.MULTILINE)[1]))
        self.parameters = names("p", int(re.search(r"^N_PARAMETERS = (\d+)$", system_source, re.MULTILINE)[1]))
        header, _, self.functions = system_source.partition("\n\n\n")
        self.header = f"{header}\nREAL = np.{dtype}".replace("import numpy as np\n", _IMPORTS, 1)

    def scalar_function(self, name, arrays):
        """Text of ``name_of_one(time, ...)`` for a function ``name(t, ..., out)``; arrays: letters of its arguments."""
        head = rf"^def {name}\([^)]*\):\n    for i in range\(x\.shape\[1\]\):\n"
        body = re.search(rf"{head}((?:        .*\n)+)", self.functions, re.MULTILINE)[1]
        for array in arrays:
            body = re.sub(rf"\b{array}\[(\d+), i\]", rf"{array}\1", body)
        body = re.sub(r"\bout\[(\d+), i\]", r"f\1", re.sub(r"\bt\[i\]", "time", body))
        dim = len(self.states)
        given = [value for array in arrays for value in (self.parameters if array == "p" else names(array, dim))]
        lines = [f"def {name}_of_one({', '.join(['time', *given])}):"]
        lines += [line[4:] for line in body.rstrip("\n").split("\n")]
        return "\n".join([*lines, f"    return {', '.join(names('f', dim))},"])

    def loads(self):
        """Lines that load a lane's states and parameters."""
        return [f"{name} = {name[0]}[{name[1:]}, i]" for name in self.states + self.parameters]

    def module(self, constants, functions):
        """Text of a module."""
        size = " + ".join(f"abs(x[{d}, i])" for d in range(len(self.states)))
        header = "\n".join([self.header, *constants])
        rhs = self.scalar_function("rhs", ("x", "p"))
        return "\n\n".join([header, "\n" + rhs, _FINISH.format(size=f"({size})"), *functions])


def coefficient_lines(tableau):
    """Lines of a method's constants, and lines that multiply them by the step h."""
    rows = _factors(tableau)
    constants = [f"{name} = REAL({value!r})" for name, value in rows.items()]
    constants += [f"C{s} = REAL({c!r})" for s, c in enumerate(tableau.nodes[: len(tableau.weights)])]
    return constants, [f"h{name} = h * {name}" for name in rows]


def moment(s):
    """Text of the time of stage s."""
    return f"t + C{s} * h" if s else "t"


def _factors(tableau):
    """Coefficients that are multiplied by the step before the loop over lanes: name to value."""
    rows = {f"A{s}_{r}": a for s, row in enumerate(tableau.stages[: len(tableau.weights)]) for r, a in enumerate(row)}
    rows |= {f"B_{s}": b for s, b in enumerate(tableau.weights)}
    return {name: value for name, value in rows.items() if value != 0}


def weighted_sum(base, d, weights, prefix):
    """Text of ``base`` and the weighted sum of the stages of row d."""
    terms = [f"{prefix}_{r} * k{r}_{d}" for r, a in enumerate(weights) if a != 0]
    return f"{base} + ({' + '.join(terms)})" if terms else base


def indented(lines, n):
    """Lines as one text, n blanks further in."""
    return "\n".join(" " * n + line for line in lines)


def names(letter, n):
    """The letter with numbers below n."""
    return [f"{letter}{k}" for k in range(n)]
