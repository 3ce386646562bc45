"""LLVM vector code over rows of 16 lanes: arithmetic, loads, stores, loops and sums over lanes.

All code that builds LLVM instructions for lane rows is here, since it depends on llvmlite's builder. Plain loops over
16 lanes are unrolled into scalars before the compiler's vectoriser sees them; explicit vector types are not.
"""

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import TypingError

LANES = 16
CACHE_LINE = 64


def lane_zeros(shape, dtype):
    """Zeros (..., 16) whose rows begin at cache lines: a row across two lines is read at half the speed.

    Args:
        shape: shape; the last axis holds the lanes.
        dtype: real type.
    """
    size, dtype = math.prod(shape), np.dtype(dtype)
    line = CACHE_LINE // dtype.itemsize
    memory = np.zeros(size + line, dtype)
    first = -(memory.ctypes.data // dtype.itemsize) % line
    return memory[first : first + size].reshape(shape)


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
        return self._of(muladd(self.builder, self.value.type, self.value, other.value, plus.value))

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


class FlatArray:
    """A flat array while code is being written: its data pointer and its types."""

    def __init__(self, context, builder, typ, value):
        self.pointer = context.make_array(typ)(context, builder, value).data
        self.itemsize = typ.dtype.bitwidth // 8
        self.scalar = context.get_value_type(typ.dtype)
        self.vector = ir.VectorType(self.scalar, LANES)


class Code:
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
        return Rows(self.builder, self.builder.shuffle_vector(one, undefined, _mask([0] * LANES)))

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


def lowered(build, given):
    """Signature and code generator of an intrinsic whose arguments are flat arrays and whole numbers.

    Raises:
        TypingError: an array with gaps or more axes, whose memory would be read in the wrong places, or another type.
    """
    arrays = [typ for typ in given if isinstance(typ, types.Array)]
    for typ in arrays:
        if typ.ndim != 1 or typ.layout != "C" or typ.dtype != arrays[0].dtype:
            raise TypingError(f"lane rows lie in flat contiguous arrays of one type: {typ}; expected like {arrays[0]}")

    def codegen(context, builder, sig, values):
        code = Code(builder, context.get_value_type(types.intp))
        args = [
            FlatArray(context, builder, typ, value)
            if isinstance(typ, types.Array)
            else context.cast(builder, value, typ, types.intp)
            for typ, value in zip(sig.args, values, strict=True)
        ]
        build(code, args)
        return context.get_dummy_value()

    return types.void(*given), codegen


def _mask(indices):
    return ir.Constant(ir.VectorType(ir.IntType(32), len(indices)), indices)


def muladd(builder, vector, a, b, c):
    suffix = "f32" if isinstance(vector.element, ir.FloatType) else "f64"
    name = f"llvm.fmuladd.v{LANES}{suffix}"
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
    return builder.call(function, [a, b, c])


def sums_over_lanes(builder, rows):
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
