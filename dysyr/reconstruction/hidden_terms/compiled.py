"""The compiled right-hand side of a system, with parameters that may differ from lane to lane."""

import functools

import numpy as np

from dysyr.core.codegen import kernel_source
from dysyr.kernels.elementary import with_own_functions
from dysyr.kernels.jit import first_class, load_generated, right_hand_side
from dysyr.kernels.ode_pointer import FunctionPointer
from dysyr.kernels.ode_views import with_windows
from dysyr.kernels.runge_kutta import fixed_step_integrator
from dysyr.kernels.tableau import RK4
from dysyr.kernels.tableau_dop853 import DOP853

REAL = np.dtype(np.float64)


class CompiledField:
    """f(x, t; p) of a System, and fixed steps along it.

    Args:
        system: System of kind "ode" or "pde".
    """

    def __init__(self, system):
        source = with_windows(with_own_functions(kernel_source(system), REAL.name))
        self._rate = first_class(load_generated(source, system.name or system.kind).rhs, right_hand_side(REAL))
        self._pointer = FunctionPointer(self._rate, right_hand_side(REAL))
        self._names = list(system.parameters)
        self._given = np.array(list(system.parameters.values()), dtype=np.float64)

    def parameters(self, names, values):
        """(parameter, lane) of all parameters, where those of some names have values (lane, name)."""
        p = np.repeat(self._given[:, None], len(values), axis=1)
        p[[self._names.index(name) for name in names]] = values.T
        return p

    def rate(self, x, t, p):
        """f at states x (lane, dim), one time t and parameters p (parameter, lane): (lane, dim)."""
        out = np.empty((x.shape[1], len(x)))
        self._rate(np.full(len(x), float(t)), np.ascontiguousarray(x.T), p, out)
        return out.T

    def run(self, method, x, clock, n_steps, p):
        """States at the times of a clock after the first.

        Args:
            method: "rk4" or "dop853", with fixed steps.
            x: (lane, dim) states at clock[0].
            clock: (time,) ascending; repeated times repeat the state.
            n_steps: (time - 1,) steps in each interval, or one number for all.
            p: (parameter, lane).

        Returns:
            (lane, time - 1, dim), a view; not finite from where a lane blows up.
        """
        x, broken = np.array(x.T, order="C"), np.full(len(x), -1)
        out, integrate = np.empty((len(clock) - 1, *x.shape)), fixed_step_integrator(REAL)
        arrays = _coefficients(method)
        if np.ndim(n_steps) == 0:
            integrate(self._pointer, *arrays, clock, 0, len(clock) - 1, int(n_steps), x, p, True, out, 0, broken)
            return out.transpose(2, 0, 1)
        for i, n in enumerate(n_steps):
            integrate(self._pointer, *arrays, clock, i, i + 1, int(n), x, p, True, out, 0, broken)
        return out.transpose(2, 0, 1)


@functools.cache
def _coefficients(method):
    """stages (stage, stage), nodes, weights of a method as arrays."""
    tableau = {"rk4": RK4, "dop853": DOP853}[method]
    n = len(tableau.weights)
    stages = np.zeros((n, n))
    for s, row in enumerate(tableau.stages[:n]):
        stages[s, : len(row)] = row
    return stages, np.array(tableau.nodes[:n]), np.array(tableau.weights)
