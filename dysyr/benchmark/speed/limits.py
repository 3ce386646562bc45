"""What one core of this machine can do at most: multiply-adds from registers.

    peak of multiply-add:  a_k <- a_k b + c  for independent vectors a_k that never leave their registers

Shares of these limits mean the same on every machine, which times do not.
"""

import functools
import time

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dysyr.kernels.jit import jit

SHAPES = ((64, 12), (64, 8), (32, 12))
"""Bytes of a vector and number of independent ones; the fastest counts. Vectors that the processor lacks are split."""


def multiply_add_peak(dtype, n_rounds=4_000_000):
    """Do multiply-adds as fast as one core can.

    Args:
        dtype: numpy.float32 or numpy.float64.
        n_rounds: how many times all vectors are advanced.

    Returns:
        number of floating-point operations done, two for each multiply-add of a lane.
    """
    dtype = np.dtype(dtype)
    bytes_of_vector, n_vectors = _fastest_shape(dtype)
    kernel = _peak_kernel(bytes_of_vector, n_vectors, dtype.name)
    kernel(n_rounds, dtype.type(0.999), np.empty(bytes_of_vector // dtype.itemsize, dtype))
    return 2.0 * n_rounds * n_vectors * bytes_of_vector // dtype.itemsize


@functools.cache
def _fastest_shape(dtype):
    def rate(shape):
        bytes_of_vector, n_vectors = shape
        kernel = _peak_kernel(bytes_of_vector, n_vectors, dtype.name)
        out = np.empty(bytes_of_vector // dtype.itemsize, dtype)
        kernel(1000, dtype.type(0.999), out)
        begun = time.process_time()
        kernel(200_000, dtype.type(0.999), out)
        return bytes_of_vector * n_vectors / max(time.process_time() - begun, 1e-9)

    return max(SHAPES, key=rate)


@functools.cache
def _peak_kernel(bytes_of_vector, n_vectors, dtype):
    """Compiled ``f(n_rounds, factor, out)``; out (lane,) receives the sum of all vectors, so that none is dropped."""
    n_lanes = bytes_of_vector // np.dtype(dtype).itemsize
    suffix = "f64" if dtype == "float64" else "f32"

    @intrinsic
    def multiply_adds(typingctx, n_rounds, factor, out):
        def codegen(context, builder, sig, args):
            scalar = context.get_value_type(sig.args[1])
            vector = ir.VectorType(scalar, n_lanes)
            counter = args[0].type
            name = f"llvm.fmuladd.v{n_lanes}{suffix}"
            function = builder.module.globals.get(name)
            if function is None:
                function = ir.Function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
            undefined = ir.Constant(vector, ir.Undefined)
            one = builder.insert_element(undefined, args[1], ir.Constant(ir.IntType(32), 0))
            mask = ir.Constant(ir.VectorType(ir.IntType(32), n_lanes), [0] * n_lanes)
            factors = builder.shuffle_vector(one, undefined, mask)
            entry = builder.block
            loop, done = (builder.function.append_basic_block(f"peak.{word}") for word in ("loop", "done"))
            builder.branch(loop)
            builder.position_at_end(loop)
            k = builder.phi(counter)
            k.add_incoming(ir.Constant(counter, 0), entry)
            sums = [builder.phi(vector) for _ in range(n_vectors)]
            for v, total in enumerate(sums):
                total.add_incoming(ir.Constant(vector, [0.5 + v] * n_lanes), entry)
            after = [builder.call(function, [total, factors, factors]) for total in sums]
            for total, value in zip(sums, after, strict=True):
                total.add_incoming(value, loop)
            following = builder.add(k, ir.Constant(counter, 1))
            k.add_incoming(following, loop)
            builder.cbranch(builder.icmp_signed("<", following, args[0]), loop, done)
            builder.position_at_end(done)
            result = after[0]
            for value in after[1:]:
                result = builder.fadd(result, value)
            data = context.make_array(sig.args[2])(context, builder, args[2]).data
            builder.store(result, builder.bitcast(data, vector.as_pointer()), align=scalar_bytes)
            return context.get_dummy_value()

        return types.void(n_rounds, factor, out), codegen

    scalar_bytes = np.dtype(dtype).itemsize

    @jit
    def kernel(n_rounds, factor, out):
        multiply_adds(n_rounds, factor, out)

    return kernel
