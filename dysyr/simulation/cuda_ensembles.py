"""Trajectories on a CUDA device, one thread each: the same equations, methods and random numbers as on the
processor.

Results are NumPy arrays (trajectory, time, dim), permuted views of (time, dim, lane). Imported only when a device
is asked for.
"""

import numpy as np

from dysyr.core.codegen_device import device_source
from dysyr.core.errors import InputError
from dysyr.kernels.cuda.device import require_device
from dysyr.kernels.philox import key_of
from dysyr.simulation.divergence import raise_diverged
from dysyr.simulation.flows import TABLEAUS, first_steps
from dysyr.simulation.sdes import check_method


class CudaSystem:
    """A system's device code for one dtype; each integrator is compiled when it is first asked for.

    Args:
        system: the System.
        dtype: "float64" or "float32".

    Raises:
        InputError: no CUDA kernel can run here, or another dtype.
    """

    def __init__(self, system, dtype="float64"):
        require_device()
        from dysyr.kernels.cuda.scalar_source import scalar_system

        self.system = system
        self.dtype = np.dtype(dtype)
        self.scalar = scalar_system(device_source(system, self.dtype.name), self.dtype.name)
        self._kernels = {}

    def kernel(self, method, adaptive=False):
        """The integrator of a method: a name of a Runge-Kutta or stochastic method, or "map"."""
        if (method, adaptive) not in self._kernels:
            from dysyr.kernels.cuda.adaptive_source import adaptive_source
            from dysyr.kernels.cuda.compilation import load_device_module
            from dysyr.kernels.cuda.fixed_step_source import map_source, runge_kutta_source
            from dysyr.kernels.cuda.stochastic_source import stochastic_source

            if method == "map":
                text = map_source(self.scalar)
            elif method not in TABLEAUS:
                text = stochastic_source(self.scalar, method)
            elif adaptive:
                text = adaptive_source(self.scalar, TABLEAUS[method])
            else:
                text = runge_kutta_source(self.scalar, TABLEAUS[method])
            name = f"{self.system.name or self.system.kind}_{method}"
            self._kernels[method, adaptive] = load_device_module(text, name).integrate
        return self._kernels[method, adaptive]

    def evaluate(self, t, x):
        """f at lanes, from the slow twin: t (lane,), x (dim, lane) -> (dim, lane)."""
        return self.system.vector_field(x.T, t).T


def integrate_fixed_on_device(device_system, method, x0, times, substeps, keep=True):
    """Values at given times with a fixed number of equal steps between them.

    Args:
        device_system: CudaSystem.
        method: "rk4", "tsit5" or "dop853".
        x0: (trajectory, dim) states at times[0].
        times: (time,) ascending times in system time units.
        substeps: steps in each interval.
        keep: whether to return all times or the last one only.

    Returns:
        array (trajectory, time, dim) that starts with x0, or (trajectory, dim).

    Raises:
        DivergedError: a trajectory is no longer finite; the others were computed to their end.
        InputError: an unknown method, another kind of system, or states or times of another shape.
    """
    _check_kind(device_system, ("ode", "pde"))
    _check_method(method, tuple(TABLEAUS))
    kernel = device_system.kernel(method)
    times = _checked_times(times)
    values, broken, final = _run_fixed(device_system, kernel, x0, times, _widths(times, substeps), substeps, keep)
    if (broken >= 0).any():
        raise_diverged(
            device_system.system, np.where(broken >= 0, times[broken], np.inf), final,
            f"take more substeps than {substeps}, or a method that chooses its step",
        )  # fmt: skip
    return values


