"""Small matrix products over rows of 16 lanes, emitted as LLVM vector code with their accumulators in registers.

A row of lanes is 16 numbers, one for each window of a batch. With Y, X rows of lanes and w a scalar matrix anywhere in
a flat array, the three forms are

    product   Y_i = finish(start(operands_i) + sum_j w[at + i row + j column] X_j, operands_i)
    each_row  Y_i = finish(operands_i)
    outer     out_ij += sum over steps t and lanes of A_ti B_tj

What comes before and after the sum is part of the product, so that a hidden layer with its nonlinearity is one pass.
Plain loops over 16 lanes are unrolled into scalars before the compiler's vectoriser sees them; explicit vector types
are not. Sums over columns are split into a number of parts that depends on the shape only: the same shapes, the same
bits.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 16
ROW_BLOCKS = ((10, 1), (5, 2), (3, 4), (1, 8))
"""Rows of a product that are computed together, and into how many parts their sums over columns are split: ten
accumulators or so hide the latency of a multiply-add."""
TILE_ROWS = (5, 3, 1)
TILE_COLUMNS = (4, 1)


class Rows:
    """One row of lanes while code is being written: arithmetic emits the instructions."""

    def __init__(self, builder, value):
        self.builder, self.value = builder, value

    def _of(self, value):
        return Rows(self.builder, value)

    def _constant(self, number):
        return ir.Constant(self.value.type, [number] * LANES)

    def __add__(self, other):
        return self._of(self.builder.fadd(self.value, other.value))

    def __sub__(self, other):
        return self._of(self.builder.fsub(self.value, other.value))

    def __mul__(self, other):
        return self._of(self.builder.fmul(self.value, other.value))

    def times(self, other, plus):
        """self * other + plus in one instruction."""
        return self._of(_muladd(self.builder, self.value.type, self.value, other.value, plus.value))

    def rest(self):
        """1 - self."""
        return self._of(self.builder.fsub(self._constant(1.0), self.value))

    def zero(self):
        """A row of zeros."""
        return self._of(self._constant(0.0))

    def one(self):
        """A row of ones."""
        return self._of(self._constant(1.0))

    def relu(self):
        """max(self, 0)."""
        return self.where(self)

    def where(self, condition):
        """self where condition > 0, else 0."""
        open_ = self.builder.fcmp_ordered(">", condition.value, self._constant(0.0))
        return self._of(self.builder.select(open_, self.value, self._constant(0.0)))


def product(n_operands, n_outputs, start, finish):
    """Write a product.

    Args:
        n_operands: number of arrays of lane rows beside w and x.
        n_outputs: number of arrays that are filled.
        start: function of the operands' rows to the sum's initial value, or None for zero.
        finish: function of the sum and the operands' rows to the tuple of outputs.

    Returns:
        intrinsic ``f(w, at, row, column, n_rows, n_columns, x, x_at, array, array_at, ...)`` with the operands and then
        the outputs at the end; all arrays flat, all offsets in numbers.
    """

    def build(code, args):
        w, at, row, column, n_rows, n_columns, x, x_at = args[:8]
        rest = [(args[k], args[k + 1]) for k in range(8, len(args), 2)]
        operands, outputs = rest[:n_operands], rest[n_operands:]

        def block(n_in_block, n_parts, first):
            lanes = [code.number(r) for r in range(n_in_block)]
            indices = [code.add(first, r) for r in lanes]
            values = [[code.row(array, base, i) for array, base in operands] for i in indices]
            weights = [code.add(at, code.mul(i, row)) for i in indices]
            zero = code.zero_row(x)
            begun = [start(*value).value if start else zero for value in values]
            sums = begun + [zero] * (n_in_block * (n_parts - 1))

            def add_column(j, part, sums):
                v = code.row(x, x_at, j).value
                sums = list(sums)
                for r in range(n_in_block):
                    scalar = code.splat(w, code.add(weights[r], code.mul(j, column)))
                    k = part * n_in_block + r
                    sums[k] = _muladd(code.builder, v.type, scalar, v, sums[k])
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
                for (array, base), value in zip(outputs, finish(total, *values[r]), strict=True):
                    code.store_row(array, base, i, value)

        code.in_blocks(n_rows, ROW_BLOCKS, block)

    return _with_arrays(n_operands + n_outputs, build)


def each_row(n_operands, n_outputs, finish):
    """Write an elementwise pass over rows.

    Args:
        n_operands: number of arrays that are read.
        n_outputs: number of arrays that are filled.
        finish: function of the operands' rows to the tuple of outputs.

    Returns:
        intrinsic ``f(n_rows, array, array_at, ...)`` with the operands and then the outputs.
    """

    def build(code, args):
        n_rows = args[0]
        rest = [(args[k], args[k + 1]) for k in range(1, len(args), 2)]

        def block(n_in_block, _, first):
            indices = [code.add(first, code.number(r)) for r in range(n_in_block)]
            values = [[code.row(array, base, i) for array, base in rest[:n_operands]] for i in indices]
            results = [finish(*value) for value in values]
            for i, result in zip(indices, results, strict=True):
                for (array, base), value in zip(rest[n_operands:], result, strict=True):
                    code.store_row(array, base, i, value)

        code.in_blocks(n_rows, ((4, 1), (1, 1)), block)

    return _with_arrays_alone(n_operands + n_outputs, build)


@intrinsic
def outer(typingctx, a, a_at, a_step, n_a, b, b_at, b_step, n_b, n_steps, out, out_at):
    """out[i, j] += sum over steps t and lanes of a[t, i] b[t, j]; out is (n_a, n_b), n_a rather the smaller one."""
    given = (a, a_at, a_step, n_a, b, b_at, b_step, n_b, n_steps, out, out_at)

    def build(code, args):
        a, a_at, a_step, n_a, b, b_at, b_step, n_b, n_steps, out, out_at = args

        def tile(n_rows, n_columns, i, j):
            lefts = [code.add(a_at, code.mul(code.add(i, code.number(r)), code.number(LANES))) for r in range(n_rows)]
            rights = [
                code.add(b_at, code.mul(code.add(j, code.number(c)), code.number(LANES))) for c in range(n_columns)
            ]

            def step(t, sums):
                at, bt = code.mul(t, a_step), code.mul(t, b_step)
                left = [code.lanes_at(a, code.add(at, base)).value for base in lefts]
                result = []
                for c, base in enumerate(rights):
                    v = code.lanes_at(b, code.add(bt, base)).value
                    result += [
                        _muladd(code.builder, v.type, left[r], v, sums[c * n_rows + r]) for r in range(n_rows)
                    ]
                return result

            zero = code.zero_row(a)
            _, sums = code.while_below(code.number(0), 1, n_steps, [zero] * (n_rows * n_columns), step)
            for r in range(n_rows):
                index = code.add(out_at, code.add(code.mul(code.add(i, code.number(r)), n_b), j))
                code.add_to(out, index, _sums_over_lanes(code.builder, sums[r::n_rows]))

        def row_block(n_rows, _, i):
            code.in_blocks(n_b, [(c, 1) for c in TILE_COLUMNS], lambda n_columns, _, j: tile(n_rows, n_columns, i, j))

        code.in_blocks(n_a, [(r, 1) for r in TILE_ROWS], row_block)

    return _lowered(build, given)


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

    return _lowered(build, given)


class _Array:
    """A flat array while code is being written: its data pointer and its types."""

    def __init__(self, context, builder, typ, value):
        self.pointer = context.make_array(typ)(context, builder, value).data
        self.itemsize = typ.dtype.bitwidth // 8
        self.scalar = context.get_value_type(typ.dtype)
        self.vector = ir.VectorType(self.scalar, LANES)


class _Code:
    """Writes index arithmetic, loads, stores and loops."""

    def __init__(self, builder, intp):
        self.builder, self.intp = builder, intp

    def number(self, value):
        return ir.Constant(self.intp, value)

    def add(self, a, b):
        return self.builder.add(a, b, flags=("nsw",))

    def mul(self, a, b):
        return self.builder.mul(a, b, flags=("nsw",))

    def _at(self, array, index, typ):
        return self.builder.bitcast(self.builder.gep(array.pointer, [index], inbounds=True), typ.as_pointer())

    def lanes_at(self, array, index):
        return Rows(self.builder, self.builder.load(self._at(array, index, array.vector), align=array.itemsize))

    def row(self, array, base, i):
        return self.lanes_at(array, self.add(base, self.mul(i, self.number(LANES))))

    def store_lanes(self, array, index, value):
        self.builder.store(value, self._at(array, index, array.vector), align=array.itemsize)

    def store_row(self, array, base, i, row):
        self.store_lanes(array, self.add(base, self.mul(i, self.number(LANES))), row.value)

    def add_to(self, array, index, value):
        """array[index:] += value, a short vector or a scalar."""
        pointer = self._at(array, index, value.type)
        old = self.builder.load(pointer, align=array.itemsize)
        self.builder.store(self.builder.fadd(old, value), pointer, align=array.itemsize)

    def zero_row(self, array):
        return ir.Constant(array.vector, [0.0] * LANES)

    def splat(self, array, index):
        scalar = self.builder.load(self.builder.gep(array.pointer, [index], inbounds=True), align=array.itemsize)
        undefined = ir.Constant(array.vector, ir.Undefined)
        one = self.builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(one, undefined, _mask([0] * LANES))

    def while_below(self, first, width, stop, state, body):
        """while first + width <= stop: state = body(first, state); first += width. Returns (first, state)."""
        builder = self.builder
        entry = builder.block
        head, inner, done = (builder.function.append_basic_block(f"block.{name}") for name in ("head", "body", "end"))
        builder.branch(head)
        builder.position_at_end(head)
        j = builder.phi(self.intp)
        j.add_incoming(first, entry)
        phis = []
        for value in state:
            phi = builder.phi(value.type)
            phi.add_incoming(value, entry)
            phis.append(phi)
        after = self.add(j, self.number(width))
        builder.cbranch(builder.icmp_signed("<=", after, stop), inner, done)
        builder.position_at_end(inner)
        result = body(j, phis)
        last = builder.block
        builder.branch(head)
        j.add_incoming(after, last)
        for phi, value in zip(phis, result, strict=True):
            phi.add_incoming(value, last)
        builder.position_at_end(done)
        return j, phis

    def in_blocks(self, n, sizes, block):
        """Call block(size, part, first) over range(n), in the largest sizes that still fit; the last size is 1."""
        first = self.number(0)
        for size, part in sizes:

            def body(i, _, size=size, part=part):
                block(size, part, i)
                return []

            first, _ = self.while_below(first, size, n, [], body)


def _lowered(build, given):
    """Signature and code generator of an intrinsic whose arguments are flat arrays and whole numbers."""

    def codegen(context, builder, sig, values):
        code = _Code(builder, context.get_value_type(types.intp))
        args = [
            _Array(context, builder, typ, value)
            if isinstance(typ, types.Array)
            else context.cast(builder, value, typ, types.intp)
            for typ, value in zip(sig.args, values, strict=True)
        ]
        build(code, args)
        return context.get_dummy_value()

    return types.void(*given), codegen


def _with_arrays(n, build):
    """An intrinsic with n arrays after the product's own arguments; numba wants them spelled out."""
    if n == 2:

        @intrinsic
        def product_2(typingctx, w, at, row, column, n_rows, n_columns, x, x_at, a, a_at, b, b_at):
            return _lowered(build, (w, at, row, column, n_rows, n_columns, x, x_at, a, a_at, b, b_at))

        return product_2
    if n == 3:

        @intrinsic
        def product_3(typingctx, w, at, row, column, n_rows, n_columns, x, x_at, a, a_at, b, b_at, c, c_at):
            return _lowered(build, (w, at, row, column, n_rows, n_columns, x, x_at, a, a_at, b, b_at, c, c_at))

        return product_3

    @intrinsic
    def product_4(typingctx, w, at, row, column, n_rows, n_columns, x, x_at, a, a_at, b, b_at, c, c_at, d, d_at):
        return _lowered(build, (w, at, row, column, n_rows, n_columns, x, x_at, a, a_at, b, b_at, c, c_at, d, d_at))

    return product_4


