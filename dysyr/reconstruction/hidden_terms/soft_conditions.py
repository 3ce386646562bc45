"""Initial and boundary conditions as a term of the loss."""

import numpy as np
import torch

N_TIMES = 32
N_SITES = 128


class SoftConditions:
    """Mean squared misfit of given initial states and boundaries, in variances of the data.

        mean (U(t_0) - u_0)^2 / s^2 + for each coordinate: mean (U - value)^2 / s^2 at fixed ends,
        mean (L U_x)^2 / s^2 at reflecting ends, mean of the differences of U and L U_x between periodic ends

    Args:
        system: System.
        segments: Segments.
        start: (segment, dim) given initial states, or None.
        axes: list of coordinates as ``Surrogate.axes``.
    """

    def __init__(self, system, segments, start, axes):
        self._system, self._segments, self._axes, self._start = system, segments, axes, start
        self._initial = self._initial_points() if start is not None else None
        self._ends = [self._end_points(k) for k in range(len(axes))]

    def loss(self, surrogate, theta):
        """The misfit of a surrogate with parameters theta."""
        total = torch.zeros((), dtype=torch.float64)
        if self._initial is not None:
            points, target = self._initial
            total = total + (((surrogate.series(theta, points)[0] - target) / surrogate.scale) ** 2).mean()
        for k, (axis, ends) in enumerate(zip(self._axes, self._ends, strict=True)):
            low, high = (surrogate.series(theta, points) for points in ends)
            slopes = [axis["length"] * surrogate.directions.derivative(s, 1 + k, 1) for s in (low, high)]
            if axis["boundary"] == "periodic":
                misfits = [low[0] - high[0], slopes[0] - slopes[1]]
            elif axis["boundary"] == "reflecting":
                misfits = slopes
            else:
                values = torch.tensor(np.array([axis["ends"][name] for name in self._system.fields]))
                misfits = [low[0] - values[:, 0], high[0] - values[:, 1]]
            total = total + sum(((m / surrogate.scale) ** 2).mean() for m in misfits)
        return total

    def _initial_points(self):
        begin, n_fields = self._segments.times[:, 0], len(self._system.fields)
        target = self._start.reshape(len(begin), n_fields, -1).swapaxes(1, 2)
        if not self._axes:
            return torch.tensor(begin)[:, None, None], torch.tensor(target)
        grids = np.meshgrid(*self._system.space.values(), indexing="ij")
        sites = np.stack([g.ravel() for g in grids], axis=1)
        kept = np.unique(np.linspace(0, len(sites) - 1, N_SITES).astype(int))
        points = [np.column_stack([np.full(len(kept), t), sites[kept]]) for t in begin]
        return torch.tensor(np.stack(points)), torch.tensor(target[:, kept])

    def _end_points(self, k):
        """Points at the two ends of coordinate k."""
        rng = np.random.default_rng(k)
        both = []
        for end in (0.0, 1.0):
            points = []
            for t0, duration in zip(self._segments.times[:, 0], self._segments.duration, strict=True):
                columns = [t0 + duration * np.linspace(0, 1, N_TIMES)]
                for i, axis in enumerate(self._axes):
                    share = np.full(N_TIMES, end) if i == k else rng.random(N_TIMES)
                    columns.append(axis["low"] + axis["length"] * share)
                points.append(np.column_stack(columns))
            both.append(torch.tensor(np.stack(points)))
        return both
