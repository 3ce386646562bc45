"""Models of measured outcomes: a distribution over strings of outcomes of a frame, or one for each of several times."""

import abc

import numpy as np

from dysyr.core.errors import InputError

MOST_SITES = 10
"""Most sites of which all probabilities are made."""


class OutcomeModel(abc.ABC):
    """What a method for open quantum systems leaves behind.

    It is no model of a time series: it neither runs free nor forecasts. ``family`` names the class in a run folder;
    ``config`` and ``arrays`` hold all it needs; ``reference`` is what to cite, a key of docs/references.bib. Subclasses
    give log P and samples; what follows from these is here. States are counted along ``times``; -1 is the last one.
    """

    family: str | None = None
    reference: str | None = None

    @property
    @abc.abstractmethod
    def frame(self):
        """Frame that is measured."""

    @property
    @abc.abstractmethod
    def n_sites(self):
        """Number of spins."""

    @property
    @abc.abstractmethod
    def times(self):
        """(state,) times in system time units; empty where there is one state without a time."""

    @abc.abstractmethod
    def config(self):
        """JSON-ready dict that, with ``arrays``, rebuilds the model."""

    @abc.abstractmethod
    def arrays(self):
        """dict of NumPy arrays that, with ``config``, rebuilds the model."""

    @classmethod
    @abc.abstractmethod
    def from_state(cls, config, arrays):
        """The model that ``config`` and ``arrays`` describe."""

    @abc.abstractmethod
    def log_probabilities(self, strings, state=-1):
        """log P of whole numbers (string, site): array (string,)."""

    @abc.abstractmethod
    def sample(self, n_shots, *, state=-1, seed=0):
        """Independent outcomes: int64 array (shot, site)."""

    def probabilities(self, state=-1):
        """Probabilities of all strings: array (4,) * N.

        Raises:
            InputError: more than 10 sites.
        """
        n = self.n_sites
        if n > MOST_SITES:
            raise InputError(
                f"all probabilities of {n} sites", got=f"{8 * 4.0**n / 1e9:.3g} GB",
                expected=f"at most {MOST_SITES} sites", do="draw samples",
            )  # fmt: skip
        strings = np.stack(np.unravel_index(np.arange(4**n), (4,) * n), axis=-1)
        return np.exp(self.log_probabilities(strings, state)).reshape((4,) * n)

    def density_matrix(self, state=-1):
        """The matrix that the probabilities stand for, complex (2^N, 2^N); it may have negative eigenvalues."""
        return self.frame.density_matrix(self.probabilities(state))

    def estimate(self, operator, places, *, n_shots=None, state=-1, seed=0):
        """Mean of an expectation value over places.

        .. math:: \\frac{1}{|S|} \\sum_{s \\in S} \\langle O_s \\rangle = E_P\\big[\\frac{1}{|S|} \\sum_s o_{a_s}\\big]

        Args:
            operator: on k sites, as :func:`dysyr.core.pauli.read_operator` takes it.
            places: list of tuples of k sites.
            n_shots: samples to draw; None for the sum over all strings.
            state: which one.
            seed: of the samples.

        Returns:
            (value, standard error); the standard error of a sum over all strings is 0.

        Raises:
            InputError: places that do not fit the operator, or too many sites for a sum over all strings.
        """
        table = self.frame.table(operator)
        k = table.ndim
        if not len(places) or any(len(p) != k or not set(p) <= set(range(self.n_sites)) for p in places):
            raise InputError("places of an operator", got=repr(places)[:60], expected=f"tuples of {k} sites")
        if n_shots is None:
            p, found = self.probabilities(state), []
            for place in places:
                others = tuple(site for site in range(self.n_sites) if site not in place)
                kept = np.argsort(np.argsort(place))
                found.append((np.transpose(p.sum(axis=others), kept) * table).sum())
            return float(np.mean(found)), 0.0
        outcomes = self.sample(n_shots, state=state, seed=seed)
        values = np.mean([table[tuple(outcomes[:, list(place)].T)] for place in places], axis=0)
        return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
