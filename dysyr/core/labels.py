"""The labels of a data set: which discrete state each sample is in."""

import numpy as np

from dysyr.core.dataset import trajectories
from dysyr.core.errors import InputError

MISSING = -1


def labels_of(ds):
    """The label of each sample: the variable ``label``, or the only variable where its values are whole numbers.

    Args:
        ds: Dataset.

    Returns:
        list of (time,) int64 arrays, one per trajectory, -1 where a sample is missing.

    Raises:
        InputError: no labels, or values that are no numbers of states.
    """
    series = trajectories(ds)
    columns = _columns(ds, series)
    if columns is None:
        raise InputError(
            "the data have no labels", got=f"{ds.sizes['state']} variables",
            expected="a variable 'label', or one variable that holds the number of the state",
            do="choose the column of the states, columns=['state'] (--columns), or make one with "
            "make_dataset(x, label=...), or give paths as a list of arrays, one for each path",
        )  # fmt: skip
    labels = []
    for column, x in zip(columns, series, strict=True):
        there = ~np.isnan(x).all(axis=1) & np.isfinite(column)
        seen = column[there]
        if (seen != np.rint(seen)).any() or (seen < 0).any():
            bad = seen[(seen != np.rint(seen)) | (seen < 0)][0]
            raise InputError("a label is not the number of a state", got=f"{bad:g}", expected="0, 1, 2, ...")
        row = np.full(len(column), MISSING, dtype=np.int64)
        row[there] = seen.astype(np.int64)
        labels.append(row)
    return labels


def count_states(ds):
    """How many states the labels of a data set name: one more than the largest label.

    Args:
        ds: Dataset.

    Returns:
        int; 0 where there are no labels, or values that are no numbers of states.
    """
    columns = _columns(ds, trajectories(ds))
    seen = np.concatenate(columns or [np.empty(0)])
    seen = seen[np.isfinite(seen)]
    whole = len(seen) > 0 and (seen == np.rint(seen)).all() and (seen >= 0).all()
    return int(seen.max()) + 1 if whole else 0


def _columns(ds, series):
    """The values that are read as labels, one float array per trajectory; None where there are none."""
    if "label" in ds:
        return [row[: len(x)].astype(np.float64) for row, x in zip(ds["label"].values, series, strict=True)]
    return [x[:, 0] for x in series] if ds.sizes["state"] == 1 else None
