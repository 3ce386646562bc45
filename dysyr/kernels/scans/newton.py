"""Nonlinear recurrences solved for all times at once: Newton's method in time, whose linear step is an affine scan.

    y_t = f(y_{t-1}, x_t)                    J_t = df/dy at y_{t-1}^k,    c_t = f - J_t y_{t-1}^k
    y_t^{k+1} = J_t y_{t-1}^{k+1} + c_t

After k rounds the first k states are exact, so the method ends after as many rounds as there are times; it is worth its
work only where it ends much earlier, which needs a contracting recurrence, such as one under teacher forcing. A chaotic
recurrence that runs freely needs about one round per time. On one processor core the loop over time is faster: this is
for devices that do many times at once, and for studies of the method.

The gradient does not go through the rounds. At a solution the affine recurrence above has the same derivatives as the
nonlinear one, so one affine scan with gradients, backward one scan with J', gives it. Source: lim2024.
"""

import numbers
from collections import namedtuple

import torch

from dysyr.core.errors import InputError, NotConverged
from dysyr.kernels.scans.affine_scan import affine_scan
from dysyr.kernels.scans.arguments import check_axes, check_count, check_shape, check_tensors

PARALLEL = ("newton", "auto", "sequential")
N_ROUNDS = 50
BOUND = 1e8
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}

Solution = namedtuple("Solution", "states residual n_iterations parallel")
"""states (batch, time, state); the largest |y_t - f(y_{t-1}, x_t)|; rounds of Newton's method; "newton" or
"sequential", what was done."""


def parallel_newton(f, jacobian, x, y0, *, start=None, parallel="newton", max_iterations=N_ROUNDS, tolerance=None):
    """Solve y_t = f(y_{t-1}, x_t) for all times.

        y_t = f(y_{t-1}, x_t),    t = 1..L

    Args:
        f: function of states (batch, time, state) and inputs (batch, time, input) to the next states, each time for
            itself. Gradients reach whatever it uses.
        jacobian: function of the same to df/dy (batch, time, state, state). No gradients go through it.
        x: (batch, time, input) inputs.
        y0: (batch, state) state before the first step.
        start: (batch, time, state) first guess; y0 at all times when None.
        parallel: "newton"; "sequential", a loop over time; "auto", Newton's method, and the loop where that does not
            converge.
        max_iterations: most rounds of Newton's method.
        tolerance: largest residual, relative to max(1, |y|); 1e-5 in float32 and 1e-10 in float64 when None.

    Returns:
        Solution, whose states have gradients to what f uses, to x and to y0.

    Raises:
        NotConverged: the residual is too large after ``max_iterations`` rounds, or not finite.
        InputError: a tensor has a wrong shape, dtype or device, or ``parallel`` or a number is none.

    Reference:
        lim2024
    """
    name = "parallel_newton"
    _check_choice(name, parallel, max_iterations)
    check_tensors(name, x=x, y0=y0, start=start)
    check_axes(name, "x", x, 3, "(batch, time, input)")
    n_batch, n_steps = x.shape[:2]
    check_axes(name, "y0", y0, 2, "(batch, state)")
    check_shape(name, "y0", y0, (n_batch, y0.shape[1]), "(batch, state)")
    shape = (n_batch, n_steps, y0.shape[1])
    check_shape(name, "start", start, shape, "(batch, time, state)")
    limit = TOLERANCE[x.dtype] if tolerance is None else tolerance
    if not isinstance(limit, numbers.Real) or not limit > 0:
        raise InputError(f"{name}: no such tolerance", got=f"tolerance={limit!r}", expected="a number above 0")

    def solve_by_loop():
        y, states = y0.detach(), []
        for x_t in x.detach().split(1, dim=1):
            y = _result_of("f", f, y.unsqueeze(1), x_t, shape=(n_batch, 1, shape[2]))[:, 0]
            states.append(y)
        return torch.stack(states, dim=1)

    def solve_by_newton():
        y = y0.detach().unsqueeze(1).expand(shape) if start is None else start.detach()
        for n in range(max_iterations + 1):
            before = _before(y, y0)
            value = _result_of("f", f, before, x.detach(), shape=shape)
            size, worst, time = _residual(y, value)
            if worst <= limit:
                return y, n
            if n == max_iterations:
                raise _not_converged(name, max_iterations, n_steps, f"residual {size:.2g} at time step {time}")
            J = _result_of("jacobian", jacobian, before, x.detach(), shape=(*shape, shape[2]))
            y = _bounded(affine_scan(J, value - _times(J, before), y0.detach()))

    with torch.no_grad():
        y, n_iterations, done = _solved(parallel, solve_by_newton, solve_by_loop)
        before = _before(y, y0)
        J = _result_of("jacobian", jacobian, before, x.detach(), shape=(*shape, shape[2]))
    states = affine_scan(J, f(before, x) - _times(J, before), y0)
    with torch.no_grad():
        residual = _residual(states, f(_before(states, y0), x))[0]
    return Solution(states, residual, n_iterations, done)


