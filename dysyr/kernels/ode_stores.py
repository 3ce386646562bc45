"""Copies to results that go past the caches.

A result of many steps is larger than any cache. An ordinary store first reads the cache line that it will overwrite;
on rows that lie far apart that costs several times what the writing costs. A non-temporal store does not.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LINE = 64
"""Bytes of a cache line, which one store fills."""


@intrinsic
def stream(typingctx, target, target_at, source, source_at, n):
    """target[target_at + j] = source[source_at + j] for j < n; flat arrays of one dtype that do not overlap.

    Whole lines are non-temporal stores; what lies before the first and behind the last is stored as usual.
    """

    def codegen(context, builder, sig, args):
        index, itemsize = args[4].type, sig.args[0].dtype.bitwidth // 8
        per_line = LINE // itemsize
        vector = ir.VectorType(context.get_value_type(sig.args[0].dtype), per_line)
        pointers = []
        for typ, value, at in ((sig.args[0], args[0], args[1]), (sig.args[2], args[2], args[3])):
            pointers.append(builder.gep(context.make_array(typ)(context, builder, value).data, [at]))
        to, origin = pointers

        def number(value):
            return ir.Constant(index, value)

        def copy(begin, end, width):
            """Copy [begin, end) in pieces of ``width``, as long as they fit; returns where it stopped."""
            entry, names = builder.block, ("head", "body", "end")
            head, body, done = (builder.function.append_basic_block(f"stream.{name}") for name in names)
            builder.branch(head)
            builder.position_at_end(head)
            j = builder.phi(index)
            j.add_incoming(begin, entry)
            after = builder.add(j, number(width))
            builder.cbranch(builder.icmp_signed("<=", after, end), body, done)
            builder.position_at_end(body)
            read, write = builder.gep(origin, [j]), builder.gep(to, [j])
            if width == 1:
                builder.store(builder.load(read), write)
            else:
                value = builder.load(builder.bitcast(read, vector.as_pointer()), align=itemsize)
                store = builder.store(value, builder.bitcast(write, vector.as_pointer()), align=LINE)
                once = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
                store.set_metadata("nontemporal", once)
            j.add_incoming(after, body)
            builder.branch(head)
            builder.position_at_end(done)
            return j

        address = builder.ptrtoint(to, index)
        before = builder.sdiv(builder.and_(builder.neg(address), number(LINE - 1)), number(itemsize))
        before = builder.select(builder.icmp_signed("<", before, args[4]), before, args[4])
        copy(copy(copy(number(0), before, 1), args[4], per_line), args[4], 1)
        return context.get_dummy_value()

    intp = types.intp
    return types.void(target, intp, source, intp, intp), codegen
