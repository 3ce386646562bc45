"""Text of the kernel that integrates with an own step for each trajectory, one thread each, and dense output.

The rules are those of :mod:`dysyr.kernels.runge_kutta`: the error norm, the proportional-integral step rule and
the interpolant

    x(t+θh) = x + h sum_s b_s(θ) k_s,    b_s(θ) = sum_m P_sm θ^m.

A thread keeps its time as the number o of the output interval it is in and the time u since that interval's
beginning, with the rounding error of u beside it (Kahan's sum). So a float32 kernel needs no float64 clock for a
long run.

The kernel is ``integrate(starts, widths, remaining, rtol, atol, attempts, states, p, keep, elapsed, lost,
step_size, old_error, interval, status, counts, out)``: interval o begins at starts[o], is widths[o] long and
remaining[o] before the end. It makes at most ``attempts`` attempts at a step and can be called again until no
status is RUNNING. elapsed (u), lost, step_size, old_error, interval (o), status and counts (accepted, refused)
belong to the lanes.
"""

from dysyr.kernels.cuda.fixed_step_source import coefficient_lines, module_text, stage_lines, weighted_sum
from dysyr.kernels.cuda.scalar_source import Components, check_local_size, indented

RUNNING, ARRIVED, COLLAPSED = 0, 1, 2
"""Status of a lane, as in dysyr.kernels.runge_kutta."""


def adaptive_source(system, tableau):
    """Text of a module with the kernel ``integrate``.

    Args:
        system: ScalarSystem.
        tableau: Tableau with error estimates and dense output.

    Returns:
        text.

    Raises:
        InputError: the system is too large for a thread.
    """
    n_weights, n_control, n_all = len(tableau.weights), tableau.n_control, len(tableau.nodes)
    check_local_size(system, n_all + 3)
    components = Components(system)
    arrays = ["x", "y", "new", *(f"k{s}" for s in range(n_all))]
    lines = [
        "@kernel",
        "def integrate(",
        "    starts, widths, remaining, rtol, atol, attempts, states, p, keep, elapsed, lost, step_size, old_error,",
        "    interval, status, counts, out,",
        "):",
        "    i = cuda.grid(1)",
        "    if i < states.shape[1] and status[i] == RUNNING:",
        *indented([*components.arrays(arrays), *components.load()], 2),
        "        n_intervals = widths.shape[0]",
        "        o, u, missing, wanted, before = interval[i], elapsed[i], lost[i], step_size[i], old_error[i]",
        "        state, accepted, refused = RUNNING, 0, 0",
        "        t = starts[o] + u",
        *indented(components.evaluate("drift", "t", "x", "k0"), 2),
        "        for attempt in range(attempts):",
        "            if state == RUNNING:",
        *indented(_attempt(components, tableau, n_weights, n_control, n_all), 4),
        *indented(components.each(lambda s, d: f"states[{d}, i] = x{s}"), 2),
        "        interval[i], elapsed[i], lost[i], step_size[i], old_error[i] = o, u, missing, wanted, before",
        "        status[i] = state",
        "        counts[0, i] += accepted",
        "        counts[1, i] += refused",
    ]
    constants = [*coefficient_lines(tableau, n_all), *_constants(tableau, system.dim)]
    return module_text(system, constants, lines)


def _attempt(components, tableau, n_weights, n_control, n_all):
    """Lines of one attempt at a step."""
    accept = [
        *_outputs(components, tableau, n_control, n_all),
        "accepted += 1",
        "longer = h * step_factor(error, before)",
        "wanted = max(wanted, longer) if h < wanted else longer",
        "before = max(error, LEAST_ERROR)",
        *components.each(lambda s, d: f"x{s} = new{s}", lambda s, d: f"k0{s} = k{n_weights}{s}"),
        "state = ARRIVED if final else RUNNING",
    ]
    return [
        "h = min(wanted, remaining[o] - u)",
        "final = wanted >= remaining[o] - u",
        "t = starts[o] + u",
        *stage_lines(components, tableau, n_weights, "h", start=1),
        *components.each(lambda s, d: f"new{s} = {weighted_sum(f'x{s}', tableau.weights, 'B', s)}"),
        *components.evaluate("drift", "t + h", "new", f"k{n_weights}"),
        *_error(components, tableau),
        "if error <= ONE:",
        *indented(accept, 1),
        "else:",
        "    refused += 1",
        "    wanted = h * refusal_factor(error)",
        "    if wanted <= RESOLUTION * max(abs(t), TINY):",
        "        state = COLLAPSED",
    ]


