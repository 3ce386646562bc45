"""States and regions that a model visits when it runs free, from which searches for periodic orbits start."""

import numpy as np

MAX_TRAJECTORIES = 10
MAX_SIZE = 1e6
"""A run is cut where a coordinate passes this, relative to the first two states of all runs, or to 1."""


class FreeRun:
    """A free run of a model from its initial states, the transient included.

    Args:
        model: PiecewiseLinear.
        n_steps: steps in all, shared by up to ``MAX_TRAJECTORIES`` initial states.

    Attributes:
        runs: list of (steps, latent), each cut where it diverges, at the latest after its initial state.
        regions: (n_regions, n_bits) bool, those visited.
        paths: list of (steps,) indices into ``regions``, one for each run.
    """

    def __init__(self, model, n_steps):
        starts = model.initial_states[:MAX_TRAJECTORIES]
        with np.errstate(over="ignore", invalid="ignore"):
            ahead = model.trajectory(starts, max(1, n_steps // len(starts)))
        runs = np.concatenate([starts[:, None], ahead], axis=1)
        self._unit = np.abs(runs[:, :2]).max()
        bounded = np.abs(runs).max(axis=2) <= MAX_SIZE * np.fmax(1.0, self._unit)
        bounded = np.logical_and.accumulate(bounded, axis=1)
        self.runs = [run[keep] for run, keep in zip(runs, bounded, strict=True)]
        bits = np.concatenate([model.region(run) for run in self.runs])
        packed = np.packbits(bits, axis=1) if model.n_bits else np.zeros((len(bits), 1), dtype=np.uint8)
        _, first, index = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        self.regions = bits[first]
        self.paths = np.split(index.reshape(-1), np.cumsum([len(run) for run in self.runs])[:-1])

    def adjacency(self):
        """(n_regions, n_regions) bool, whether a step from one region to the other was seen."""
        seen = np.zeros((len(self.regions),) * 2, dtype=bool)
        for path in self.paths:
            seen[path[:-1], path[1:]] = True
        return seen

    def box(self, factor):
        """(low, high), each (latent,), of a box around the later half of the runs, ``factor`` times as wide.

        No side is shorter than a thousandth of the longest; around a single point the half-width is ``factor`` times
        the sum of its largest coordinate and that of the first two states.
        """
        late = np.concatenate([run[len(run) // 2 :] for run in self.runs])
        low, high = late.min(axis=0), late.max(axis=0)
        half = np.maximum((high - low) / 2, 1e-3 * (high - low).max())
        if not half.any():
            half = np.full_like(half, self._unit + np.abs(late).max() or 1.0)
        centre = (high + low) / 2
        return centre - factor * half, centre + factor * half

    def closest_returns(self, period, n_returns):
        """Words (n, period, n_bits) of the stretches of the runs whose ends are nearest to their starts."""
        distances, where = [], []
        for r, run in enumerate(self.runs):
            if len(run) > period:
                distances.append(np.linalg.norm(run[period:] - run[:-period], axis=1))
                where.append(np.column_stack([np.full(len(run) - period, r), np.arange(len(run) - period)]))
        if not distances:
            return np.zeros((0, period, self.regions.shape[1]), dtype=bool)
        where, order = np.concatenate(where), np.argsort(np.concatenate(distances), kind="stable")
        words = [self.regions[self.paths[r][t : t + period]] for r, t in where[order[:n_returns]]]
        return np.stack(words)
