"""Lattices: sites on one or two axes, their neighbours and what lies beyond the edge.

A site s is its row-major number on the axes. A boundary is ``periodic``, ``reflecting`` (x[-k] = x[k], the
edge is not repeated) or ``fixed`` (sites beyond the edge have a given value).
"""

import math
from dataclasses import dataclass

import numpy as np

from dysyr.core.errors import InputError

BOUNDARIES = ("periodic", "fixed", "reflecting")
MAX_SITES = 1_000_000
BEYOND_LOW, BEYOND_HIGH = -1, -2


@dataclass(frozen=True)
class Axis:
    """One axis: its index or coordinate name, number of sites and boundary."""

    name: str
    n: int
    boundary: str

    def neighbours(self, offset):
        """Site number of ``i + offset`` for every site i; BEYOND_LOW or BEYOND_HIGH past a fixed edge.

        Returns:
            Array (n,) of integers.
        """
        sites = np.arange(self.n) + offset
        if self.boundary == "periodic":
            return sites % self.n
        if self.boundary == "reflecting":
            last = self.n - 1
            return last - np.abs(last - np.abs(sites))
        return np.where(sites < 0, BEYOND_LOW, np.where(sites >= self.n, BEYOND_HIGH, sites))


@dataclass(frozen=True)
class Lattice:
    """Axes of a lattice; no axes for a system of single variables, which is a lattice of one site."""

    axes: tuple[Axis, ...] = ()

    @property
    def shape(self):
        return tuple(axis.n for axis in self.axes)

    @property
    def n_sites(self):
        return math.prod(self.shape)

    @property
    def indices(self):
        return tuple(axis.name for axis in self.axes)

    def neighbours(self, offsets):
        """Site number of the neighbour at ``offsets`` for every site; negative past a fixed edge.

        Returns:
            Array (n_sites,) of integers.
        """
        number = np.zeros((1,), dtype=np.int64)
        for axis, offset in zip(self.axes, offsets, strict=True):
            along = axis.neighbours(offset)
            outer = number[:, None]
            inside = outer * axis.n + along[None, :]
            number = np.where(outer < 0, outer, np.where(along[None, :] < 0, along[None, :], inside)).ravel()
        return number

    def site_index(self, name):
        """The value of one index at every site, array (n_sites,) of integers."""
        grids = np.indices(self.shape).reshape(len(self.axes), -1)
        return grids[self.indices.index(name)]

    def names(self, variable):
        """Names of a variable at all sites: x_0, x_1, ... or u_0_0, u_0_1, ..."""
        if not self.axes:
            return [variable]
        return ["_".join([variable, *(str(k) for k in site)]) for site in np.ndindex(*self.shape)]

    def check(self, reach):
        """Refuse a lattice that is too small for its neighbours, or too large.

        Args:
            reach: largest offset on each axis.

        Raises:
            InputError: with the size that would do.
        """
        for axis, furthest in zip(self.axes, reach, strict=True):
            smallest = furthest + 1
            if axis.n < smallest:
                raise InputError(
                    f"the lattice is too small along {axis.name}",
                    got=f"{axis.n} sites",
                    expected=f"at least {smallest}, since the equations reach {furthest} sites away",
                )
        if self.n_sites > MAX_SITES:
            raise InputError(
                "the lattice is too large", got=f"{self.n_sites} sites", expected=f"at most {MAX_SITES}"
            )


NO_LATTICE = Lattice()
