"""Vectors of 512 bits in one function.

LLVM prefers 256 bits on many processors that have 512, which halves the speed of loops of multiply-adds from registers.
The preference is a setting of the whole process in numba, and an attribute of a function in LLVM.
"""

from numba import types
from numba.extending import intrinsic

PREFERENCE = '"prefer-vector-width"="512"'


@intrinsic
def wide_vectors(typingctx):
    """Let the loops of the function that calls this use vectors of 512 bits where the processor has them."""

    def codegen(context, builder, sig, args):
        # llvmlite's own add accepts only the attributes that it knows; they are printed as they are
        set.add(builder.function.attributes, PREFERENCE)
        return context.get_dummy_value()

    return types.void(), codegen
