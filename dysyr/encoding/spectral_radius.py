"""Spectral radius of a graph: how fast its walks multiply."""

import numpy as np
from scipy.sparse import csr_array, eye_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, eigs

from dysyr.core.errors import NotConverged

LARGEST_DENSE = 300
KRYLOV_DIM = 60
MAX_RESTARTS = 200


def spectral_radius(sources, targets, n_nodes):
    """Perron root of the matrix that counts edges, the largest over its strongly connected components.

    Within a component the root is simple, and that of 1 + A is larger than every other eigenvalue in modulus, so that
    cycles do not disturb the iteration.

    Args:
        sources: (n_edges,) nodes; parallel edges count as often as they are listed.
        targets: (n_edges,).
        n_nodes: number of nodes.

    Returns:
        float; 0 for a graph without cycles.

    Raises:
        NotConverged: a large component that is little more than one long cycle.
    """
    matrix = csr_array((np.ones(len(sources)), (sources, targets)), shape=(n_nodes, n_nodes))
    _, component = connected_components(matrix, directed=True, connection="strong")
    inside = component[sources] == component[targets]
    n_edges = np.bincount(component[np.asarray(sources)[inside]], minlength=component.max() + 1)
    n_members = np.bincount(component)
    largest = 1.0 if (n_edges > 0).any() else 0.0
    for k in np.flatnonzero(n_edges > n_members):
        members = np.flatnonzero(component == k)
        part = matrix[members][:, members]
        if part.sum(axis=1).max() > largest:
            largest = max(largest, _perron_root(part))
    return largest


def _perron_root(part):
    n = part.shape[0]
    if n <= LARGEST_DENSE:
        return float(np.linalg.eigvals(part.toarray()).real.max())
    try:
        values = eigs(
            part + eye_array(n), k=1, which="LM", v0=np.ones(n), ncv=KRYLOV_DIM, maxiter=MAX_RESTARTS,
            return_eigenvectors=False,
        )  # fmt: skip
    except ArpackNoConvergence as error:
        raise NotConverged(
            "the largest eigenvalue of the graph was not found", got=f"{n} nodes, {part.nnz} edges",
            do="use shorter words, or a longer series",
        ) from error  # fmt: skip
    return float(values[0].real - 1.0)
