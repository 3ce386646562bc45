"""Products of powers of variables, with their derivatives."""

import itertools

import numpy as np


class Monomials:
    """Theta_m(x) = prod_k x[factors[m, k]], with factor 0 the constant 1 and factor i + 1 the variable i.

    Args:
        factors: (n_terms, degree) whole numbers from 0 to n_variables, sorted in each row.
        n_variables: number of variables.
    """

    def __init__(self, factors, n_variables):
        self.factors = np.asarray(factors, dtype=np.int64)
        self.n_variables = int(n_variables)

    @classmethod
    def up_to(cls, degree, n_variables):
        """All monomials of degree 0 to ``degree``, the constant first and the variables next."""
        rows = itertools.combinations_with_replacement(range(n_variables + 1), degree)
        return cls(sorted(rows, key=lambda row: sum(f > 0 for f in row)), n_variables)

    def __len__(self):
        return len(self.factors)

    def values(self, x):
        """(..., n_variables) -> (..., n_terms)."""
        table = _with_one(x)
        product = table[..., self.factors[:, 0]]
        for column in self.factors.T[1:]:
            product = product * table[..., column]
        return product

    def slopes(self, x, weights):
        """Jacobian of ``values(x) @ weights``.

        Args:
            x: (batch, n_variables).
            weights: (n_terms, n).

        Returns:
            (batch, n, n_variables).
        """
        table = _with_one(x)[:, self.factors]
        terms = np.arange(len(self))
        whole = np.zeros((len(x), len(self), self.n_variables + 1))
        for k in range(self.factors.shape[1]):
            whole[:, terms, self.factors[:, k]] += np.prod(np.delete(table, k, axis=2), axis=2)
        return np.einsum("bmv,mn->bnv", whole[:, :, 1:], weights)

    def powers(self):
        """(n_terms, n_variables) exponents."""
        return np.stack([(self.factors == v + 1).sum(axis=1) for v in range(self.n_variables)], axis=1)

    def texts(self, names):
        """The terms as text, '1' for the constant: ``["1", "x", "x^2", "x y"]``."""
        texts = []
        for row in self.powers():
            used = [(name, power) for name, power in zip(names, row, strict=True) if power]
            texts.append(" ".join(name if power == 1 else f"{name}^{power}" for name, power in used) or "1")
        return texts


def _with_one(x):
    table = np.empty((*x.shape[:-1], x.shape[-1] + 1))
    table[..., 0] = 1.0
    table[..., 1:] = x
    return table
