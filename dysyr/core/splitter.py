"""Cross-validation over contiguous segments, for scikit-learn's searches."""

import numpy as np

from dysyr.core.errors import InputError


class SegmentSplit:
    """Splits into contiguous segments that never stitch two stretches of an array together.

    A list of trajectories is dealt into ``n_splits`` groups of consecutive trajectories, each held out once
    while all others train. An array is cut along time into ``n_splits + 1`` segments; each but the first is
    held out once while everything before it trains, since taking a piece out of the middle would leave a jump
    in the training data.

    Works as ``cv=`` of ``GridSearchCV`` and ``cross_val_score``.

    Args:
        n_splits: number of held-out segments.
        gap: samples of an array to leave out before the held-out segment, so that the two share no memory.
    """

    def __init__(self, n_splits=5, *, gap=0):
        if n_splits < 2 or gap < 0:
            raise InputError("no such split", got=f"{n_splits=}, {gap=}", expected="n_splits >= 2, gap >= 0")
        self.n_splits = n_splits
        self.gap = gap

    def __repr__(self):
        return f"SegmentSplit(n_splits={self.n_splits}, gap={self.gap})"

    def get_n_splits(self, X=None, y=None, groups=None):
        """Number of (train, test) pairs that ``split`` yields."""
        return self.n_splits

    def split(self, X, y=None, groups=None):
        """Yield (train, test) index arrays.

        Args:
            X: (time, state) array, or a list of trajectories; the indices run over its first axis.
            y: ignored.
            groups: ignored.

        Yields:
            Two int64 arrays without common entries.

        Raises:
            InputError: fewer samples or trajectories than segments.
        """
        n = len(X)
        whole = isinstance(X, (list, tuple))
        n_segments = self.n_splits if whole else self.n_splits + 1
        gap = 0 if whole else self.gap
        if n < n_segments or (not whole and n // n_segments <= gap):
            raise InputError(
                "too few trajectories to split" if whole else "too few samples to split", got=str(n),
                expected=f"at least {n_segments * (gap + 1)} for {self}",
            )  # fmt: skip
        edges = np.rint(np.linspace(0, n, n_segments + 1)).astype(np.int64)
        index = np.arange(n)
        for start, stop in zip(edges[:-1], edges[1:], strict=True):
            if whole:
                yield np.concatenate([index[:start], index[stop:]]), index[start:stop]
            elif start > 0:
                yield index[: start - gap], index[start:stop]
