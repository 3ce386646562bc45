"""Frames of informationally complete measurements of spins one half: states as distributions over their outcomes.

    P(a) = Tr(rho M_a),     T_ab = Tr(M_a M_b),     D_b = sum_a (T^-1)_ba M_a,     rho = sum_b P(b) D_b

For N sites M_a is the product of M_(a_1), ..., M_(a_N), and all maps factorise.

Reference:
    carrasquilla2019
"""

import functools

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.pauli import PAULI, operator_matrix, pauli_coefficients, read_operator

FRAMES = ("tetra_pos", "tetra", "pauli4")
"""Rotated tetrahedral (the default), tetrahedral, and four-Pauli."""

SMALL = 1e-12

MOST_NEGATIVE = 1e-9
"""Probabilities of a state may be that much below zero, by rounding."""

_ROOT = np.sqrt(3.0)
_DIRECTIONS = {
    "tetra_pos": np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / _ROOT,
    "tetra": np.array(
        [
            [0, 0, 1],
            [2 * np.sqrt(2) / 3, 0, -1 / 3],
            [-np.sqrt(2) / 3, np.sqrt(2 / 3), -1 / 3],
            [-np.sqrt(2) / 3, -np.sqrt(2 / 3), -1 / 3],
        ]
    ),
}


class Frame:
    """One measurement of a site with four outcomes.

    Args:
        name: "tetra_pos", "tetra" or "pauli4".

    Attributes:
        elements: M_a, complex array (4, 2, 2); they are positive and sum to the identity.
        overlap: T, array (4, 4).
        dual: D_b, complex array (4, 2, 2), with Tr(D_b M_a) = 1 where a = b and 0 elsewhere.
        to_outcomes: B with P(a) = sum_s B_as Tr(rho P_s) for one site, array (4, 4), s over I, X, Y, Z.
        to_pauli: its inverse.

    Raises:
        InputError: an unknown name.
    """

    def __init__(self, name="tetra_pos"):
        if name not in FRAMES:
            raise InputError("unknown frame", got=repr(name)[:60], expected=f"one of {', '.join(FRAMES)}")
        self.name = name
        self.elements = _cleaned(_elements(name))
        self.overlap = _cleaned(np.einsum("aij,bji->ab", self.elements, self.elements).real)
        self.dual = _cleaned(np.einsum("ba,aij->bij", np.linalg.inv(self.overlap), self.elements))
        self.to_outcomes = _cleaned(np.einsum("aij,sji->as", self.elements, PAULI).real / 2)
        self.to_pauli = _cleaned(np.einsum("sij,bji->sb", PAULI, self.dual).real)

    def probabilities(self, rho):
        """Outcome probabilities of a density matrix.

        Args:
            rho: (2^N, 2^N) density matrix.

        Returns:
            array (4,) * N.
        """
        return along_sites(self.to_outcomes, pauli_expectations(rho))

    def density_matrix(self, probabilities):
        """The matrix rho = sum_b P(b) D_b; it is a state only if it has no negative eigenvalue.

        Args:
            probabilities: (4,) * N array.

        Returns:
            complex array (2^N, 2^N).
        """
        return density_matrix(along_sites(self.to_pauli, np.asarray(probabilities, float)))

    def table(self, operator):
        """Values o_b of an operator, so that <O> is the mean of o_b over outcomes b.

        .. math:: o_b = \\mathrm{Tr}(O D_b)

        Args:
            operator: on k sites, as :func:`dysyr.core.pauli.read_operator` takes it.

        Returns:
            array (4,) * k.

        Raises:
            InputError: an operator that is not Hermitian, or cannot be read.
        """
        matrix = operator_matrix(read_operator(operator))
        if not np.allclose(matrix, matrix.conj().T):
            raise InputError("an observable that is not Hermitian", got=repr(operator)[:60])
        k = matrix.shape[0].bit_length() - 1
        # Tr(O D_b) = sum_s Tr(O P_s)/2^k Tr(P_s D_b)
        return along_sites(self.to_pauli.T, pauli_expectations(matrix) / 2**k)

    def variance(self, operator, probabilities):
        """Variance of o_b over the outcomes of one shot: n shots give <O> with the standard error sqrt(variance/n).

        Args:
            operator: on k sites, as for ``table``.
            probabilities: (4,) * k outcome probabilities of these sites.

        Returns:
            number.
        """
        values, p = self.table(operator), np.asarray(probabilities, float)
        if p.shape != values.shape:
            raise InputError("probabilities and operator differ in sites", got=f"{p.ndim} and {values.ndim}")
        mean = (p * values).sum()
        return float((p * (values - mean) ** 2).sum())

    def generator(self, pauli_generator):
        """A local generator in this frame.

        Args:
            pauli_generator: (4^k, 4^k) generator of d<P_s>/dt.

        Returns:
            array (4^k, 4^k), row = outcome that gains, column = outcome that it comes from; columns sum to zero.
            Entries off the diagonal may be negative: this is no Markov process.
        """
        k = sites_of(pauli_generator.shape[0])
        forth, back = (functools.reduce(np.kron, [m] * k) for m in (self.to_outcomes, self.to_pauli))
        return forth @ pauli_generator @ back

    def log_probabilities(self, bloch):
        """Logarithms of the outcome probabilities of one site, e.g. to start a network in a product state.

        Args:
            bloch: (..., 3) Bloch vectors.

        Returns:
            array (..., 4).

        Raises:
            InputError: an outcome of probability zero.
        """
        p = np.asarray(bloch, float) @ self.to_outcomes[:, 1:].T + self.to_outcomes[:, 0]
        if (p < SMALL).any():
            raise InputError(
                f"an outcome of frame '{self.name}' has probability zero in this state",
                got=f"{p.min():.3g}", expected="positive probabilities of all outcomes",
                do="take frame 'tetra_pos', where none of the axis states has one",
            )  # fmt: skip
        return np.log(p)

    def sample(self, probabilities, n_shots, rng):
        """Outcomes of measurements.

        Args:
            probabilities: (4,) * N.
            n_shots: number of shots.
            rng: NumPy generator.

        Returns:
            uint8 array (shot, site).

        Raises:
            InputError: a probability below -1e-9: these are no probabilities of a state.
        """
        p = np.asarray(probabilities, float)
        if p.min() < -MOST_NEGATIVE:
            raise InputError("a negative probability", got=f"{p.min():.3g}", expected="a distribution over outcomes")
        sums = np.cumsum(np.maximum(p, 0.0).ravel())
        drawn = np.searchsorted(sums, rng.random(n_shots) * sums[-1], side="right")
        last = np.flatnonzero(p.ravel() > 0)[-1]
        return np.stack(np.unravel_index(np.minimum(drawn, last), p.shape), axis=-1).astype(np.uint8)


