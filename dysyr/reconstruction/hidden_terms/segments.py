"""Data as the method takes them: stretches of samples at any times, padded to one length."""

import dataclasses
import warnings

import numpy as np

from dysyr.core.dataset import times, trajectories
from dysyr.core.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class Segments:
    """Stretches of trajectories, each with its own times.

    Attributes:
        times: (segment, sample) in system time units; padding repeats the last time.
        values: (segment, sample, dim) in data units; NaN where missing and in the padding.
        scale: (dim,) standard deviation of each variable; of a field the same for all its sites.
    """

    times: np.ndarray
    values: np.ndarray
    scale: np.ndarray

    @property
    def n_values(self):
        """Number of values that are not missing."""
        return int(np.isfinite(self.values).sum())

    @property
    def duration(self):
        """(segment,) from the first time to the last, in system time units."""
        return self.times[:, -1] - self.times[:, 0]


def segments_of(data, system, *, length=None, n_segments=None):
    """Cut a data set into segments.

    Args:
        data: Dataset.
        system: System whose variables the data must have; of a pde columns may be left out.
        length: samples of the longest segment; None leaves trajectories whole.
        n_segments: most segments, evenly spread over the record where there are more; None for all.

    Returns:
        Segments.

    Raises:
        InputError: variables that are not those of the system, a variable or field without values, or that is constant.
    """
    columns = _columns(data, system)
    pieces = []
    for clock, x in zip(times(data), trajectories(data), strict=True):
        step = len(x) if length is None else length
        whole = np.full((len(x), system.dim), np.nan)
        whole[:, columns] = x
        cuts = range(0, len(x), step) if len(x) > step else [0]
        pieces += [(clock[a : a + step], whole[a : a + step]) for a in cuts if len(x) - a > 1 or a == 0]
    pieces = [(t, x) for t, x in pieces if len(t) > 1 and np.isfinite(x).any()]
    if n_segments is not None and len(pieces) > n_segments:
        pieces = [pieces[k] for k in np.linspace(0, len(pieces) - 1, n_segments).round().astype(int)]
    if not pieces:
        raise InputError("no stretch of the data has two samples", got=f"{data.sizes['time']} samples a trajectory")
    longest = max(len(t) for t, _ in pieces)
    clocks = np.stack([np.concatenate([t, np.full(longest - len(t), t[-1])]) for t, _ in pieces])
    values = np.stack([np.concatenate([x, np.full((longest - len(x), x.shape[1]), np.nan)]) for _, x in pieces])
    return Segments(clocks, values, _scale(values, system))


def check_whole(data, length):
    """Refuse trajectories that would be cut although each is to start from the initial state of the system.

    Args:
        data: Dataset.
        length: samples after which they are cut, or None.

    Raises:
        InputError: one is longer.
    """
    longest = max(len(t) for t in times(data))
    if length is not None and longest > length:
        raise InputError(
            "initial='system' is for trajectories that are not cut: a later piece starts elsewhere",
            got=f"{longest} samples", expected=f"at most segment={length}",
            do=f"set segment={longest}, or take initial='fitted' or 'data'",
        )  # fmt: skip


def _columns(data, system):
    """Where the variables of the data stand among those of the system."""
    names = [str(name) for name in data["state"].values]
    known = {name: k for k, name in enumerate(system.variables)}
    unknown = [name for name in names if name not in known]
    if unknown or (system.kind != "pde" and len(names) < len(known)):
        shown = ", ".join(system.variables[:3]) + (f", ... {system.variables[-1]}" if system.dim > 3 else "")
        on_grid = f" on the grid {' x '.join(map(str, system.lattice.shape))}" if system.kind == "pde" else ""
        raise InputError(
            "the data do not have the variables of the system",
            got=", ".join(unknown[:5] or names[:5]), expected=f"{shown}{on_grid}",
            do="name the columns so, or change the size with system.with_size" if on_grid else "name the columns so",
        )  # fmt: skip
    columns = [known[name] for name in names]
    _warn_of_a_corner(np.array(columns), system)
    return columns


def _warn_of_a_corner(columns, system):
    """Say so where the columns of a field are all sites of a smaller grid, and maybe of one with the same ends."""
    lattice = system.lattice
    for k, field in enumerate(system.fields if lattice.axes else ()):
        sites = columns[columns // lattice.n_sites == k] % lattice.n_sites
        if len(sites) < 2:
            continue
        size = tuple(int(axis.max()) + 1 for axis in np.unravel_index(sites, lattice.shape))
        if len(sites) == np.prod(size) < lattice.n_sites:
            first, whole = (" x ".join(map(str, n)) for n in (size, lattice.shape))
            warnings.warn(
                f"the data hold the first {first} sites of {field} on a grid of {whole}: if they are the whole of a "
                "coarser grid, change the size with system.with_size", UserWarning, stacklevel=5,
            )  # fmt: skip


def _scale(values, system):
    n_sites = system.lattice.n_sites
    scale = np.empty(system.dim)
    for k, field in enumerate(system.fields):
        rows = slice(k * n_sites, (k + 1) * n_sites)
        own = values[..., rows][np.isfinite(values[..., rows])]
        if own.size < 2:
            raise InputError(f"variable {field} has no values", expected="at least two samples of each variable")
        scale[rows] = own.std()
        if scale[rows.start] <= 1e-12 * np.abs(own).max():
            raise InputError(f"variable {field} is constant", expected="a variable must vary to be modelled")
    return scale
