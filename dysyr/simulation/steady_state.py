"""The state of an open quantum system that stays as it is."""

import numpy as np
from scipy.linalg import lapack
from scipy.sparse.linalg import LinearOperator, gmres

from dysyr.core.catalogue import as_system
from dysyr.core.errors import InputError, NotConverged
from dysyr.core.povm import Frame, along_sites
from dysyr.simulation.pauli_generator import PauliGenerator

DENSE_SITES = 5
"""Up to here the linear equation is solved by a dense factorisation, beyond it by GMRES without a matrix."""

RESTART = 40
MOST_ITERATIONS = 4_000
LEAST_CONDITION = 1e-13
"""Reciprocal condition number below which a second steady state is taken for granted."""


def steady_state(system, *, frame=None, tolerance=1e-10):
    """The steady state of an open quantum system whose strengths do not depend on time.

    .. math:: G r = 0, \\quad r_{I \\ldots I} = 1

    Args:
        system: System of kind open_quantum, or its name in the catalogue.
        frame: name of a frame, whose outcome probabilities are wanted; None for the expectation values of all Pauli
            strings, in the order I, X, Y, Z.
        tolerance: largest norm of G r. The error of r is larger by up to the inverse of the gap of the generator.

    Returns:
        array (4, ..., 4) with one axis for each site.

    Raises:
        InputError: another kind of system, strengths that depend on time, more than one steady state, or too many
            spins for the memory.
        NotConverged: GMRES did not reach the tolerance; also where there is a second steady state.
    """
    system = as_system(system)
    spins = system.spins
    if spins is None or spins.has_time:
        raise InputError(
            "no steady state", got=f"kind {system.kind}" if spins is None else "strengths that depend on t",
            expected="kind open_quantum with constant strengths",
        )  # fmt: skip
    frame = None if frame is None else Frame(frame)
    generator = PauliGenerator(system, 2 * RESTART)
    if spins.n_sites <= DENSE_SITES:
        tensor = _dense(spins)
    else:
        tensor = generator.tensor(_iterated(generator, tolerance))
    return tensor if frame is None else along_sites(frame.to_outcomes, tensor)


def _dense(spins):
    """Solution of the equation without the row and column of the identity."""
    g = spins.generator_matrix().toarray()
    size = np.abs(g[1:, 1:]).sum(axis=0).max()
    factors, pivots, singular = lapack.dgetrf(g[1:, 1:])
    condition = 0.0 if singular else lapack.dgecon(factors, size)[0]
    if condition < LEAST_CONDITION:
        raise _not_unique(f"reciprocal condition number {condition:.2g}")
    rest, _ = lapack.dgetrs(factors, pivots, -g[1:, 0])
    return np.concatenate([[1.0], rest]).reshape((4,) * spins.n_sites)


def _iterated(generator, tolerance):
    """The same by GMRES, from the maximally mixed state and from a random one, which have to meet."""
    tables = generator.tables()
    terms, size = generator.terms, generator.size
    rows, diagonal = np.arange(size), np.zeros(size)
    weights = terms.entries @ generator.spins.strengths()
    for e in np.flatnonzero(terms.flip == 0):
        diagonal[(rows & terms.mask[e]) == terms.value[e]] += weights[e]
    scale = np.where(diagonal < -1e-12, diagonal, -1.0)
    scale[0] = 1.0

    def product(x):
        out = np.empty(size)
        generator.apply(tables, np.ascontiguousarray(x.ravel()), out)
        return out

    def rest(x):
        out = product(np.concatenate([[0.0], x.ravel()[1:]])) / scale
        out[0] = x.ravel()[0]
        return out

    source = np.zeros(size)
    source[0] = 1.0
    right = -product(source) / scale
    right[0] = 0.0
    operator = LinearOperator((size, size), matvec=rest, dtype=float)
    found = []
    for start in (None, np.random.default_rng(0).uniform(-0.1, 0.1, size)):
        x, _ = gmres(
            operator, right, x0=start, rtol=0.0, atol=tolerance / 10, restart=RESTART,
            maxiter=MOST_ITERATIONS // RESTART,
        )  # fmt: skip
        x[0] = 1.0
        residual = float(np.linalg.norm(product(x)))
        if not residual <= tolerance:
            raise NotConverged(
                "the steady state was not found", got=f"residual {residual:.2g}", expected=f"at most {tolerance:g}",
                do="simulate for a long time instead; a residual that stays may mean more than one steady state",
            )  # fmt: skip
        found.append(x)
    distance = float(np.abs(found[0] - found[1]).max())
    if distance > 1e6 * tolerance:
        raise _not_unique(f"two that differ by {distance:.2g}")
    return found[0]


def _not_unique(got):
    return InputError(
        "the system has more than one steady state", got=got, expected="jumps that lead from every state to one",
        do="simulate from an initial state instead",
    )  # fmt: skip
