"""A row of 16 numbers as one value inside kernels.

Loops over 16 channels are unrolled into scalars before the compiler's vectoriser sees them, and loops over many arrays
are not vectorised at all, because it gives up on proving that the arrays do not overlap. A row of lanes is an LLVM
vector from the start, so a kernel that reads ``h = a * h + b`` for one channel does it for 16, on any processor.

Operators take rows of one dtype, or a row and a number, which is converted to the row's dtype: a constant never makes
a float32 kernel compute in float64. Products and sums may be fused into one instruction, as in all kernels.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from dysyr.kernels.jit import FAST
from dysyr.kernels.vector_code import LANES, sums_over_lanes

FLAGS = tuple(sorted(FAST))


class Lanes(types.Type):
    """The type of a row: 16 numbers of one dtype."""

    def __init__(self, dtype):
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, typ):
        number = manager.lookup(typ.dtype).get_value_type()
        super().__init__(manager, typ, ir.VectorType(number, LANES))


class Row:
    """A row while code is being written: arithmetic emits the instructions, with rows or with plain numbers."""

    def __init__(self, builder, value):
        self.builder, self.value = builder, value

    @property
    def is_single(self):
        """Whether the numbers are float32."""
        return isinstance(self.value.type.element, ir.FloatType)

    def _operand(self, other):
        return other.value if isinstance(other, Row) else ir.Constant(self.value.type, [other] * LANES)

    def constant(self, number):
        """A row of one number known when the code is written."""
        return Row(self.builder, self._operand(number))

    def __add__(self, other):
        return Row(self.builder, self.builder.fadd(self.value, self._operand(other), flags=FLAGS))

    def __sub__(self, other):
        return Row(self.builder, self.builder.fsub(self.value, self._operand(other), flags=FLAGS))

    def __mul__(self, other):
        return Row(self.builder, self.builder.fmul(self.value, self._operand(other), flags=FLAGS))

    def __truediv__(self, other):
        return Row(self.builder, self.builder.fdiv(self.value, self._operand(other), flags=FLAGS))

    def choose(self, relation, bound, yes, no):
        """yes where ``self relation bound``, else no, which is also taken where self is NaN."""
        chosen = self.builder.fcmp_ordered(relation, self.value, self._operand(bound))
        return Row(self.builder, self.builder.select(chosen, self._operand(yes), self._operand(no)))


@intrinsic
def load(typingctx, array, index):
    """The 16 numbers of a flat array from ``index`` on."""

    def codegen(context, builder, sig, args):
        pointer = _pointer(context, builder, sig.args, args)
        return builder.load(pointer, align=_itemsize(sig.args[0]))

    return _row_of(array)(array, index), codegen


@intrinsic
def store(typingctx, array, index, row):
    """Write a row to a flat array from ``index`` on."""

    def codegen(context, builder, sig, args):
        pointer = _pointer(context, builder, sig.args, args)
        builder.store(args[2], pointer, align=_itemsize(sig.args[0]))
        return context.get_dummy_value()

    return types.void(array, index, _row_of(array)), codegen


@intrinsic
def load_part(typingctx, array, index, count):
    """The first ``count`` numbers of a flat array from ``index`` on, at most 16, and zeros after them."""

    def codegen(context, builder, sig, args):
        data, index, count, row = _part(context, builder, sig.args, args)
        buffer = cgutils.alloca_once_value(builder, ir.Constant(row, [0.0] * LANES))
        with builder.if_else(_is_whole(builder, count)) as (whole, part):
            with whole:
                value = builder.load(_pointer(context, builder, sig.args, args), align=_itemsize(sig.args[0]))
                builder.store(value, buffer)
            with part:
                builder.store(ir.Constant(row, [0.0] * LANES), buffer)
                numbers = builder.bitcast(buffer, row.element.as_pointer())
                with cgutils.for_range(builder, count) as loop:
                    number = builder.load(builder.gep(data, [builder.add(index, loop.index)], inbounds=True))
                    builder.store(number, builder.gep(numbers, [loop.index], inbounds=True))
        return builder.load(buffer)

    return _row_of(array)(array, index, count), codegen


@intrinsic
def store_part(typingctx, array, index, count, row):
    """Write the first ``count`` numbers of a row, at most 16, to a flat array from ``index`` on."""

    def codegen(context, builder, sig, args):
        data, index, count, _ = _part(context, builder, sig.args, args)
        with builder.if_else(_is_whole(builder, count)) as (whole, part):
            with whole:
                pointer = _pointer(context, builder, sig.args, args)
                builder.store(args[3], pointer, align=_itemsize(sig.args[0]))
            with part:
                buffer = cgutils.alloca_once_value(builder, args[3])
                builder.store(args[3], buffer)
                numbers = builder.bitcast(buffer, args[3].type.element.as_pointer())
                with cgutils.for_range(builder, count) as loop:
                    number = builder.load(builder.gep(numbers, [loop.index], inbounds=True))
                    builder.store(number, builder.gep(data, [builder.add(index, loop.index)], inbounds=True))
        return context.get_dummy_value()

    return types.void(array, index, count, _row_of(array)), codegen


@intrinsic
def spread(typingctx, array, index):
    """A row of 16 times the number ``array[index]``."""

    def codegen(context, builder, sig, args):
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        index = context.cast(builder, args[1], sig.args[1], types.intp)
        scalar = builder.load(builder.gep(data, [index], inbounds=True))
        return _splat(builder, scalar)

    return _row_of(array)(array, index), codegen


@intrinsic
def zeros(typingctx, array):
    """A row of zeros of an array's dtype."""

    def codegen(context, builder, sig, args):
        return ir.Constant(context.get_value_type(sig.return_type), [0.0] * LANES)

    return _row_of(array)(array), codegen


