"""The run of a solution: steps, what is kept of them, and how an interrupted one goes on."""

import math

import numpy as np
import torch

from dysyr.reconstruction.povm_transformer.time_steps import projection_step, trapezoid_step, variational_step

STEPPERS = ("variational", "trapezoid", "projection")


class SteadyRun:
    """The steps of a ``SteadyState``, the best state kept.

    In sampled mode, where residuals are noisy, the parameters kept are the mean over the last half of the steps.

    Args:
        steady: SteadyState.
        n_steps: most steps.
    """

    def __init__(self, steady, n_steps):
        self.steady, self.n_steps = steady, n_steps
        self.history = {}
        self._sum = torch.zeros_like(steady.state.theta)

    @property
    def n_done(self):
        """Steps made."""
        return len(self.history.get("residual_l1", ()))

    @property
    def finished(self):
        """Whether no step is left to make."""
        return self.steady.finished or self.n_done >= self.n_steps

    def advance(self):
        """One step: its report."""
        row = self.steady.advance()
        _append(self.history, row)
        if self.steady.sums.n_samples is not None and self.n_done > self.n_steps // 2:
            self._sum += self.steady.state.theta
        return row

    def thetas(self):
        """(1, parameter) what was found."""
        found = self.steady.state.theta
        if self.steady.sums.n_samples is not None:
            found = self._sum / (self.n_done - self.n_steps // 2)
        return found.cpu().numpy()[None]

    def saved(self):
        """(arrays, numbers) from which ``restore`` goes on."""
        numbers = {
            "damping": self.steady.damping.value, "finished": self.steady.finished,
            "n_drawn": self.steady.sums.n_drawn, "columns": list(self.history),
        }  # fmt: skip
        arrays = {"theta": self.steady.state.theta.cpu().numpy(), "sum": self._sum.cpu().numpy()}
        return arrays | _columns(self.history), numbers

    def restore(self, arrays, numbers):
        """Go on from what ``saved`` gave."""
        device = self._sum.device
        self.steady.state.set_theta(torch.tensor(arrays["theta"], device=device))
        self._sum = torch.tensor(arrays["sum"], device=device)
        self.steady.damping.value, self.steady.finished = numbers["damping"], numbers["finished"]
        self.steady.sums.n_drawn = numbers["n_drawn"]
        self.history = {name: list(arrays[f"history_{name}"]) for name in numbers["columns"]}


class Evolution:
    """Steps in time, with the state at given times kept.

    Each interval between times is made of equal steps of at most ``dt``.

    Args:
        state: StringState at time 0.
        sums: Sums.
        frame: Frame.
        times: (time,) ascending, the first one >= 0.
        dt: longest step.
        stepper: one of ``STEPPERS``.
        tolerance, cutoff: see :mod:`dysyr.reconstruction.povm_transformer.time_steps`.
    """

    def __init__(self, state, sums, frame, times, *, dt, stepper, tolerance, cutoff):
        self.state, self.sums, self.frame, self.times = state, sums, frame, np.asarray(times, float)
        self.stepper, self.tolerance, self.cutoff = stepper, tolerance, cutoff
        self._steps = []
        t = 0.0
        for k, goal in enumerate(self.times):
            n = math.ceil((goal - t) / dt - 1e-9)
            self._steps += [(k, t + (goal - t) * j / n, (goal - t) / n) for j in range(n)]
            t = goal
        self.history, self.kept, self.n_done = {}, [], 0
        self._keep()

    @property
    def n_steps(self):
        """Number of steps in all."""
        return len(self._steps)

    @property
    def finished(self):
        """Whether the last time is reached."""
        return self.n_done == self.n_steps

    def advance(self):
        """One step: its report."""
        _, t, dt = self._steps[self.n_done]
        arguments = (self.state, self.sums, t, dt, self.frame)
        if self.stepper == "variational":
            row = variational_step(*arguments, self.tolerance, self.cutoff)
        else:
            step = trapezoid_step if self.stepper == "trapezoid" else projection_step
            row = step(*arguments, self.tolerance)
        _append(self.history, {"time": t + dt, **row})
        self.n_done += 1
        self._keep()
        return row

    def thetas(self):
        """(time, parameter) what was found."""
        return np.stack(self.kept)

    def saved(self):
        """(arrays, numbers) from which ``restore`` goes on."""
        arrays = {"theta": self.state.theta.cpu().numpy(), **{f"kept_{k}": v for k, v in enumerate(self.kept)}}
        numbers = {
            "n_done": self.n_done,
            "n_kept": len(self.kept),
            "n_drawn": self.sums.n_drawn,
            "columns": list(self.history),
        }
        return arrays | _columns(self.history), numbers

    def restore(self, arrays, numbers):
        """Go on from what ``saved`` gave."""
        self.state.set_theta(torch.tensor(arrays["theta"], device=self.state.orders.device))
        self.kept = [arrays[f"kept_{k}"] for k in range(numbers["n_kept"])]
        self.n_done, self.sums.n_drawn = numbers["n_done"], numbers["n_drawn"]
        self.history = {name: list(arrays[f"history_{name}"]) for name in numbers["columns"]}

    def _keep(self):
        """Keep the present state for each time that is reached."""
        ahead = self._steps[self.n_done][0] if self.n_done < self.n_steps else len(self.times)
        while len(self.kept) < ahead:
            self.kept.append(self.state.theta.cpu().numpy())


def _append(history, row):
    for name, value in row.items():
        history.setdefault(name, []).append(value)


def _columns(history):
    return {f"history_{name}": np.array(column, dtype=np.float64) for name, column in history.items()}
