"""Which variables are worth showing: of a delay embedding, the copies of one series are not."""

import numpy as np

from dysyr.core.dataset import trajectories


def variable_names(data):
    """Names of all variables of a Dataset, a list."""
    return [str(name) for name in data["state"].values]


def distinct(data):
    """Indices of the variables that differ by more than a delay.

    Args:
        data: Dataset.

    Returns:
        list of int; of a delay embedding the last coordinate alone, which is the series itself.
    """
    n = data.sizes["state"]
    return [n - 1] if is_embedding(data) else list(range(n))


def attractor_variables(data):
    """Indices of the variables that span the attractor figure.

    Args:
        data: Dataset.

    Returns:
        list of int; of a delay embedding x(t) and its two most recent copies, in this order.
    """
    n = data.sizes["state"]
    return list(range(n))[::-1][:3] if is_embedding(data) else list(range(n))


def is_embedding(data):
    """Whether the variables of a Dataset are delayed copies of one series."""
    return "embedding" in data.attrs and data.sizes["state"] > 1


def longest_trajectory(data):
    """(time, n_variables) the longest trajectory, NaN where missing."""
    return max(trajectories(data), key=len)


def finite_runs(data):
    """The trajectories of a Dataset without any value that is not finite, a list."""
    return [run for run in trajectories(data) if np.isfinite(run).all()]


def time_unit(data):
    """Unit of time as the attributes of a Dataset state it; empty where they do not."""
    return str(data.attrs.get("time_unit", ""))


def unit_text(unit, data):
    """A measure's unit with the data's own unit of time in it: ``1/time`` becomes ``1/year``."""
    return {"time": time_unit(data) or "time units", "1/time": f"1/{time_unit(data) or 'time unit'}"}.get(unit, unit)