def integrate_adaptive_on_device(device_system, method, x0, times, rtol, atol, keep=True):
    """Values at given times with an own step for each trajectory, local error below atol + rtol |x|.

    Args:
        device_system: CudaSystem.
        method: "tsit5" or "dop853".
        x0: (trajectory, dim) states at times[0].
        times: (time,) ascending times in system time units.
        rtol: relative tolerance.
        atol: absolute tolerance, in units of the state.
        keep: whether to return all times or the last one only.

    Returns:
        array (trajectory, time, dim) that starts with x0, or (trajectory, dim); and the number of accepted and
        refused steps.

    Raises:
        DivergedError: a trajectory's step shrank to nothing.
        InputError: a method without step control, another kind of system, or states, times or tolerances that
            cannot be used.
    """
    from numba import cuda

    from dysyr.kernels.cuda.adaptive_source import COLLAPSED
    from dysyr.kernels.cuda.ensembles import advance_adaptive, parameter_lanes

    _check_kind(device_system, ("ode", "pde"))
    _check_method(method, tuple(name for name, tableau in TABLEAUS.items() if tableau.error))
    _check_tolerances(rtol, atol)
    dtype, tableau = device_system.dtype, TABLEAUS[method]
    times, x0 = _checked_times(times), _checked_states(device_system, x0)
    n, dim = x0.shape
    steps = first_steps(device_system, x0, np.full(n, times[0]), times[-1], rtol, atol, tableau.order)
    out = _empty_outputs(times.size - 1, dim, n, dtype, keep)
    states = cuda.to_device(np.array(x0.T, dtype, order="C"))
    clocks = [np.zeros(n), np.zeros(n), steps, np.full(n, 1e-4)]
    clocks = [cuda.to_device(clock.astype(dtype)) for clock in clocks]
    interval, status, counts = (cuda.to_device(np.zeros(shape, np.int64)) for shape in (n, n, (2, n)))
    intervals = [cuda.to_device(a.astype(dtype)) for a in (times[:-1], np.diff(times), times[-1] - times[:-1])]
    advance_adaptive(
        device_system.kernel(method, adaptive=True), intervals, (dtype.type(rtol), dtype.type(atol)), states,
        parameter_lanes(list(device_system.system.parameters.values()), n, dtype), keep, clocks, interval, status,
        counts, out,
    )  # fmt: skip
    collapsed, final = status.copy_to_host() == COLLAPSED, states.copy_to_host().T
    if collapsed.any():
        reached = times[interval.copy_to_host().clip(max=times.size - 1)] + clocks[0].copy_to_host()
        raise_diverged(
            device_system.system, np.where(collapsed, reached, np.inf), final,
            "look at the equations, the parameters and initial_state",
        )  # fmt: skip
    accepted, refused = counts.copy_to_host().sum(axis=1)
    return _with_start(x0, out, final, dtype, keep), {"accepted": int(accepted), "refused": int(refused)}


def iterate_on_device(device_system, x0, first_time, n_outputs, stride=1, keep=True):
    """Iterate a map and keep every ``stride``-th state.

    Args:
        device_system: CudaSystem of a map.
        x0: (trajectory, dim) states at ``first_time``.
        first_time: time of x0, in steps.
        n_outputs: number of kept states after x0.
        stride: applications of the map between two kept states.
        keep: whether to return all states or the last one only.

    Returns:
        array (trajectory, 1 + n_outputs, dim) that starts with x0, or (trajectory, dim).

    Raises:
        DivergedError: a trajectory is no longer finite.
        InputError: another kind of system, or states of another shape.
    """
    _check_kind(device_system, ("map",))
    _check_count(stride)
    times = first_time + stride * np.arange(n_outputs + 1.0)
    kernel = device_system.kernel("map")
    values, broken, final = _run_fixed(device_system, kernel, x0, times, np.ones(n_outputs), stride, keep)
    if (broken >= 0).any():
        left = np.where(broken >= 0, times[broken], np.inf)
        raise_diverged(
            device_system.system, left, final, "start inside the basin of attraction, or change the parameters"
        )
    return values


