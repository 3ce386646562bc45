"""What a neural ODE is trained on: segments with starts of their own, or forced windows."""

import numpy as np
import torch

from dysyr.training.windows import Windows


class OneStep(torch.nn.Module):
    """L = < |phi_1(x[t]) - x[t+1]|^2 > over pairs of smoothed samples, in units of the change between them.

    Args:
        field: FieldNetwork.
        smoothed: list of (time, variable) standardised complete stretches.
        solver: see ``FieldNetwork.flow``.
        batch_size: pairs of an update.
    """

    def __init__(self, field, smoothed, *, solver, batch_size):
        super().__init__()
        self.field, self.solver, self.batch_size = field, solver, batch_size
        self._pairs = Windows(smoothed, 2, "a pair of samples")

    def forward(self, rng):
        """Loss of some pairs."""
        x = torch.tensor(self._pairs.draw_any(self.batch_size, rng), dtype=torch.float32)
        return self.field.mean_square(self.field.flow(x[:, 0], 1, self.solver) - x[:, 1:])


class Shooting(torch.nn.Module):
    """Multiple shooting: segments of n sampling intervals, whose starts are parameters too.

        L = < |phi_j(z_k) - x[k n + j]|^2, j = 0 .. n >  +  rho < |phi_n(z_k) - z_{k+1}|^2 >

    in units of the change from sample to sample. Starts lie at every n-th sample, z_k = smoothed x + noise * shift_k,
    and the shifts are trained: without noise starts stay at the data. The last start of a stretch is where its last
    segment ends.

    Args:
        field: FieldNetwork.
        pieces: list of (time, variable) standardised complete stretches.
        smoothed: likewise, smoothed.
        noise: (variable,) standard deviation of the noise.
        n: sampling intervals of a segment.
        solver: see ``FieldNetwork.flow``.
        continuity: rho.
        batch_size: segments of an update.

    Reference: bock1984
    """

    def __init__(self, field, pieces, smoothed, noise, *, n, solver, continuity, batch_size):
        super().__init__()
        self.field, self.n, self.solver = field, n, solver
        self.continuity, self.batch_size = continuity, batch_size
        every = Windows(pieces, n + 1, "a segment with the start of the next one")
        counts = [(len(x) - 1) // n for x in pieces]
        lengths = np.cumsum([0, *(len(x) for x in pieces)])
        places = np.concatenate([at + n * np.arange(m) for at, m in zip(lengths[:-1], counts, strict=True)])
        self._segments = torch.tensor(every.rows[places[:, None] + np.arange(n + 1)], dtype=torch.float32)
        starts = [x[: m * n + 1 : n] for x, m in zip(smoothed, counts, strict=True)]
        numbers = np.cumsum([0, *(len(x) for x in starts)])
        self._start_of = np.concatenate([at + np.arange(m) for at, m in zip(numbers[:-1], counts, strict=True)])
        self._starts = torch.tensor(np.concatenate(starts), dtype=torch.float32)
        self._noise = torch.tensor(noise, dtype=torch.float32)
        self.shift = torch.nn.Parameter(torch.zeros_like(self._starts))

    def starts(self):
        """(n_starts, variable) standardised."""
        return self._starts + self._noise * self.shift

    def forward(self, rng):
        """Loss of some segments."""
        chosen = rng.integers(len(self._start_of), size=self.batch_size)
        starts, numbers = self.starts(), self._start_of[chosen]
        begin, following = starts[numbers], starts[numbers + 1]
        states = torch.cat([begin[:, None], self.field.flow(begin, self.n, self.solver)], dim=1)
        misfit = self.field.mean_square(states - self._segments[chosen])
        return misfit + self.continuity * self.field.mean_square(states[:, -1] - following)


class Forcing(torch.nn.Module):
    """Generalized teacher forcing: after each sampling interval the state moves a share alpha towards the data.

        z[t+1] = phi_1(z~[t]),     z~[t] = (1 - alpha) z[t] + alpha x[t],     L = < |z[t] - x[t]|^2 >

    in units of the change from sample to sample; z~[0] = x[0].

    Args:
        field: FieldNetwork.
        pieces: list of (time, variable) standardised complete stretches.
        n: sampling intervals of a window.
        solver: see ``FieldNetwork.flow``.
        alpha: strength of the forcing in [0, 1].
        batch_size: windows of an update.

    Reference: hess2023
    """

    def __init__(self, field, pieces, *, n, solver, alpha, batch_size):
        super().__init__()
        self.field, self.solver, self.alpha, self.batch_size = field, solver, alpha, batch_size
        self._windows = Windows(pieces, n + 1, "a window with its start")

    def forward(self, rng):
        """Loss of some windows."""
        x = torch.tensor(self._windows.draw_any(self.batch_size, rng), dtype=torch.float32)
        forced, states = x[:, 0], []
        for t in range(1, x.shape[1]):
            states.append(self.field.flow(forced, 1, self.solver)[:, 0])
            forced = (1 - self.alpha) * states[-1] + self.alpha * x[:, t]
        return self.field.mean_square(torch.stack(states, dim=1) - x[:, 1:])
