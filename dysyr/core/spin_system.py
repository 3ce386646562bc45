"""An open system of spins in numbers: Hamiltonian, jump operators, and the generator in the frame of Pauli strings."""

from types import MappingProxyType

import numpy as np
from scipy import sparse

from dysyr.core.errors import InputError
from dysyr.core.evaluator import evaluate
from dysyr.core.expressions import TIME, postorder
from dysyr.core.open_quantum_definition import bloch_vectors, check_strength
from dysyr.core.pauli import operator_matrix, string_matrix, strings

MATRIX_SITES = 8
"""Most sites of a generator as a matrix: 0.2 GB at 8 sites."""


class OpenSpinSystem:
    """A Lindblad equation of spins one half, from the expression trees of a system.

    .. math:: \\dot\\rho = -i [H, \\rho] + \\sum_k \\gamma_k (L_k \\rho L_k^+ - \\frac12 \\{L_k^+ L_k, \\rho\\})

    Its state is kept as the expectation values of all Pauli strings, r_s = Tr(rho P_s), real numbers that obey a linear
    equation whose local generators this class gives.

    Attributes:
        lattice: SpinLattice: sites and bonds.
        n_sites: number of spins.
        hamiltonian, jumps: tuples of SpinTerm.
        observables: tuple of Observable.
        texts: mapping from what happens to its strength, as in the file.
        has_time: whether a strength depends on t.
    """

    def __init__(self, trees):
        spins = trees.spins
        self._parameters = trees.parameters
        self._initial = spins.initial
        self.lattice = spins.lattice
        self.n_sites = spins.lattice.n_sites
        self.hamiltonian, self.jumps, self.observables = spins.hamiltonian, spins.jumps, spins.observables
        self._strengths = tuple(term.strength for term in (*self.hamiltonian, *self.jumps))
        self.has_time = TIME in postorder(self._strengths)
        texts = {}
        for letter, terms in (("H", self.hamiltonian), ("L", self.jumps)):
            for k, term in enumerate(terms, start=1):
                texts[f"{letter}_{k}: {term.said}"] = term.text
        self.texts = MappingProxyType(texts)

    def strengths(self, t=0.0):
        """Coefficients of the Hamiltonian terms and rates of the jump operators at time t: array (term,).

        Raises:
            InputError: a rate that is negative, or a number that is not finite.
        """
        values = [
            float(value)
            for value in evaluate(
                self._strengths, lambda leaf: float(t) if leaf.op == "time" else self._parameters[leaf.value]
            )
        ]
        if self.has_time:
            n = len(self.hamiltonian)
            for k, (value, term) in enumerate(zip(values, (*self.hamiltonian, *self.jumps), strict=True)):
                check_strength(value, term, "coefficient" if k < n else "rate", f" at t = {t:g}")
        return np.array(values)

    def local_generators(self):
        """Generators of the terms at unit strength.

        .. math:: G_{ab} = 2^{-k} \\, \\mathrm{Tr}(P_a \\, \\mathcal L(P_b))

        Returns:
            list of (number of the term, sites, array (4^k, 4^k)), one for each term and place. The row of the identity
            is zero, which is conservation of the trace.
        """
        found = []
        for number, term in enumerate((*self.hamiltonian, *self.jumps)):
            matrix = operator_matrix(term.operator)
            generator = unitary_generator(matrix) if number < len(self.hamiltonian) else decay_generator(matrix)
            found += [(number, sites, generator) for sites in term.places]
        return found

    def initial_bloch(self, initial_state=None):
        """Bloch vectors of a product state, by default that of the file: array (site, 3).

        Raises:
            InputError: no state is given, or it cannot be read.
        """
        if initial_state is None:
            if not self._initial:
                raise InputError("the system has no default initial state", do="give initial_state=")
            return np.array(self._initial)
        return bloch_vectors(initial_state, self.n_sites)

    def hamiltonian_matrix(self, t=0.0):
        """H at time t: sparse complex array (2^N, 2^N)."""
        total = sparse.csr_array((2**self.n_sites, 2**self.n_sites), dtype=complex)
        for term, strength in zip(self.hamiltonian, self.strengths(t), strict=False):
            for sites in term.places:
                total = total + strength * self.embedded(term.operator, sites)
        return total

    def jump_matrices(self, t=0.0):
        """Jump operators at time t, the square roots of their rates included: list of sparse arrays (2^N, 2^N)."""
        rates = self.strengths(t)[len(self.hamiltonian) :]
        return [
            np.sqrt(rate) * self.embedded(term.operator, sites)
            for term, rate in zip(self.jumps, rates, strict=True) for sites in term.places
        ]  # fmt: skip

    def observable_matrices(self):
        """The observables, means over their places included: list of sparse arrays (2^N, 2^N)."""
        return [
            sum(self.embedded(observable.operator, sites) for sites in observable.places) / len(observable.places)
            for observable in self.observables
        ]

    def generator_matrix(self, t=0.0):
        """The whole generator of d<P_s>/dt: sparse array (4^N, 4^N).

        Raises:
            InputError: more than 8 sites.
        """
        n = self.n_sites
        if n > MATRIX_SITES:
            bytes_needed = 4**n * (2.5 * n + 1) * 12
            raise InputError(
                f"the generator of {n} spins as a matrix", got=f"about {bytes_needed / 1e9:.3g} GB",
                expected=f"at most {MATRIX_SITES} spins", do="take dysyr.simulate, which never makes it",
            )  # fmt: skip
        strengths = self.strengths(t)
        total = sparse.csr_array((4**n, 4**n))
        for number, sites, generator in self.local_generators():
            total = total + strengths[number] * _embedded_generator(generator, sites, n)
        return total

    def embedded(self, operator, sites):
        """An operator on some sites as a sparse matrix on all."""
        total = 0
        for string, value in operator.items():
            letters = dict(zip(sites, string, strict=True))
            matrix = sparse.csr_array(np.array([[value]]))
            for site in range(self.n_sites):
                matrix = sparse.kron(matrix, string_matrix(letters.get(site, "I")), format="csr")
            total = total + matrix
        return total


