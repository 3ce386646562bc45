"""Small matrix products over rows of 16 lanes whose accumulators stay in registers.

A row of lanes is 16 numbers, one for each window of a batch. With Y, X rows of lanes and w a scalar matrix anywhere in
a flat array, the forms are

    product          Y_i = finish(start(operands_i) + sum_j w[at + i row + j column] X_j, operands_i)
    each_row         Y_i = finish(operands_i)
    outer            out_ij += sum over steps t and lanes of A_ti B_tj
    sum_over_steps   out_i += sum over steps t of A_ti

What comes before and after the sum is part of the product, so that a hidden layer with its nonlinearity is one pass.
An operand is one of three kinds: ``r``, a row of lanes for each i; ``p``, a number for each i; ``s``, one number. Sums
over columns are split into a number of parts that depends on the shape only: the same shapes, the same bits.
"""

from numba.extending import intrinsic

from dysyr.kernels.jit import jit
from dysyr.kernels.vector_code import LANES, Rows, lowered, muladd, sums_over_lanes

ROW_BLOCKS = ((10, 1), (5, 2), (3, 4), (1, 8))
"""Rows of a product that are computed together, and into how many parts their sums over columns are split: ten
accumulators or so hide the latency of a multiply-add."""
TILE_ROWS = (5, 3, 1)
TILE_COLUMNS = (4, 1)


def product(operands, n_outputs, start, finish):
    """Write a product.

    Args:
        operands: kind of each array beside w and x, e.g. ``"prs"``.
        n_outputs: number of arrays of lane rows that are filled.
        start: function of the operands' rows to the sum's initial value, or None for zero.
        finish: function of the sum and the operands' rows to the tuple of outputs.

    Returns:
        intrinsic ``f(w, at, row, column, n_rows, n_columns, x, x_at, array, array_at, ...)`` with the operands and then
        the outputs at the end; all arrays flat, all offsets in numbers.
    """

    def build(code, args):
        w, at, row, column, n_rows, n_columns, x, x_at = args[:8]
        load, store = _access(code, operands, args[8:])

        def block(n_in_block, n_parts, first):
            indices = [code.add(first, code.number(r)) for r in range(n_in_block)]
            values = [load(i) for i in indices]
            weights = [code.add(at, code.mul(i, row)) for i in indices]
            zero = code.zero_row(x)
            begun = [start(*value).value if start else zero for value in values]
            sums = begun + [zero] * (n_in_block * (n_parts - 1))

            def add_column(j, part, sums):
                v = code.row(x, x_at, j).value
                sums = list(sums)
                for r in range(n_in_block):
                    scalar = code.splat(w, code.add(weights[r], code.mul(j, column))).value
                    k = part * n_in_block + r
                    sums[k] = muladd(code.builder, v.type, scalar, v, sums[k])
                return sums

            def add_columns(j, sums):
                for part in range(n_parts):
                    sums = add_column(code.add(j, code.number(part)), part, sums)
                return sums

            j, sums = code.while_below(code.number(0), n_parts, n_columns, sums, add_columns)
            if n_parts > 1:
                _, sums = code.while_below(j, 1, n_columns, sums, lambda j, sums: add_column(j, 0, sums))
            for r, i in enumerate(indices):
                total = Rows(code.builder, sums[r])
                for part in range(1, n_parts):
                    total = total + Rows(code.builder, sums[part * n_in_block + r])
                store(i, finish(total, *values[r]))

        code.in_blocks(n_rows, ROW_BLOCKS, block)

    return _product_of(len(operands) + n_outputs, build)


def each_row(operands, n_outputs, finish):
    """Write an elementwise pass over rows.

    Args:
        operands: kind of each array that is read.
        n_outputs: number of arrays of lane rows that are filled.
        finish: function of the operands' rows to the tuple of outputs.

    Returns:
        intrinsic ``f(n_rows, array, array_at, ...)`` with the operands and then the outputs.
    """

    def build(code, args):
        load, store = _access(code, operands, args[1:])

        def block(n_in_block, _, first):
            indices = [code.add(first, code.number(r)) for r in range(n_in_block)]
            results = [finish(*load(i)) for i in indices]
            for i, result in zip(indices, results, strict=True):
                store(i, result)

        code.in_blocks(args[0], ((3, 1), (1, 1)), block)

    return _pass_of(len(operands) + n_outputs, build)


