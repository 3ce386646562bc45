"""Text of the kernel that integrates with equal steps, one thread for each trajectory, and of maps.

    Runge-Kutta:  k_s = f(t + c_s h, x + h sum_r a_sr k_r),    x <- x + h sum_s b_s k_s
    map:          x <- f(t, x)

The kernel is ``integrate(starts, widths, interval, done, n_steps, substeps, states, p, keep, out, broken)``: it
makes n_steps steps from step ``done`` of an interval on, intervals being cut into ``substeps`` steps of width
``widths[interval]``. It can be called again where it stopped, so no launch need be long. States are (dim, lane);
the state after interval o goes to out[o] (time, dim, lane) when ``keep``; a lane that is no longer finite after
interval o stops, with broken[lane] = o + 1 and NaN in what would have followed.
"""

from dysyr.kernels.cuda.scalar_source import Components, check_local_size, indented

_ARGUMENTS = "starts, widths, interval, done, n_steps, substeps, states, p, keep, out, broken"


def runge_kutta_source(system, tableau):
    """Text of a module with the kernel ``integrate`` of a Runge-Kutta method.

    Args:
        system: ScalarSystem.
        tableau: Tableau.

    Returns:
        text.

    Raises:
        InputError: the system is too large for a thread.
    """
    n_stages = len(tableau.weights)
    check_local_size(system, n_stages + 2)
    components = Components(system)
    arrays = ["x", "y", *(f"k{s}" for s in range(n_stages))]
    step = stage_lines(components, tableau, n_stages, "h")
    step += components.each(lambda s, d: f"x{s} = {weighted_sum(f'x{s}', tableau.weights, 'B', s)}")
    head = coefficient_lines(tableau, n_stages)
    return module_text(system, head, kernel_lines(components, arrays, step))


def map_source(system):
    """Text of a module with the kernel ``integrate`` of a map, whose steps are applications of the map.

    Args:
        system: ScalarSystem of a map.

    Returns:
        text.

    Raises:
        InputError: the system is too large for a thread.
    """
    check_local_size(system, 2)
    components = Components(system)
    step = components.evaluate("drift", "t", "x", "y") + components.each(lambda s, d: f"x{s} = y{s}")
    return module_text(system, [], kernel_lines(components, ["x", "y"], step))


def stage_lines(components, tableau, n_stages, width, start=0):
    """Lines that compute the stages start to n_stages - 1 of a step of this width from x at time t."""
    lines = []
    for stage in range(start, n_stages):
        if stage == 0:
            lines += components.evaluate("drift", "t", "x", "k0")
            continue
        row, letter = tableau.stages[stage], f"A{stage}"

        def point(s, d, row=row, letter=letter):
            return f"y{s} = {weighted_sum(f'x{s}', row, letter, s, width)}"

        lines += components.each(point)
        lines += components.evaluate("drift", f"t + C{stage} * {width}", "y", f"k{stage}")
    return lines


def weighted_sum(base, weights, letter, subscript, width="h"):
    """Text of base + h sum_r w_r k_r."""
    terms = " + ".join(f"{letter}_{r} * k{r}{subscript}" for r, a in enumerate(weights) if a != 0)
    return f"{base} + {width} * ({terms})"


def coefficient_lines(tableau, n_stages):
    """Constants of the method, in the dtype of the kernel."""
    rows = {f"A{s}_{r}": a for s, row in enumerate(tableau.stages[:n_stages]) for r, a in enumerate(row) if a != 0}
    rows |= {f"B_{s}": b for s, b in enumerate(tableau.weights) if b != 0}
    rows |= {f"C{s}": c for s, c in enumerate(tableau.nodes[:n_stages])}
    return [f"{name} = REAL({float(value)!r})" for name, value in rows.items()]


def kernel_lines(components, arrays, step, extra_arguments="", before=()):
    """Lines of the kernel ``integrate`` around the lines of one step from x at time t with width h.

    Args:
        components: Components.
        arrays: names of its local arrays.
        step: lines that advance x.
        extra_arguments: further arguments of the kernel, with a comma before each.
        before: lines before the first step.
    """
    return [
        "@kernel",
        f"def integrate({_ARGUMENTS}{extra_arguments}):",
        "    i = cuda.grid(1)",
        "    if i < states.shape[1]:",
        *indented([*components.arrays(arrays), *components.load(), *before], 2),
        "        alive = broken[i] < 0",
        "        o, j = interval, done",
        "        for step in range(n_steps):",
        "            h = widths[o]",
        "            t = starts[o] + REAL(j) * h",
        "            if alive:",
        *indented(step, 4),
        "            j += 1",
        "            if j == substeps:",
        "                if alive:",
        *indented(components.finite("alive"), 5),
        "                    if not alive:",
        "                        broken[i] = o + 1",
        "                if keep:",
        *indented(components.each(lambda s, d: f"out[o, {d}, i] = x{s} if alive else NOT_A_NUMBER"), 5),
        "                j = 0",
        "                o += 1",
        *indented(components.each(lambda s, d: f"states[{d}, i] = x{s}"), 2),
    ]


def module_text(system, constants, lines):
    """Text of a module of device functions and one kernel."""
    functions = [part for part in (system.drift, system.diffusion) if part]
    head = system.header + "\n".join(constants)
    return "\n\n\n".join([head.rstrip("\n"), *(part.rstrip("\n") for part in functions), "\n".join(lines)]) + "\n"
