"""A compiled function as the address of its code, cheap to hand to another compiled function.

Handing over numba's own object costs some fifty microseconds in each call, as much as thirty steps of a block of lanes.
"""

from numba import types


class FunctionPointer(types.WrapperAddressProtocol):
    """The address of a function that is compiled for one signature.

    Args:
        compiled: what :func:`dysyr.kernels.jit.first_class` returns.
        signature: its signature.
    """

    def __init__(self, compiled, signature):
        result = compiled.overloads[signature.args]
        self._address = result.library.get_pointer_to_function(result.fndesc.llvm_cfunc_wrapper_name)
        self._signature = signature
        # the code lives as long as the function
        self._compiled = compiled

    def __wrapper_address__(self):
        return self._address

    def signature(self):
        return self._signature
