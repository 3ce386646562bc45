"""Gap-free segments, the windows inside them, and contiguous stretches for training and testing."""

import json

import numpy as np

from dysyr.core.dataset import make_dataset, parts, trajectories
from dysyr.core.errors import InputError


def segments(ds, *, max_gap=0):
    """The stretches of the data without gaps.

    A gap is a run of more than ``max_gap`` samples at which every variable is missing. Single missing values
    are not gaps, and the ends of trajectories always end a segment.

    Args:
        ds: Dataset.
        max_gap: longest run of wholly missing samples that a segment may contain.

    Returns:
        list of (trajectory, start, stop), samples ``start <= t < stop``; both ends are observed.
    """
    found = []
    for i, x in enumerate(trajectories(ds)):
        seen = np.flatnonzero(~np.isnan(x).all(axis=1))
        if len(seen) == 0:
            continue
        cuts = np.flatnonzero(np.diff(seen) > max_gap + 1)
        starts = seen[np.concatenate([[0], cuts + 1])]
        stops = seen[np.concatenate([cuts, [len(seen) - 1]])] + 1
        found += [(i, int(a), int(b)) for a, b in zip(starts, stops, strict=True)]
    return found


def complete_stretches(x):
    """The stretches of one trajectory in which no value is missing.

    Args:
        x: (time, n_variables), NaN where missing.

    Returns:
        list of (start, stop), samples start <= t < stop, none empty.
    """
    gaps = np.flatnonzero(~np.isfinite(x).all(axis=1))
    edges = zip(np.r_[-1, gaps] + 1, np.r_[gaps, len(x)], strict=True)
    return [(int(start), int(stop)) for start, stop in edges if stop > start]


def complete_starts(x, length):
    """Where ``length`` samples without a missing value begin.

    Args:
        x: (time, n_variables), NaN where missing.
        length: samples.

    Returns:
        (n,) int array, in order; empty where x is shorter.
    """
    gaps = np.concatenate([[0], np.cumsum(~np.isfinite(x).all(axis=1))])
    return np.flatnonzero(gaps[length:] == gaps[: max(0, len(gaps) - length)])


def evenly_over(places, count):
    """Some of the places in several trajectories, evenly over all of them.

    Args:
        places: list of (n,) int arrays, one for each trajectory.
        count: how many to choose, at most.

    Returns:
        list of (trajectory, place), in order; empty where there are none.
    """
    ends = np.cumsum([len(of) for of in places])
    if ends[-1] == 0:
        return []
    chosen = np.unique(np.linspace(0, ends[-1] - 1, count).astype(int))
    which = np.searchsorted(ends, chosen, side="right")
    return [(int(i), int(places[i][k - ends[i] + len(places[i])])) for i, k in zip(which, chosen, strict=True)]


def windows(ds, length, *, max_gap=0):
    """Where windows may start so that they cross neither trajectory ends nor gaps.

    Args:
        ds: Dataset.
        length: samples per window; a one-step pair has length 2.
        max_gap: see ``segments``.

    Returns:
        (n_windows, 2) int64 array of (trajectory, start), in order, the last admissible start of each segment
        included.

    Raises:
        InputError: no segment is that long.
    """
    if length < 1:
        raise InputError("a window needs at least one sample", got=f"length={length}")
    pieces = segments(ds, max_gap=max_gap)
    starts = [
        np.column_stack([np.full(stop - start - length + 1, i), np.arange(start, stop - length + 1)])
        for i, start, stop in pieces
        if stop - start >= length
    ]
    if not starts:
        longest = max((stop - start for _, start, stop in pieces), default=0)
        raise InputError(
            "no window fits into the data", got=f"the longest gap-free segment has {longest} samples",
            expected=f"windows of {length} samples",
        )  # fmt: skip
    return np.concatenate(starts).astype(np.int64)


def split(ds, fractions=(0.7, 0.15, 0.15), *, min_samples=2):
    """Cut a data set into contiguous stretches, in order of time.

    Several trajectories of which there are at least twice as many as stretches are dealt out whole; otherwise
    every trajectory is cut at the same fractions. Stretches never overlap and together hold every sample.

    Args:
        ds: Dataset.
        fractions: share of each stretch, positive, sum 1.
        min_samples: fewest samples of a stretch.

    Returns:
        list of Datasets, one per fraction; ``attrs["split"]`` says which samples each one holds.

    Raises:
        InputError: fractions that do not sum to 1, or stretches that come out too short.
    """
    shares = np.asarray(fractions, dtype=np.float64)
    if shares.ndim != 1 or (shares <= 0).any() or abs(shares.sum() - 1) > 1e-9:
        raise InputError("fractions of a split", got=str(fractions), expected="positive numbers with sum 1")
    edges = np.concatenate([[0.0], np.cumsum(shares)])
    n_trajectories = ds.sizes["trajectory"]
    if n_trajectories >= 2 * len(shares):
        cuts = np.rint(edges * n_trajectories).astype(int)
        cuts = np.maximum.accumulate(np.maximum(cuts, np.arange(len(cuts))))
        cuts[-1] = n_trajectories
        parts: list[list] = [[(i, 0, None) for i in range(a, b)] for a, b in zip(cuts[:-1], cuts[1:], strict=True)]
    else:
        parts = [[] for _ in shares]
        for i, x in enumerate(trajectories(ds)):
            cuts = np.rint(edges * len(x)).astype(int)
            if np.diff(cuts).min() < min_samples:
                raise InputError(
                    "the data are too short to be split", got=f"trajectory {i} has {len(x)} samples",
                    expected=f"at least {min_samples} in each of the shares {shares.tolist()}",
                )  # fmt: skip
            for part, a, b in zip(parts, cuts[:-1], cuts[1:], strict=True):
                part.append((i, int(a), int(b)))
    return [cut(ds, part) for part in parts]


def cut(ds, pieces):
    """The data set that holds the given stretches, each as a trajectory of its own.

    Args:
        ds: Dataset.
        pieces: list of (trajectory, start, stop), stop None for the end.

    Returns:
        Dataset with times, inputs, mask, true values, labels and attributes of the original.
    """
    whole = parts(ds)
    pieces = [(i, a, len(whole["x"][i]) if b is None else b) for i, a, b in pieces]
    taken = {
        name: None if whole[name] is None else [whole[name][i][a:b] for i, a, b in pieces]
        for name in ("x", "time", "mask", "u", "x_true", "label")
    }
    attrs = {**whole["attrs"], "split": json.dumps([[int(n) for n in piece] for piece in pieces])}
    return make_dataset(**{**whole, **taken, "attrs": attrs})
