"""Parts of arrays as arrays that own nothing, and arrays that begin at a cache line.

A slice in compiled code counts references with two atomic operations, which cost as much as fifty additions of
vectors. These views count nothing: they are for arrays that outlive the call.
"""

import re

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from dysyr.kernels.jit import jit

LINE = 64


@intrinsic
def window(typingctx, array, begin, length):
    """Elements begin to begin + length of an array in C order, as a flat array; bounds are not checked."""
    result = types.Array(array.dtype, 1, "C")

    def codegen(context, builder, sig, args):
        begin, length = (context.cast(builder, args[k], sig.args[k], types.intp) for k in (1, 2))
        return _view(context, builder, sig.args[0], args[0], result, begin, [length])

    return result(array, begin, length), codegen


@intrinsic
def block(typingctx, array, begin, n_rows, n_columns):
    """Elements from begin on of an array in C order, as (n_rows, n_columns); bounds are not checked."""
    result = types.Array(array.dtype, 2, "C")

    def codegen(context, builder, sig, args):
        numbers = [context.cast(builder, args[k], sig.args[k], types.intp) for k in (1, 2, 3)]
        return _view(context, builder, sig.args[0], args[0], result, numbers[0], numbers[1:])

    return result(array, begin, n_rows, n_columns), codegen


def _view(context, builder, typ, value, result, begin, shape):
    given = context.make_array(typ)(context, builder, value)
    view = context.make_array(result)(context, builder)
    itemsize, strides = given.itemsize, []
    stride = itemsize
    for n in reversed(shape):
        strides.insert(0, stride)
        stride = builder.mul(stride, n)
    nitems = shape[0]
    for n in shape[1:]:
        nitems = builder.mul(nitems, n)
    view.data = builder.gep(given.data, [begin])
    view.shape, view.strides = cgutils.pack_array(builder, shape), cgutils.pack_array(builder, strides)
    view.itemsize, view.nitems = itemsize, nitems
    view.meminfo = cgutils.get_null_value(view.meminfo.type)
    view.parent = cgutils.get_null_value(view.parent.type)
    return view._getvalue()


@jit
def aligned(size, like):
    """A flat array of ``size`` elements, of the dtype of ``like``, that begins at a cache line."""
    whole = np.empty(size + LINE // like.itemsize, like.dtype)
    before = (LINE - whole.ctypes.data % LINE) % LINE // like.itemsize
    return whole[before : before + size]


def with_windows(source):
    """Generated text in which the views of its long loops are windows, see dysyr.core.codegen_lattice.

    Args:
        source: text of :func:`dysyr.core.codegen.kernel_source`.

    Returns:
        text of a module.
    """
    text = re.sub(r"^ +flat_(\w+) = \1\.reshape\(\1\.size\)\n", "", source, flags=re.MULTILINE)
    if text == source:
        return source
    text = re.sub(
        r"^( +\w+) = flat_(\w+)\[(.+) : \3 \+ (\d+\*lanes)\]$", r"\1 = window(\2, \3, \4)", text, flags=re.MULTILINE
    )
    return text.replace("import numpy as np\n", "import numpy as np\n\nfrom dysyr.kernels.ode_views import window\n", 1)
