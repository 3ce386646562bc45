"""The generator of an open spin system acting on expectation values of Pauli strings, and the observables in them."""

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.pauli import LETTERS
from dysyr.core.spin_system import product_state
from dysyr.kernels.lane_blocks import run_blocks
from dysyr.kernels.pauli_terms import MANY_TILES, apply_terms, pauli_terms

MOST_BYTES = 8e9
"""Largest memory of an exact method; a system that needs more is refused."""

FEWEST_SITES = 2
"""The kernel works on rows of two sites: a lone spin gets an idle one beside it, in the maximally mixed state."""


class PauliGenerator:
    """The right-hand side of d<P_s>/dt.

    Args:
        system: System of kind open_quantum.
        n_vectors: how many states a method keeps at a time.

    Attributes:
        spins: OpenSpinSystem.
        size: 4^N, the length of a state.

    Raises:
        InputError: too many spins for the memory.
    """

    def __init__(self, system, n_vectors):
        self.spins = system.spins
        n = self.spins.n_sites
        self.n_sites = max(n, FEWEST_SITES)
        self.size = 4**self.n_sites
        check_memory(n, n_vectors)
        terms = len(self.spins.hamiltonian) + len(self.spins.jumps)
        self.terms = pauli_terms(self.spins.local_generators(), self.n_sites, terms)

    def tables(self, t=0.0, shift=0.0):
        """Arguments of the kernel at time t, with a number added to the diagonal."""
        return self.terms.tables(self.spins.strengths(t), shift)

    def apply(self, tables, x, out, scale=1.0, total=None):
        """out = scale * generator * x; the result is added to ``total`` too where it is given.

        Returns:
            largest absolute value of the result, 0 where ``total`` is not given.
        """
        total = np.empty(0) if total is None else total

        def work(first, last, stopped):
            return apply_terms(tables, x, out, first, last, scale, total)

        return max(run_blocks(work, self.terms.n_tiles, MANY_TILES))

    def states(self, starts):
        """Expectation values of given initial states.

        Args:
            starts: list of (site, 3) Bloch vectors of product states, or of (4,) * N arrays of expectation values.

        Returns:
            array (state, size).
        """
        flat = [product_state(s) if s.shape == (self.spins.n_sites, 3) else s.ravel() for s in starts]
        idle = np.zeros(self.size // flat[0].size)
        idle[0] = 1.0
        return np.array([np.kron(state, idle) for state in flat])

    def tensor(self, state):
        """A state (size,) as (4,) * N array, without the idle spin."""
        n = self.spins.n_sites
        return state.reshape((4,) * self.n_sites)[(..., *[0] * (self.n_sites - n))]

    def readout(self):
        """The observables of the system as entries of a state.

        Returns:
            (indices (entry,), weights (observable, entry)).
        """
        indices, rows = {}, []
        for observable in self.spins.observables:
            row = {}
            for sites in observable.places:
                for string, value in observable.operator.items():
                    at = sum(
                        LETTERS.index(letter) * 4 ** (self.n_sites - 1 - site)
                        for letter, site in zip(string, sites, strict=True)
                    )
                    k = indices.setdefault(at, len(indices))
                    row[k] = row.get(k, 0.0) + complex(value).real / len(observable.places)
            rows.append(row)
        weights = np.zeros((len(rows), len(indices)))
        for weight, row in zip(weights, rows, strict=True):
            weight[list(row)] = list(row.values())
        return np.array(list(indices)), weights


def check_memory(n_sites, n_vectors):
    """Refuse states that would not fit.

    Raises:
        InputError: with the memory that would be needed.
    """
    needed = n_vectors * 8.0 * 4**n_sites
    if needed > MOST_BYTES:
        raise InputError(
            f"{n_sites} spins are too many for an exact method", got=f"{needed / 1e9:.3g} GB needed",
            expected=f"at most {MOST_BYTES / 1e9:g} GB",
            do="take method='trajectories', which goes up to 16 spins" if n_sites <= 16 else None,
        )  # fmt: skip
