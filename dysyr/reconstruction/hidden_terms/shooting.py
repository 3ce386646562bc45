"""The universal differential equation: the hidden function inside a solver, over short windows of the data.

    x_w(t_w) = U(t_w),   dx_w/dt = N(x_w) + F(x_w)
    mean ((x_w(t_i) - y_i) / s)^2 + mean ((x_w(t_w+1) - U(t_w+1)) / s)^2

Each window starts on the surrogate, and its end has to meet the start of the next one: multiple shooting with starts
that are values of U.

Reference: rackauckas2020, bock1984
"""

import numpy as np
import torch
from torchdiffeq import odeint

from dysyr.reconstruction.hidden_terms.collocation import HIDDEN_DECAY, Collocation
from dysyr.reconstruction.hidden_terms.tensors import evaluate

N_INTERVALS = 4
N_STEPS = 60


class Shooting(Collocation):
    """As ``Collocation``, for equations in time, with the equation held by a solver and not by derivatives of U."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        clocks, values = self.segments.times, self.segments.values
        n_samples = clocks.shape[1]
        starts = np.arange(0, n_samples - 1, N_INTERVALS)
        index = np.minimum(starts[:, None] + np.arange(N_INTERVALS + 1), n_samples - 1)
        self._windows = torch.tensor(clocks[:, index])
        target = torch.tensor(values[:, index])
        self._seen = torch.isfinite(target)
        self._seen[:, :, 1:] &= torch.tensor(np.diff(index, axis=1) > 0)[None, :, :, None]
        self._target = torch.nan_to_num(target)
        longest = np.diff(clocks, axis=1).max()
        self._step = 1.0 / max(1, int(np.ceil(N_STEPS * longest / self.segments.duration.max() - 1e-9)))

    def orbits(self, theta, scales):
        """(segment, window, sample, field) solutions over all windows, at the times of their samples."""
        n_segments, n_windows, n_samples = self._windows.shape
        at = self._windows[:, :, :1].reshape(n_segments, n_windows, 1)
        x = self.surrogate.values(self.split(theta)[0], at)
        found, unit = [x], torch.tensor([0.0, 1.0], dtype=torch.float64)
        for i in range(n_samples - 1):
            gap = (self._windows[:, :, i + 1] - self._windows[:, :, i])[..., None]
            x = odeint(
                lambda s, y, gap=gap: gap * self.field(theta, y, scales), x, unit, method="rk4",
                options={"step_size": self._step},
            )[-1]  # fmt: skip
            found.append(x)
        return torch.stack(found, dim=2)

    def field(self, theta, x, scales):
        """N(x) + F(x) at states x (segment, window, field): array like x."""
        system = self.problem.system

        def leaf(node):
            if node.op == "parameter":
                return system.trees.parameters[node.value]
            return x[..., system.fields.index(node.value[0])]

        def stacked(trees):
            columns = [torch.as_tensor(v, dtype=torch.float64) for v in evaluate(trees, leaf)]
            return torch.stack([c.expand(x.shape[:-1]) for c in columns], dim=-1)

        rate = stacked(self._known)
        arguments = {name: stacked(trees) for name, trees in self._arguments.items()}
        hidden = self.hidden_values(theta, arguments, scales)
        zero = torch.zeros_like(x[..., 0])
        return rate + torch.stack([hidden.get(name, zero) for name in system.fields], dim=-1)

    def residual_loss(self, theta, points, scales):
        """Misfit of the solutions to the data and of the windows to each other; collocation points are not used."""
        orbits = self.orbits(theta, scales)
        scale = self.surrogate.scale
        data = (((orbits - self._target) / scale)[self._seen] ** 2).mean()
        ends = self.surrogate.values(self.split(theta)[0], self._windows[:, :, -1:].flatten(1, 2)[..., None])
        gap = (((orbits[:, :, -1] - ends) / scale) ** 2).mean()
        decay = sum((part**2).sum() for part in self.split(theta)[1].values())
        return data + gap + HIDDEN_DECAY * decay
