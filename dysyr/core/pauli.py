"""Operators of spins one half as sums of Pauli strings.

An operator on k sites is a dict from a string of k letters out of IXYZ to a complex number; site order is the order of
the letters, and of the factors of tensor products. |0> is up, and sigma_minus = (X - iY)/2 takes up to down.
"""

import itertools

import numpy as np

from dysyr.core.errors import InputError
from dysyr.core.names import did_you_mean

LETTERS = "IXYZ"

PAULI = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
"""The four matrices I, X, Y, Z: array (4, 2, 2)."""

STANDARD = {
    "identity": {"I": 1.0},
    "sigma_x": {"X": 1.0},
    "sigma_y": {"Y": 1.0},
    "sigma_z": {"Z": 1.0},
    "sigma_minus": {"X": 0.5, "Y": -0.5j},
    "sigma_plus": {"X": 0.5, "Y": 0.5j},
    "up": {"I": 0.5, "Z": 0.5},
    "down": {"I": 0.5, "Z": -0.5},
}
"""Names of operators on one site; up and down are the projectors."""

MAX_SUPPORT = 4
"""Most sites that one operator may act on."""

SMALL = 1e-14


def read_operator(entry, what="operator"):
    """An operator from what a system file says.

    Args:
        entry: a Pauli string ("ZZ"), names of one-site operators side by side ("sigma_plus sigma_minus"), or a dict
            from Pauli strings of one length to a number or [real part, imaginary part].
        what: name for messages.

    Returns:
        dict from Pauli string to complex number, without zeros.

    Raises:
        InputError: an unknown name, strings of different lengths, too many sites, or nothing left.
    """
    if isinstance(entry, dict):
        operator = {_string(key, what): _coefficient(value, key, what) for key, value in entry.items()}
    elif isinstance(entry, str) and entry.split():
        operator = {"": 1.0 + 0j}
        for word in entry.split():
            operator = _product(operator, _word(word, what))
            n_sites = len(next(iter(operator), ""))
            if n_sites > MAX_SUPPORT:
                raise _too_many(what, n_sites)
    else:
        raise InputError(
            f"{what} cannot be read", got=repr(entry)[:60], expected='a text such as "ZZ" or "sigma_minus", or a table'
        )
    lengths = sorted({len(string) for string in operator})
    if len(lengths) > 1:
        raise InputError(f"{what} has Pauli strings of different lengths", got=str(lengths))
    operator = {string: value for string, value in operator.items() if abs(value) > 0}
    if not operator:
        raise InputError(f"{what} is zero", got=repr(entry)[:60])
    if lengths[0] > MAX_SUPPORT:
        raise _too_many(what, lengths[0])
    return operator


def _too_many(what, n_sites):
    return InputError(f"{what} acts on too many sites", got=str(n_sites), expected=f"at most {MAX_SUPPORT}")


def is_hermitian(operator):
    """Whether all coefficients are real."""
    return all(abs(value.imag) <= SMALL * abs(value) for value in map(complex, operator.values()))


def operator_matrix(operator):
    """Matrix of an operator, complex array (2^k, 2^k)."""
    return sum(value * string_matrix(string) for string, value in operator.items())


def string_matrix(string):
    """Tensor product of Pauli matrices, complex array (2^k, 2^k)."""
    matrix = np.ones((1, 1), complex)
    for letter in string:
        matrix = np.kron(matrix, PAULI[LETTERS.index(letter)])
    return matrix


def strings(n_sites):
    """All 4^k Pauli strings, the last letter changing fastest."""
    return ["".join(letters) for letters in itertools.product(LETTERS, repeat=n_sites)]


def pauli_coefficients(matrix):
    """Coefficients of a matrix in Pauli strings.

    .. math:: c_s = 2^{-k} \\, \\mathrm{Tr}(P_s M)

    Args:
        matrix: (2^k, 2^k) array.

    Returns:
        complex array (4,) * k.

    Raises:
        InputError: the shape is not that of k spins.
    """
    matrix = np.asarray(matrix, complex)
    n = matrix.shape[0].bit_length() - 1 if matrix.ndim == 2 else -1
    if n < 0 or matrix.shape != (2**n, 2**n):
        raise InputError("matrix of an operator on spins", got=f"shape {matrix.shape}", expected="(2^k, 2^k)")
    tensor = matrix.reshape((2,) * (2 * n))
    for k in range(n):
        # the row axis of the next site comes first, its column axis n - k places later; the letters gather at the end
        tensor = np.tensordot(tensor, PAULI / 2, axes=([0, n - k], [2, 1]))
    return tensor


def _word(word, what):
    if word in STANDARD:
        return {string: complex(value) for string, value in STANDARD[word].items()}
    if set(word) <= set(LETTERS):
        return {word: 1.0 + 0j}
    raise InputError(
        f"unknown name in {what}", got=repr(word)[:60], expected=f"letters out of {LETTERS}, or {', '.join(STANDARD)}",
        do=did_you_mean(word, STANDARD),
    )  # fmt: skip


def _product(first, second):
    return {a + b: x * y for a, x in first.items() for b, y in second.items()}


def _string(key, what):
    if not key or not set(key) <= set(LETTERS):
        raise InputError(f"{what} '{key}'"[:80], expected=f"a Pauli string, letters out of {LETTERS}")
    return key


def _coefficient(value, key, what):
    parts = value if isinstance(value, list) else [value]
    numbers = all(isinstance(part, (int, float)) and not isinstance(part, bool) for part in parts)
    if len(parts) not in (1, 2) or not numbers or not np.isfinite(parts).all():
        raise InputError(
            f"coefficient of {key} in {what}", got=repr(value)[:60], expected="a number, or [real part, imaginary part]"
        )
    return complex(*parts)
