"""Values that a context lacks: from those before and after, and in space from those around."""

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import spsolve


def filled_in_time(x, middle):
    """A context with missing values on straight lines in time between those that are seen, level beyond them.

    Args:
        x: (time, dim), NaN where missing.
        middle: (dim,) values of variables that are never seen.

    Returns:
        (time, dim).
    """
    x = x.copy()
    for d in range(x.shape[1]):
        seen = np.flatnonzero(np.isfinite(x[:, d]))
        if len(seen) == 0:
            x[:, d] = middle[d]
        elif len(seen) < len(x):
            x[:, d] = np.interp(np.arange(len(x)), seen, x[seen, d])
    return x


def filled_in_space(u, lattice):
    """A field whose missing values are the means of their neighbours on the grid: on a line they lie on straight lines.

        sum over neighbours j of i of (u_j - u_i) = 0    at the sites i without a value

    Args:
        u: (site,), NaN where missing, some value seen.
        lattice: Lattice.

    Returns:
        (site,).
    """
    u, missing = u.copy(), np.isnan(u)
    sites, near = [], []
    for axis in range(len(lattice.axes)):
        for step in (-1, 1):
            number = lattice.neighbours([step if k == axis else 0 for k in range(len(lattice.axes))])
            there = number >= 0
            sites.append(np.flatnonzero(there))
            near.append(number[there])
    rows, columns = np.concatenate(sites), np.concatenate(near)
    adjacent = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(u), len(u)))[missing]
    around = diags(np.asarray(adjacent.sum(axis=1)).ravel()) - adjacent[:, missing]
    u[missing] = spsolve(around.tocsc(), adjacent[:, ~missing] @ u[~missing])
    return u
