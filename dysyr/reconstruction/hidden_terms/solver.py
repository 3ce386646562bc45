"""Initial value problems of one system for many parameter values side by side."""

import numpy as np
from scipy.integrate import solve_ivp

from dysyr.core.errors import InputError
from dysyr.reconstruction.hidden_terms.compiled import CompiledField

STABLE = 2.0
N_STEPS = 60
N_STATES = 8
MOST_STEPS = 20_000
TOLERANCE = 1e-10


class Solver:
    """Solutions of dx/dt = f(x, t; p) at given times, for lanes of parameters and initial states.

    Fixed steps, with the method DOP853 for equations in time and the classical method for those in space, whose steps
    are bounded by stability.

    Args:
        system: System of kind "ode" or "pde".
        names: names of the parameters that vary between lanes; the others keep the values of the system.
        segments: Segments; its times are where solutions are wanted.

    Attributes:
        n_steps: (interval,) Runge-Kutta steps in each interval between samples.

    Raises:
        InputError: stability would take more than 20,000 steps.
    """

    def __init__(self, system, names, segments):
        self.system, self.names, self.segments = system, tuple(names), segments
        self._field = CompiledField(system)
        gaps = np.diff(segments.times, axis=1)
        wanted = np.maximum(1, np.ceil(gaps.max(axis=0) / self._longest_step() - 1e-9))
        if wanted.sum() > MOST_STEPS:
            raise InputError(
                "the known part is too stiff", got=f"{wanted.sum():.0f} stable steps along the data",
                expected=f"at most {MOST_STEPS}", do="take a coarser grid, or shorter records",
            )  # fmt: skip
        self.n_steps = wanted.astype(int)

    def solutions(self, states, values):
        """States at the times of the segments.

        Args:
            states: (lane, segment, dim) at the first time of each segment.
            values: (lane, name) parameters.

        Returns:
            (lane, segment, sample, dim); not finite from where a solution blows up.
        """
        clocks = self.segments.times
        found = np.empty((*states.shape[:2], clocks.shape[1], states.shape[2]))
        found[:, :, 0] = states
        p, method = self._field.parameters(self.names, values), "rk4" if self.system.kind == "pde" else "dop853"
        for s, clock in enumerate(clocks):
            found[:, s, 1:] = self._field.run(method, states[:, s], clock, self.n_steps, p)
        return found

    def exact(self, states, values):
        """The same for one lane, states (segment, dim) and values (name,), with an error of 1e-10 in each step.

        SciPy's DOP853 for equations in time, LSODA with a banded Jacobian for those in space, which are stiff.

        Returns:
            (segment, sample, dim); infinite where the integrator gives up.
        """
        found = np.full((*self.segments.times.shape, self.system.dim), np.inf)
        p = self._field.parameters(self.names, values[None])
        for s, clock in enumerate(self.segments.times):
            wanted, place = np.unique(clock, return_inverse=True)
            out = solve_ivp(
                lambda t, x: self._field.rate(x[None], t, p)[0], (clock[0], clock[-1]), states[s], t_eval=wanted,
                rtol=TOLERANCE, atol=TOLERANCE * self.segments.scale, **self._integrator(),
            )  # fmt: skip
            if out.success and np.isfinite(out.y).all():
                found[s] = out.y.T[place]
        return found

    def _integrator(self):
        if self.system.kind != "pde":
            return {"method": "DOP853"}
        rows, columns = np.nonzero(self.system.sparsity())
        reach = int(np.abs(rows - columns).max())
        return {"method": "LSODA"} | ({} if reach > self.system.dim // 4 else {"lband": reach, "uband": reach})

    def _longest_step(self):
        """A step that resolves the data and keeps the known part stable: STABLE / |Jacobian|, along the data."""
        longest = self.segments.duration.max() / N_STEPS
        states = self.segments.values.reshape(-1, self.system.dim)
        states = states[np.isfinite(states).all(axis=1)]
        if self.system.kind == "pde" and self.system.trees.initial:
            states = self.system.initial_state[None]
        chosen = states[np.linspace(0, len(states) - 1, min(N_STATES, len(states))).astype(int)]
        norms = np.abs(self.system.jacobian(chosen)).sum(axis=-1).max(axis=-1, initial=0.0)
        bound = norms[np.isfinite(norms)].max(initial=0.0)
        return min(longest, STABLE / bound) if bound > 0 else longest
