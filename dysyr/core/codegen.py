"""Expression trees to the text of a Python module that kernels compile.

The module holds plain functions on lane-blocked arrays, without decorators:

* ``rhs(t, x, p, out)``: out[d, i] = f_d, the time derivative or a map's next value
* ``jvp(t, x, p, v, out)``: out = J v, the directional derivative
* ``jacobian(t, x, p, out)``: out[d, k, i] = df_d/dx_k
* ``divergence(t, x, p, out)``: out[i] = sum_d df_d/dx_d

and, for a stochastic differential equation,

* ``diffusion(t, x, p, out)``: out[d, k, i] = g_dk
* ``diffusion_diagonal(t, x, p, out)``: out[d, i] = g_dd, where each variable has a noise of its own
* ``noise_drift(t, x, p, out)``: out[d, i] = c_d = 1/2 sum_jk g_jk dg_dk/dx_j. The Ito drift is the
  Stratonovich drift + c; Milstein's term for diagonal or scalar noise is c (dW^2 - h).

x, v and out are C-contiguous (dim, lane), t is (lane,), p is (n_parameters, lane). Each function is one loop
over lanes around straight-line scalar code, so that a compiler vectorises over lanes. A lattice of more than
UNROLLED components has a loop over sites around it; neighbours across the edge are looked up once per site.
The constants N_DIM, N_PARAMETERS, N_NOISE, DIFFUSION_IS_DIAGONAL and NOISE_KIND describe the system.
Elementary functions are module-level names, so that a kernel may put its own in their place. Names of the
user never enter the text undressed: a state x reads s_x, a parameter p reads p_p.
"""

from dysyr.core.codegen_lattice import lattice_functions
from dysyr.core.codegen_scalar import Printer, elementary_functions
from dysyr.core.derivative import differentiate
from dysyr.core.errors import InputError
from dysyr.core.expressions import ONE, ZERO, add, mul, number, simplify, state, substitute, tangent
from dysyr.core.lattice import BEYOND_LOW

UNROLLED = 12


def kernel_source(system, dtype="float64"):
    """Text of the module of one system.

    Args:
        system: a System.
        dtype: "float64" or "float32"; every constant has this type.

    Returns:
        Source text.

    Raises:
        InputError: another dtype.
    """
    if dtype not in ("float64", "float32"):
        raise InputError("dtype of generated code", got=repr(dtype), expected="float64 or float32")
    printer = Printer(dtype)
    trees = system.trees
    if trees.lattice.axes and system.dim > UNROLLED:
        functions = lattice_functions(system, printer)
    else:
        functions = _unrolled_functions(system, printer)
    header = [
        '"""Generated from a system file: do not edit."""',
        "",
        "import numpy as np",
        "",
        f"N_DIM = {system.dim}",
        f"N_PARAMETERS = {len(system.parameters)}",
        f"N_NOISE = {system.n_noise}",
        f"DIFFUSION_IS_DIAGONAL = {trees.diagonal}",
        f"NOISE_KIND = {system.noise_kind!r}",
        "",
        *elementary_functions(printer.used),
        *printer.constants(),
    ]
    return "\n".join(header) + "\n\n\n" + "\n\n\n".join(functions) + "\n"


def scalar_equations(system):
    """A system without sites: every lattice variable at every site is a variable of its own.

    Args:
        system: a System.

    Returns:
        (drift, diffusion): tuple of dim expressions; tuple of rows, or None.
    """
    trees = system.trees
    if not trees.lattice.axes:
        return trees.drift, trees.diffusion
    drift = tuple(
        at_site(tree, system, site) for tree in trees.drift for site in range(trees.lattice.n_sites)
    )
    if trees.diffusion is None:
        return drift, None
    own = [
        at_site(row[k], system, site)
        for k, row in enumerate(trees.diffusion)
        for site in range(trees.lattice.n_sites)
    ]
    return drift, tuple(tuple(g if j == k else ZERO for j in range(system.dim)) for k, g in enumerate(own))


