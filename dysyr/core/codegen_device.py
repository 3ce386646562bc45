"""Text of the functions that a device needs of a system, without the processor's long loops over sites and lanes.

The text is that of :mod:`dysyr.core.codegen`, by the same printer: ``rhs``, and with noise ``diffusion`` and
``diffusion_diagonal``. On a lattice each function is a loop over sites around scalar code, where every neighbour is
looked up by the boundary.
"""

from dysyr.core.codegen import UNROLLED, kernel_source
from dysyr.core.codegen_lattice import _LatticeCode
from dysyr.core.codegen_scalar import Printer
from dysyr.core.errors import InputError
from dysyr.core.expressions import simplify


def device_source(system, dtype="float64"):
    """Text of the module of one system.

    Args:
        system: a System.
        dtype: "float64" or "float32"; every constant has this type.

    Returns:
        source text.

    Raises:
        InputError: another dtype.
    """
    trees = system.trees
    if not trees.lattice.axes or system.dim <= UNROLLED:
        return kernel_source(system, dtype)
    if dtype not in ("float64", "float32"):
        raise InputError("dtype of generated code", got=repr(dtype), expected="float64 or float32")
    printer = Printer(dtype)
    code = _LatticeCode(system, printer)
    functions = [code.function("rhs", "t, x, p, out", code.drift, code.store)]
    if trees.diffusion is not None:
        noise = simplify(tuple(row[k] for k, row in enumerate(trees.diffusion)))
        functions.append(code.function("diffusion_diagonal", "t, x, p, out", noise, code.store))
    header = [
        '"""Generated from a system file: do not edit."""',
        "",
        "import numpy as np",
        "",
        f"N_DIM = {system.dim}",
        f"N_PARAMETERS = {len(system.parameters)}",
        f"N_NOISE = {system.n_noise}",
        f"DIFFUSION_IS_DIAGONAL = {trees.diagonal}",
        "",
        *printer.constants(),
    ]
    return "\n".join(header) + "\n\n\n" + "\n\n\n".join(functions) + "\n"
