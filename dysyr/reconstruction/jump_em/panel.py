"""Paths of labels as estimators want them: flat arrays, distinct lags, counts of pairs."""

import dataclasses

import numpy as np

from dysyr.core.dataset import times
from dysyr.core.errors import InputError
from dysyr.core.json_attribute import json_attribute
from dysyr.core.labels import labels_of
from dysyr.core.segments import segments
from dysyr.kernels.rate_pairs import count_pairs, group_lags


@dataclasses.dataclass(frozen=True, eq=False)
class Panel:
    """What was seen of a jump process.

    Attributes:
        labels: (n_samples,) numbers of states, path after path, missing samples left out.
        offsets: (n_paths + 1,) where the paths begin, and the end of the last.
        index: (n_samples,) lag that leads to each sample, -1 at the first one of a path.
        lags: (lag,) distinct lags in time units, ascending.
        counts: (lag, from, to) how often each pair was seen.
        first: (state,) how many paths begin in each state.
        duration: length of the longest trajectory in time units.
        states: names of the states.
        dt: median lag, or the sampling interval of regular data.
        name: name of the variable.
    """

    labels: np.ndarray
    offsets: np.ndarray
    index: np.ndarray
    lags: np.ndarray
    counts: np.ndarray
    first: np.ndarray
    duration: float
    states: tuple
    dt: float
    name: str

    @classmethod
    def from_data(cls, data, *, n_states=None, max_gap=0):
        """The panel of a data set.

        Args:
            data: Dataset with labels, at any times.
            n_states: number of states; by default one more than the largest label, or as many as have names.
            max_gap: longest run of missing samples that a pair may span; a longer one begins a new path.

        Raises:
            InputError: fewer than two states, labels beyond them, or no pair of samples.
        """
        labels = labels_of(data)
        flat, offsets, lags, index = flattened(data, labels, [row >= 0 for row in labels], max_gap)
        states = state_names(data, n_states, int(flat.max()) + 1)
        return cls(
            labels=flat, offsets=offsets, index=index, lags=lags,
            counts=count_pairs(flat, index, len(lags), len(states)),
            first=np.bincount(flat[offsets[:-1]], minlength=len(states)).astype(np.float64),
            states=states, **of_times(data, lags, index),
        )  # fmt: skip

    @property
    def n_states(self):
        """Number of states."""
        return len(self.states)

    @property
    def longest(self):
        """Samples in the longest path."""
        return int(np.diff(self.offsets).max())

    @property
    def visits(self):
        """(state,) how many samples carry each label."""
        return np.bincount(self.labels, minlength=self.n_states).astype(np.float64)

    @property
    def jumps(self):
        """(from, to) pairs of different labels, at any lag."""
        seen = self.counts.sum(axis=0)
        return seen - np.diag(np.diag(seen))

    @property
    def times_before(self):
        """(state,) time after which a next label is known, by the label it follows."""
        return np.einsum("k,kij->i", self.lags, self.counts)


def flattened(data, series, seen, max_gap):
    """Paths of what was seen, one after the other in flat arrays.

    Args:
        data: Dataset.
        series: list of (time,) arrays, one per trajectory.
        seen: list of (time,) bool, False where a sample is missing.
        max_gap: longest run of missing samples that a pair may span; a longer one begins a new path.

    Returns:
        (n_samples,) values, (n_paths + 1,) offsets, (lag,) distinct lags, and (n_samples,) lag of each sample.

    Raises:
        InputError: nothing seen, or no pair of samples.
    """
    clocks, pieces = times(data), []
    for i, start, stop in segments(data, max_gap=max_gap):
        there = np.arange(start, stop)[seen[i][start:stop]]
        if len(there):
            pieces.append((series[i][there], clocks[i][there]))
    if not pieces:
        raise InputError("every sample is missing", expected="paths of labels, or of a signal")
    flat, at = (np.concatenate(part) for part in zip(*pieces, strict=True))
    offsets = np.concatenate([[0], np.cumsum([len(piece[0]) for piece in pieces])])
    lags, index = group_lags(at, offsets, step=data.attrs.get("dt"))
    if len(lags) == 0:
        raise InputError(
            "no path has two neighbouring samples", got=f"{len(pieces)} paths of a single sample",
            expected="pairs of samples: rates are about what happens between them",
        )  # fmt: skip
    return flat, offsets, lags, index


def of_times(data, lags, index):
    """Longest duration, sampling interval and name of the variable, as ``Panel`` has them."""
    return {
        "duration": float(max(clock[-1] - clock[0] for clock in times(data))),
        "dt": float(data.attrs.get("dt") or np.median(lags[index[index >= 0]])),
        "name": str(data["state"].values[0]) if data.sizes["state"] == 1 else "state",
    }


def state_names(data, n_states, least):
    """Names of the states: those of the data where there are as many as states, else numbers.

    Args:
        data: Dataset.
        n_states: number of states, or None.
        least: fewest that the data need.

    Returns:
        tuple of str.

    Raises:
        InputError: fewer than two states, or labels beyond them.
    """
    given = tuple(json_attribute(data, "states", [])) or None
    n = n_states or (len(given) if given else least)
    if n < 2:
        raise InputError(
            "there is only one state, so nothing jumps", got="one label", expected="at least two states",
            do="give n_states, if others exist that were not visited",
        )  # fmt: skip
    if least > n:
        raise InputError(
            "labels beyond the number of states", got=f"label {least - 1}", expected=f"0 to {n - 1}",
            do="raise n_states",
        )  # fmt: skip
    return given if given and len(given) == n else tuple(str(i) for i in range(n))