def piecewise_linear_newton(linearise, z0, n_steps, *, start=None, parallel="newton", max_iterations=N_ROUNDS):
    """Solve a recurrence that is affine as long as its masks are the same, for all times.

        z_t = J_t z_{t-1} + c_t    with J_t, c_t constant on the piece of space that mask_t names

    An iterate whose masks equal those it was computed with solves the recurrence exactly, so the rounds end when no
    mask changes, not at a tolerance.

    Args:
        linearise: function of states z (batch, part, state) before each step, and of the slice of the time axis that
            the part is, to (J (batch, part, state, state), c (batch, part, state), mask (batch, part, ...) boolean).
            Forcing and inputs belong to J and c. Gradients reach whatever J and c are made of.
        z0: (batch, state) state before the first step.
        n_steps: number of steps.
        start, parallel, max_iterations: as in :func:`parallel_newton`.

    Returns:
        Solution; the residual is |z_t - J_t z_{t-1} - c_t| in the last pieces, rounding errors only.

    Raises:
        NotConverged: masks still change after ``max_iterations`` rounds, or states are beyond 1e8 or not finite.
        InputError: a tensor has a wrong shape, dtype or device, or ``parallel`` or a number is none.

    Reference:
        lim2024, hess2023
    """
    name = "piecewise_linear_newton"
    _check_choice(name, parallel, max_iterations)
    check_tensors(name, z0=z0, start=start)
    check_axes(name, "z0", z0, 2, "(batch, state)")
    check_count(name, "n_steps", n_steps)
    n_batch, n_states = z0.shape
    shape = (n_batch, n_steps, n_states)
    check_shape(name, "start", start, shape, "(batch, time, state)")

    def pieces(before, part):
        J, c, mask = linearise(before, part)
        check_shape(name, "J of linearise", J, (*before.shape, n_states), "(batch, time, state, state)")
        check_shape(name, "c of linearise", c, before.shape, "(batch, time, state)")
        if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.shape[:2] != before.shape[:2]:
            got = f"{tuple(mask.shape)} {mask.dtype}" if isinstance(mask, torch.Tensor) else type(mask).__name__
            raise InputError(
                f"{name}: linearise returned another mask", got=got,
                expected=f"booleans of shape {tuple(before.shape[:2])} and further axes",
            )  # fmt: skip
        return J, c, mask

    def solve_by_loop():
        z, states = z0.detach(), []
        for t in range(n_steps):
            J, c, _ = pieces(z.unsqueeze(1), slice(t, t + 1))
            z = affine_scan(J, c, z)[:, 0]
            states.append(z)
        return torch.stack(states, dim=1)

    def solve_by_newton():
        z = z0.detach().unsqueeze(1).expand(shape) if start is None else start.detach()
        J, c, mask = pieces(_before(z, z0), slice(0, n_steps))
        for n in range(1, max_iterations + 1):
            exact = affine_scan(J, c, z0.detach())
            z = _bounded(exact)
            old = mask
            J, c, mask = pieces(_before(z, z0), slice(0, n_steps))
            changed = (mask != old).reshape(n_batch, n_steps, -1).any(2).any(0)
            if not changed.any():
                if torch.equal(z, exact):
                    return z, n
                # the masks are those of the bounded states: further rounds would repeat this one
                raise _not_converged(name, n, n_steps, f"states beyond {BOUND:g} or not finite")
        first = int(changed.nonzero()[0])
        raise _not_converged(
            name, max_iterations, n_steps, f"masks change at {int(changed.sum())} time steps, the first is {first}"
        )

    with torch.no_grad():
        z, n_iterations, done = _solved(parallel, solve_by_newton, solve_by_loop)
    J, c, _ = pieces(_before(z, z0), slice(0, n_steps))
    states = affine_scan(J, c, z0)
    with torch.no_grad():
        residual = _residual(states, _times(J, _before(states, z0)) + c)[0]
    return Solution(states, residual, n_iterations, done)


def _solved(parallel, solve_by_newton, solve_by_loop):
    """States, rounds and what was done."""
    if parallel == "sequential":
        return solve_by_loop(), 0, "sequential"
    try:
        return *solve_by_newton(), "newton"
    except NotConverged:
        if parallel != "auto":
            raise
    return solve_by_loop(), 0, "sequential"


def _before(y, y0):
    """The states before each step: y shifted by one, y0 first."""
    return torch.cat([y0.detach().unsqueeze(1), y[:, :-1]], dim=1).detach()


def _times(J, y):
    return torch.einsum("btij,btj->bti", J, y)


def _residual(y, value):
    """Largest |y - value|, the largest relative to max(1, |y|), and the time of the latter; NaN counts as infinite."""
    error = torch.nan_to_num((y - value).abs(), nan=torch.inf, posinf=torch.inf)
    relative = (error / torch.nan_to_num(y.abs(), nan=1.0, posinf=1.0).clamp(min=1)).amax(dim=(0, 2))
    return float(error.max()), float(relative.max()), int(relative.argmax())


def _bounded(y):
    """Iterates on their way may overflow, and find back once the states before them are exact."""
    return torch.nan_to_num(y, nan=0.0, posinf=BOUND, neginf=-BOUND).clamp(-BOUND, BOUND)


def _result_of(name, function, y, x, *, shape):
    result = function(y, x)
    if not isinstance(result, torch.Tensor) or tuple(result.shape) != tuple(shape) or result.dtype != y.dtype:
        got = f"{tuple(result.shape)} {result.dtype}" if isinstance(result, torch.Tensor) else type(result).__name__
        raise InputError(
            f"parallel_newton: {name} returned the wrong thing", got=got, expected=f"{tuple(shape)} {y.dtype} is needed"
        )
    return result


def _check_choice(name, parallel, max_iterations):
    if parallel not in PARALLEL:
        raise InputError(f"{name}: no such choice", got=f"parallel={parallel!r}", expected=f"one of {PARALLEL}")
    check_count(name, "max_iterations", max_iterations)


def _not_converged(name, n_rounds, n_steps, fact):
    return NotConverged(
        f"{name}: not solved after {n_rounds} rounds over {n_steps} time steps",
        got=fact,
        expected="a chaotic recurrence that runs freely needs about one round per time step",
        do="force it more strongly, take shorter windows, or parallel='sequential'",
    )
