"""Magnetisations and correlators of neighbours from a distribution over outcomes."""

import dataclasses

import numpy as np

from dysyr.core.povm import along_sites

LETTERS = "XYZ"
ZERO = np.zeros(3)


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
        """dict: ``X``, ``Y``, ``Z`` means over sites; ``XX``, ... and ``XX_connected``, ... means over bonds, these of
        <AB> - <A><B>; ``spread``, the largest distance of a site's magnetisation from the mean, which symmetry makes
        zero."""
        found = dict(zip(LETTERS, self.sites.mean(axis=1), strict=True))
        if len(self.ends):
            first, second = self.sites[:, self.ends[:, 0]], self.sites[:, self.ends[:, 1]]
            connected = (self.bonds - first * second).mean(axis=1)
            found |= {letter * 2: value for letter, value in zip(LETTERS, self.bonds.mean(axis=1), strict=True)}
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


def model_expectations(model, ends, *, state=-1, probabilities=None, n_shots=None, seed=0):
    """LocalExpectations of an OutcomeModel.

    Args:
        model: OutcomeModel.
        ends: (bond, 2) pairs of sites.
        state: which of its states.
        probabilities: those of the state, where they are known already.
        n_shots: samples to draw; None for sums over all strings.
        seed: of the samples.
    """
    ends = _pairs(ends)
    if n_shots is None:
        p = model.probabilities(state) if probabilities is None else probabilities
        return exact_expectations(along_sites(model.frame.to_pauli, p), ends)
    return measured_expectations(model.frame, model.sample(n_shots, state=state, seed=seed), ends)


def measured_expectations(frame, outcomes, ends):
    """LocalExpectations as plain averages over measured outcomes.

    Args:
        frame: Frame.
        outcomes: whole numbers (shot, site).
        ends: (bond, 2) pairs of sites.
    """
    ends = _pairs(ends)
    values = _single_shots(frame, outcomes, ends)
    errors = [each.mean(axis=2).std(axis=1, ddof=1) / np.sqrt(len(outcomes)) if each.size else ZERO for each in values]
    return LocalExpectations(*(each.mean(axis=1) for each in values), *errors, ends)


def shot_errors(frame, probabilities, ends, n_shots):
    """Standard errors of plain averages over shots of a known state: no estimate, but the law of the outcomes.

    .. math:: \\mathrm{se}^2 = \\frac1n \\Big(\\sum_a P(a) \\, o_a^2 - \\big(\\sum_a P(a) \\, o_a\\big)^2\\Big)

    where o of a string is the mean of its values over sites, or over bonds.

    Args:
        frame: Frame.
        probabilities: (4,) * N array.
        ends: (bond, 2) pairs of sites.
        n_shots: number of shots n.

    Returns:
        (3,) of X, Y, Z averaged over sites; (3,) of XX, YY, ZZ averaged over bonds, 0 where there is none.
    """
    strings = np.indices(probabilities.shape).reshape(probabilities.ndim, -1).T
    p, found = probabilities.ravel(), []
    for each in _single_shots(frame, strings, _pairs(ends)):
        means = each.mean(axis=2) if each.size else np.zeros(each.shape[:2])
        found.append(np.sqrt(np.maximum(means**2 @ p - (means @ p) ** 2, 0.0) / n_shots))
    return tuple(found)


def _single_shots(frame, outcomes, ends):
    """Values of one-site and of two-site Paulis: (3, shot, site) and (3, shot, bond)."""
    values = np.array([frame.table(letter) for letter in LETTERS])[:, outcomes]
    return values, values[:, :, ends[:, 0]] * values[:, :, ends[:, 1]]


def _pairs(ends):
    return np.array(ends, dtype=int).reshape(-1, 2)