@intrinsic
def _outer(typingctx, a, a_at, a_step, n_a, b, b_at, b_step, n_b, n_steps, out, out_at):
    given = (a, a_at, a_step, n_a, b, b_at, b_step, n_b, n_steps, out, out_at)

    def build(code, args):
        a, a_at, a_step, n_a, b, b_at, b_step, n_b, n_steps, out, out_at = args

        def rows_from(at, first, n):
            return [code.add(at, code.mul(code.add(first, code.number(k)), code.number(LANES))) for k in range(n)]

        def tile(n_rows, n_columns, i, j):
            lefts, rights = rows_from(a_at, i, n_rows), rows_from(b_at, j, n_columns)

            def step(t, sums):
                at, bt = code.mul(t, a_step), code.mul(t, b_step)
                left = [code.lanes_at(a, code.add(at, base)).value for base in lefts]
                result = []
                for c, base in enumerate(rights):
                    v = code.lanes_at(b, code.add(bt, base)).value
                    result += [muladd(code.builder, v.type, left[r], v, sums[c * n_rows + r]) for r in range(n_rows)]
                return result

            zeros = [code.zero_row(a)] * (n_rows * n_columns)
            _, sums = code.while_below(code.number(0), 1, n_steps, zeros, step)
            for r in range(n_rows):
                index = code.add(out_at, code.add(code.mul(code.add(i, code.number(r)), n_b), j))
                code.add_to(out, index, sums_over_lanes(code.builder, sums[r::n_rows]))

        def row_block(n_rows, _, i):
            code.in_blocks(n_b, [(c, 1) for c in TILE_COLUMNS], lambda n_columns, _, j: tile(n_rows, n_columns, i, j))

        code.in_blocks(n_a, [(r, 1) for r in TILE_ROWS], row_block)

    return lowered(build, given)


@jit
def outer(a, a_at, a_step, n_a, b, b_at, b_step, n_b, n_steps, out, out_at):
    """out[i, j] += sum over steps t and lanes of a[t, i] b[t, j]; out is (n_a, n_b), n_a rather the smaller one."""
    _outer(a, a_at, a_step, n_a, b, b_at, b_step, n_b, n_steps, out, out_at)


@intrinsic
def sum_over_steps(typingctx, a, a_at, a_step, n_rows, n_steps, out, out_at):
    """out_i += sum over steps t of A_ti, rows of lanes."""
    given = (a, a_at, a_step, n_rows, n_steps, out, out_at)

    def build(code, args):
        a, a_at, a_step, n_rows, n_steps, out, out_at = args

        def block(n_in_block, _, first):
            bases = [code.mul(code.add(first, code.number(r)), code.number(LANES)) for r in range(n_in_block)]

            def step(t, sums):
                at = code.add(a_at, code.mul(t, a_step))
                values = [code.lanes_at(a, code.add(at, base)).value for base in bases]
                return [code.builder.fadd(total, value) for total, value in zip(sums, values, strict=True)]

            begun = [code.lanes_at(out, code.add(out_at, base)).value for base in bases]
            _, sums = code.while_below(code.number(0), 1, n_steps, begun, step)
            for base, value in zip(bases, sums, strict=True):
                code.store_lanes(out, code.add(out_at, base), value)

        code.in_blocks(n_rows, ((8, 1), (1, 1)), block)

    return lowered(build, given)


