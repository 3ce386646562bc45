"""Magnetisations and correlators of neighbours from a distribution over outcomes."""

import dataclasses

import numpy as np

from dysyr.core.povm import along_sites

LETTERS = "XYZ"


@dataclasses.dataclass(frozen=True, eq=False)
class LocalExpectations:
    """Expectation values of one and of two neighbouring sites.

    Attributes:
        sites: (3, site) of X, Y, Z.
        bonds: (3, bond) of XX, YY, ZZ.
        site_stderr, bond_stderr: (3,) standard errors of their means over sites and bonds; 0 where nothing was sampled.
        ends: (bond, 2) sites of the bonds.
    """

    sites: np.ndarray
    bonds: np.ndarray
    site_stderr: np.ndarray
    bond_stderr: np.ndarray
    ends: np.ndarray

    def values(self):
        """dict: ``X``, ``Y``, ``Z`` means over sites; ``XX_connected``, ... means over bonds of <AB> - <A><B>;
        ``spread``, the largest distance of a site's magnetisation from the mean, which symmetry makes zero."""
        found = dict(zip(LETTERS, self.sites.mean(axis=1), strict=True))
        if len(self.ends):
            first, second = self.sites[:, self.ends[:, 0]], self.sites[:, self.ends[:, 1]]
            connected = (self.bonds - first * second).mean(axis=1)
            found |= {f"{letter * 2}_connected": value for letter, value in zip(LETTERS, connected, strict=True)}
        found["spread"] = np.abs(self.sites - self.sites.mean(axis=1, keepdims=True)).max()
        return {name: float(value) for name, value in found.items()}


def exact_expectations(expectations, ends):
    """LocalExpectations from those of all Pauli strings.

    Args:
        expectations: (4,) * N array.
        ends: (bond, 2) pairs of sites.
    """
    n, ends = expectations.ndim, _pairs(ends)
    at = np.eye(n, dtype=int)
    sites = [[expectations[tuple(s * at[i])] for i in range(n)] for s in (1, 2, 3)]
    bonds = [[expectations[tuple(s * (at[i] + at[j]))] for i, j in ends] for s in (1, 2, 3)]
    return LocalExpectations(np.array(sites), np.array(bonds).reshape(3, -1), np.zeros(3), np.zeros(3), ends)


def model_expectations(model, ends, *, state=-1, n_shots=None, seed=0):
    """LocalExpectations of an OutcomeModel.

    Args:
        model: OutcomeModel.
        ends: (bond, 2) pairs of sites.
        state: which of its states.
        n_shots: samples to draw; None for sums over all strings.
        seed: of the samples.
    """
    ends = _pairs(ends)
    if n_shots is None:
        return exact_expectations(along_sites(model.frame.to_pauli, model.probabilities(state)), ends)
    outcomes = model.sample(n_shots, state=state, seed=seed)
    tables = np.array([model.frame.table(letter) for letter in LETTERS])[:, outcomes]
    pairs = tables[:, :, ends[:, 0]] * tables[:, :, ends[:, 1]]
    errors = [
        values.mean(axis=2).std(axis=1, ddof=1) / np.sqrt(n_shots) if values.shape[2] else np.zeros(3)
        for values in (tables, pairs)
    ]
    return LocalExpectations(tables.mean(axis=1), pairs.mean(axis=1), *errors, ends)


def _pairs(ends):
    return np.array(ends, dtype=int).reshape(-1, 2)