@intrinsic
def total(typingctx, row):
    """Sum of a row's numbers, always in the same order: halves are added to halves."""

    def codegen(context, builder, sig, args):
        return sums_over_lanes(builder, [args[0]])

    return row.dtype(row), codegen


def function_of_row(write, doc):
    """A function of one row for kernels, from a Python function that writes its code.

    Args:
        write: function of a :class:`Row` that returns a Row.
        doc: its docstring.

    Returns:
        intrinsic ``f(row)``.
    """

    def function(typingctx, row):
        def codegen(context, builder, sig, args):
            return write(Row(builder, args[0])).value

        return row(row), codegen

    function.__doc__ = doc
    function.__name__ = write.__name__
    return intrinsic(function)


def _arithmetic(operation):
    """Teach the compiler one operator."""

    @infer_global(operation)
    class _Operation(AbstractTemplate):
        def generic(self, args, kws):
            rows = [arg for arg in args if isinstance(arg, Lanes)]
            if not rows or len(args) != 2 or any(row != rows[0] for row in rows):
                return None
            if not all(isinstance(arg, (Lanes, types.Number)) for arg in args):
                return None
            return signature(rows[0], *args)

    def lower(context, builder, sig, args):
        left, right = (
            Row(builder, arg)
            if isinstance(typ, Lanes)
            else Row(builder, _splat(builder, context.cast(builder, arg, typ, sig.return_type.dtype)))
            for typ, arg in zip(sig.args, args, strict=True)
        )
        return operation(left, right).value

    for pair in ((Lanes, Lanes), (Lanes, types.Number), (types.Number, Lanes)):
        lower_builtin(operation, *pair)(lower)


for _operator in (operator.add, operator.sub, operator.mul, operator.truediv):
    _arithmetic(_operator)


def _row_of(array):
    """The type of an array's rows; they are read by address, so there may be no gaps between its numbers."""
    if not isinstance(array, types.Array) or array.ndim != 1 or array.layout != "C":
        raise TypingError(f"rows of lanes lie in flat contiguous arrays, not in {array}")
    return Lanes(array.dtype)


def _pointer(context, builder, typs, args):
    """Pointer to a row in a flat array."""
    array = context.make_array(typs[0])(context, builder, args[0])
    index = context.cast(builder, args[1], typs[1], types.intp)
    vector = ir.VectorType(context.get_value_type(typs[0].dtype), LANES)
    return builder.bitcast(builder.gep(array.data, [index], inbounds=True), vector.as_pointer())


def _part(context, builder, typs, args):
    """Data pointer, index and count as machine integers, and the type of a row."""
    data = context.make_array(typs[0])(context, builder, args[0]).data
    index, count = (context.cast(builder, args[k], typs[k], types.intp) for k in (1, 2))
    return data, index, count, ir.VectorType(context.get_value_type(typs[0].dtype), LANES)


def _is_whole(builder, count):
    return builder.icmp_signed(">=", count, ir.Constant(count.type, LANES))


def _itemsize(array):
    return array.dtype.bitwidth // 8


def _splat(builder, scalar):
    undefined = ir.Constant(ir.VectorType(scalar.type, LANES), ir.Undefined)
    one = builder.insert_element(undefined, scalar, cgutils.int32_t(0))
    return builder.shuffle_vector(one, undefined, _mask([0] * LANES))


def _mask(indices):
    indices = list(indices)
    return ir.Constant(ir.VectorType(ir.IntType(32), len(indices)), indices)