def integrate_paths_on_device(device_system, method, x0, times, substeps, seed, first_step=0, first_path=0, keep=True):
    """Paths of a stochastic differential equation at given times.

    Args:
        device_system: CudaSystem of an sde.
        method: a key of ``dysyr.simulation.sdes.METHODS``.
        x0: (trajectory, dim) states at times[0].
        times: (time,) ascending times in system time units.
        substeps: steps in each interval.
        seed: seed of the noise; path k depends on the seed and on first_path + k only.
        first_step: number of the first step, in the counter of the random numbers.
        first_path: number of the first path.
        keep: whether to return all times or the last one only.

    Returns:
        array (trajectory, time, dim) that starts with x0, or (trajectory, dim).

    Raises:
        DivergedError: a path is no longer finite.
        InputError: another kind of system, or a method that does not converge to the solution of this equation.

    Reference:
        kloeden1992, rossler2010
    """
    from dysyr.kernels.cuda.stochastic_source import METHODS

    _check_kind(device_system, ("sde",))
    _check_method(method, METHODS)
    check_method(device_system.system, method)
    low, high = (int(word) for word in key_of(seed))
    times = _checked_times(times)
    values, broken, final = _run_fixed(
        device_system, device_system.kernel(method), x0, times, _widths(times, substeps), substeps, keep,
        (first_step, low, high, first_path),
    )  # fmt: skip
    if (broken >= 0).any():
        raise_diverged(
            device_system.system, np.where(broken >= 0, times[broken], np.inf), final,
            f"take more substeps than {substeps}, or look at initial_state",
        )  # fmt: skip
    return values


def _run_fixed(device_system, kernel, x0, times, widths, substeps, keep, further=()):
    """(values, broken, final states) of a fixed-step kernel."""
    from numba import cuda

    from dysyr.kernels.cuda.ensembles import advance_fixed, parameter_lanes

    dtype, x0 = device_system.dtype, _checked_states(device_system, x0)
    n, dim = x0.shape
    states = cuda.to_device(np.array(x0.T, dtype, order="C"))
    out = _empty_outputs(widths.size, dim, n, dtype, keep)
    broken = cuda.to_device(np.full(n, -1, np.int64))
    p = parameter_lanes(list(device_system.system.parameters.values()), n, dtype)
    starts, widths = cuda.to_device(times[:-1].astype(dtype)), cuda.to_device(widths.astype(dtype))
    advance_fixed(kernel, starts, widths, int(substeps), states, p, keep, out, broken, further)
    final = states.copy_to_host().T
    return _with_start(x0, out, final, dtype, keep), broken.copy_to_host(), final


def _empty_outputs(n_outputs, dim, n, dtype, keep):
    from numba import cuda

    return cuda.device_array((n_outputs, dim, n) if keep else (1, 1, 1), dtype)


def _with_start(x0, out, final, dtype, keep):
    """(trajectory, time, dim) with x0 before the outputs, or the final states."""
    if not keep:
        return final
    values = np.empty((out.shape[0] + 1, x0.shape[1], x0.shape[0]), dtype)
    values[0] = x0.T
    values[1:] = out.copy_to_host()
    return values.transpose(2, 0, 1)


def _checked_states(device_system, x0):
    x0 = np.asarray(x0)
    if x0.ndim != 2 or x0.shape[1] != device_system.system.dim or x0.shape[0] == 0:
        raise InputError(
            "initial states", got=f"shape {x0.shape}", expected=f"(trajectory, {device_system.system.dim})"
        )
    return x0


def _checked_times(times):
    times = np.asarray(times, float)
    if times.ndim != 1 or times.size < 2 or not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise InputError("times", got=f"shape {times.shape}", expected="two or more finite, ascending times")
    return times


def _widths(times, substeps):
    """Width of one step of each interval."""
    _check_count(substeps)
    return np.diff(times) / substeps


def _check_count(substeps):
    if not isinstance(substeps, (int, np.integer)) or substeps < 1:
        raise InputError("number of steps in an interval", got=repr(substeps), expected="an integer of at least 1")


def _check_tolerances(rtol, atol):
    if not (np.isfinite([rtol, atol]).all() and rtol >= 0 and atol > 0):
        raise InputError("tolerances", got=f"rtol={rtol}, atol={atol}", expected="rtol >= 0 and atol > 0, finite")


def _check_kind(device_system, kinds):
    system = device_system.system
    if system.kind not in kinds:
        raise InputError(
            f"{system.name or 'the system'} needs another integrator on a device", got=f"kind {system.kind}",
            expected=f"kind {' or '.join(kinds)}",
        )  # fmt: skip


def _check_method(method, known):
    if method not in known:
        raise InputError("unknown method on a device", got=repr(method), expected=f"one of {', '.join(known)}")