def _error(components, tableau):
    """Lines that set ``error`` to the norm of the error, as ``error_norm`` in dysyr.kernels.runge_kutta."""
    lines = ["sum_0 = ZERO", "sum_1 = ZERO"]
    templates = [lambda s, d: f"scale = atol + rtol * max(abs(x{s}), abs(new{s}))"]
    for r, row in enumerate(tableau.error):
        terms = [f"E{r}_{k} * k{k}" for k, e in enumerate(row) if e != 0]
        templates.append(lambda s, d, terms=terms: f"part = ({' + '.join(term + s for term in terms)}) / scale")
        templates.append(lambda s, d, r=r: f"sum_{r} = sum_{r} + part * part")
    lines += components.each(*templates)
    if len(tableau.error) == 1:
        return [*lines, "error = h * math.sqrt(sum_0 / DIM)"]
    return [
        *lines,
        "error = ZERO",
        "if sum_0 != ZERO:",
        "    error = h * sum_0 / math.sqrt(DIM * (sum_0 + HUNDREDTH * sum_1))",
    ]


def _outputs(components, tableau, n_control, n_all):
    """Lines that write the outputs inside an accepted step, and advance o and u past it."""
    inside = "o < n_intervals and (final or passed + widths[o] - u <= h)"
    n_powers = tableau.dense.shape[1]
    polynomials = []
    for k in range(n_all):
        if tableau.dense[k].any():
            text = f"P{k}_{n_powers - 1}"
            for m in range(n_powers - 2, -1, -1):
                text = f"P{k}_{m} + theta * ({text})"
            polynomials.append(f"w{k} = theta * ({text})")
    terms = [f"w{k} * k{k}" for k in range(n_all) if tableau.dense[k].any()]
    return [
        "passed = ZERO",
        f"if keep and {inside}:",
        *indented(stage_lines(components, tableau, n_all, "h", start=n_control), 1),
        "    ahead, sum_passed = o, passed",
        "    while ahead < n_intervals and (final or sum_passed + widths[ahead] - u <= h):",
        "        sum_passed = sum_passed + widths[ahead]",
        "        theta = max(min((sum_passed - u) / h, ONE), ZERO)",
        *indented(polynomials, 2),
        *indented(
            components.each(
                lambda s, d: f"out[ahead, {d}, i] = x{s} + h * ({' + '.join(term + s for term in terms)})"
            ),
            2,
        ),
        "        ahead += 1",
        f"while {inside}:",
        "    passed = passed + widths[o]",
        "    o += 1",
        "u = u - passed",
        "gained = h - missing",
        "moved = u + gained",
        "missing = (moved - u) - gained",
        "u = moved",
    ]


def _constants(tableau, dim):
    """Constants of the error estimates, of the interpolant and of the step rules, and the step rules."""
    rows = {f"E{r}_{k}": e for r, row in enumerate(tableau.error) for k, e in enumerate(row) if e != 0}
    rows |= {
        f"P{k}_{m}": c for k, row in enumerate(tableau.dense) if row.any() for m, c in enumerate(row)
    }
    order = tableau.error_order
    rows |= {
        "ZERO": 0, "ONE": 1, "DIM": dim, "HUNDREDTH": 0.01, "SAFETY": 0.9, "TINY": 1e-30, "LEAST_ERROR": 1e-4,
        "FLOOR": 1e-8, "NOW": -0.7 / order, "THEN": 0.4 / order, "AFTER": -1.0 / order, "LEAST": 0.2, "MOST": 6.0,
        "TENTH": 0.1,
    }  # fmt: skip
    lines = [f"{name} = REAL({float(value)!r})" for name, value in rows.items()]
    return [
        *lines,
        "RESOLUTION = REAL(8 * np.finfo(REAL).eps)",
        f"RUNNING, ARRIVED, COLLAPSED = {RUNNING}, {ARRIVED}, {COLLAPSED}",
        _STEP_RULES,
    ]


_STEP_RULES = '''

@device_function
def step_factor(error, before):
    return min(max(SAFETY * max(error, FLOOR) ** NOW * before**THEN, LEAST), MOST)


@device_function
def refusal_factor(error):
    return min(max(SAFETY * error**AFTER, TENTH), SAFETY) if error < INFINITE else TENTH'''
