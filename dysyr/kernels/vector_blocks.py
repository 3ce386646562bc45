"""Register-blocked loops over vector lanes, emitted as LLVM vector code.

Plain loops over 16 lanes are unrolled into scalars before the compiler's vectoriser sees them; written with
explicit vector types the same loops keep their accumulators in registers. All IR building of dysyr is here.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 16


def _vector(context, typ):
    return ir.VectorType(context.get_value_type(typ.dtype), LANES)


def _pointer(context, builder, typ, value):
    return context.make_array(typ)(context, builder, value).data


def _load(builder, vector, itemsize, base, index):
    pointer = builder.bitcast(builder.gep(base, [index], inbounds=True), vector.as_pointer())
    return builder.load(pointer, align=itemsize)


def _store(builder, vector, itemsize, base, index, value):
    pointer = builder.bitcast(builder.gep(base, [index], inbounds=True), vector.as_pointer())
    builder.store(value, pointer, align=itemsize)


def _splat(builder, vector, scalar):
    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, undefined, mask)


def _muladd(builder, vector, a, b, c):
    suffix = "f32" if isinstance(vector.element, ir.FloatType) else "f64"
    name = f"llvm.fmuladd.v{LANES}{suffix}"
    module = builder.module
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, ir.FunctionType(vector, [vector] * 3), name)
    return builder.call(function, [a, b, c])


def _sum_lanes(builder, vector, value):
    """Sum over lanes by halving, always in the same order."""
    i32 = ir.IntType(32)
    width = LANES
    while width > 1:
        width //= 2
        half = ir.VectorType(i32, LANES)
        mask = ir.Constant(half, [(i + width) % LANES for i in range(LANES)])
        shifted = builder.shuffle_vector(value, ir.Constant(vector, ir.Undefined), mask)
        value = builder.fadd(value, shifted)
    return builder.extract_element(value, ir.Constant(i32, 0))


def _phi_loop(builder, n, initial, body):
    """for j in range(n): state = body(j, state), with the state in phi nodes; returns the final state."""
    entry = builder.block
    function = builder.function
    head = function.append_basic_block("block.head")
    inner = function.append_basic_block("block.body")
    done = function.append_basic_block("block.end")
    builder.branch(head)
    builder.position_at_end(head)
    j = builder.phi(n.type)
    j.add_incoming(ir.Constant(n.type, 0), entry)
    phis = []
    for value in initial:
        phi = builder.phi(value.type)
        phi.add_incoming(value, entry)
        phis.append(phi)
    builder.cbranch(builder.icmp_signed("<", j, n), inner, done)
    builder.position_at_end(inner)
    after = body(j, phis)
    last = builder.block
    j.add_incoming(builder.add(j, ir.Constant(n.type, 1)), last)
    for phi, value in zip(phis, after, strict=True):
        phi.add_incoming(value, last)
    builder.branch(head)
    builder.position_at_end(done)
    return phis


def _matvec(rows):
    """y[r, :] += sum_j w[r, j] x[j, :] for ``rows`` rows of 16 lanes that stay in registers over the j loop."""

    @intrinsic
    def block(typingctx, w, w_at, w_row, w_col, x, x_at, y, y_at, k):
        signature = types.void(w, w_at, w_row, w_col, x, x_at, y, y_at, k)

        def codegen(context, builder, sig, args):
            tw, tx, ty = sig.args[0], sig.args[4], sig.args[6]
            vector = _vector(context, tx)
            itemsize = tx.dtype.bitwidth // 8
            intp = context.get_value_type(types.intp)
            weight = _pointer(context, builder, tw, args[0])
            source = _pointer(context, builder, tx, args[4])
            target = _pointer(context, builder, ty, args[6])
            at, row, col, x_start, y_start, n = (
                context.cast(builder, args[i], sig.args[i], types.intp) for i in (1, 2, 3, 5, 7, 8)
            )
            lanes = ir.Constant(intp, LANES)
            starts = [builder.add(at, builder.mul(row, ir.Constant(intp, r))) for r in range(rows)]
            targets = [builder.add(y_start, ir.Constant(intp, r * LANES)) for r in range(rows)]
            initial = [_load(builder, vector, itemsize, target, index) for index in targets]

            def body(j, accumulators):
                v = _load(builder, vector, itemsize, source, builder.add(x_start, builder.mul(j, lanes)))
                offset = builder.mul(j, col)
                result = []
                for start, accumulator in zip(starts, accumulators, strict=True):
                    pointer = builder.gep(weight, [builder.add(start, offset)])
                    scalar = builder.load(pointer, align=itemsize)
                    result.append(_muladd(builder, vector, _splat(builder, vector, scalar), v, accumulator))
                return result

            final = _phi_loop(builder, n, initial, body)
            for index, value in zip(targets, final, strict=True):
                _store(builder, vector, itemsize, target, index, value)
            return context.get_dummy_value()

        return signature, codegen

    return block


def _outer(rows, columns):
    """out[r, c] = sum over steps t and lanes i of a[t, r, i] b[t, c, i], a rows x columns tile in registers."""

    @intrinsic
    def block(typingctx, a, a_at, a_step, b, b_at, b_step, n, out, out_at, out_row):
        signature = types.void(a, a_at, a_step, b, b_at, b_step, n, out, out_at, out_row)

        def codegen(context, builder, sig, args):
            ta, tb, to = sig.args[0], sig.args[3], sig.args[7]
            vector = _vector(context, ta)
            itemsize = ta.dtype.bitwidth // 8
            intp = context.get_value_type(types.intp)
            left = _pointer(context, builder, ta, args[0])
            right = _pointer(context, builder, tb, args[3])
            target = _pointer(context, builder, to, args[7])
            a_start, a_stride, b_start, b_stride, steps, o_start, o_row = (
                context.cast(builder, args[i], sig.args[i], types.intp) for i in (1, 2, 4, 5, 6, 8, 9)
            )
            zero = ir.Constant(vector, [0.0] * LANES)

            def body(t, accumulators):
                at = builder.add(a_start, builder.mul(t, a_stride))
                bt = builder.add(b_start, builder.mul(t, b_stride))
                lefts = [
                    _load(builder, vector, itemsize, left, builder.add(at, ir.Constant(intp, r * LANES)))
                    for r in range(rows)
                ]
                result = []
                for c in range(columns):
                    v = _load(builder, vector, itemsize, right, builder.add(bt, ir.Constant(intp, c * LANES)))
                    result += [_muladd(builder, vector, lefts[r], v, accumulators[c * rows + r]) for r in range(rows)]
                return result

            final = _phi_loop(builder, steps, [zero] * (rows * columns), body)
            for c in range(columns):
                for r in range(rows):
                    index = builder.add(o_start, builder.mul(o_row, ir.Constant(intp, r)))
                    index = builder.add(index, ir.Constant(intp, c))
                    pointer = builder.gep(target, [index])
                    total = _sum_lanes(builder, vector, final[c * rows + r])
                    old = builder.load(pointer, align=itemsize)
                    builder.store(builder.fadd(old, total), pointer, align=itemsize)
            return context.get_dummy_value()

        return signature, codegen

    return block


matvec_1 = _matvec(1)
matvec_3 = _matvec(3)
matvec_6 = _matvec(6)
outer_1x1 = _outer(1, 1)
outer_1x5 = _outer(1, 5)
outer_3x1 = _outer(3, 1)
