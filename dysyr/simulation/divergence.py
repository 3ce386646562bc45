"""The error of a run that blew up: when, which trajectory, which variable."""

import numpy as np

from dysyr.core.errors import DivergedError

MODEST = 1e5
"""Largest size of a state that has not left every bound: where a step shrank there, the equations end."""


def raise_diverged(system, times, final, do):
    """Raise the error for the trajectory that diverged first.

    Args:
        system: the System.
        times: (trajectory,) time of divergence in system time units, infinite where there was none.
        final: (trajectory, dim) the states in which the trajectories were left.
        do: what the user can do.

    Raises:
        DivergedError: always.
    """
    trajectory = int(np.argmin(times))
    when = float(times[trajectory]) + 0.0
    sizes = np.abs(final[trajectory])
    sizes[~np.isfinite(sizes)] = np.inf
    variable = system.variables[int(np.argmax(sizes))]
    n_diverged = int(np.isfinite(times).sum())
    others = f" ({n_diverged} of {times.size} trajectories diverged)" if times.size > 1 else ""
    what, needed = f"variable {variable} of trajectory {trajectory} left every bound at t = {when:.6g}", "states"
    if sizes.max() < MODEST:
        state = ", ".join(f"{name} = {x:.3g}" for name, x in zip(system.variables[:3], final[trajectory], strict=False))
        what = f"no step of trajectory {trajectory} is short enough at t = {when:.6g}, where {state}"
        needed = "states and equations"
    raise DivergedError(
        f"the simulation of {system.name or 'the system'} diverged",
        time=when,
        trajectory=trajectory,
        got=what + others,
        expected=f"a simulation needs {needed} that stay finite",
        do=do,
    )
