"""Text of the kernel that integrates a stochastic differential equation, one thread for each path.

The methods, and the counters of the random numbers, are those of :mod:`dysyr.kernels.stochastic`: a path is the
same on the processor and on a device, up to the rounding of elementary functions. The kernel is that of
:mod:`dysyr.kernels.cuda.fixed_step_source` with the arguments ``first_step, seed_low, seed_high, first_lane``
behind the others; step j of interval o has the number first_step + o*substeps + j.

Reference:
    kloeden1992, rossler2010
"""

from dysyr.kernels.cuda.fixed_step_source import kernel_lines, module_text
from dysyr.kernels.cuda.scalar_source import Components, check_local_size

METHODS = ("euler_maruyama", "milstein", "sri", "heun")

_THIRD = 1.0 / 3.0
_CONSTANTS = {
    "HALF": 0.5, "QUARTER": 0.25, "THREE_QUARTERS": 0.75, "THIRD": _THIRD, "MORE": 1.5, "TWO": 2.0, "THREE": 3.0,
    "FOUR": 4.0, "FIVE": 5.0, "SIX": 6.0, "ROOT_THREE": 3.0**0.5,
}  # fmt: skip


def stochastic_source(system, method):
    """Text of a module with the kernel ``integrate``.

    Args:
        system: ScalarSystem with a diffusion; a diagonal one for "milstein" and "sri".
        method: one of METHODS.

    Returns:
        text.

    Raises:
        InputError: the system is too large for a thread.
    """
    components = Components(system)
    step, states, noises, n_normals = {
        "euler_maruyama": _euler_maruyama, "milstein": _milstein, "sri": _sri, "heun": _heun,
    }[method](components, system)  # fmt: skip
    n_draws = (n_normals + 3) // 4
    check_local_size(system, 1 + len(states) + len(noises) + (4 * n_draws + system.dim - 1) // system.dim)
    if not system.in_registers:
        before = [f"n = cuda.local.array({4 * n_draws}, REAL)"]
    else:
        before = []
    before += ["low, high, zero = np.uint32(seed_low), np.uint32(seed_high), np.uint32(0)"]
    before += ["lane = np.uint32(first_lane + i)"]
    head = [f"{name} = REAL({value!r})" for name, value in _CONSTANTS.items()]
    lines = kernel_lines(
        components, ["x", *states, *noises], [*_draw(system, n_draws), "root = math.sqrt(h)", *step],
        ", first_step, seed_low, seed_high, first_lane", before,
    )  # fmt: skip
    return module_text(system, head, lines)


def _draw(system, n_draws):
    """Lines that draw the normals of a step: n_0, n_1, ... or the local array n."""
    pair = f"normal_pair{system.dtype.removeprefix('float')}"
    number = "np.uint32(first_step + o * substeps + j)"
    if not system.in_registers:
        return [
            f"for draw in range({n_draws}):",
            f"    w0, w1, w2, w3 = philox_words({number}, zero, lane, np.uint32(draw), low, high)",
            f"    n[4 * draw], n[4 * draw + 1] = {pair}(w0, w1)",
            f"    n[4 * draw + 2], n[4 * draw + 3] = {pair}(w2, w3)",
        ]
    lines = []
    for draw in range(n_draws):
        lines += [
            f"w0, w1, w2, w3 = philox_words({number}, zero, lane, np.uint32({draw}), low, high)",
            f"n_{4 * draw}, n_{4 * draw + 1} = {pair}(w0, w1)",
            f"n_{4 * draw + 2}, n_{4 * draw + 3} = {pair}(w2, w3)",
        ]
    return lines


def _normal(system, d, offset=0):
    """Text of normal d of a step, d a number or a loop variable."""
    if system.in_registers:
        return f"n_{int(d) + offset}"
    return f"n[{d} + {offset}]" if offset else f"n[{d}]"


def _kick(system, noise, subscript, d):
    """Text of (g dW)_d with the increments root*n."""
    if system.diagonal:
        return f"{noise}{subscript} * (root * {_normal(system, d)})"
    return " + ".join(f"{noise}{subscript}_{m} * (root * n_{m})" for m in range(system.n_noise))


def _euler_maruyama(components, system):
    step = [
        *components.evaluate("drift", "t", "x", "f"),
        *components.evaluate("diffusion", "t", "x", "g"),
        *components.each(lambda s, d: f"x{s} = x{s} + h * f{s} + ({_kick(system, 'g', s, d)})"),
    ]
    return step, ["f"], ["g"], system.n_noise


def _heun(components, system):
    def both(s, d):
        return f"({_kick(system, 'g', s, d)} + {_kick(system, 'e', s, d)})"

    step = [
        *components.evaluate("drift", "t", "x", "f"),
        *components.evaluate("diffusion", "t", "x", "g"),
        *components.each(lambda s, d: f"y{s} = x{s} + h * f{s} + ({_kick(system, 'g', s, d)})"),
        *components.evaluate("drift", "t + h", "y", "b"),
        *components.evaluate("diffusion", "t + h", "y", "e"),
        *components.each(lambda s, d: f"x{s} = x{s} + HALF * h * (f{s} + b{s}) + HALF * {both(s, d)}"),
    ]
    return step, ["f", "b", "y"], ["g", "e"], system.n_noise


def _milstein(components, system):
    step = [
        *components.evaluate("drift", "t", "x", "f"),
        *components.evaluate("diffusion", "t", "x", "g"),
        *components.each(lambda s, d: f"y{s} = x{s} + g{s} * root"),
        *components.evaluate("diffusion", "t", "y", "e"),
        *components.each(
            lambda s, d: f"dw = root * {_normal(system, d)}",
            lambda s, d: f"slope = (e{s} - g{s}) / root",
            lambda s, d: f"x{s} = x{s} + h * f{s} + g{s} * dw + HALF * slope * (dw * dw - h)",
        ),
    ]
    return step, ["f", "y"], ["g", "e"], system.n_noise


def _sri(components, system):
    def first(d):
        return _normal(system, d)

    def second(d):
        return _normal(system, d, system.dim)

    step = [
        *components.evaluate("drift", "t", "x", "f"),
        *components.evaluate("diffusion", "t", "x", "g"),
        *components.each(
            lambda s, d: f"i10 = HALF * h * root * ({first(d)} + {second(d)} / ROOT_THREE)",
            lambda s, d: f"y{s} = x{s} + THREE_QUARTERS * h * f{s} + MORE * g{s} * i10 / h",
        ),
        *components.evaluate("drift", "t + THREE_QUARTERS * h", "y", "b"),
        *components.each(lambda s, d: f"y{s} = x{s} + QUARTER * h * f{s} + HALF * root * g{s}"),
        *components.evaluate("diffusion", "t + QUARTER * h", "y", "e"),
        *components.each(lambda s, d: f"y{s} = x{s} + h * f{s} - root * g{s}"),
        *components.evaluate("diffusion", "t + h", "y", "c"),
        *components.each(
            lambda s, d: f"y{s} = x{s} + QUARTER * h * f{s} + root * (THREE * e{s} - FIVE * g{s} + HALF * c{s})"
        ),
        *components.evaluate("diffusion", "t + QUARTER * h", "y", "a"),
        *components.each(
            lambda s, d: f"dw = root * {first(d)}",
            lambda s, d: f"i10_h = HALF * root * ({first(d)} + {second(d)} / ROOT_THREE)",
            lambda s, d: "i11_r = HALF * (dw * dw - h) / root",
            lambda s, d: "i111_h = (dw * dw * dw - THREE * h * dw) / (SIX * h)",
            lambda s, d: f"x{s} = x{s} + h * THIRD * (f{s} + TWO * b{s})",
            lambda s, d: f"x{s} = x{s} + dw * THIRD * (FOUR * e{s} + TWO * c{s} - THREE * g{s})",
            lambda s, d: f"x{s} = x{s} + i11_r * THIRD * (FOUR * e{s} - c{s} - THREE * g{s})",
            lambda s, d: f"x{s} = x{s} + i10_h * THIRD * (SIX * g{s} - FOUR * e{s} - TWO * c{s})",
            lambda s, d: f"x{s} = x{s} + i111_h * THIRD * (FIVE * e{s} - TWO * c{s} - SIX * g{s} + THREE * a{s})",
        ),
    ]
    return step, ["f", "b", "y"], ["g", "e", "c", "a"], 2 * system.dim