def along_sites(matrix, tensor):
    """A 4 x 4 matrix applied to every axis of a (4,) * N array."""
    n = tensor.ndim
    for _ in range(n):
        tensor = matrix @ tensor.reshape(4, -1)
        tensor = np.ascontiguousarray(tensor.T)
    return tensor.reshape((4,) * n)


def pauli_expectations(rho):
    """Expectation values Tr(rho P_s) of all Pauli strings: array (4,) * N, real.

    Args:
        rho: (2^N, 2^N) Hermitian matrix.
    """
    coefficients = pauli_coefficients(rho)
    return np.ascontiguousarray(coefficients.real) * 2**coefficients.ndim


def density_matrix(expectations):
    """The matrix sum_s Tr(rho P_s) P_s / 2^N: complex array (2^N, 2^N).

    Args:
        expectations: (4,) * N array.
    """
    expectations = np.asarray(expectations)
    n = expectations.ndim
    tensor = expectations.astype(complex)
    for _ in range(n):
        tensor = np.tensordot(tensor, PAULI / 2, axes=([0], [0]))
    order = [2 * k for k in range(n)] + [2 * k + 1 for k in range(n)]
    return tensor.transpose(order).reshape(2**n, 2**n)


def sites_of(size):
    """The number of sites k of 4^k strings."""
    return (int(size).bit_length() - 1) // 2


def _elements(name):
    if name == "pauli4":
        kets = np.array([[1, 0], [1 / np.sqrt(2), 1 / np.sqrt(2)], [1 / np.sqrt(2), 1j / np.sqrt(2)]])
        three = np.einsum("ai,aj->aij", kets, kets.conj()) / 3
        return np.concatenate([three, (np.eye(2) - three.sum(axis=0))[None]])
    return (PAULI[0] + np.einsum("as,sij->aij", _DIRECTIONS[name], PAULI[1:])) / 4


def _cleaned(array):
    """Entries below 1e-12 are zero."""
    array = np.array(array)
    if np.iscomplexobj(array):
        return np.where(np.abs(array.real) < SMALL, 0, array.real) + 1j * np.where(
            np.abs(array.imag) < SMALL, 0, array.imag
        )
    array[np.abs(array) < SMALL] = 0.0
    return array
