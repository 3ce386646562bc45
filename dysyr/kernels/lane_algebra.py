"""Sums of products of rows of lanes with rows of lanes: what Gram-Schmidt needs, one orbit to a lane.

In ``lane_products.py`` one factor is a number that all lanes share; here both factors have a value per lane, such as
a Jacobian and a tangent vector. Rows lie ``step`` numbers apart in flat arrays, and all offsets are in numbers.
"""

from llvmlite import ir
from numba.extending import intrinsic

from dysyr.kernels.vector_code import LANES, Rows, lowered


def _row_at(code, array, base, step, m):
    return code.lanes_at(array, code.add(base, code.mul(m, step)))


def _sum_of_products(code, n, a, a_at, a_step, b, b_at, b_step):
    def add_product(m, state):
        left, right = _row_at(code, a, a_at, a_step, m), _row_at(code, b, b_at, b_step, m)
        return [left.times(right, Rows(code.builder, state[0])).value]

    _, (total,) = code.while_below(code.number(0), 1, n, [code.zero_row(a)], add_product)
    return Rows(code.builder, total)


@intrinsic
def dot_rows(typingctx, n, a, a_at, a_step, b, b_at, b_step, out, out_at):
    """out = sum over m < n of a_m b_m, lane by lane."""

    def build(code, args):
        *factors, out, out_at = args
        code.store_lanes(out, out_at, _sum_of_products(code, *factors).value)

    return lowered(build, (n, a, a_at, a_step, b, b_at, b_step, out, out_at))


@intrinsic
def remove_component(typingctx, n, a, a_at, b, b_at):
    """b_m -= (a . b) a_m for m < n, lane by lane; the rows of each vector follow one another."""

    def build(code, args):
        n, a, a_at, b, b_at = args
        step = code.number(LANES)
        overlap = _sum_of_products(code, n, a, a_at, step, b, b_at, step)
        negative = overlap.zero() - overlap

        def subtract(m, state):
            rest = negative.times(code.row(a, a_at, m), code.row(b, b_at, m))
            code.store_row(b, b_at, m, rest)
            return []

        code.while_below(code.number(0), 1, n, [], subtract)

    return lowered(build, (n, a, a_at, b, b_at))


@intrinsic
def normalise(typingctx, n, a, a_at, out, out_at):
    """out = |a|, a_m /= |a| for m < n, lane by lane; a vector of length zero stays as it is."""

    def build(code, args):
        n, a, a_at, out, out_at = args
        step = code.number(LANES)
        square = _sum_of_products(code, n, a, a_at, step, a, a_at, step)
        norm = _root(square)
        code.store_lanes(out, out_at, norm.value)
        builder = code.builder
        vanishes = builder.fcmp_ordered("==", norm.value, norm.zero().value)
        divisor = builder.select(vanishes, norm.one().value, norm.value)

        def divide(m, state):
            code.store_row(a, a_at, m, Rows(builder, builder.fdiv(code.row(a, a_at, m).value, divisor)))
            return []

        code.while_below(code.number(0), 1, n, [], divide)

    return lowered(build, (n, a, a_at, out, out_at))


def _root(row):
    vector = row.value.type
    suffix = "f32" if isinstance(vector.element, ir.FloatType) else "f64"
    name = f"llvm.sqrt.v{LANES}{suffix}"
    module = row.builder.module
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, ir.FunctionType(vector, [vector]), name)
    return Rows(row.builder, row.builder.call(function, [row.value]))
