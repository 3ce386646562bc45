"""Permutations of the sites of a lattice that leave a system as it is."""

import itertools

import numpy as np

from dysyr.core.errors import InputError

SYMMETRIES = ("none", "translations", "lattice")
"""No permutation but the identity; shifts along periodic sides; shifts, mirrors and turns."""


def site_orders(shape, boundary, symmetry):
    """The group of permutations that a symmetry names.

    Args:
        shape: (n,) of a chain or ring, (rows, columns) of a square or torus.
        boundary: "open" or "periodic"; None for a graph, which has the identity alone.
        symmetry: one of ``SYMMETRIES``.

    Returns:
        int64 array (K, site), the identity first. Place j of a string that is read in order k is site orders[k, j].

    Raises:
        InputError: an unknown symmetry, or one that this lattice does not have.
    """
    if symmetry not in SYMMETRIES:
        raise InputError("unknown symmetry", got=repr(symmetry)[:60], expected=f"one of {', '.join(SYMMETRIES)}")
    sites = np.arange(int(np.prod(shape))).reshape(shape)
    if symmetry == "none":
        return sites.reshape(1, -1)
    if boundary is None:
        raise InputError(f"symmetry '{symmetry}' on a graph", expected="a chain, ring, square or torus", do="'none'")
    found = [sites]
    if boundary == "periodic":
        shifts = itertools.product(*(range(n) for n in shape))
        found = [np.roll(sites, shift, axis=tuple(range(len(shape)))) for shift in shifts]
    elif symmetry == "translations":
        raise InputError("translations on an open lattice", expected="boundary = 'periodic'", do="'lattice' or 'none'")
    if symmetry == "lattice":
        found = [image for each in found for image in _point_images(each)]
    unique = {tuple(image.ravel()): None for image in found}
    return np.array(list(unique), dtype=np.int64)


def largest_orders(lattice, generator, starts):
    """The orders of the largest group of ``SYMMETRIES`` that a system has.

    Args:
        lattice: SpinLattice.
        generator: LocalGenerator.
        starts: (site, ...) what stands at each site at the beginning.

    Returns:
        int64 array (K, site).
    """
    candidates = {None: (), "open": ("lattice",), "periodic": ("lattice", "translations")}[lattice.boundary]
    for symmetry in candidates:
        orders = site_orders(lattice.shape, lattice.boundary, symmetry)
        if _broken_by(orders, generator, starts) is None:
            return orders
    return site_orders(lattice.shape, lattice.boundary, "none")


def check_symmetric(orders, generator, starts):
    """Refuse orders that do not leave a system as it is.

    Args:
        orders: (K, site).
        generator: LocalGenerator.
        starts: (site, ...) what stands at each site at the beginning.

    Raises:
        InputError: with what changes.
    """
    what = _broken_by(orders, generator, starts)
    if what is not None:
        raise InputError(
            f"{what} does not have the symmetry of the lattice",
            expected="the same on sites that the symmetry exchanges", do="take symmetry='none'",
        )  # fmt: skip


def _broken_by(orders, generator, starts):
    """What does not have a symmetry; None where all has it."""
    if any(not np.allclose(starts, starts[order]) for order in orders):
        return "the initial state"
    return None if all(generator.is_invariant(order) for order in orders[1:]) else "the system"


def _point_images(sites):
    """An array mirrored along each axis and, where it is square, turned."""
    if sites.ndim == 1:
        return [sites, sites[::-1]]
    images = [sites, sites[::-1], sites[:, ::-1], sites[::-1, ::-1]]
    return images + [image.T for image in images] if sites.shape[0] == sites.shape[1] else images