def at_site(tree, system, site):
    """The expression at one site: neighbours by name, indices by number."""
    lattice, values = system.lattice, system.trees.boundary_values

    def replace(leaf):
        if leaf.op == "index":
            return number(float(lattice.site_index(leaf.value)[site]))
        if leaf.op != "state":
            return leaf
        name, offsets = leaf.value
        neighbour = lattice.neighbours(offsets)[site]
        if neighbour < 0:
            return values[name][0 if neighbour == BEYOND_LOW else 1]
        return state(lattice.names(name)[neighbour])

    return substitute((tree,), replace)[0]


def _unrolled_functions(system, printer):
    drift, diffusion = scalar_equations(system)
    drift = simplify(drift)
    states = tuple(state(name) for name in system.variables)
    directions = {node: tangent(*node.value) for node in states}
    rows = {f"out[{d}, i]": tree for d, tree in enumerate(drift)}
    functions = [_function("rhs", "t, x, p, out", rows, system, printer)]
    along = differentiate(drift, directions)
    rows = {f"out[{d}, i]": tree for d, tree in enumerate(along)}
    functions.append(_function("jvp", "t, x, p, v, out", rows, system, printer))
    columns = [differentiate(drift, {node: ONE}) for node in states]
    pairs = [(d, k) for d in range(system.dim) for k in range(system.dim)]
    if system.dim > UNROLLED:
        pairs = [(d, k) for d, k in pairs if columns[k][d] is not ZERO]
    rows = {f"out[{d}, {k}, i]": columns[k][d] for d, k in pairs}
    clear = "out[:, :, :]" if system.dim > UNROLLED else None
    functions.append(_function("jacobian", "t, x, p, out", rows, system, printer, clear))
    trace = add(*(columns[d][d] for d in range(system.dim)))
    functions.append(_function("divergence", "t, x, p, out", {"out[i]": trace}, system, printer))
    if diffusion is not None:
        functions += _noise_functions(system, diffusion, states, printer)
    return functions


def _noise_functions(system, diffusion, states, printer):
    diffusion = tuple(simplify(row) for row in diffusion)
    rows = {f"out[{d}, {k}, i]": tree for d, row in enumerate(diffusion) for k, tree in enumerate(row)}
    functions = [_function("diffusion", "t, x, p, out", rows, system, printer)]
    if system.trees.diagonal:
        rows = {f"out[{d}, i]": row[d] for d, row in enumerate(diffusion)}
        functions.append(_function("diffusion_diagonal", "t, x, p, out", rows, system, printer))
    drift = noise_drift(diffusion, states)
    rows = {f"out[{d}, i]": tree for d, tree in enumerate(drift)}
    functions.append(_function("noise_drift", "t, x, p, out", rows, system, printer))
    return functions


def noise_drift(diffusion, states):
    """Half the sum over noises of each column's derivative along itself.

    .. math:: c_d = \\tfrac12 \\sum_{jk} g_{jk} \\, \\partial g_{dk} / \\partial x_j
    """
    columns = list(zip(*diffusion, strict=True))
    along = [differentiate(column, dict(zip(states, column, strict=True))) for column in columns]
    return tuple(mul(number(0.5), add(*terms)) for terms in zip(*along, strict=True))


def _function(name, arguments, rows, system, printer, clear=None):
    """One function: a loop over lanes around loads, shared subexpressions and stores."""
    loads = {state(variable): f"x[{k}, i]" for k, variable in enumerate(system.variables)}
    loads |= {tangent(variable): f"v[{k}, i]" for k, variable in enumerate(system.variables)}
    body = printer.block(rows, loads, tuple(system.parameters))
    lanes = "out.shape[0]" if name == "divergence" else "x.shape[1]"
    head = [f"def {name}({arguments}):"] + ([f"    {clear} = {printer.literal(0.0)}"] if clear else [])
    return "\n".join([*head, f"    for i in range({lanes}):", *("        " + line for line in body)])