def product_state(bloch):
    """Expectation values of all Pauli strings in a product state.

    Args:
        bloch: (site, 3) Bloch vectors.

    Returns:
        array (4^N,).
    """
    r = np.ones(1)
    for vector in np.asarray(bloch, float):
        r = np.kron(r, np.concatenate([[1.0], vector]))
    return r


def unitary_generator(h):
    """G_ab = Tr(P_a (-i [h, P_b])) / 2^k of a Hermitian matrix h (2^k, 2^k): array (4^k, 4^k), antisymmetric."""
    p = _all_strings(h)
    commutator = -1j * (h @ p - p @ h)
    return _in_strings(p, commutator)


def decay_generator(jump):
    """G_ab = Tr(P_a (L P_b L^+ - {L^+ L, P_b}/2)) / 2^k of a matrix L (2^k, 2^k): array (4^k, 4^k)."""
    p = _all_strings(jump)
    loss = jump.conj().T @ jump
    return _in_strings(p, jump @ p @ jump.conj().T - (loss @ p + p @ loss) / 2)


def _all_strings(matrix):
    k = matrix.shape[0].bit_length() - 1
    return np.array([string_matrix(string) for string in strings(k)])


def _in_strings(p, images):
    """Matrix elements of a map that takes p_b to images_b."""
    generator = np.einsum("aij,bji->ab", p, images, optimize=True).real / p.shape[-1]
    generator[np.abs(generator) < 1e-15] = 0.0
    return generator


def _embedded_generator(generator, sites, n):
    """A generator on some sites as a sparse matrix on all (4^n, 4^n)."""
    k = len(sites)
    rows, columns = np.nonzero(generator)
    stride = [4 ** (n - 1 - site) for site in sites]

    def offsets(index):
        return sum(((index // 4 ** (k - 1 - j)) % 4) * stride[j] for j in range(k))

    rest = np.zeros(1, np.int64)
    for site in range(n):
        if site not in sites:
            rest = (rest[:, None] + np.arange(4) * 4 ** (n - 1 - site)).ravel()
    data = np.broadcast_to(generator[rows, columns][:, None], (rows.size, rest.size)).ravel()
    row = (offsets(rows)[:, None] + rest).ravel()
    column = (offsets(columns)[:, None] + rest).ravel()
    return sparse.csr_array((data, (row, column)), shape=(4**n, 4**n))
