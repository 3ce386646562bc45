"""Passes over rows of 16 numbers, the strings that differ in the last two sites only.

    scale_rows     out_r = (diagonal_r + lane) x_r
    add_rows       out_r += w x_r[l ^ flip],   w a row of its own
    finish_rows    out_r *= scale, total_r += out_r, peak = max(peak, |out_r|)

All arrays are flat; x[l ^ flip] exchanges the lanes of a row, which is one or two instructions where the flip is known
when the code is written: there is one function for each of the 16 flips.
"""

from llvmlite import ir
from numba.extending import intrinsic

from dysyr.kernels.jit import jit
from dysyr.kernels.vector_code import LANES, lowered, muladd


@intrinsic
def scale_rows(typingctx, out, at, x, x_at, diagonal, diagonal_at, shift, shift_at, lane, n_rows):
    """out_r = (diagonal_r + shift + lane) x_r for n_rows rows; lane is one row, shift one number."""

    def build(code, args):
        out, at, x, x_at, diagonal, diagonal_at, shift, shift_at, lane, n_rows = args
        across = code.lanes_at(lane, code.number(0)) + code.splat(shift, shift_at)

        def row(i, state):
            factor = across + code.splat(diagonal, code.add(diagonal_at, i))
            code.store_row(out, at, i, factor * code.row(x, x_at, i))
            return []

        code.while_below(code.number(0), 1, n_rows, [], row)

    return lowered(build, (out, at, x, x_at, diagonal, diagonal_at, shift, shift_at, lane, n_rows))


@intrinsic
def finish_rows(typingctx, out, at, total, scale, peak, n_rows):
    """out_r *= scale, total_r += out_r, peak = max(peak, |out_r|) for n_rows rows; scale is a number, peak a row."""

    def build(code, args):
        out, at, total, scale, peak, n_rows = args
        factor = code.splat(scale, code.number(0))

        def row(i, state):
            value = code.row(out, at, i) * factor
            code.store_row(out, at, i, value)
            code.store_row(total, at, i, code.row(total, at, i) + value)
            flipped = value.zero() - value
            size = code.builder.select(
                code.builder.fcmp_ordered(">", value.value, flipped.value), value.value, flipped.value
            )
            larger = code.builder.fcmp_unordered(">", size, state[0])
            return [code.builder.select(larger, size, state[0])]

        _, (most,) = code.while_below(code.number(0), 1, n_rows, [code.lanes_at(peak, code.number(0)).value], row)
        code.store_lanes(peak, code.number(0), most)

    return lowered(build, (out, at, total, scale, peak, n_rows))


def _adding(flip):
    """The intrinsic add_rows for one flip of the lanes."""

    @intrinsic
    def add_rows(typingctx, out, at, x, x_at, weights, weights_at, n_rows):
        def build(code, args):
            out, at, x, x_at, weights, weights_at, n_rows = args
            w = code.lanes_at(weights, weights_at).value
            order = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [lane ^ flip for lane in range(LANES)])

            def row(i, state):
                value = code.row(x, x_at, i).value
                if flip:
                    value = code.builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), order)
                old = code.row(out, at, i).value
                index = code.add(at, code.mul(i, code.number(LANES)))
                code.store_lanes(out, index, muladd(code.builder, w.type, w, value, old))
                return []

            code.while_below(code.number(0), 1, n_rows, [], row)

        return lowered(build, (out, at, x, x_at, weights, weights_at, n_rows))

    @jit
    def add_runs(out, row, x, column, weights, group, starts, first, last, flip_rows, length):
        for k in range(first, last):
            add_rows(
                out, (row + starts[k]) * LANES, x, (column + (starts[k] ^ flip_rows)) * LANES, weights, group * LANES,
                length,
            )  # fmt: skip

    return add_runs


ADD_RUNS = tuple(_adding(flip) for flip in range(LANES))
"""For each flip of the lanes: runs of ``length`` rows from ``row + starts[k]`` on, k from first to last - 1."""
