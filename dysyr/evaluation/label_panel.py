"""Labels of many paths as measures want them: padded arrays, pairs of labels, samples at common instants."""

import dataclasses
import functools

import numpy as np

from dysyr.core.dataset import times
from dysyr.core.errors import InputError
from dysyr.core.labels import MISSING, labels_of

MAX_INSTANTS = 50
N_WINDOWS = 20
SAME_TIME = 1e-6
"""Times closer than this share of the median lag are one time."""


@dataclasses.dataclass(frozen=True, eq=False)
class LabelPanel:
    """Paths of labels.

    Attributes:
        grid: (path, time) labels as they were sampled, -1 where missing or after the end.
        labels: (path, time) the same with missing samples left out, -1 after the end.
        clock: (path, time) time of each of ``labels`` since the path's first one, in time units; NaN after the end.
        dt: sampling interval of regular data; None where times are irregular.
        n_states: number of states.
    """

    grid: np.ndarray
    labels: np.ndarray
    clock: np.ndarray
    dt: float | None
    n_states: int

    @classmethod
    def from_data(cls, data, *, n_states=None):
        """The panel of a data set.

        Args:
            data: Dataset with labels, at any times.
            n_states: number of states; by default one more than the largest label.

        Raises:
            InputError: no labels, a label beyond the states, or not one pair of labels.
        """
        rows, clocks = labels_of(data), times(data)
        seen = [row >= 0 for row in rows]
        kept = [(row[there], t[there]) for row, t, there in zip(rows, clocks, seen, strict=True) if there.any()]
        if not kept or max(len(row) for row, _ in kept) < 2:
            raise InputError(
                "no path has two labels",
                got=f"{len(kept)} paths with labels",
                expected="pairs of labels to compare with",
            )
        largest = max(int(row.max()) for row, _ in kept)
        if n_states is not None and largest >= n_states:
            raise InputError("a label is not a state of the model", got=str(largest), expected=f"0 to {n_states - 1}")
        return cls(
            grid=_padded([row for row, there in zip(rows, seen, strict=True) if there.any()], MISSING),
            labels=_padded([row for row, _ in kept], MISSING),
            clock=_padded([t - t[0] for _, t in kept], np.nan),
            dt=float(data.attrs["dt"]) if "dt" in data.attrs else None,
            n_states=largest + 1 if n_states is None else n_states,
        )

    @property
    def n_paths(self):
        """Number of paths."""
        return len(self.labels)

    @property
    def n_labels(self):
        """Number of labels that were seen."""
        return int((self.labels >= 0).sum())

    @functools.cached_property
    def lag_index(self):
        """(path, time - 1) number of the lag between neighbouring labels, -1 after the end."""
        return self._lags[1]

    @functools.cached_property
    def lags(self):
        """(lag,) distinct lags in time units, ascending."""
        return self._lags[0]

    @functools.cached_property
    def _lags(self):
        lags = np.diff(self.clock, axis=1)
        there = np.isfinite(lags)
        unit = SAME_TIME * np.median(lags[there])
        rounded, inverse = np.unique(np.rint(lags[there] / unit), return_inverse=True)
        index = np.full(lags.shape, -1)
        index[there] = inverse
        return rounded * unit, index

    def path_counts(self, steps):
        """(path, from, to) pairs of labels that are a number of steps apart; regular data only."""
        return pair_counts(self.grid, self.n_states, steps)

    def shares(self):
        """(path, state) number of labels of each path in each state."""
        return np.stack([(self.labels == state).sum(axis=1) for state in range(self.n_states)], axis=1)

    @functools.cached_property
    def instants(self):
        """Instants at which paths are compared: a list of (paths, columns of ``labels``).

        Where all paths have the same times these are the instants, at most 50 and evenly spaced; else time is cut into
        20 windows of equally many samples, and each path gives the first of its samples that lies in the window.
        Instants that fewer than half of the paths reach are left out.
        """
        there = self.labels >= 0
        unit = SAME_TIME * np.median(self.lags)
        rounded = np.where(there, np.rint(np.nan_to_num(self.clock) / unit), -1)
        common = np.unique(rounded[there])
        if len(common) <= 2 * self.labels.shape[1]:
            at = np.unique(np.linspace(0, len(common) - 1, MAX_INSTANTS).astype(int))
            found = [np.nonzero(rounded == common[k]) for k in at]
        else:
            edges = np.unique(np.quantile(rounded[there], np.linspace(0, 1, N_WINDOWS + 1)))
            edges[-1] += 1
            found = []
            for low, high in zip(edges[:-1], edges[1:], strict=True):
                inside = (rounded >= low) & (rounded < high)
                paths = np.flatnonzero(inside.any(axis=1))
                found.append((paths, inside[paths].argmax(axis=1)))
        most = max(len(paths) for paths, _ in found)
        return [(paths, columns) for paths, columns in found if 2 * len(paths) >= most]

    def thinned(self):
        """The panel with the samples of its instants alone: a chain seen at fewer times is the same chain."""
        kept = np.unique(np.concatenate([columns for _, columns in self.instants]))
        thin = dataclasses.replace(self, labels=self.labels[:, kept], clock=self.clock[:, kept])
        # Found again, instants could differ where samples are missing.
        thin.__dict__["instants"] = [(paths, np.searchsorted(kept, columns)) for paths, columns in self.instants]
        return thin

    @property
    def instant_times(self):
        """(instant,) mean time since the start of the paths."""
        return np.array([self.clock[paths, columns].mean() for paths, columns in self.instants])

    def histograms_at(self, instants):
        """(instant, state) shares of the states in the samples nearest to given times since the start of each path."""
        clock = np.where(self.labels >= 0, self.clock, np.inf)
        nearest = np.stack([np.abs(clock - t).argmin(axis=1) for t in instants])
        states = self.labels[np.arange(self.n_paths), nearest]
        return np.stack([(states == state).mean(axis=1) for state in range(self.n_states)], axis=1)

    def histograms(self, labels=None, weights=None):
        """Shares of the states at each instant.

        Args:
            labels: (..., path, time) other labels at the same times; by default those of the panel.
            weights: (path,) how often each path counts; by default once.

        Returns:
            (..., instant, state).
        """
        labels = self.labels if labels is None else labels
        weights = np.ones(self.n_paths) if weights is None else weights
        shares = []
        for paths, columns in self.instants:
            here = labels[..., paths, columns]
            hits = [(weights[paths] * (here == state)).sum(axis=-1) for state in range(self.n_states)]
            shares.append(np.stack(hits, axis=-1) / weights[paths].sum())
        return np.stack(shares, axis=-2)


def pair_counts(grid, n_states, steps):
    """Pairs of labels that are a number of steps apart, path by path.

    Args:
        grid: (..., time) labels, -1 where missing.
        n_states: number of states.
        steps: lag in samples.

    Returns:
        (..., from, to) counts.
    """
    before, after = grid[..., : grid.shape[-1] - steps], grid[..., steps:]
    lead = grid.shape[:-1]
    code = np.where((before >= 0) & (after >= 0), before * n_states + after, n_states**2)
    rows = np.arange(int(np.prod(lead))).reshape(*lead, 1) * (n_states**2 + 1)
    flat = np.bincount((rows + code).ravel(), minlength=int(np.prod(lead)) * (n_states**2 + 1))
    return flat.reshape(*lead, -1)[..., :-1].reshape(*lead, n_states, n_states)


def _padded(rows, fill):
    out = np.full((len(rows), max(map(len, rows))), fill, dtype=rows[0].dtype)
    for place, row in zip(out, rows, strict=True):
        place[: len(row)] = row
    return out
