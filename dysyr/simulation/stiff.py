"""Trajectories of stiff differential equations by scipy's implicit methods with the generated Jacobian."""

import numpy as np
from scipy.integrate import solve_ivp

from dysyr.kernels.jit import first_class, matrix_function
from dysyr.simulation.divergence import raise_diverged

METHODS = {"radau": "Radau", "bdf": "BDF"}


class _NotFinite(Exception):
    """A place where the equations or their Jacobian have no finite value: scipy would go on to a LinAlg error."""

    def __init__(self, time, state):
        super().__init__(f"t = {time}")
        self.time, self.state = float(time), state


def integrate_stiff(compiled, method, x0, start, times, rtol, atol):
    """Values at given times by an implicit method, one trajectory after the other, in float64.

    Args:
        compiled: CompiledSystem of dtype float64.
        method: "radau" (order 5) or "bdf" (orders 1 to 5).
        x0: (trajectory, dim) states at the start times.
        start: (trajectory,) start times in system time units, none after times[0].
        times: (time,) ascending output times in system time units.
        rtol: relative tolerance.
        atol: absolute tolerance, in units of the state.

    Returns:
        array (trajectory, time, dim), and a dict with the numbers of evaluations of f and of the Jacobian.

    Raises:
        DivergedError: a trajectory's step shrank to nothing.

    Reference:
        hairer1996
    """
    n, dim = x0.shape
    p = compiled.parameter_lanes(1)
    jacobian = first_class(compiled.module.jacobian, matrix_function(np.float64))

    latest = 0.0, x0[0]

    def f(t, x):
        nonlocal latest
        out = np.empty((dim, 1))
        compiled.rhs(np.array([t]), np.ascontiguousarray(x[:, None]), p, out)
        if np.isfinite(x).all():
            latest = t, np.array(x)
        return out[:, 0]

    def df(t, x):
        out = np.zeros((dim, dim, 1))
        jacobian(np.array([t]), np.ascontiguousarray(x[:, None]), p, out)
        if not np.isfinite(out).all():
            raise _NotFinite(t, np.array(x))
        return out[:, :, 0]

    def refuse(k, when, state):
        left, final = np.full(n, np.inf), x0.copy()
        left[k], final[k] = when, state
        raise_diverged(compiled.system, left, final, "look at the equations, the parameters and initial_state")

    out = np.empty((n, times.size, dim))
    counts = {"evaluations": 0, "jacobians": 0}
    for k in range(n):
        if times[-1] <= start[k]:
            out[k] = x0[k]
            continue
        if not np.isfinite(f(start[k], x0[k])).all():
            refuse(k, start[k], x0[k])
        try:
            solution = solve_ivp(
                f, (start[k], times[-1]), x0[k], METHODS[method], t_eval=times, rtol=rtol, atol=atol, jac=df
            )
        except _NotFinite as place:
            refuse(k, place.time, place.state)
        reached = solution.y.shape[1]
        if not solution.success or reached < times.size or not np.isfinite(solution.y).all():
            refuse(k, *latest)
        out[k] = solution.y.T
        counts["evaluations"] += solution.nfev
        counts["jacobians"] += solution.njev
    return out, counts