def _access(code, operands, args):
    """(load, store): functions of a row's index, for operands and outputs given as array, offset, array, offset, ..."""
    pairs = [(args[k], args[k + 1]) for k in range(0, len(args), 2)]

    def value(kind, array, base, i):
        if kind == "r":
            return code.row(array, base, i)
        return code.splat(array, code.add(base, i) if kind == "p" else base)

    def load(i):
        return [value(kind, *pair, i) for kind, pair in zip(operands, pairs, strict=False)]

    def store(i, rows):
        for (array, base), row in zip(pairs[len(operands) :], rows, strict=True):
            code.store_row(array, base, i, row)

    return load, store


def _product_of(n, build):
    """An intrinsic with n arrays after the product's own arguments; numba wants them spelled out."""
    if n == 1:

        @intrinsic
        def product_1(typingctx, w, at, row, column, n_rows, n_columns, x, x_at, a, a_at):
            return lowered(build, (w, at, row, column, n_rows, n_columns, x, x_at, a, a_at))

        return product_1
    if n == 2:

        @intrinsic
        def product_2(typingctx, w, at, row, column, n_rows, n_columns, x, x_at, a, a_at, b, b_at):
            return lowered(build, (w, at, row, column, n_rows, n_columns, x, x_at, a, a_at, b, b_at))

        return product_2
    if n == 3:

        @intrinsic
        def product_3(typingctx, w, at, row, column, n_rows, n_columns, x, x_at, a, a_at, b, b_at, c, c_at):
            return lowered(build, (w, at, row, column, n_rows, n_columns, x, x_at, a, a_at, b, b_at, c, c_at))

        return product_3
    if n == 4:

        @intrinsic
        def product_4(typingctx, w, at, row, column, n_rows, n_columns, x, x_at, a, a_at, b, b_at, c, c_at, d, d_at):
            arrays = (a, a_at, b, b_at, c, c_at, d, d_at)
            return lowered(build, (w, at, row, column, n_rows, n_columns, x, x_at, *arrays))

        return product_4

    @intrinsic
    def product_5(
        typingctx, w, at, row, column, n_rows, n_columns, x, x_at, a, a_at, b, b_at, c, c_at, d, d_at, e, e_at
    ):  # fmt: skip
        arrays = (a, a_at, b, b_at, c, c_at, d, d_at, e, e_at)
        return lowered(build, (w, at, row, column, n_rows, n_columns, x, x_at, *arrays))

    return product_5


def _pass_of(n, build):
    """As ``_product_of`` for elementwise passes."""
    if n == 2:

        @intrinsic
        def pass_2(typingctx, n_rows, a, a_at, b, b_at):
            return lowered(build, (n_rows, a, a_at, b, b_at))

        return pass_2
    if n == 3:

        @intrinsic
        def pass_3(typingctx, n_rows, a, a_at, b, b_at, c, c_at):
            return lowered(build, (n_rows, a, a_at, b, b_at, c, c_at))

        return pass_3
    if n == 4:

        @intrinsic
        def pass_4(typingctx, n_rows, a, a_at, b, b_at, c, c_at, d, d_at):
            return lowered(build, (n_rows, a, a_at, b, b_at, c, c_at, d, d_at))

        return pass_4
    if n == 5:

        @intrinsic
        def pass_5(typingctx, n_rows, a, a_at, b, b_at, c, c_at, d, d_at, e, e_at):
            return lowered(build, (n_rows, a, a_at, b, b_at, c, c_at, d, d_at, e, e_at))

        return pass_5

    if n == 6:

        @intrinsic
        def pass_6(typingctx, n_rows, a, a_at, b, b_at, c, c_at, d, d_at, e, e_at, f, f_at):
            return lowered(build, (n_rows, a, a_at, b, b_at, c, c_at, d, d_at, e, e_at, f, f_at))

        return pass_6

    @intrinsic
    def pass_7(typingctx, n_rows, a, a_at, b, b_at, c, c_at, d, d_at, e, e_at, f, f_at, g, g_at):
        return lowered(build, (n_rows, a, a_at, b, b_at, c, c_at, d, d_at, e, e_at, f, f_at, g, g_at))

    return pass_7
