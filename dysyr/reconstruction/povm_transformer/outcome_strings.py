"""Strings of outcomes as numbers, and those that an exact sum runs over."""

import numpy as np

from dysyr.core.errors import InputError

N_OUTCOMES = 4
MOST_SITES = 31
"""A string of that many outcomes fits into a whole number of 64 bits."""


def keys_of(strings):
    """Numbers of strings, the last site changing fastest: (..., site) -> (...) int64."""
    strings = np.asarray(strings, dtype=np.int64)
    return strings @ places(strings.shape[-1])


def strings_of(keys, n_sites):
    """Strings of numbers: (...) int64 -> (..., site) int64."""
    return (np.asarray(keys, dtype=np.int64)[..., None] // places(n_sites)) % N_OUTCOMES


def places(n_sites):
    """(site,) what an outcome of each site counts in the number of a string."""
    return N_OUTCOMES ** np.arange(n_sites - 1, -1, -1, dtype=np.int64)


def checked_outcomes(samples):
    """Outcomes of measurements as strings.

    Args:
        samples: Dataset with a variable ``outcome`` (shot, site), a NetCDF file of one, or an array (shot, site).

    Returns:
        int64 array (shot, site).

    Raises:
        InputError: no outcomes, too few shots, or numbers other than 0, 1, 2, 3.
    """
    x = np.asarray(samples)
    if x.ndim != 2 or x.shape[0] < 2 or not 1 <= x.shape[1] <= MOST_SITES:
        raise InputError(
            "outcomes of measurements", got=f"shape {x.shape}",
            expected=f"(shot, site) with at least 2 shots and 1 to {MOST_SITES} sites",
        )  # fmt: skip
    if x.dtype.kind not in "uif" or not np.isin(x, range(N_OUTCOMES)).all():
        raise InputError("outcomes other than 0, 1, 2, 3", do="give the numbers of the elements of the frame")
    return x.astype(np.int64)