def _with_arrays_alone(n, build):
    """As ``_with_arrays`` for elementwise passes."""
    if n == 3:

        @intrinsic
        def pass_3(typingctx, n_rows, a, a_at, b, b_at, c, c_at):
            return _lowered(build, (n_rows, a, a_at, b, b_at, c, c_at))

        return pass_3
    if n == 4:

        @intrinsic
        def pass_4(typingctx, n_rows, a, a_at, b, b_at, c, c_at, d, d_at):
            return _lowered(build, (n_rows, a, a_at, b, b_at, c, c_at, d, d_at))

        return pass_4

    @intrinsic
    def pass_7(typingctx, n_rows, a, a_at, b, b_at, c, c_at, d, d_at, e, e_at, f, f_at, g, g_at):
        return _lowered(build, (n_rows, a, a_at, b, b_at, c, c_at, d, d_at, e, e_at, f, f_at, g, g_at))

    return pass_7


def _mask(indices):
    return ir.Constant(ir.VectorType(ir.IntType(32), len(indices)), indices)


def _muladd(builder, vector, a, b, c):
    suffix = "f32" if isinstance(vector.element, ir.FloatType) else "f64"
    name = f"llvm.fmuladd.v{LANES}{suffix}"
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
    return builder.call(function, [a, b, c])


def _sums_over_lanes(builder, rows):
    """Sums of the lanes of one row (a scalar) or of four (a vector of four), by halving, always in the same order.

    Four rows of 16 become two of 2 x 8 and one of 4 x 4 partial sums, then 4 x 2, then 4.
    """

    def halved(left, right, width, groups):
        """Partial sums per group: groups x width of two rows (or one, twice) to groups x width/2 of both."""
        size, half = width * groups, width // 2
        low = [g * width + k for g in range(groups) for k in range(half)]
        if right is not None:
            low += [size + i for i in low]
        high = [i + half for i in low]
        other = left if right is None else right
        return builder.fadd(
            builder.shuffle_vector(left, other, _mask(low)), builder.shuffle_vector(left, other, _mask(high))
        )

    if len(rows) == 1:
        value, width = rows[0], LANES
        while width > 1:
            value, width = halved(value, None, width, 1), width // 2
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))
    first, second = halved(rows[0], rows[1], 16, 1), halved(rows[2], rows[3], 16, 1)
    value = halved(first, second, 8, 2)
    return halved(halved(value, None, 4, 4), None, 2, 4)
