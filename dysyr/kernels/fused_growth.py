"""Text of the growth of tangent vectors with fixed steps, where one loop over lanes holds a whole step.

State x and tangent vectors v_m take the same steps: with the stages k_s of the state at the points y_s,

    l_s = J(t + c_s h, y_s) (v + sum_r (h a_sr) l_r),    v <- v + sum_s (h b_s) l_s,

and at the end of each interval V = Q R by modified Gram-Schmidt, V <- Q. The kernels of :mod:`dysyr.kernels.lyapunov`
choose their steps and serve systems of any size.

Reference:
    benettin1980
"""

from numba import types

from dysyr.kernels.fused_source import Parts, coefficient_lines, indented, moment, weighted_sum
from dysyr.kernels.jit import array_type

MOST_STAGE_VALUES = 100
"""Largest dim * (1 + vectors) * stages: beyond it the stages fill the cache, and compilation takes long."""

_GROW = '''
def grow(first_time, width, start, stop, every, block, x, p, sums, broken):
    """Intervals start to stop - 1 of ``every`` steps each; log R_kk of interval o is added to sums[o // block]."""
    wide_vectors()
    n = x.shape[1]
    h = REAL(width)
{hoisted}
    for o in range(start, stop):
        for j in range(every):
            t = REAL(first_time + (o * every + j) * width)
            for i in range(n):
{step}
        orthonormalise_rows(x, sums, o // block)
        finish(x, o, False, sums, 0, broken)


def orthonormalise_rows(x, sums, b):
    """As orthonormalise in dysyr.kernels.lyapunov, in one loop; adds log R_kk to sums[b]."""
    wide_vectors()
    for i in range(x.shape[1]):
{rows}
'''


def can_fuse_growth(tableau, dim, n_vectors):
    """Whether a step of this method with this many tangent vectors is small enough for one loop."""
    return dim * (1 + n_vectors) * len(tableau.weights) <= MOST_STAGE_VALUES


def fused_growth_source(system_source, tableau, n_vectors):
    """Text of a module with ``grow(first_time, width, start, stop, every, block, x, p, sums, broken)``, float64.

    Args:
        system_source: generated text whose ``rhs`` and ``jvp`` are one loop over lanes around straight-line code.
        tableau: the method.
        n_vectors: number of tangent vectors.

    Returns:
        text of a module.
    """
    parts = Parts(system_source, "float64")
    dim = len(parts.states)
    step = parts.loads() + _loads(dim, n_vectors)
    for s in range(len(tableau.weights)):
        stage, prefix = tableau.stages[s], f"hA{s}"
        step += [f"y{d} = {weighted_sum(x, d, stage, prefix)}" for d, x in enumerate(parts.states)]
        place = [moment(s), *(f"y{d}" for d in range(dim)), *parts.parameters]
        step.append(f"{_stages(s, 0, dim)}, = rhs_of_one({', '.join(place)})")
        for m in range(n_vectors):
            first = dim * (m + 1)
            vector = [weighted_sum(f"v{m}_{d}", first + d, stage, prefix) for d in range(dim)]
            step.append(f"{_stages(s, first, dim)}, = jvp_of_one({', '.join([*place, *vector])})")
    for d, x in enumerate(parts.states):
        step.append(f"x[{d}, i] = {weighted_sum(x, d, tableau.weights, 'hB')}")
    for m in range(n_vectors):
        for d in range(dim):
            row = dim * (m + 1) + d
            step.append(f"x[{row}, i] = {weighted_sum(f'v{m}_{d}', row, tableau.weights, 'hB')}")
    constants, hoisted = coefficient_lines(tableau)
    loop = _GROW.format(
        hoisted=indented(hoisted, 4), step=indented(step, 16), rows=indented(_gram_schmidt(dim, n_vectors), 8)
    )
    logarithm = "from dysyr.kernels.elementary64 import log64"
    return parts.module([logarithm, *constants], ["\n" + parts.scalar_function("jvp", ("x", "p", "v")), loop])


def fused_growth_function():
    """Signature of ``grow(first_time, width, start, stop, every, block, x, p, sums, broken)``."""
    blocks, integer, real = array_type("float64", 2), types.int64, types.float64
    return types.void(
        real, real, integer, integer, integer, integer, blocks, blocks, array_type("float64", 3), array_type("int64", 1)
    )


def _loads(dim, n_vectors):
    return [f"v{m}_{d} = x[{dim * (m + 1) + d}, i]" for m in range(n_vectors) for d in range(dim)]


def _stages(s, first, dim):
    return ", ".join(f"k{s}_{first + d}" for d in range(dim))


def _gram_schmidt(dim, n_vectors):
    def product(m, other):
        return " + ".join(f"v{m}_{d} * v{other}_{d}" for d in range(dim))

    lines = _loads(dim, n_vectors)
    for m in range(n_vectors):
        for other in range(m):
            lines.append(f"overlap = {product(m, other)}")
            lines += [f"v{m}_{d} -= overlap * v{other}_{d}" for d in range(dim)]
        lines += [f"norm = np.sqrt({product(m, m)})", f"sums[b, {m}, i] += log64(norm)"]
        lines.append("scale = REAL(0) if norm == 0 else REAL(1) / norm")
        lines += [f"v{m}_{d} *= scale" for d in range(dim)]
        lines += [f"x[{dim * (m + 1) + d}, i] = v{m}_{d}" for d in range(dim)]
    return lines
